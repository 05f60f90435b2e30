/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/topology.h"

#include "arch/x86/regs/cpuid.h"

uint32_t topology_smt_shift(uint32_t eax, uint32_t ebx, uint32_t ecx, bool hybrid)
{
    bool threads = field_get(CPUID_B_ECX_TYPE, ecx) == CPUID_LEVEL_SMT;

    if (!threads || (field_get(CPUID_B_EBX_COUNT, ebx) <= 1 && !hybrid))
        return 0;
    return (uint32_t)field_get(CPUID_B_EAX_SHIFT, eax);
}
