/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/tsc_math.h"

#include "arch/x86/regs/cpuid.h"
#include "kernel/lib/types.h"

/* Disagreement from which on CPUID is wrong: one part in so many. */
#define TOLERANCE 100

/* Family 6 models whose leaf 0x15 lacks the crystal. SDM Vol. 3B, "Nominal Core Crystal Clock". */
static const struct {
    uint32_t model;
    uint32_t hz;
} crystals[] = {
    {0x4e, 24000000}, {0x5e, 24000000}, /* Skylake client */
    {0x55, 25000000},                   /* Skylake server */
    {0x5c, 19200000},                   /* Goldmont */
    {0x5f, 25000000},                   /* Denverton */
};

static uint32_t model_crystal(const struct tsc_cpuid *cpuid)
{
    uint64_t model = field_get(CPUID_1_EAX_MODEL_EXT, cpuid->signature) << 4 |
                     field_get(CPUID_1_EAX_MODEL, cpuid->signature);

    if (!cpuid->intel || field_get(CPUID_1_EAX_FAMILY, cpuid->signature) != 6)
        return 0;
    for (size_t i = 0; i < ARRAY_COUNT(crystals); i++)
        if (crystals[i].model == model)
            return crystals[i].hz;
    return 0;
}

struct tsc_rate tsc_from_cpuid(const struct tsc_cpuid *cpuid)
{
    bool ratio = cpuid->max_leaf >= CPUID_TSC && cpuid->denominator != 0 && cpuid->numerator != 0;
    uint64_t hz = 0;
    enum tsc_source source = TSC_CPUID_CRYSTAL;

    if (ratio) {
        hz = cpuid->crystal_hz;
        if (hz == 0) {
            source = TSC_MODEL_CRYSTAL;
            hz = model_crystal(cpuid);
        }
        hz = hz * cpuid->numerator / cpuid->denominator; /* two 32-bit factors: no overflow */
    }
    if (hz >= 1000)
        return (struct tsc_rate){hz / 1000, source};
    if (cpuid->max_leaf >= CPUID_FREQUENCY && cpuid->base_mhz != 0)
        return (struct tsc_rate){(uint64_t)cpuid->base_mhz * 1000, TSC_CPUID_FREQUENCY};
    return (struct tsc_rate){0, TSC_UNKNOWN};
}

uint64_t tsc_from_timer(uint64_t tsc, uint64_t ticks, uint64_t hz)
{
    if (ticks == 0 || hz == 0 || tsc > UINT64_MAX / hz || ticks > UINT64_MAX / 1000)
        return 0;
    return tsc * hz / (ticks * 1000);
}

struct tsc_rate tsc_choose(struct tsc_rate cpuid, struct tsc_rate measured)
{
    if (cpuid.khz == 0)
        return measured;
    if (measured.khz == 0)
        return cpuid;
    uint64_t gap = cpuid.khz > measured.khz ? cpuid.khz - measured.khz : measured.khz - cpuid.khz;
    if (cpuid.source == TSC_CPUID_FREQUENCY || gap > measured.khz / TOLERANCE)
        return measured;
    return cpuid;
}

const char *tsc_source_name(enum tsc_source source)
{
    switch (source) {
    case TSC_UNKNOWN:
        return "unknown";
    case TSC_CPUID_CRYSTAL:
        return "CPUID 0x15";
    case TSC_MODEL_CRYSTAL:
        return "CPUID 0x15 and the model's crystal";
    case TSC_CPUID_FREQUENCY:
        return "CPUID 0x16";
    case TSC_HPET:
        return "HPET";
    case TSC_PM_TIMER:
        return "PM timer";
    case TSC_PIT:
        return "PIT";
    }
    return "unknown";
}
