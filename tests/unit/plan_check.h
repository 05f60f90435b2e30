/* SPDX-License-Identifier: MIT */
/* Plans that come about: build one, hold it against the rules, look at it. After cmocka.h. */
#ifndef BULKHEAD_TESTS_UNIT_PLAN_CHECK_H
#define BULKHEAD_TESTS_UNIT_PLAN_CHECK_H

#include "tests/unit/plan_rules.h"
#include "tests/unit/plan_world.h"

static char table[64 * 1024];

static inline void keep_line(void *context, const char *text)
{
    (void)context;
    assert_true(strlen(text) < 100);
    strcat(table, text);
    strcat(table, "\n");
}

static inline void print_plan(void)
{
    table[0] = '\0';
    plan_print(&plan, &wishes, &machine, keep_line, NULL);
}

static inline void build_and_check(void)
{
    if (!build())
        fail_msg("refused: %s", diag.message);
    const char *broken = plan_broken_rule(&plan, &wishes, &machine, &small_needs);
    if (broken != NULL) {
        print_plan();
        fail_msg("%s\n%s", broken, table);
    }
}

static inline const struct plan_range *range_of(uint32_t guest, uint32_t range)
{
    assert_true(range < plan.guests[guest].range_count);
    return &plan.ranges[plan.guests[guest].first_range + range];
}

static inline uint32_t cpu_of(uint32_t guest, uint32_t vcpu)
{
    return plan.cpus[plan.guests[guest].first_cpu + vcpu];
}

#endif
