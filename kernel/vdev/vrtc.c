/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vrtc.h"

#include "kernel/acpi/guest.h"
#include "kernel/lib/types.h"
#include "kernel/vdev/vclock.h"

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

enum { A_UIP = 0x80, A_DIVIDER = 0x70, A_32KHZ = 0x20, A_RATE = 0x0f, A_RATE_1KHZ = 0x06 };
enum { B_SET = 0x80, B_BINARY = 0x04, B_24H = 0x02, D_VRT = 0x80 };
enum { FLAG_IRQ = 0x80, FLAG_PERIODIC = 0x40, FLAG_ALARM = 0x20, FLAG_UPDATE = 0x10, FLAGS = 0x70 };

#define ALARM_ANY 0xc0 /* from here on an alarm byte fits everything */

/* What a PC's firmware writes into the memory: pairs of bytes, sizes in KiB or 64 KiB. */
enum { MEMORY_BASE = 0x15, MEMORY_ABOVE_1M = 0x17, MEMORY_ABOVE_1M_TOO = 0x30 };
enum { MEMORY_ABOVE_16M = 0x34 };

#define UPDATE_NS 2228000 /* tBUC + tUC: how long an update announces itself and takes */

enum { SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY };

/* Register of each field of the time. */
static const uint8_t fields[VRTC_FIELDS] = {0x00, 0x02, 0x04, 0x06,
                                            0x07, 0x08, 0x09, GUEST_RTC_CENTURY};

static const uint16_t days_before[13] = {0,   31,  59,  90,  120, 151, 181,
                                         212, 243, 273, 304, 334, 365};

#define DAY_SECONDS 86400
#define LAST_SECOND INT64_C(253402300799) /* the end of the year 9999 */

static void put_word(struct vrtc *v, uint8_t reg, uint64_t value)
{
    if (value > UINT16_MAX)
        value = UINT16_MAX;
    v->cmos[reg] = (uint8_t)value;
    v->cmos[reg + 1] = (uint8_t)(value >> 8);
}

static uint64_t above(uint64_t memory, uint64_t start, uint64_t unit)
{
    return memory > start ? (memory - start) / unit : 0;
}

