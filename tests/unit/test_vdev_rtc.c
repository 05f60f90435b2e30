/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "kernel/vdev/vrtc.h"

#define SECOND UINT64_C(1000000000)
#define MEMORY (UINT64_C(512) << 20)

static struct vrtc v;

static int setup(void **state)
{
    (void)state;
    vrtc_reset(&v, 0, MEMORY);
    return 0;
}

static uint8_t get_at(uint8_t reg, uint64_t ns)
{
    vrtc_write(&v, 0x70, reg, ns);
    return vrtc_read(&v, 0x71, ns);
}

static void set_at(uint8_t reg, uint8_t value, uint64_t ns)
{
    vrtc_write(&v, 0x70, reg, ns);
    vrtc_write(&v, 0x71, value, ns);
}

/* At a whole second; the guest started in 1970. */
static uint8_t get(uint8_t reg, uint64_t now)
{
    return get_at(reg, now * SECOND);
}

static void set(uint8_t reg, uint8_t value, uint64_t now)
{
    set_at(reg, value, now * SECOND);
}

static unsigned bcd(int value)
{
    return (unsigned)(value / 10 * 16 + value % 10);
}

static void check_time(uint64_t expected, uint64_t now)
{
    time_t seconds = (time_t)expected;
    struct tm *found = gmtime(&seconds), tm;

    assert_non_null(found);
    tm = *found;
    assert_int_equal(get(0x00, now), bcd(tm.tm_sec));
    assert_int_equal(get(0x02, now), bcd(tm.tm_min));
    assert_int_equal(get(0x04, now), bcd(tm.tm_hour));
    assert_int_equal(get(0x06, now), bcd(tm.tm_wday + 1));
    assert_int_equal(get(0x07, now), bcd(tm.tm_mday));
    assert_int_equal(get(0x08, now), bcd(tm.tm_mon + 1));
    assert_int_equal(get(0x09, now), bcd(tm.tm_year % 100));
    assert_int_equal(get(0x32, now), bcd((tm.tm_year + 1900) / 100));
}

/* The clock shows `seconds` at the guest's start. */
static void start_at(uint64_t seconds)
{
    vrtc_reset(&v, 0, MEMORY);
    v.offset = (int64_t)seconds;
}

static void test_known_times(void **state)
{
    static const uint64_t times[] = {
        0,
        951782399,    /* 2000-02-28 23:59:59 */
        951782400,    /* 2000-02-29 */
        951868800,    /* 2000-03-01 */
        978307199,    /* 2000-12-31 23:59:59 */
        1709164800,   /* 2024-02-29 */
        4107542399,   /* 2100-02-28 23:59:59: no leap year */
        4107542400,   /* 2100-03-01 */
        253402300799, /* 9999-12-31 23:59:59 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        start_at(times[i]);
        check_time(times[i], 0);
    }
    check_time(253402300799, 1); /* then it stands still */
    check_time(253402300799, UINT64_MAX / SECOND);
    get_at(0x00, UINT64_MAX);
    vrtc_reset(&v, 1709164800 * SECOND + SECOND / 2, MEMORY);
    check_time(1709164800, 0);
    assert_int_equal(get_at(0x00, SECOND / 2 - 1), 0x00);
    assert_int_equal(get_at(0x00, SECOND / 2), 0x01);
}

static void test_every_day_of_four_centuries(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < 146097; day += 3) {
        start_at(day * 86400);
        check_time(day * 86400 + day % 86400, day % 86400);
    }
}

static void test_registers(void **state)
{
    (void)state;
    assert_int_equal(get(0x0a, 0), 0x26);
    assert_int_equal(get(0x0b, 0), 0x02);
    assert_int_equal(get(0x0c, 0), 0);
    assert_int_equal(get(0x0d, 0), 0x80);
    set(0x0a, 0xff, 0);
    assert_int_equal(get(0x0a, 0), 0x7f);
    set(0x0b, 0x7d, 0);
    assert_int_equal(get(0x0b, 0), 0x7b); /* BCD and 24 hours whatever is written */
    set(0x0b, 0x92, 0);
    assert_int_equal(get(0x0b, 0), 0x82); /* SET switches the update interrupt off */
    set(0x0c, 0xff, 0);
    set(0x0d, 0, 0);
    assert_int_equal(get(0x0c, 0), 0);
    assert_int_equal(get(0x0d, 0), 0x80);
    for (unsigned reg = 0x01; reg < 0x80; reg += reg < 5 ? 2 : 1) {
        if ((reg >= 6 && reg < 0x0e) || reg == 0x32)
            continue;
        set((uint8_t)reg, (uint8_t)(reg * 3), 0);
        assert_int_equal(get((uint8_t)reg, 0), (uint8_t)(reg * 3));
    }
    vrtc_write(&v, 0x70, 0x8d, 0); /* with the NMI gate */
    assert_int_equal(vrtc_read(&v, 0x70, 0), 0x0d);
    assert_int_equal(vrtc_read(&v, 0x71, 0), 0x80);
}

static unsigned word(uint8_t reg)
{
    return get(reg, 0) | (unsigned)get(reg + 1, 0) << 8;
}

