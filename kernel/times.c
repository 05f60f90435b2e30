/* SPDX-License-Identifier: MIT */
#include "kernel/times.h"

#include "arch/cpu.h"
#include "kernel/lib/fmt.h"
#include "kernel/log.h"

static const char *const names[TIME_PHASES] = {
    [TIME_PLAN] = "plan", [TIME_MEMORY] = "memory", [TIME_MACHINE] = "machine",
    [TIME_CPUS] = "cpus", [TIME_GUESTS] = "guests",
};

static uint64_t ends[TIME_PHASES];

void times_mark(enum time_phase phase)
{
    ends[phase] = cpu_rdtsc();
}

void times_log(const struct handoff_times *boot)
{
    char line[256];
    size_t used = fmt_print(line, sizeof(line), "times entry=%llu loaded=%llu left=%llu",
                            (unsigned long long)boot->entry, (unsigned long long)boot->loaded,
                            (unsigned long long)boot->left);
    for (unsigned i = 0; i < TIME_PHASES && used < sizeof(line); i++)
        used += fmt_print(line + used, sizeof(line) - used, " %s=%llu", names[i],
                          (unsigned long long)ends[i]);
    log_line("%s", line);
}
