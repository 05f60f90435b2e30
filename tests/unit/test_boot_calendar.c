/* SPDX-License-Identifier: MIT */
#include "boot/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define UTC CALENDAR_ZONE_UNKNOWN

static void test_known_moments(void **state)
{
    (void)state;
    static const struct {
        struct calendar calendar;
        uint64_t seconds; /* as `date -u -d ... +%s` says */
    } cases[] = {
        {{1970, 1, 1, 0, 0, 0, UTC}, 0},
        {{1970, 1, 1, 0, 0, 0, 0}, 0},
        {{1970, 1, 1, 0, 0, 0, 60}, 3600},
        {{1970, 1, 1, 2, 0, 0, -120}, 0},
        {{1972, 2, 29, 12, 0, 0, UTC}, 68212800},
        {{1999, 12, 31, 23, 59, 59, UTC}, 946684799},
        {{2000, 2, 29, 0, 0, 0, UTC}, 951782400},
        {{2000, 3, 1, 0, 0, 0, UTC}, 951868800},
        {{2024, 2, 29, 23, 59, 59, UTC}, 1709251199},
        {{2024, 3, 1, 0, 59, 59, -60}, 1709251199},
        {{2025, 7, 4, 13, 5, 9, UTC}, 1751634309},
        {{2038, 1, 19, 3, 14, 8, UTC}, 2147483648},
        {{2100, 3, 1, 0, 0, 0, UTC}, 4107542400},
        {{9999, 12, 31, 23, 59, 59, UTC}, 253402300799},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seconds = 1;
        assert_true(calendar_seconds(&cases[i].calendar, &seconds));
        assert_int_equal(seconds, cases[i].seconds);
    }
}

static void test_impossible_moments(void **state)
{
    (void)state;
    static const struct calendar cases[] = {
        {1969, 12, 31, 23, 59, 59, UTC}, {10000, 1, 1, 0, 0, 0, UTC}, {0, 0, 0, 0, 0, 0, UTC},
        {2025, 0, 1, 0, 0, 0, UTC},      {2025, 13, 1, 0, 0, 0, UTC}, {2025, 1, 0, 0, 0, 0, UTC},
        {2025, 1, 32, 0, 0, 0, UTC},     {2025, 2, 29, 0, 0, 0, UTC}, {2100, 2, 29, 0, 0, 0, UTC},
        {2025, 4, 31, 0, 0, 0, UTC},     {2025, 1, 1, 24, 0, 0, UTC}, {2025, 1, 1, 0, 60, 0, UTC},
        {2025, 1, 1, 0, 0, 60, UTC},     {2025, 1, 1, 0, 0, 0, 1441}, {2025, 1, 1, 0, 0, 0, -1441},
        {1970, 1, 1, 0, 0, 0, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seconds;
        assert_false(calendar_seconds(&cases[i], &seconds));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_moments),
        cmocka_unit_test(test_impossible_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
