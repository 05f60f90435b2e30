/* SPDX-License-Identifier: MIT */
/* The local APIC and the time-stamp counter. */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/msr.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define NAP_TICKS        2000000 /* of the timer, between two looks at the time */
#define TIMER_DIVIDE_1   0xb
#define TSC_PER_MS_GUESS 1000000 /* when CPUID does not tell */

bool apic_to_x2(void)
{
    struct trap trap;
    uint64_t base;
    return (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_X2APIC) != 0 &&
           probe_rdmsr(MSR_IA32_APIC_BASE, &base, &trap) &&
           probe_wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_EN | APIC_BASE_EXTD, &trap);
}

bool apic_init(void)
{
    struct trap trap;
    return apic_to_x2() && probe_wrmsr(MSR_X2APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS, &trap) &&
           probe_wrmsr(MSR_X2APIC_TPR, 0, &trap) &&
           probe_wrmsr(MSR_X2APIC_LVT_TIMER, LVT_MASKED, &trap);
}

uint64_t tsc_per_ms(void)
{
    struct cpuid_regs r = cpuid(CPUID_TSC, 0);
    if (cpuid(0, 0).eax < CPUID_FREQUENCY)
        return TSC_PER_MS_GUESS;
    if (r.eax != 0 && r.ebx != 0 && r.ecx != 0)
        return (uint64_t)r.ecx * r.ebx / r.eax / 1000;
    r = cpuid(CPUID_FREQUENCY, 0);
    return (r.eax & 0xffff) != 0 ? (r.eax & 0xffff) * UINT64_C(1000) : TSC_PER_MS_GUESS;
}

void sleep_until(uint64_t tsc)
{
    wrmsr(MSR_X2APIC_TIMER_DIV, TIMER_DIVIDE_1);
    wrmsr(MSR_X2APIC_LVT_TIMER, field_put(LVT_TIMER_MODE, LVT_TIMER_PERIOD) | VECTOR_TIMER);
    wrmsr(MSR_X2APIC_TIMER_INIT, NAP_TICKS);
    while (rdtsc() < tsc)
        wait_for_interrupt();
}

bool wait_interrupts(uint32_t vector, uint32_t count, uint32_t ms)
{
    uint64_t end = rdtsc() + ms * tsc_per_ms();
    do
        interrupts_in();
    while (interrupts[vector] != count && rdtsc() < end);
    return interrupts[vector] == count;
}
