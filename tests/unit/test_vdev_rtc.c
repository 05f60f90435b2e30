/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "kernel/vdev/vrtc.h"

static struct vrtc v;

static int setup(void **state)
{
    (void)state;
    vrtc_reset(&v);
    return 0;
}

static uint8_t get(uint8_t reg, uint64_t now)
{
    vrtc_write(&v, 0x70, reg, now);
    return vrtc_read(&v, 0x71, now);
}

static void set(uint8_t reg, uint8_t value, uint64_t now)
{
    vrtc_write(&v, 0x70, reg, now);
    vrtc_write(&v, 0x71, value, now);
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
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        check_time(times[i], times[i]);
    check_time(253402300799, 253402300800); /* then it stands still */
    check_time(253402300799, UINT64_MAX);
}

static void test_every_day_of_four_centuries(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < 146097; day += 3)
        check_time(day * 86400 + day % 86400, day * 86400 + day % 86400);
}

static void test_control_registers(void **state)
{
    (void)state;
    assert_int_equal(get(0x0a, 0), 0x26);
    assert_int_equal(get(0x0b, 0), 0x02);
    assert_int_equal(get(0x0c, 0), 0);
    assert_int_equal(get(0x0d, 0), 0x80);
    set(0x0a, 0xff, 0);
    assert_int_equal(get(0x0a, 0), 0x7f); /* never updating */
    set(0x0b, 0x7d, 0);
    assert_int_equal(get(0x0b, 0), 0x7b); /* BCD and 24 hours whatever is written */
    set(0x0c, 0xff, 0);
    set(0x0d, 0, 0);
    assert_int_equal(get(0x0c, 0), 0);
    assert_int_equal(get(0x0d, 0), 0x80);
    set(0x01, 0x11, 0);
    set(0x03, 0x22, 0);
    set(0x05, 0x33, 0);
    assert_int_equal(get(0x01, 0), 0x11);
    assert_int_equal(get(0x03, 0), 0x22);
    assert_int_equal(get(0x05, 0), 0x33);
    set(0x0f, 0x0a, 0);
    assert_int_equal(get(0x0f, 0), 0);
    vrtc_write(&v, 0x70, 0x8d, 0); /* with the NMI gate */
    assert_int_equal(vrtc_read(&v, 0x70, 0), 0x0d);
    assert_int_equal(vrtc_read(&v, 0x71, 0), 0x80);
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

static void check_digits(uint64_t now)
{
    static const struct {
        uint8_t reg, low, high;
    } ranges[] = {{0, 0, 0x59}, {2, 0, 0x59}, {4, 0, 0x23}, {6, 1, 7},
                  {7, 1, 0x31}, {8, 1, 0x12}, {9, 0, 0x99}, {0x32, 0x19, 0x99}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        uint8_t value = get(ranges[i].reg, now);

        assert_in_range(value, ranges[i].low, ranges[i].high);
        assert_true((value & 15) <= 9);
    }
}

static void test_random_traffic(void **state)
{
    (void)state;
    srand(3);
    for (int i = 0; i < 100000; i++) {
        uint64_t now = (uint64_t)rand() << (rand() % 34);
        uint8_t reg = (uint8_t)(rand() % 4 ? rand() % 16 : rand());

        if (rand() % 2)
            set(reg == 0x0f ? 0x32 : reg, (uint8_t)rand(), now);
        else
            get(reg, now);
        vrtc_write(&v, 0, 0x0b, now);
        if (!(vrtc_read(&v, 1, now) & 0x80))
            check_digits(now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_known_times, setup),
        cmocka_unit_test_setup(test_every_day_of_four_centuries, setup),
        cmocka_unit_test_setup(test_control_registers, setup),
        cmocka_unit_test_setup(test_set_with_the_clock_stopped, setup),
        cmocka_unit_test_setup(test_set_while_running, setup),
        cmocka_unit_test_setup(test_random_traffic, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