static void test_memory_sizes(void **state)
{
    static const struct {
        uint64_t memory;
        unsigned above_1m, above_16m;
    } cases[] = {
        {UINT64_C(512) << 20, 0xffff, 496 * 16},
        {UINT64_C(8) << 20, 7168, 0},
        {UINT64_C(1) << 19, 0, 0},
        {UINT64_C(64) << 30, 0xffff, 0xffff},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vrtc_reset(&v, 0, cases[i].memory);
        assert_int_equal(word(0x15), 640);
        assert_int_equal(word(0x17), cases[i].above_1m);
        assert_int_equal(word(0x30), cases[i].above_1m);
        assert_int_equal(word(0x34), cases[i].above_16m);
    }
}

/* As Linux does it: stop, write all, go on. */
static void test_set_with_the_clock_stopped(void **state)
{
    static const uint8_t time[][2] = {{0x09, 0x31}, {0x08, 0x12}, {0x07, 0x24}, {0x04, 0x18},
                                      {0x02, 0x30}, {0x00, 0x59}, {0x32, 0x20}};
    uint64_t now = 1709164800, target = 1955903459; /* 2031-12-24 18:30:59 */

    (void)state;
    set(0x0b, 0x82, now);
    check_time(now, now + 50); /* stands */
    for (size_t i = 0; i < sizeof(time) / sizeof(time[0]); i++) {
        set(time[i][0], time[i][1], now);
        assert_int_equal(get(time[i][0], now), time[i][1]);
    }
    set(0x0b, 0x02, now);
    check_time(target, now);
    check_time(target + 100000, now + 100000);
    set(0x0b, 0x82, now);
    set(0x0b, 0x82, now + 5); /* stopped already */
    set(0x0b, 0x02, now + 10);
    check_time(target, now + 10); /* lost the ten seconds */
}

static void test_set_while_running(void **state)
{
    uint64_t now = 1709164800; /* 2024-02-29 00:00:00 */

    (void)state;
    set(0x04, 0x12, now);
    check_time(now + 12 * 3600, now);
    set(0x09, 0x25, now); /* 2025-02-29 carries over to March */
    assert_int_equal(get(0x07, now), 0x01);
    assert_int_equal(get(0x08, now), 0x03);
    set(0x32, 0x19, now);
    set(0x09, 0x69, now); /* before 1970: clamped */
    check_time(0, now);
    set(0x06, 0x05, now); /* the day of the week follows from the date */
    check_time(0, now);
}

/* Old kernels wait for an update to begin and to end before they read. */
static void test_update_in_progress(void **state)
{
    uint64_t updating = 0;

    (void)state;
    for (uint64_t us = 0; us < 2000000; us += 10)
        updating += get_at(0x0a, us * 1000) >> 7;
    assert_in_range(updating, 440, 450); /* 2228 us each second */
    assert_int_equal(get_at(0x0a, 3 * SECOND - 1), 0xa6);
    assert_int_equal(get_at(0x00, 3 * SECOND - 1), 0x02);
    assert_int_equal(get_at(0x0a, 3 * SECOND), 0x26);
    assert_int_equal(get_at(0x00, 3 * SECOND), 0x03);
    set_at(0x0b, 0x82, 3 * SECOND);
    assert_int_equal(get_at(0x0a, 4 * SECOND - 1), 0x26); /* stopped */
}

/* Linux: mc146818_set_time() resets the divider; the next second comes half a second later. */
static void test_divider(void **state)
{
    (void)state;
    set_at(0x0a, 0x76, 5 * SECOND + 100);
    assert_int_equal(get_at(0x0a, 6 * SECOND - 1), 0x76);
    set_at(0x0a, 0x26, 6 * SECOND + 300);
    assert_int_equal(get_at(0x00, 6 * SECOND + 300), 0x06);
    assert_int_equal(get_at(0x00, 6 * SECOND + 299 + SECOND / 2), 0x06);
    assert_int_equal(get_at(0x00, 6 * SECOND + 300 + SECOND / 2), 0x07);
}

static void test_periodic(void **state)
{
    static const uint16_t hz[16] = {0,   256, 128, 8192, 4096, 2048, 1024, 512,
                                    256, 128, 64,  32,   16,   8,    4,    2};
    uint64_t now = SECOND;

    (void)state;
    set_at(0x0b, 0x42, now);
    for (unsigned rate = 0; rate < 16; rate++) {
        unsigned count = 0;
        uint64_t end = now + SECOND;

        set_at(0x0a, (uint8_t)(0x20 | rate), now);
        get_at(0x0c, now);
        while (vrtc_next(&v, now) <= end) {
            now = vrtc_next(&v, now);
            assert_true(vrtc_irq(&v, now));
            assert_int_equal(vrtc_next(&v, now), UINT64_MAX); /* high until it was read */
            assert_int_equal(get_at(0x0c, now) & 0xe0, 0xc0);
            assert_false(vrtc_irq(&v, now));
            count++;
        }
        assert_int_equal(count, hz[rate]);
        now = end;
    }
    set_at(0x0a, 0x26, now);
    get_at(0x0c, now);
    now += 10 * SECOND;
    assert_int_equal(get_at(0x0c, now) & 0xc0, 0xc0); /* many are one */
    set_at(0x0b, 0x02, now);
    assert_int_equal(vrtc_next(&v, now), UINT64_MAX);
    now += SECOND;
    assert_int_equal(get_at(0x0c, now), 0x50); /* flags without interrupts */
    now += SECOND;
    assert_false(vrtc_irq(&v, now));
    set_at(0x0b, 0x42, now);
    assert_true(vrtc_irq(&v, now));
}

