/* SPDX-License-Identifier: MIT */
/*
 * Instructions of virtualization and other extensions that a guest must not have. VMCALL and
 * VMMCALL are #UD, too: Bulkhead has no hypercalls. Also INT n, and what else exits or might.
 */
#include "arch/x86/regs/exception.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

static _Alignas(4096) uint64_t operand[512];

#define INSN(name, ...)                                                                            \
    static void name(void *argument)                                                               \
    {                                                                                              \
        uint64_t rax = (uint64_t)(uintptr_t)argument, rcx = 0, rdx = 0, rbx = 0;                   \
        __asm__ volatile(__VA_ARGS__                                                               \
                         : "+a"(rax), "+c"(rcx), "+d"(rdx), "+b"(rbx)                              \
                         :                                                                         \
                         : "memory", "cc");                                                        \
    }
INSN(do_vmcall, ".byte 0x0f, 0x01, 0xc1")
INSN(do_vmlaunch, ".byte 0x0f, 0x01, 0xc2")
INSN(do_vmresume, ".byte 0x0f, 0x01, 0xc3")
INSN(do_vmxoff, ".byte 0x0f, 0x01, 0xc4")
INSN(do_vmxon, ".byte 0xf3, 0x0f, 0xc7, 0x30")   /* [rax] */
INSN(do_vmptrld, ".byte 0x0f, 0xc7, 0x30")       /* [rax] */
INSN(do_vmptrst, ".byte 0x0f, 0xc7, 0x38")       /* [rax] */
INSN(do_vmclear, ".byte 0x66, 0x0f, 0xc7, 0x30") /* [rax] */
INSN(do_vmread, ".byte 0x0f, 0x78, 0xd1")        /* rcx, rdx */
INSN(do_vmread_memory, ".byte 0x0f, 0x78, 0x10") /* [rax], rdx */
INSN(do_vmwrite, ".byte 0x0f, 0x79, 0xd1")       /* rdx, rcx */
INSN(do_vmfunc, ".byte 0x0f, 0x01, 0xd4")
INSN(do_invept, ".byte 0x66, 0x0f, 0x38, 0x80, 0x08")  /* rcx, [rax] */
INSN(do_invvpid, ".byte 0x66, 0x0f, 0x38, 0x81, 0x08") /* rcx, [rax] */
INSN(do_getsec, ".byte 0x0f, 0x37")
INSN(do_encls, ".byte 0x0f, 0x01, 0xcf")
INSN(do_enclv, ".byte 0x0f, 0x01, 0xc0")
INSN(do_enclu, ".byte 0x0f, 0x01, 0xd7")
INSN(do_pconfig, ".byte 0x0f, 0x01, 0xc5")
INSN(do_tpause, ".byte 0x66, 0x0f, 0xae, 0xf1")
INSN(do_umwait, ".byte 0xf2, 0x0f, 0xae, 0xf1")
INSN(do_rsm, ".byte 0x0f, 0xaa")
INSN(do_vmrun, ".byte 0x0f, 0x01, 0xd8")
INSN(do_vmmcall, ".byte 0x0f, 0x01, 0xd9")
INSN(do_vmload, ".byte 0x0f, 0x01, 0xda")
INSN(do_vmsave, ".byte 0x0f, 0x01, 0xdb")
INSN(do_stgi, ".byte 0x0f, 0x01, 0xdc")
INSN(do_clgi, ".byte 0x0f, 0x01, 0xdd")
INSN(do_skinit, ".byte 0x0f, 0x01, 0xde")
INSN(do_invlpga, ".byte 0x0f, 0x01, 0xdf")
INSN(do_ud2, "ud2")
INSN(do_rdpmc, "rdpmc")
INSN(do_rdpmc_fixed, "btsl $30, %%ecx\n\trdpmc")
INSN(do_seamcall, ".byte 0x66, 0x0f, 0x01, 0xcf")
INSN(do_tdcall, ".byte 0x66, 0x0f, 0x01, 0xcc")
INSN(do_wrussq, ".byte 0x66, 0x48, 0x0f, 0x38, 0xf5, 0x10") /* [rax], rdx */
INSN(do_loadiwkey, ".byte 0xf3, 0x0f, 0x38, 0xdc, 0xc1")
INSN(do_enqcmds, ".byte 0xf3, 0x0f, 0x38, 0xf8, 0x08") /* [rax] */
INSN(do_bad_cr, ".byte 0x0f, 0x22, 0xe8")              /* mov cr5, rax */

