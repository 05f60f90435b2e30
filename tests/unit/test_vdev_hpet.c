/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/vdev/vhpet.h"

enum { ENABLE = 1, LEGACY = 2 };
enum { LEVEL = 2, INT_ENABLE = 4, PERIODIC = 8, VAL_SET = 0x40, MODE_32 = 0x100 };

static struct vhpet v;
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    vhpet_reset(&v);
    now = 1000000;
    return 0;
}

static void set(uint32_t offset, uint64_t value)
{
    vhpet_write(&v, offset, 8, value, now);
}

static uint64_t get(uint32_t offset)
{
    return vhpet_read(&v, offset, 8, now);
}

static void set_config(unsigned timer, uint64_t value)
{
    set(0x100 + 0x20 * timer, value | 20 << 9);
}

static void set_comparator(unsigned timer, uint64_t value)
{
    set(0x108 + 0x20 * timer, value);
}

static void test_registers(void **state)
{
    uint64_t capabilities = get(0);

    (void)state;
    assert_int_equal(capabilities >> 32, 10000000); /* fs */
    assert_int_equal(capabilities & 0xffffffff, 0x8086a201);
    assert_int_equal(vhpet_read(&v, 4, 4, now), 10000000);
    set(0, 0);
    assert_int_equal(get(0), capabilities);
    set(0x10, ~UINT64_C(0));
    assert_int_equal(get(0x10), 3);
    assert_int_equal(get(0x20), 0);
    for (unsigned timer = 0; timer < 3; timer++) {
        assert_int_equal(get(0x100 + 0x20 * timer), UINT64_C(0x00f0000000000030));
        assert_int_equal(get(0x108 + 0x20 * timer), UINT64_MAX);
        set(0x100 + 0x20 * timer, ~UINT64_C(0)); /* pin 31 cannot be */
        assert_int_equal(get(0x100 + 0x20 * timer), UINT64_C(0x00f000000000017e));
        set(0x100 + 0x20 * timer, 23 << 9);
        assert_int_equal(get(0x100 + 0x20 * timer), UINT64_C(0x00f0000000002e30));
    }
    assert_int_equal(get(0x160), 0);
    assert_int_equal(get(0x110), 0);
    assert_int_equal(vhpet_read(&v, 0, 1, now), 0xff);
    assert_int_equal(vhpet_read(&v, 0, 2, now), 0xffff);
    assert_int_equal(vhpet_read(&v, 0x0f2, 4, now), 0xffffffff);
    assert_int_equal(vhpet_read(&v, 0x0f4, 8, now), UINT64_MAX);
}

static void test_counter(void **state)
{
    (void)state;
    assert_int_equal(get(0xf0), 0);
    now += 1000;
    assert_int_equal(get(0xf0), 0); /* stands */
    set(0xf0, 5000);
    set(0x10, ENABLE);
    now += 1000;
    assert_int_equal(get(0xf0), 5100);
    set(0x10, 0);
    now += 1000;
    assert_int_equal(get(0xf0), 5100);
    vhpet_write(&v, 0xf4, 4, 1, now);
    assert_int_equal(get(0xf0), (UINT64_C(1) << 32) + 5100);
    set(0x10, ENABLE);
    set(0xf0, UINT64_MAX);
    now += 20;
    assert_int_equal(get(0xf0), 1);
}

/* Linux: hpet_enable() checks that the counter moves; then one-shot by 32-bit writes. */
static void test_one_shot(void **state)
{
    (void)state;
    set(0x10, ENABLE);
    set_config(0, INT_ENABLE | MODE_32);
    assert_int_equal(vhpet_pin(&v, 0), 20);
    assert_int_equal(vhpet_pin(&v, 1), -1);
    vhpet_write(&v, 0x108, 4, get(0xf0) + 100, now);
    assert_int_equal(vhpet_next(&v, 0, now), now + 1000);
    assert_int_equal(vhpet_take(&v, now + 999), 0);
    assert_int_equal(vhpet_take(&v, now + 1000), 1);
    assert_int_equal(vhpet_take(&v, now + 2000), 0);
    now += 2000;
    /* 32 bits wrap after 43 s. */
    assert_int_equal(vhpet_next(&v, 0, now), now - 1000 + (UINT64_C(10) << 32));
    set_config(0, INT_ENABLE);
    set_comparator(0, get(0xf0)); /* has passed: the next one is ages away */
    assert_int_equal(vhpet_next(&v, 0, now), UINT64_MAX);
    set(0x10, 0);
    set_comparator(0, get(0xf0) + 5);
    assert_int_equal(vhpet_next(&v, 0, now), UINT64_MAX);
    assert_int_equal(vhpet_pin(&v, 0), -1);
}