static void test_update_interrupt(void **state)
{
    uint64_t now = SECOND + 7;

    (void)state;
    get_at(0x0c, now);
    set_at(0x0b, 0x12, now);
    assert_int_equal(vrtc_next(&v, now), 2 * SECOND);
    assert_false(vrtc_irq(&v, 2 * SECOND - 1));
    assert_true(vrtc_irq(&v, 2 * SECOND));
    assert_int_equal(get_at(0x0c, 2 * SECOND) & 0xb0, 0x90);
    assert_int_equal(vrtc_next(&v, 2 * SECOND), 3 * SECOND);
}

static void alarm_at(uint8_t hours, uint8_t minutes, uint8_t seconds)
{
    set(0x05, hours, 0);
    set(0x03, minutes, 0);
    set(0x01, seconds, 0);
}

static void test_alarm(void **state)
{
    static const struct {
        uint8_t hours, minutes, seconds;
        uint64_t from, expected;
    } cases[] = {
        {0x12, 0x34, 0x56, 0, 45296}, {0x12, 0x34, 0x56, 45296, 45296 + 86400},
        {0xff, 0x00, 0x00, 1, 3600},  {0xff, 0xff, 0xff, 77, 78},
        {0xc0, 0xc0, 0x00, 60, 120},  {0x00, 0x00, 0x00, 1, 86400},
        {0x23, 0xff, 0x59, 0, 82859}, {0xff, 0x59, 0xff, 86399, 86400 + 3540},
        {0x24, 0xff, 0xff, 0, 0},     {0xff, 0x60, 0xff, 0, 0},
        {0xff, 0xff, 0x1a, 0, 0},     {0x23, 0x59, 0x59, 86398, 86399},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t from = cases[i].from * SECOND, expected = cases[i].expected * SECOND;

        vrtc_reset(&v, 0, MEMORY);
        alarm_at(cases[i].hours, cases[i].minutes, cases[i].seconds);
        set_at(0x0b, 0x22, from);
        get_at(0x0c, from);
        assert_int_equal(vrtc_next(&v, from), expected ? expected : UINT64_MAX);
        if (!expected)
            continue;
        assert_false(vrtc_irq(&v, expected - 1));
        assert_true(vrtc_irq(&v, expected));
        assert_int_equal(get_at(0x0c, expected) & 0xa0, 0xa0);
    }
}

static void check_digits(uint64_t now)
{
    static const struct {
        uint8_t reg, low, high;
    } ranges[] = {{0, 0, 0x59}, {2, 0, 0x59}, {4, 0, 0x23}, {6, 1, 7},
                  {7, 1, 0x31}, {8, 1, 0x12}, {9, 0, 0x99}, {0x32, 0x19, 0x99}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        uint8_t value = get_at(ranges[i].reg, now);

        assert_in_range(value, ranges[i].low, ranges[i].high);
        assert_true((value & 15) <= 9);
    }
}

static void test_random_traffic(void **state)
{
    uint64_t now = 0;

    (void)state;
    srand(3);
    for (int i = 0; i < 100000; i++) {
        uint8_t reg = (uint8_t)(rand() % 4 ? rand() % 16 : rand());
        uint64_t next;

        now += (uint64_t)rand() << (rand() % 8);
        if (rand() % 2)
            set_at(reg == 0x0f ? 0x32 : reg, (uint8_t)rand(), now);
        else
            get_at(reg, now);
        vrtc_write(&v, 0, 0x0b, now);
        if (!(vrtc_read(&v, 1, now) & 0x80))
            check_digits(now);
        if (rand() % 2)
            vrtc_irq(&v, now);
        next = vrtc_next(&v, now);
        assert_true(next >= now);
        if (next == UINT64_MAX || next == now || next - now > 3600 * SECOND)
            continue;
        assert_false(vrtc_irq(&v, next - 1));
        assert_true(vrtc_irq(&v, next));
        now = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_known_times, setup),
        cmocka_unit_test_setup(test_every_day_of_four_centuries, setup),
        cmocka_unit_test_setup(test_registers, setup),
        cmocka_unit_test_setup(test_memory_sizes, setup),
        cmocka_unit_test_setup(test_set_with_the_clock_stopped, setup),
        cmocka_unit_test_setup(test_set_while_running, setup),
        cmocka_unit_test_setup(test_update_in_progress, setup),
        cmocka_unit_test_setup(test_divider, setup),
        cmocka_unit_test_setup(test_periodic, setup),
        cmocka_unit_test_setup(test_update_interrupt, setup),
        cmocka_unit_test_setup(test_alarm, setup),
        cmocka_unit_test_setup(test_random_traffic, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
