/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/model/tsc_math.h"
#include "kernel/lib/types.h"

struct cpuid_case {
    const char *name;
    struct tsc_cpuid cpuid;
    uint64_t khz;
    enum tsc_source source;
};

static const struct cpuid_case cpuid_cases[] = {
    {"Kaby Lake: crystal in leaf 0x15",
     {0x16, true, 0x906e9, 2, 300, 24000000, 3600},
     3600000,
     TSC_CPUID_CRYSTAL},
    {"Skylake client: ratio only, 24 MHz by model",
     {0x16, true, 0x506e3, 2, 216, 0, 2600},
     2592000,
     TSC_MODEL_CRYSTAL},
    {"Skylake server: 25 MHz", {0x16, true, 0x50654, 2, 168, 0, 2100}, 2100000, TSC_MODEL_CRYSTAL},
    {"Goldmont: 19.2 MHz", {0x15, true, 0x506c9, 3, 171, 0, 0}, 1094400, TSC_MODEL_CRYSTAL},
    {"ratio of a model nobody knows: leaf 0x16",
     {0x16, true, 0xa06f2, 2, 200, 0, 2400},
     2400000,
     TSC_CPUID_FREQUENCY},
    {"the same model number from another vendor",
     {0x16, false, 0x506e3, 2, 216, 0, 2600},
     2600000,
     TSC_CPUID_FREQUENCY},
    {"the same model number in another family",
     {0x16, true, 0x50fe3, 2, 216, 0, 2600},
     2600000,
     TSC_CPUID_FREQUENCY},
    {"no numerator", {0x16, true, 0x906e9, 2, 0, 24000000, 3600}, 3600000, TSC_CPUID_FREQUENCY},
    {"no denominator", {0x16, true, 0x906e9, 0, 300, 24000000, 3600}, 3600000, TSC_CPUID_FREQUENCY},
    {"crystal of 1 Hz gives less than a kHz",
     {0x16, true, 0x906e9, 2, 300, 1, 3600},
     3600000,
     TSC_CPUID_FREQUENCY},
    {"leaf 0x15 beyond the last leaf",
     {0x0d, true, 0x306c3, 2, 300, 24000000, 3600},
     0,
     TSC_UNKNOWN},
    {"leaf 0x16 beyond the last leaf", {0x15, true, 0x306c3, 2, 0, 0, 3600}, 0, TSC_UNKNOWN},
    {"all zero", {0x16, true, 0, 0, 0, 0, 0}, 0, TSC_UNKNOWN},
    {"largest words do not overflow",
     {0x16, true, 0x906e9, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0},
     UINT32_MAX / 1000,
     TSC_CPUID_CRYSTAL},
    {"largest product does not overflow",
     {0x16, true, 0x906e9, 1, UINT32_MAX, UINT32_MAX, 0},
     (uint64_t)UINT32_MAX *UINT32_MAX / 1000,
     TSC_CPUID_CRYSTAL},
};

static void test_cpuid(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cpuid_cases); i++) {
        const struct cpuid_case *c = &cpuid_cases[i];
        struct tsc_rate rate = tsc_from_cpuid(&c->cpuid);
        if (rate.khz != c->khz || rate.source != c->source)
            fail_msg("%s: %lu kHz from source %d", c->name, (unsigned long)rate.khz, rate.source);
    }
}

static void test_timer(void **state)
{
    static const struct {
        uint64_t tsc, ticks, hz, khz;
    } cases[] = {
        {26000000, 10000, 1000000, 2600000},             /* 10 ms of a 1 MHz timer */
        {10000000, 11932, 1193182, 999984},              /* PIT, 10 ms at 1 GHz */
        {30000000, 143182, 14318180, 2999995},           /* HPET */
        {12345, 0, 1000000, 0},                          /* the timer did not move */
        {12345, 1000, 0, 0},                             /* no timer */
        {UINT64_MAX, 1000, 2, 0},                        /* product does not fit */
        {UINT64_MAX / 2, 1000, 2, UINT64_MAX / 1000000}, /* product just fits */
        {1000, UINT64_MAX / 999, 1000, 0},               /* divisor does not fit */
        {0, 1000, 1000, 0},                              /* the TSC stands still */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(tsc_from_timer(cases[i].tsc, cases[i].ticks, cases[i].hz), cases[i].khz);
}

static void test_choice(void **state)
{
    const struct tsc_rate none = {0, TSC_UNKNOWN};
    static const struct {
        struct tsc_rate cpuid;
        uint64_t hpet_khz;
        uint64_t khz;
        enum tsc_source source;
    } cases[] = {
        {{2592000, TSC_MODEL_CRYSTAL}, 2593500, 2592000, TSC_MODEL_CRYSTAL},
        {{3600000, TSC_CPUID_CRYSTAL}, 3599000, 3600000, TSC_CPUID_CRYSTAL},
        {{1010000, TSC_CPUID_CRYSTAL}, 1000000, 1010000, TSC_CPUID_CRYSTAL}, /* just 1 % above */
        {{1010001, TSC_CPUID_CRYSTAL}, 1000000, 1000000, TSC_HPET},
        {{990000, TSC_CPUID_CRYSTAL}, 1000000, 990000, TSC_CPUID_CRYSTAL}, /* just 1 % below */
        {{989999, TSC_CPUID_CRYSTAL}, 1000000, 1000000, TSC_HPET},
        {{3500000, TSC_CPUID_CRYSTAL}, 1000000, 1000000, TSC_HPET},   /* an emulator */
        {{2600000, TSC_CPUID_FREQUENCY}, 2592000, 2592000, TSC_HPET}, /* rounded, so measured */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct tsc_rate measured = {cases[i].hpet_khz, TSC_HPET};
        struct tsc_rate rate = tsc_choose(cases[i].cpuid, measured);
        assert_int_equal(rate.khz, cases[i].khz);
        assert_int_equal(rate.source, cases[i].source);
        assert_int_equal(tsc_choose(cases[i].cpuid, none).khz, cases[i].cpuid.khz);
        assert_int_equal(tsc_choose(none, measured).khz, cases[i].hpet_khz);
    }
    assert_int_equal(tsc_choose(none, none).khz, 0);
}

static void test_names(void **state)
{
    static const struct {
        enum tsc_source source;
        const char *name;
    } cases[] = {
        {TSC_UNKNOWN, "unknown"},
        {TSC_CPUID_CRYSTAL, "CPUID 0x15"},
        {TSC_MODEL_CRYSTAL, "CPUID 0x15 and the model's crystal"},
        {TSC_CPUID_FREQUENCY, "CPUID 0x16"},
        {TSC_HPET, "HPET"},
        {TSC_PM_TIMER, "PM timer"},
        {TSC_PIT, "PIT"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_string_equal(tsc_source_name(cases[i].source), cases[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpuid),
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
