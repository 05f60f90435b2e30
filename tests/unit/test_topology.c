/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
    const char *name;
    uint32_t eax, ebx, ecx;
    bool hybrid;
    uint32_t shift;
} cases[] = {
    {"no leaf 0xB", 0, 0, 0, false, 0},
    {"two threads a core", 1, 2, 0x100, false, 1},
    {"four threads a core", 2, 4, 0x100, false, 2},
    {"SMT switched off", 1, 1, 0x100, false, 0},
    {"one-threaded core of a hybrid processor", 1, 1, 0x100, true, 1},
    {"no level of threads, that of cores first", 3, 8, 0x200, false, 0},
    {"reserved bits are set", 0xffffffe1, 0xffff0002, 0xffff0100, false, 1},
};

static void test_shift(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t shift =
            topology_smt_shift(cases[i].eax, cases[i].ebx, cases[i].ecx, cases[i].hybrid);
        if (shift != cases[i].shift)
            print_error("%s\n", cases[i].name);
        assert_int_equal(shift, cases[i].shift);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shift)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
