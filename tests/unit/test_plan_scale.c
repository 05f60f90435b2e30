/* SPDX-License-Identifier: MIT */
/* Machines as large as they come keep the rules, too. How long it takes: `make plan-scale`. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/plan_check.h"
#include "tests/unit/plan_large.h"

static void test_1024_processors_and_256_guests(void **state)
{
    (void)state;
    for (uint32_t wish = 0; wish < LARGE_WISHES; wish++) {
        large_world(1024, 256, (enum large_wishes)wish);
        build_and_check();
        assert_int_equal(plan.guest_count, 256);
        print_plan();
        assert_non_null(strstr(table, "left over "));
    }
}

/* Each guest fits a node, with its memory. */
static void test_nobody_is_far_from_his_memory(void **state)
{
    (void)state;
    large_world(1024, 256, LARGE_THREADS);
    build_and_check();
    for (uint32_t i = 0; i < plan.guest_count; i++) {
        uint32_t node = machine.cpus[cpu_of(i, 0)].node;
        assert_int_equal(plan.guests[i].threads_per_core, 2);
        for (uint32_t vcpu = 1; vcpu < plan.guests[i].cpu_count; vcpu++)
            assert_int_equal(machine.cpus[cpu_of(i, vcpu)].node, node);
        for (uint32_t j = 0; j < machine.range_count; j++) {
            const struct hardware_range *range = &machine.ranges[j];
            uint64_t first = range_of(i, 0)->hpa.raw;
            if (first >= range->base.raw && first < range->base.raw + range->size)
                assert_int_equal(range->node, node);
        }
    }
}

static void test_all_that_the_tables_hold(void **state)
{
    (void)state;
    large_world(HARDWARE_MAX_CPUS, 256, LARGE_MIXED);
    build_and_check();
    wishes.listed[0] = HARDWARE_MAX_CPUS - 1;
    build_and_check();
}

static void test_second_try(void **state)
{
    (void)state;
    large_second_try();
    build_and_check();
    assert_int_equal(plan.cpus_used, machine.cpu_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_1024_processors_and_256_guests),
        cmocka_unit_test(test_nobody_is_far_from_his_memory),
        cmocka_unit_test(test_all_that_the_tables_hold),
        cmocka_unit_test(test_second_try),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