void vrtc_reset(struct vrtc *v, uint64_t utc, uint64_t memory)
{
    *v = (struct vrtc){
        .offset = (int64_t)(utc / VCLOCK_SECOND),
        .phase = utc % VCLOCK_SECOND,
        .seen = utc % VCLOCK_SECOND,
    };
    v->cmos[REG_A] = A_32KHZ | A_RATE_1KHZ;
    v->cmos[REG_B] = B_24H;
    put_word(v, MEMORY_BASE, 640);
    put_word(v, MEMORY_ABOVE_1M, above(memory, MIB(1), KIB(1)));
    put_word(v, MEMORY_ABOVE_1M_TOO, above(memory, MIB(1), KIB(1)));
    put_word(v, MEMORY_ABOVE_16M, above(memory, MIB(16), KIB(64)));
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

/* What the divider has counted, in ns. */
static uint64_t divider(const struct vrtc *v, uint64_t now)
{
    return now > VCLOCK_NEVER - v->phase ? VCLOCK_NEVER : now + v->phase;
}

static int64_t clock_of(const struct vrtc *v, uint64_t divided)
{
    return clamp((int64_t)(divided / VCLOCK_SECOND) + v->offset, 0, LAST_SECOND);
}

static void time_at(const struct vrtc *v, uint64_t now, uint8_t out[VRTC_FIELDS])
{
    int64_t time = clock_of(v, divider(v, now));
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
    int64_t year = from_bcd(v->held[CENTURY]) * 100 + from_bcd(v->held[YEAR]);
    int64_t month = clamp(from_bcd(v->held[MONTH]), 1, 12);
    int64_t days = days_to_year(year) + days_to_month(year, month) + from_bcd(v->held[DAY]) - 1;
    int64_t time = days * DAY_SECONDS + from_bcd(v->held[HOURS]) * 3600 +
                   from_bcd(v->held[MINUTES]) * 60 + from_bcd(v->held[SECONDS]);

    v->offset = clamp(time, 0, LAST_SECOND) - (int64_t)(divider(v, now) / VCLOCK_SECOND);
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
    return (v->cmos[REG_B] & B_SET) != 0;
}

static bool divides(const struct vrtc *v)
{
    return (v->cmos[REG_A] & A_DIVIDER) == A_32KHZ;
}

/* The period of the periodic flag in ticks of 32768 Hz, 0: none. */
static uint32_t period(const struct vrtc *v)
{
    unsigned rate = v->cmos[REG_A] & A_RATE;

    if (rate == 0 || !divides(v))
        return 0;
    return 1u << (rate < 3 ? rate + 6 : rate - 1);
}

static bool alarm_fits(uint8_t alarm, int64_t value)
{
    return alarm >= ALARM_ANY || alarm == to_bcd(value);
}

/* An alarm byte that fits some value below the limit, given in BCD. */
static bool alarm_possible(uint8_t alarm, uint8_t limit)
{
    return alarm >= ALARM_ANY || (alarm < limit && (alarm & 15) < 10);
}

/* Seconds from `time` to the next alarm behind it, 0: there is none. At most some 150 steps, since
 * each of the three bytes fits something. */
static int64_t alarm_after(const struct vrtc *v, int64_t time)
{
    const uint8_t *cmos = v->cmos;
    int64_t left = 1;

    if (time == LAST_SECOND) /* the clock stands */
        return 0;
    if (!alarm_possible(cmos[REG_SECONDS_ALARM], 0x60) ||
        !alarm_possible(cmos[REG_MINUTES_ALARM], 0x60) ||
        !alarm_possible(cmos[REG_HOURS_ALARM], 0x24))
        return 0;
    while (left <= DAY_SECONDS) {
        int64_t at = (time + left) % DAY_SECONDS;

        if (!alarm_fits(cmos[REG_HOURS_ALARM], at / 3600))
            left += 3600 - at % 3600;
        else if (!alarm_fits(cmos[REG_MINUTES_ALARM], at / 60 % 60))
            left += 60 - at % 60;
        else if (!alarm_fits(cmos[REG_SECONDS_ALARM], at % 60))
            left++;
        else
            return left;
    }
    return 0;
}

/* Set the flags of what has happened since the last time. */
static void settle(struct vrtc *v, uint64_t now)
{
    uint64_t divided = divider(v, now);
    uint64_t seconds = divided / VCLOCK_SECOND - v->seen / VCLOCK_SECOND;
    uint32_t ticks = period(v);
    int64_t alarm;

    if (ticks != 0 &&
        vclock_ticks(VCLOCK_32KHZ, divided) / ticks != vclock_ticks(VCLOCK_32KHZ, v->seen) / ticks)
        v->flags |= FLAG_PERIODIC;
    if (seconds != 0 && divides(v) && !stopped(v)) {
        v->flags |= FLAG_UPDATE;
        alarm = v->flags & FLAG_ALARM ? 0 : alarm_after(v, clock_of(v, v->seen));
        if (alarm != 0 && (uint64_t)alarm <= seconds)
            v->flags |= FLAG_ALARM;
    }
    v->seen = divided;
}

static bool line_high(const struct vrtc *v)
{
    return (v->flags & v->cmos[REG_B] & FLAGS) != 0;
}

bool vrtc_irq(struct vrtc *v, uint64_t now)
{
    settle(v, now);
    return line_high(v);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the divider shows so many whole seconds. */
static uint64_t at_second(uint64_t second)
{
    return second > VCLOCK_NEVER / VCLOCK_SECOND ? VCLOCK_NEVER : second * VCLOCK_SECOND;
}

uint64_t vrtc_next(const struct vrtc *v, uint64_t now)
{
    uint8_t enabled = v->cmos[REG_B] & FLAGS;
    uint64_t next = VCLOCK_NEVER, second = v->seen / VCLOCK_SECOND;
    uint32_t ticks = period(v);
    int64_t alarm;

    if (enabled == 0 || line_high(v))
        return VCLOCK_NEVER;
    if ((enabled & FLAG_PERIODIC) && ticks != 0)
        next = vclock_ns(VCLOCK_32KHZ, (vclock_ticks(VCLOCK_32KHZ, v->seen) / ticks + 1) * ticks);
    if (divides(v) && !stopped(v)) {
        if (enabled & FLAG_UPDATE)
            next = sooner(next, at_second(second + 1));
        alarm = enabled & FLAG_ALARM ? alarm_after(v, clock_of(v, v->seen)) : 0;
        if (alarm != 0)
            next = sooner(next, at_second(second + (uint64_t)alarm));
    }
    if (next == VCLOCK_NEVER)
        return next;
    return next < divider(v, now) ? now : next - v->phase;
}

static uint8_t read_control_a(const struct vrtc *v, uint64_t now)
{
    uint64_t left = VCLOCK_SECOND - divider(v, now) % VCLOCK_SECOND;
    bool updating = left <= UPDATE_NS && divides(v) && !stopped(v);

    return updating ? v->cmos[REG_A] | A_UIP : v->cmos[REG_A];
}

static uint8_t read_flags(struct vrtc *v, uint64_t now)
{
    uint8_t flags;

    settle(v, now);
    flags = line_high(v) ? v->flags | FLAG_IRQ : v->flags;
    v->flags = 0;
    return flags;
}

static uint8_t read_register(struct vrtc *v, uint64_t now)
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
    case REG_A:
        return read_control_a(v, now);
    case REG_C:
        return read_flags(v, now);
    case REG_D:
        return D_VRT;
    default:
        return v->cmos[v->index];
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

/* A divider that is let go comes to its first second after half of one. */
static void write_control_a(struct vrtc *v, uint8_t value, uint64_t now)
{
    bool stood = !divides(v);
    int64_t second = (int64_t)(divider(v, now) / VCLOCK_SECOND);

    v->cmos[REG_A] = (uint8_t)(value & ~A_UIP);
    if (!stood || !divides(v))
        return;
    v->phase = (VCLOCK_SECOND * 3 / 2 - now % VCLOCK_SECOND) % VCLOCK_SECOND;
    v->seen = divider(v, now);
    v->offset += second - (int64_t)(v->seen / VCLOCK_SECOND);
}

/* The format is fixed: a guest that looks at what it wrote sees BCD and 24 hours. */
static void write_control_b(struct vrtc *v, uint8_t value, uint64_t now)
{
    bool was_stopped = stopped(v);

    if (!was_stopped && (value & B_SET))
        time_at(v, now, v->held);
    if (value & B_SET)
        value &= (uint8_t)~FLAG_UPDATE;
    v->cmos[REG_B] = (uint8_t)((value & ~B_BINARY) | B_24H);
    if (was_stopped && !stopped(v))
        set_time(v, now);
}

uint8_t vrtc_read(struct vrtc *v, uint16_t offset, uint64_t now)
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
    settle(v, now);
    field = field_of(v->index);
    if (field < VRTC_FIELDS)
        write_time(v, field, value, now);
    else if (v->index == REG_A)
        write_control_a(v, value, now);
    else if (v->index == REG_B)
        write_control_b(v, value, now);
    else if (v->index != REG_C && v->index != REG_D) /* they are for reading */
        v->cmos[v->index] = value;
}
