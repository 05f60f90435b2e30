/* SPDX-License-Identifier: MIT */
#include "tests/guests/witness/counts.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86/model/cpuid_policy.h"
#include "tests/guests/cpuid.h"

static uint64_t count(uint32_t leaf)
{
    struct cpuid_regs r = cpuid(leaf, 0);
    return (uint64_t)r.ebx << 32 | r.eax;
}

static bool is_bulkhead(void)
{
    struct cpuid_regs r = cpuid(CPUID_BULKHEAD, 0);
    char name[12];
    memcpy(name, &r.ebx, 4);
    memcpy(name + 4, &r.ecx, 4);
    memcpy(name + 8, &r.edx, 4);
    return memcmp(name, CPUID_BULKHEAD_NAME, sizeof(name)) == 0;
}

bool counts_are_there(void)
{
    return is_bulkhead() && cpuid(CPUID_BULKHEAD_INFO, 0).ebx == STAT_KINDS;
}

void counts_read_before(struct counts *counts)
{
    for (uint32_t i = 0; i < STAT_KINDS; i++)
        counts->kinds[i] = count(CPUID_BULKHEAD_COUNTER + i);
    counts->total = count(CPUID_BULKHEAD_TOTAL);
}

void counts_read_after(struct counts *counts)
{
    counts->total = count(CPUID_BULKHEAD_TOTAL);
    for (uint32_t i = 0; i < STAT_KINDS; i++)
        counts->kinds[i] = count(CPUID_BULKHEAD_COUNTER + i);
}

void counts_print(const struct counts *before, const struct counts *after)
{
    printf(" total=%llu", (unsigned long long)(after->total - before->total - 1));
    for (enum stat_kind i = 0; i < STAT_KINDS; i++) {
        /* Whichever counter, so many readings lie between its two. */
        uint64_t own = i == STAT_CPUID ? STAT_KINDS + 2 : 0;
        printf(" %s=%llu", stat_name(i),
               (unsigned long long)(after->kinds[i] - before->kinds[i] - own));
    }
}