/* Linux: hpet_clkevt_set_state_periodic(). */
static void test_periodic(void **state)
{
    uint64_t start;

    (void)state;
    set(0x10, ENABLE);
    start = get(0xf0);
    set_config(0, INT_ENABLE | PERIODIC | VAL_SET | MODE_32);
    assert_int_equal(get(0x100) & VAL_SET, VAL_SET);
    vhpet_write(&v, 0x108, 4, start + 1000, now);
    assert_int_equal(get(0x100) & VAL_SET, 0);
    vhpet_write(&v, 0x108, 4, 300, now); /* the period */
    assert_int_equal(get(0x108), start + 1000);
    assert_int_equal(vhpet_next(&v, 0, now), now + 10000);
    now += 10000;
    assert_int_equal(vhpet_take(&v, now), 1);
    assert_int_equal(get(0x108), start + 1300);
    assert_int_equal(vhpet_next(&v, 0, now), now + 3000);
    now += 3000 * 1000 + 1000;
    assert_int_equal(vhpet_take(&v, now), 1); /* a thousand of them are one */
    assert_int_equal(vhpet_next(&v, 0, now), now + 2000);
    set_config(1, INT_ENABLE | PERIODIC | VAL_SET);
    set_comparator(1, get(0xf0) + 7);
    vhpet_write(&v, 0x128, 8, 0, now); /* no period: once */
    assert_int_equal(vhpet_take(&v, now + 70), 2);
    assert_int_equal(vhpet_take(&v, now + 70), 0);
}

static void test_level(void **state)
{
    (void)state;
    set(0x10, ENABLE);
    set_config(2, INT_ENABLE | LEVEL);
    set_comparator(2, get(0xf0) + 10);
    now += 100;
    assert_int_equal(vhpet_take(&v, now), 0);
    assert_int_equal(vhpet_levels(&v), 4);
    assert_int_equal(get(0x20), 4);
    set(0x20, 3);
    assert_int_equal(vhpet_levels(&v), 4);
    vhpet_write(&v, 0x24, 4, 4, now);
    assert_int_equal(vhpet_levels(&v), 4);
    vhpet_write(&v, 0x20, 4, 4, now);
    assert_int_equal(vhpet_levels(&v), 0);
    set_comparator(2, get(0xf0) + 10);
    now += 100;
    assert_int_equal(get(0x20), 4);
    set_config(2, INT_ENABLE); /* edge: no level any more */
    assert_int_equal(get(0x20), 0);
}

static void test_legacy_replacement(void **state)
{
    (void)state;
    for (unsigned timer = 0; timer < 3; timer++)
        set_config(timer, INT_ENABLE);
    set(0x10, LEGACY);
    assert_false(vhpet_replaces_legacy(&v));
    set(0x10, LEGACY | ENABLE);
    assert_true(vhpet_replaces_legacy(&v));
    assert_int_equal(vhpet_pin(&v, 0), 2);
    assert_int_equal(vhpet_pin(&v, 1), 8);
    assert_int_equal(vhpet_pin(&v, 2), 20);
    set(0x100, 0);
    assert_int_equal(vhpet_pin(&v, 0), -1);
    vhpet_reset(&v);
    set(0x10, ENABLE);
    set(0x100, INT_ENABLE); /* no route was ever chosen */
    assert_int_equal(vhpet_pin(&v, 0), -1);
}

static void test_far_future(void **state)
{
    (void)state;
    set(0x10, ENABLE);
    set_config(0, INT_ENABLE | PERIODIC | VAL_SET);
    set_comparator(0, UINT64_MAX);
    assert_int_equal(vhpet_next(&v, 0, now), UINT64_MAX);
    set_comparator(0, 1);
    for (unsigned timer = 0; timer < 3; timer++)
        assert_true(vhpet_next(&v, timer, UINT64_MAX) == UINT64_MAX);
    vhpet_take(&v, UINT64_MAX);
    assert_true(vhpet_next(&v, 0, UINT64_MAX) == UINT64_MAX);
}

static void random_access(void)
{
    static const uint32_t offsets[] = {0x00,  0x10,  0x20,  0xf0,  0x100,
                                       0x108, 0x120, 0x128, 0x140, 0x148};
    uint32_t offset = offsets[rand() % 10] + (rand() % 4 ? 0 : 4);
    unsigned size = 1u << rand() % 4;
    uint64_t value = (uint64_t)rand() >> (rand() % 31);

    if (rand() % 2)
        vhpet_read(&v, offset, size, now);
    else if (offset < 0x100)
        vhpet_write(&v, offset, size, rand() % 2 ? value : 1, now);
    else
        vhpet_write(&v, offset, size, offset & 8 ? get(0xf0) + value : value | INT_ENABLE, now);
}

static void test_random_traffic(void **state)
{
    unsigned matches = 0;

    (void)state;
    srand(7);
    for (int i = 0; i < 300000; i++) {
        unsigned timer = (unsigned)rand() % 3;
        uint64_t next;

        random_access();
        now += rand() % 4 ? 0 : (uint64_t)rand() >> (rand() % 31);
        vhpet_take(&v, now);
        next = vhpet_next(&v, timer, now);
        assert_true(next > now);
        if (next == UINT64_MAX || next - now > UINT64_C(1000000000))
            continue;
        assert_false(vhpet_take(&v, next - 1) >> timer & 1);
        now = next;
        assert_true((vhpet_take(&v, now) | vhpet_levels(&v)) >> timer & 1);
        matches++;
    }
    assert_true(matches > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_registers, setup),
        cmocka_unit_test_setup(test_counter, setup),
        cmocka_unit_test_setup(test_one_shot, setup),
        cmocka_unit_test_setup(test_periodic, setup),
        cmocka_unit_test_setup(test_level, setup),
        cmocka_unit_test_setup(test_legacy_replacement, setup),
        cmocka_unit_test_setup(test_far_future, setup),
        cmocka_unit_test_setup(test_random_traffic, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
