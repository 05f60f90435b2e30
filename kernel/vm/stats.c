/* SPDX-License-Identifier: MIT */
#include "kernel/vm/stats.h"

#include "kernel/lib/fmt.h"

static const char *const names[STAT_KINDS] = {
    [STAT_ATTENTION] = "attention",
    [STAT_CPUID] = "cpuid",
    [STAT_MSR] = "msr",
    [STAT_IO] = "io",
    [STAT_CONSOLE] = "console",
    [STAT_MEMORY] = "ept",
    [STAT_CR] = "cr",
    [STAT_XSETBV] = "xsetbv",
    [STAT_EXCEPTION] = "exception",
    [STAT_OTHER] = "other",
    [STAT_APIC] = "apic",
    [STAT_IPI] = "ipi",
};

const char *stat_name(enum stat_kind kind)
{
    return names[kind];
}

struct stat_counter stats_total(const struct stats *stats)
{
    struct stat_counter total = {0, 0, 0};
    for (unsigned i = 0; i < STAT_KINDS; i++) {
        const struct stat_counter *kind = &stats->kinds[i];
        total.count += kind->count;
        total.cycles += kind->cycles;
        if (kind->worst > total.worst)
            total.worst = kind->worst;
    }
    return total;
}

void stats_print(const struct stats *stats, const char *guest, uint32_t vcpu, char *text,
                 uint32_t size)
{
    struct stat_counter total = stats_total(stats);
    size_t used = fmt_print(text, size, "stats guest=%s vcpu=%u exits=%llu", guest, vcpu,
                            (unsigned long long)total.count);
    for (unsigned i = 0; i < STAT_KINDS && used < size; i++)
        used += fmt_print(text + used, size - used, " %s=%llu/%llu/%llu", names[i],
                          (unsigned long long)stats->kinds[i].count,
                          (unsigned long long)stats->kinds[i].cycles,
                          (unsigned long long)stats->kinds[i].worst);
    if (used < size)
        fmt_print(text + used, size - used, " cycles=%llu worst=%llu",
                  (unsigned long long)total.cycles, (unsigned long long)total.worst);
}