static const struct insn_case {
    const char *name;
    action_fn *run;
    bool or_gp; /* #GP is as good */
} cases[] = {
    {"vmcall", do_vmcall, false},
    {"vmlaunch", do_vmlaunch, false},
    {"vmresume", do_vmresume, false},
    {"vmxoff", do_vmxoff, false},
    {"vmxon", do_vmxon, false},
    {"vmptrld", do_vmptrld, false},
    {"vmptrst", do_vmptrst, false},
    {"vmclear", do_vmclear, false},
    {"vmread", do_vmread, false},
    {"vmread m", do_vmread_memory, false},
    {"vmwrite", do_vmwrite, false},
    {"vmfunc", do_vmfunc, false},
    {"invept", do_invept, false},
    {"invvpid", do_invvpid, false},
    {"getsec", do_getsec, false},
    {"encls", do_encls, false},
    {"enclv", do_enclv, false},
    {"enclu", do_enclu, false},
    {"pconfig", do_pconfig, false},
    {"tpause", do_tpause, false},
    {"umwait", do_umwait, false},
    {"rsm", do_rsm, false},
    {"vmrun", do_vmrun, false},
    {"vmmcall", do_vmmcall, false},
    {"vmload", do_vmload, false},
    {"vmsave", do_vmsave, false},
    {"stgi", do_stgi, false},
    {"clgi", do_clgi, false},
    {"skinit", do_skinit, false},
    {"invlpga", do_invlpga, false},
    {"ud2", do_ud2, false},
    {"rdpmc", do_rdpmc, true},
    {"rdpmc fixed", do_rdpmc_fixed, true},
    {"seamcall", do_seamcall, false},
    {"tdcall", do_tdcall, false},
    {"wruss", do_wrussq, false},
    {"loadiwkey", do_loadiwkey, false},
    {"enqcmds", do_enqcmds, false},
    {"mov cr5", do_bad_cr, false},
};

void attack_vmx_insns(struct report *report)
{
    const uintptr_t operands[] = {(uintptr_t)operand, 0, UINT32_C(0xfee00000), 0x5000};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        for (size_t j = 0; j < ARRAY_COUNT(operands); j++) {
            struct trap trap;
            probe(cases[i].run, (void *)operands[j], &trap);
            bool good = trap_is(&trap, EXC_UD) || (cases[i].or_gp && trap_is(&trap, EXC_GP));
            expect(report, good, "%s: %s, vector %u", cases[i].name,
                   trap.taken ? "another exception" : "it ran", trap.vector);
        }
    say(report, "%u instructions are undefined", (unsigned)ARRAY_COUNT(cases));
}

/* INT n for each n; the code is written as it is needed. */
void attack_soft_int(struct report *report)
{
    static uint8_t code[4];
    uint32_t before = interrupts_sum();
    void (*call)(void) = (void (*)(void))(uintptr_t)code;
    traps_soft_install();
    for (unsigned vector = 0; vector < 256; vector++) {
        code[0] = 0xcd;
        code[1] = (uint8_t)vector;
        code[2] = 0xc3;
        __asm__ volatile("" : : : "memory");
        call();
    }
    uint64_t count = traps_soft_count();
    __asm__ volatile("int3" : : : "memory");
    uint64_t with_int3 = traps_soft_count();
    traps_restore();
    expect(report, count == 256, "%lu of 256 INT n arrived", count);
    expect(report, with_int3 == 257, "INT3 did not arrive");
    expect(report, interrupts_sum() == before, "they came as interrupts");
}
