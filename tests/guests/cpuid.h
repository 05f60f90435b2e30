/* SPDX-License-Identifier: MIT */
/* CPUID as a guest executes it: for the attacker, the witness and the benchmark's programs. */
#ifndef BULKHEAD_TESTS_GUESTS_CPUID_H
#define BULKHEAD_TESTS_GUESTS_CPUID_H

#include "arch/x86/model/cpuid_policy.h"

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

#endif
