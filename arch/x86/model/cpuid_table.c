/* SPDX-License-Identifier: MIT */
/* What a guest's CPUID answers, from the table that cpuid_policy.c made. */
#include "arch/x86/model/cpuid_table.h"

#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"

static const struct cpuid_entry *lookup_hypervisor(const struct cpuid_table *table, uint32_t leaf)
{
    enum fixed_entry found = ENTRY_ZERO;
    if (leaf == CPUID_HYPERVISOR)
        found = ENTRY_KVM;
    else if (leaf == CPUID_KVM_FEATURES)
        found = ENTRY_KVM_FEATURES;
    else if (leaf == CPUID_BULKHEAD)
        found = ENTRY_NAME;
    else if (leaf == CPUID_BULKHEAD_INFO)
        found = ENTRY_INFO;
    else if (leaf >= CPUID_BULKHEAD_TOTAL && leaf < table->counter_end)
        found = ENTRY_COUNTER;
    return &table->entries[found];
}

const struct cpuid_entry *cpuid_lookup(const struct cpuid_table *table, uint32_t leaf,
                                       uint32_t subleaf)
{
    const struct cpuid_row *row;
    if (leaf < CPUID_BASIC_LEAVES)
        row = &table->basic[leaf];
    else if (leaf - CPUID_AMD_MAX < CPUID_EXTENDED_LEAVES)
        row = &table->extended[leaf - CPUID_AMD_MAX];
    else
        return lookup_hypervisor(table, leaf);
    if (row->every_subleaf != 0)
        return &table->entries[row->first];
    return &table->entries[subleaf < row->count ? row->first + subleaf : row->beyond];
}

struct cpuid_regs cpuid_answer(const struct cpuid_entry *entry, uint32_t subleaf, uint64_t cr4)
{
    struct cpuid_regs r = entry->regs;
    switch ((enum cpuid_fixup)entry->fixup) {
    case CPUID_STATIC:
    case CPUID_FIX_XSTATE:
    case CPUID_FIX_COUNTER:
        break;
    case CPUID_FIX_OSXSAVE:
        if ((cr4 & CR4_OSXSAVE) != 0)
            r.ecx |= (uint32_t)CPUID_1_ECX_OSXSAVE;
        break;
    case CPUID_FIX_OSPKE:
        if ((cr4 & CR4_PKE) != 0)
            r.ecx |= (uint32_t)CPUID_7_ECX_OSPKE;
        break;
    case CPUID_FIX_TOPOLOGY:
        r.ecx = subleaf & 0xff;
        break;
    }
    return r;
}

bool cpuid_is_amd(const struct cpuid_regs *vendor)
{
    static const uint32_t names[][3] = {
        {0x68747541, 0x69746e65, 0x444d4163}, /* AuthenticAMD in EBX EDX ECX */
        {0x6f677948, 0x6e65476e, 0x656e6975}, /* HygonGenuine */
    };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (vendor->ebx == names[i][0] && vendor->edx == names[i][1] && vendor->ecx == names[i][2])
            return true;
    return false;
}

uint64_t cpuid_xcr0_mask(const struct cpuid_table *table)
{
    return cpuid_lookup(table, CPUID_XSTATE, 0)->regs.eax;
}
