/* SPDX-License-Identifier: MIT */
/* An exception in the hypervisor is a defect (or broken hardware): report all there is and stop. */
#include "arch/cpu.h"
#include "arch/x86/cpu/tables.h"
#include "arch/x86/regs/exception.h"
#include "kernel/lib/types.h"
#include "kernel/panic.h"

/* As exceptions.asm pushes it. */
struct exception_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(offsetof(struct exception_frame, rip) == 17 * 8, "exceptions.asm");
_Static_assert(EXC_WITH_ERROR_CODE == 0x00227d00, "exceptions.asm");

_Noreturn void exception_report(const struct exception_frame *frame);

static const char names[EXC_COUNT][4] = {
    [EXC_DE] = "#DE", [EXC_DB] = "#DB", [EXC_NMI] = "NMI", [EXC_BP] = "#BP", [EXC_OF] = "#OF",
    [EXC_BR] = "#BR", [EXC_UD] = "#UD", [EXC_NM] = "#NM",  [EXC_DF] = "#DF", [EXC_TS] = "#TS",
    [EXC_NP] = "#NP", [EXC_SS] = "#SS", [EXC_GP] = "#GP",  [EXC_PF] = "#PF", [EXC_MF] = "#MF",
    [EXC_AC] = "#AC", [EXC_MC] = "#MC", [EXC_XM] = "#XM",  [EXC_VE] = "#VE", [EXC_CP] = "#CP",
};

/* What has gone wrong while reporting must not go on for ever. */
#define REPORTS_MAX 4

#define REGISTERS "%s %016llx  %s %016llx  %s %016llx  %s %016llx"

static void line(const char *const name[4], const uint64_t value[4])
{
    panic_line(REGISTERS, name[0], (unsigned long long)value[0], name[1],
               (unsigned long long)value[1], name[2], (unsigned long long)value[2], name[3],
               (unsigned long long)value[3]);
}

static void registers(const struct exception_frame *f)
{
    static const char *const rows[5][4] = {
        {"rax", "rbx", "rcx", "rdx"}, {"rsi", "rdi", "rbp", "rsp"}, {" r8", " r9", "r10", "r11"},
        {"r12", "r13", "r14", "r15"}, {"rip", "rfl", "cr2", "cr3"},
    };
    const uint64_t values[5][4] = {
        {f->rax, f->rbx, f->rcx, f->rdx},
        {f->rsi, f->rdi, f->rbp, f->rsp},
        {f->r8, f->r9, f->r10, f->r11},
        {f->r12, f->r13, f->r14, f->r15},
        {f->rip, f->rflags, cpu_read_cr2(), cpu_read_cr3()},
    };

    for (unsigned row = 0; row < ARRAY_COUNT(rows); row++)
        line(rows[row], values[row]);
    panic_line("cs %llx  ss %llx  cr0 %llx  cr4 %llx", (unsigned long long)f->cs,
               (unsigned long long)f->ss, (unsigned long long)cpu_read_cr0(),
               (unsigned long long)cpu_read_cr4());
}

/* Called from exceptions.asm, on the interrupted stack or an emergency stack. */
void exception_report(const struct exception_frame *frame)
{
    static uint32_t reports; /* of all processors */
    const struct cpu *cpu = cpu_this();
    const char *name = names[frame->vector % EXC_COUNT];

    if (__atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED) >= REPORTS_MAX)
        cpu_park();
    registers(frame);
    if ((frame->vector == EXC_PF || frame->vector == EXC_DF) &&
        tables_near_guard(cpu, cpu_read_cr2()))
        panic_line("a stack of this processor overflowed into its guard page");
    panic("exception %u %s, error code 0x%llx, at %016llx on processor %u (APIC id %u)",
          (unsigned)frame->vector, name, (unsigned long long)frame->error,
          (unsigned long long)frame->rip, cpu->index, cpu->apic_id);
}
