/* SPDX-License-Identifier: MIT */
/*
 * Single steps over instructions that exit: each has to raise its own #DB, no more and no less, or
 * a debugger in the guest would be lost. Also interrupts behind the shadow of STI and MOV SS.
 */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define HOLE   UINT64_C(0xd0000000)
#define VECTOR 0x66

#define STEP_ON "pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t" /* the next one is not stepped yet */
#define STEP_OFF                                                                                   \
    "pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" /* the three are stepped, the last too */
#define STEPS_OFF 3

#define STEP_BODY(name, count, body, ...)                                                          \
    static void name(struct report *report)                                                        \
    {                                                                                              \
        steps = 0;                                                                                 \
        steps_dr6 = 0;                                                                             \
        stepping = true;                                                                           \
        __asm__ volatile(STEP_ON body STEP_OFF : : __VA_ARGS__);                                   \
        stepping = false;                                                                          \
        expect(report, steps == (count) + STEPS_OFF, "%s: %u steps instead of %u", #name, steps,   \
               (count) + STEPS_OFF);                                                               \
        expect(report, (steps_dr6 & DR6_BS) != 0, "%s: DR6.BS was never set", #name);              \
    }

STEP_BODY(step_nop, 2, "nop\n\tnop\n\t", "a"(0) : "memory", "cc")
STEP_BODY(step_cpuid, 2, "cpuid\n\tnop\n\t", "a"(0), "c"(0) : "rbx", "rdx", "memory", "cc")
STEP_BODY(step_rdmsr, 2, "rdmsr\n\tnop\n\t", "c"(MSR_IA32_APIC_BASE) : "rax", "rdx", "memory", "cc")
STEP_BODY(step_in, 2, "inb %%dx, %%al\n\tnop\n\t", "d"(0x80) : "rax", "memory", "cc")
STEP_BODY(step_out, 2, "outb %%al, %%dx\n\tnop\n\t", "d"(0x80), "a"(1) : "memory", "cc")
STEP_BODY(step_memory, 2, "movl (%%rdx), %%eax\n\tnop\n\t", "d"(HOLE) : "rax", "memory", "cc")
STEP_BODY(step_cr, 3, "mov %%cr0, %%rax\n\tmov %%rax, %%cr0\n\tclts\n\t", "d"(0) : "rax", "memory",
          "cc")
STEP_BODY(step_wbinvd, 2, "wbinvd\n\tnop\n\t", "a"(0) : "memory", "cc")
/* MOV SS holds the #DB back until the instruction behind it is done. */
STEP_BODY(step_mov_ss, 3, "mov %%ss, %%eax\n\tmov %%eax, %%ss\n\tcpuid\n\tnop\n\t", "c"(0) : "rax",
          "rbx", "rdx", "memory", "cc")
/* Each round of a REP is one step. */
STEP_BODY(step_movs, 4, "rep movsb\n\tnop\n\t", "D"(HOLE), "c"(3), "S"(gdt) : "memory", "cc")
STEP_BODY(step_outs, 4, "rep outsb\n\tnop\n\t", "d"(0x80), "c"(3), "S"(gdt) : "memory", "cc")

/* An interrupt waits; STI; an instruction that exits; then it must come. */
static void sti_shadow(struct report *report)
{
    uint32_t before = interrupts[VECTOR], after;
    wrmsr(MSR_X2APIC_SELF_IPI, VECTOR);
    __asm__ volatile("sti\n\tcpuid\n\tmovl %1, %0\n\tcli"
                     : "=r"(after)
                     : "m"(interrupts[VECTOR]), "a"(0), "c"(0)
                     : "rbx", "rdx", "memory");
    expect(report, after == before + 1, "behind STI and CPUID: %u interrupts instead of 1",
           after - before);
}

/* A breakpoint on code that exits, and one on data and on a port that a device model touches. */
static void breakpoints(struct report *report)
{
    static uint64_t target;
    steps = 0;
    steps_dr6 = 0;
    stepping = true;
    write_dr0((uint64_t)(uintptr_t)&target);
    write_dr7(DR7_INITIAL | 1 | 0xd0000); /* local 0: write, 4 bytes */
    __asm__ volatile("movl $1, %0\n\tnop" : "=m"(target));
    write_dr7(DR7_INITIAL);
    stepping = false;
    expect(report, steps == 1 && (steps_dr6 & 1) != 0, "data breakpoint: %u traps, DR6 %lx", steps,
           steps_dr6);
    write_dr0(0);
}

void attack_steps(struct report *report)
{
    void (*const all[])(struct report *) = {
        step_nop, step_cpuid,  step_rdmsr,  step_in,   step_out,  step_memory,
        step_cr,  step_wbinvd, step_mov_ss, step_movs, step_outs,
    };
    struct trap trap;
    uint64_t apic;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        all[i](report);
    breakpoints(report);
    if (probe_rdmsr(MSR_X2APIC_SVR, &apic, &trap))
        sti_shadow(report);
}
