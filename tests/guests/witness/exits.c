/* SPDX-License-Identifier: MIT */
/* Exits, read from Bulkhead's CPUID leaves: arch/x86/model/cpuid_policy.h. */
#include "tests/guests/witness/witness.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arch/x86/model/cpuid_policy.h"
#include "kernel/vm/stats.h"

static struct cpuid_regs cpuid(uint32_t leaf)
{
    struct cpuid_regs r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(0));
    return r;
}

static uint64_t count(uint32_t leaf)
{
    struct cpuid_regs r = cpuid(leaf);
    return (uint64_t)r.ebx << 32 | r.eax;
}

static bool is_bulkhead(void)
{
    struct cpuid_regs r = cpuid(CPUID_BULKHEAD);
    char name[12];
    memcpy(name, &r.ebx, 4);
    memcpy(name + 4, &r.ecx, 4);
    memcpy(name + 8, &r.edx, 4);
    return memcmp(name, CPUID_BULKHEAD_NAME, sizeof(name)) == 0;
}

struct counts {
    uint64_t total;
    uint64_t kinds[STAT_KINDS];
};

/* The total is read next to the interval, so that only its own exit lies inside. */
static void read_before(struct counts *counts)
{
    for (uint32_t i = 0; i < STAT_KINDS; i++)
        counts->kinds[i] = count(CPUID_BULKHEAD_COUNTER + i);
    counts->total = count(CPUID_BULKHEAD_TOTAL);
}

static void read_after(struct counts *counts)
{
    counts->total = count(CPUID_BULKHEAD_TOTAL);
    for (uint32_t i = 0; i < STAT_KINDS; i++)
        counts->kinds[i] = count(CPUID_BULKHEAD_COUNTER + i);
}

static void idle(time_t seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) != 0)
        ;
}

static void busy(time_t seconds)
{
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    do {
        for (volatile unsigned i = 0; i < 10000; i++)
            ;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

int witness_exits(const char *how, const char *seconds)
{
    static struct counts before, after;
    time_t length = (time_t)witness_number(seconds);
    if (!is_bulkhead() || cpuid(CPUID_BULKHEAD_INFO).ebx != STAT_KINDS) {
        fprintf(stderr, "witness: these are not the CPUID leaves that it was built for\n");
        return 1;
    }
    read_before(&before);
    if (strcmp(how, "busy") == 0)
        busy(length);
    else
        idle(length);
    read_after(&after);

    printf("witness: exits %s seconds=%s total=%llu", how, seconds,
           (unsigned long long)(after.total - before.total - 1));
    for (enum stat_kind i = 0; i < STAT_KINDS; i++) {
        /* Whichever counter, so many readings lie between its two. */
        uint64_t own = i == STAT_CPUID ? STAT_KINDS + 2 : 0;
        printf(" %s=%llu", stat_name(i),
               (unsigned long long)(after.kinds[i] - before.kinds[i] - own));
    }
    printf("\n");
    return 0;
}
