/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/vdev/kvmclock.h"

/* The guest's side of the contract, with the 96-bit product that its assembler forms. */
static uint64_t guest_ns(const struct kvmclock_time *t, uint64_t tsc)
{
    uint64_t delta = tsc - t->tsc_timestamp;

    delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
    return t->system_time + (delta >> 32) * t->tsc_to_system_mul +
           ((delta & UINT32_MAX) * t->tsc_to_system_mul >> 32);
}

static const uint32_t frequencies[] = {
    1,       999,     32768,   500000,  999999,  1000000, 1000001,    1999999,    2000000,
    2000001, 2400000, 2893299, 3500000, 4000001, 5800000, 1000000000, UINT32_MAX,
};

static void test_accuracy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(frequencies) / sizeof(frequencies[0]); i++) {
        static const uint64_t seconds[] = {0, 1, 60, 86400};
        struct kvmclock_time t;
        uint64_t khz = frequencies[i], base = UINT64_C(0x123456789abc);

        assert_true(kvmclock_time(&t, (uint32_t)khz, base));
        assert_true(t.tsc_to_system_mul >> 31 == 1);
        for (size_t k = 0; k < sizeof(seconds) / sizeof(seconds[0]); k++) {
            uint64_t exact = seconds[k] * UINT64_C(1000000000);
            uint64_t ns = guest_ns(&t, base + seconds[k] * khz * 1000);
            uint64_t bound = exact / 1000000000 + 1000000 / khz + 2;

            assert_true(ns <= exact);
            assert_true(exact - ns <= bound); /* a billionth, and one tick */
        }
    }
}

static void test_known_factors(void **state)
{
    struct kvmclock_time t;

    (void)state;
    assert_true(kvmclock_time(&t, 1000000, 0)); /* 1 GHz: ns = tsc */
    assert_int_equal(t.tsc_to_system_mul, 0x80000000);
    assert_int_equal(t.tsc_shift, 1);
    assert_true(kvmclock_time(&t, 2000000, 0));
    assert_int_equal(t.tsc_to_system_mul, 0x80000000);
    assert_int_equal(t.tsc_shift, 0);
    assert_true(kvmclock_time(&t, 4000000, 0));
    assert_int_equal(t.tsc_to_system_mul, 0x80000000);
    assert_int_equal(t.tsc_shift, -1);
}

static void test_layout(void **state)
{
    struct kvmclock_time t;
    struct kvmclock_wall w;
    uint8_t bytes[32];

    (void)state;
    memset(&t, 0xff, sizeof(t));
    assert_true(kvmclock_time(&t, 2000000, 0x1122334455667788));
    memcpy(bytes, &t, sizeof(t));
    assert_int_equal(t.version, 2);
    assert_int_equal(bytes[8], 0x88);
    assert_int_equal(t.system_time, 0);
    assert_int_equal(bytes[24], 0x00); /* mul */
    assert_int_equal(bytes[27], 0x80);
    assert_int_equal(bytes[28], 0); /* shift */
    assert_int_equal(bytes[29], KVMCLOCK_TSC_STABLE);
    assert_int_equal(bytes[4] | bytes[7] | bytes[30] | bytes[31], 0); /* nothing of ours leaks */
    kvmclock_wall(&w, UINT64_C(0x165000000), 999999999);
    assert_int_equal(w.version, 2);
    assert_int_equal(w.sec, 0x65000000);
    assert_int_equal(w.nsec, 999999999);
}

static void test_no_frequency(void **state)
{
    struct kvmclock_time t = {.version = 77};

    (void)state;
    assert_false(kvmclock_time(&t, 0, 0));
    assert_int_equal(t.version, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_known_factors),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_no_frequency),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
