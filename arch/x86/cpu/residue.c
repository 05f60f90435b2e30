/* SPDX-License-Identifier: MIT */
#include "arch/x86/cpu/residue.h"

#include "arch/cpu.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/types.h"

/* SDM Vol. 1 "XSAVE Area": legacy region and header; XSTATE_BV 0 means initial state for all. */
struct xsave_area {
    uint8_t x87_control[24];
    uint32_t mxcsr;
    uint8_t legacy[484];
    uint8_t header[64];
};
_Static_assert(sizeof(struct xsave_area) == 576, "XSAVE area without extended region");

#define MXCSR_INITIAL 0x1f80

static void fpu_clear(void)
{
    static const _Alignas(64) struct xsave_area initial = {.x87_control = {0x7f, 0x03},
                                                           .mxcsr = MXCSR_INITIAL};
    if (!(cpu_read_cr4() & CR4_OSXSAVE)) {
        __asm__ volatile("fxrstor64 %0" : : "m"(initial));
        return;
    }
    struct cpu_cpuid_regs state = cpu_cpuid(0xd, 0);
    cpu_xsetbv(0, (uint64_t)state.edx << 32 | state.eax);
    __asm__ volatile("xrstor64 %0" : : "m"(initial), "a"(UINT32_MAX), "d"(UINT32_MAX));
    cpu_xsetbv(0, XCR0_X87);
}

static void debug_clear(void)
{
    uint64_t zero = 0, dr6 = DR6_INITIAL;
    __asm__ volatile("mov %0, %%db0\n\tmov %0, %%db1\n\tmov %0, %%db2\n\tmov %0, %%db3\n\t"
                     "mov %1, %%db6"
                     :
                     : "r"(zero), "r"(dr6));
}

/* MSRs that a guest writes without an exit (msr_policy.c) and that no VMCS field holds. */
static void msrs_clear(void)
{
    static const uint32_t always[] = {MSR_IA32_STAR, MSR_IA32_LSTAR, MSR_IA32_CSTAR, MSR_IA32_FMASK,
                                      MSR_IA32_KERNEL_GS_BASE};
    for (unsigned i = 0; i < ARRAY_COUNT(always); i++)
        cpu_wrmsr(always[i], 0);
    if (cpu_cpuid(0x80000001, 0).edx & CPUID_81_EDX_RDTSCP)
        cpu_wrmsr(MSR_IA32_TSC_AUX, 0);
    if (cpu_cpuid(0, 0).eax >= 7 && (cpu_cpuid(7, 0).edx & CPUID_7_EDX_SPEC_CTRL))
        cpu_wrmsr(MSR_IA32_SPEC_CTRL, 0);
    if (cpu_cpuid(0, 0).eax >= 0xd && (cpu_cpuid(0xd, 1).eax & CPUID_D_1_EAX_XSAVES))
        cpu_wrmsr(MSR_IA32_XSS, 0);
}

void residue_clear(void)
{
    fpu_clear();
    debug_clear();
    msrs_clear();
    cpu_write_cr2(0);
}
