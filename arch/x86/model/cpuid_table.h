/* SPDX-License-Identifier: MIT */
/* Inside of struct cpuid_table, for cpuid_policy.c, which fills it, and cpuid_table.c. */
#ifndef BULKHEAD_ARCH_X86_MODEL_CPUID_TABLE_H
#define BULKHEAD_ARCH_X86_MODEL_CPUID_TABLE_H

/* The first entries have fixed places. */
enum fixed_entry {
    ENTRY_ZERO,
    ENTRY_KVM,
    ENTRY_KVM_FEATURES,
    ENTRY_NAME,
    ENTRY_INFO,
    ENTRY_COUNTER,
    ENTRY_FIRST_FREE
};

#endif
