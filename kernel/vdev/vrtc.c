/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vrtc.h"

#include <stdbool.h>

#include "kernel/acpi/guest.h"

/* Registers and bits as the MC146818 data sheet names them. */
enum {
    REG_SECONDS_ALARM = 0x01,
    REG_MINUTES_ALARM = 0x03,
    REG_HOURS_ALARM = 0x05,
    REG_A = 0x0a,
    REG_B = 0x0b,
    REG_C = 0x0c,
    REG_D = 0x0d,
};

enum { A_UIP = 0x80, A_32KHZ = 0x26, B_SET = 0x80, B_BINARY = 0x04, B_24H = 0x02, D_VRT = 0x80 };

enum { SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY };

/* Register of each field of the time. */
static const uint8_t fields[VRTC_FIELDS] = {0x00, 0x02, 0x04, 0x06,
                                            0x07, 0x08, 0x09, GUEST_RTC_CENTURY};

static const uint16_t days_before[13] = {0,   31,  59,  90,  120, 151, 181,
                                         212, 243, 273, 304, 334, 365};

#define DAY_SECONDS 86400
#define LAST_SECOND INT64_C(253402300799) /* the end of the year 9999 */

void vrtc_reset(struct vrtc *v)
{
    *v = (struct vrtc){.control_a = A_32KHZ, .control_b = B_24H};
}

static bool leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from the first day of 1970 to the first day of `year`; negative before. */
static int64_t days_to_year(int64_t year)
{
    int64_t full = year - 1;

    return 365 * (year - 1970) + (full / 4 - full / 100 + full / 400) - 477;
}

/* Days of the year before its month `month` (1..13). */
static int64_t days_to_month(int64_t year, int64_t month)
{
    return days_before[month - 1] + (month > 2 && leap_year(year) ? 1 : 0);
}

static uint8_t to_bcd(int64_t value)
{
    return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static int64_t from_bcd(uint8_t value)
{
    return (value >> 4) * 10 + (value & 15);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void time_at(const struct vrtc *v, uint64_t now, uint8_t out[VRTC_FIELDS])
{
    int64_t machine = now > (uint64_t)LAST_SECOND ? LAST_SECOND : (int64_t)now;
    int64_t time = clamp(machine + v->offset, 0, LAST_SECOND);
    int64_t days = time / DAY_SECONDS;
    int64_t second = time % DAY_SECONDS;
    int64_t year = 1970 + days / 366; /* never too late, at most some 17 years too early */
    int64_t month = 1;

    while (days_to_year(year + 1) <= days)
        year++;
    days -= days_to_year(year);
    while (month < 12 && days_to_month(year, month + 1) <= days)
        month++;
    out[SECONDS] = to_bcd(second % 60);
    out[MINUTES] = to_bcd(second / 60 % 60);
    out[HOURS] = to_bcd(second / 3600);
    out[WEEKDAY] = to_bcd((time / DAY_SECONDS + 4) % 7 + 1); /* Sunday is 1 */
    out[DAY] = to_bcd(days - days_to_month(year, month) + 1);
    out[MONTH] = to_bcd(month);
    out[YEAR] = to_bcd(year % 100);
    out[CENTURY] = to_bcd(year / 100);
}

/* Take v->held as the time that it is at `now`. Fields that are out of range carry over. */
static void set_time(struct vrtc *v, uint64_t now)
{
    int64_t machine = now > (uint64_t)LAST_SECOND ? LAST_SECOND : (int64_t)now;
    int64_t year = from_bcd(v->held[CENTURY]) * 100 + from_bcd(v->held[YEAR]);
    int64_t month = clamp(from_bcd(v->held[MONTH]), 1, 12);
    int64_t days = days_to_year(year) + days_to_month(year, month) + from_bcd(v->held[DAY]) - 1;

    v->offset = days * DAY_SECONDS + from_bcd(v->held[HOURS]) * 3600 +
                from_bcd(v->held[MINUTES]) * 60 + from_bcd(v->held[SECONDS]) - machine;
}

/* The field of the time that a register shows, VRTC_FIELDS for other registers. */
static int field_of(uint8_t reg)
{
    int field = 0;

    while (field < VRTC_FIELDS && fields[field] != reg)
        field++;
    return field;
}

static bool stopped(const struct vrtc *v)
{
    return (v->control_b & B_SET) != 0;
}

static uint8_t read_register(const struct vrtc *v, uint64_t now)
{
    uint8_t time[VRTC_FIELDS];
    int field = field_of(v->index);

    if (field < VRTC_FIELDS) {
        if (stopped(v))
            return v->held[field];
        time_at(v, now, time);
        return time[field];
    }
    switch (v->index) {
    case REG_SECONDS_ALARM:
    case REG_MINUTES_ALARM:
    case REG_HOURS_ALARM:
        return v->alarm[v->index / 2];
    case REG_A:
        return v->control_a;
    case REG_B:
        return v->control_b;
    case REG_D:
        return D_VRT;
    default:
        return 0;
    }
}

static void write_time(struct vrtc *v, int field, uint8_t value, uint64_t now)
{
    if (!stopped(v))
        time_at(v, now, v->held);
    v->held[field] = value;
    if (!stopped(v))
        set_time(v, now);
}

/* The format is fixed: a guest that looks at what it wrote sees BCD and 24 hours. */
static void write_control_b(struct vrtc *v, uint8_t value, uint64_t now)
{
    bool was_stopped = stopped(v);

    if (!was_stopped && (value & B_SET))
        time_at(v, now, v->held);
    v->control_b = (uint8_t)((value & ~B_BINARY) | B_24H);
    if (was_stopped && !stopped(v))
        set_time(v, now);
}

uint8_t vrtc_read(const struct vrtc *v, uint16_t offset, uint64_t now)
{
    return offset % 2 == 0 ? v->index : read_register(v, now);
}

void vrtc_write(struct vrtc *v, uint16_t offset, uint8_t value, uint64_t now)
{
    int field;

    if (offset % 2 == 0) {
        v->index = value & 0x7f; /* bit 7 is the PC's NMI gate */
        return;
    }
    field = field_of(v->index);
    if (field < VRTC_FIELDS) {
        write_time(v, field, value, now);
        return;
    }
    switch (v->index) {
    case REG_SECONDS_ALARM:
    case REG_MINUTES_ALARM:
    case REG_HOURS_ALARM:
        v->alarm[v->index / 2] = value;
        break;
    case REG_A:
        v->control_a = (uint8_t)(value & ~A_UIP);
        break;
    case REG_B:
        write_control_b(v, value, now);
        break;
    default: /* C and D are for reading, the rest is not there */
        break;
    }
}
