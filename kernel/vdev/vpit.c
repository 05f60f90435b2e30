/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vpit.h"

#include "kernel/lib/bits.h"
#include "kernel/vdev/vclock.h"

/* The modes' names in the data sheet. */
enum { ON_TERMINAL_COUNT, ONE_SHOT, RATE, SQUARE_WAVE, SOFTWARE_STROBE, HARDWARE_STROBE };

enum { ACCESS_LATCH = 0, ACCESS_LOW = 1, ACCESS_HIGH = 2, ACCESS_BOTH = 3 };
enum { READ_BACK = 3, NOT_COUNT = 0x20, NOT_STATUS = 0x10, STATUS_OUT = 0x80, STATUS_NULL = 0x40 };
enum { B_GATE_2 = 0x01, B_WRITABLE = 0x0f, B_REFRESH = 0x10, B_OUT_2 = 0x20 };

#define REFRESH_TICKS 18

/* The guest's first tick: a square wave may have begun half a period before. */
#define FIRST_TICK 65536

static uint64_t tick_at(uint64_t now)
{
    return vclock_ticks(VCLOCK_PIT, now) + FIRST_TICK;
}

static bool periodic(const struct vpit_counter *c)
{
    return c->mode == RATE || c->mode == SQUARE_WAVE;
}

/* In these modes the gate does not stop the count: its rise starts it. */
static bool triggered(const struct vpit_counter *c)
{
    return c->mode == ONE_SHOT || c->mode == HARDWARE_STROBE;
}

static bool stopped(const struct vpit_counter *c)
{
    return !c->gate && !triggered(c);
}

static uint64_t phase(const struct vpit_counter *c, uint64_t tick)
{
    if (stopped(c))
        return c->elapsed;
    return tick < c->start ? 0 : tick - c->start;
}

/* How long a period of a square wave is high. */
static uint32_t high_part(uint32_t count)
{
    return (count + 1) / 2;
}

static bool output(const struct vpit_counter *c, uint64_t tick)
{
    uint64_t at = phase(c, tick);

    if (c->count == 0)
        return c->mode != ON_TERMINAL_COUNT;
    switch (c->mode) {
    case ON_TERMINAL_COUNT:
    case ONE_SHOT:
        return at >= c->count;
    case RATE:
        return stopped(c) || at % c->count != c->count - 1;
    case SQUARE_WAVE:
        return stopped(c) || at % c->count < high_part(c->count);
    default:
        return at != c->count;
    }
}

static uint32_t square_wave_value(uint32_t count, uint32_t at)
{
    uint32_t even = count & ~1u;

    if (at >= high_part(count))
        at -= high_part(count);
    return even - 2 * at;
}

/* What the counting element shows, before it is cut into bytes. */
static uint16_t value_at(const struct vpit_counter *c, uint64_t tick)
{
    uint32_t modulus = c->bcd ? 10000 : 65536;
    uint64_t at = phase(c, tick);
    uint32_t value;

    if (c->count == 0)
        value = 0;
    else if (c->mode == RATE)
        value = c->count - (uint32_t)(at % c->count);
    else if (c->mode == SQUARE_WAVE)
        value = square_wave_value(c->count, (uint32_t)(at % c->count));
    else
        value = c->count + modulus - (uint32_t)(at % modulus);
    value %= modulus;
    if (!c->bcd)
        return (uint16_t)value;
    return (uint16_t)(value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 |
                      value % 10);
}

/* Bring what was written into effect when its time has come. */
static void settle(struct vpit_counter *c, uint64_t tick)
{
    bool goes_low;

    if (c->reload == 0 || tick < c->reload_at)
        return;
    goes_low = c->mode == SQUARE_WAVE && !output(c, c->reload_at);
    c->start = c->reload_at - (goes_low ? high_part(c->reload) : 0);
    c->count = c->reload;
    c->reload = 0;
}

/* The end of the period, or of the half of it, in which a periodic count is at `tick`. */
static uint64_t part_end(const struct vpit_counter *c, uint64_t tick)
{
    uint64_t at = phase(c, tick);
    uint64_t begin = (tick < c->start ? c->start : tick) - at % c->count;

    if (c->mode == SQUARE_WAVE && at % c->count < high_part(c->count))
        return begin + high_part(c->count);
    return begin + c->count;
}

static void load(struct vpit_counter *c, uint32_t count, uint64_t tick)
{
    settle(c, tick);
    if (triggered(c)) {
        c->reload = count;
        c->reload_at = VCLOCK_NEVER;
    } else if (periodic(c) && c->count != 0 && !stopped(c)) {
        c->reload = count;
        c->reload_at = part_end(c, tick);
    } else {
        c->count = count;
        c->start = tick + 1;
        c->elapsed = 0;
    }
}

static uint32_t count_of(const struct vpit_counter *c, uint8_t low, uint8_t high)
{
    uint32_t count = (uint32_t)high << 8 | low;

    if (c->bcd)
        count =
            (count >> 12) * 1000 + (count >> 8 & 15) * 100 + (count >> 4 & 15) * 10 + (count & 15);
    if (count == 0)
        return c->bcd ? 10000 : 65536;
    return count;
}

static void write_count(struct vpit_counter *c, uint8_t value, uint64_t tick)
{
    if (c->access == ACCESS_LOW) {
        load(c, count_of(c, value, 0), tick);
    } else if (c->access == ACCESS_HIGH) {
        load(c, count_of(c, 0, value), tick);
    } else if (c->write_high) {
        c->write_high = false;
        load(c, count_of(c, c->low, value), tick);
    } else {
        c->write_high = true;
        c->low = value;
        if (c->mode == ON_TERMINAL_COUNT)
            c->count = 0; /* the first byte stops it */
    }
}

static void latch_count(struct vpit_counter *c, uint64_t tick)
{
    if (c->latched != 0)
        return;
    c->latch = value_at(c, tick);
    c->latched = c->access == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(struct vpit_counter *c, uint64_t tick)
{
    if (c->status_latched)
        return;
    c->status_latched = true;
    c->status = (uint8_t)(c->access << 4 | c->mode << 1 | (c->bcd ? 1 : 0));
    if (output(c, tick))
        c->status |= STATUS_OUT;
    if (c->count == 0 || c->reload != 0 || (!stopped(c) && tick < c->start))
        c->status |= STATUS_NULL;
}

static void read_back(struct vpit *v, uint8_t value, uint64_t tick)
{
    for (unsigned i = 0; i < VPIT_COUNTERS; i++) {
        struct vpit_counter *c = &v->counter[i];

        if (!(value & 2u << i))
            continue;
        settle(c, tick);
        if (!(value & NOT_COUNT))
            latch_count(c, tick);
        if (!(value & NOT_STATUS))
            latch_status(c, tick);
    }
}

static void control(struct vpit *v, uint8_t value, uint64_t tick)
{
    struct vpit_counter *c = &v->counter[(value >> 6) % VPIT_COUNTERS];
    uint8_t access = value >> 4 & 3;
    uint8_t mode = value >> 1 & 7;

    if (value >> 6 == READ_BACK) {
        read_back(v, value, tick);
        return;
    }
    settle(c, tick);
    if (access == ACCESS_LATCH) {
        latch_count(c, tick);
        return;
    }
    *c = (struct vpit_counter){
        .mode = mode > HARDWARE_STROBE ? mode & 3 : mode,
        .access = access,
        .bcd = value & 1,
        .gate = c->gate,
    };
}

/* The first tick after `tick` at which the output rises while `count` stays in effect. */
static uint64_t rise_of_count(const struct vpit_counter *c, uint64_t tick)
{
    uint64_t at = phase(c, tick);

    if (c->count == 0)
        return VCLOCK_NEVER;
    switch (c->mode) {
    case ON_TERMINAL_COUNT:
        return at < c->count ? c->start + c->count : VCLOCK_NEVER;
    case RATE:
    case SQUARE_WAVE: /* a period of one tick has no edges */
        return c->count > 1 ? c->start + (at / c->count + 1) * c->count : VCLOCK_NEVER;
    case SOFTWARE_STROBE:
        return at <= c->count ? c->start + c->count + 1 : VCLOCK_NEVER;
    default: /* counter 0 has no trigger */
        return VCLOCK_NEVER;
    }
}

static uint64_t next_rise(const struct vpit *v)
{
    struct vpit_counter c = v->counter[0];
    uint64_t rise;

    settle(&c, v->seen);
    rise = rise_of_count(&c, v->seen);
    if (c.reload == 0 || rise <= c.reload_at)
        return rise;
    settle(&c, c.reload_at);
    return rise_of_count(&c, c.reload_at);
}

bool vpit_irq0_take(struct vpit *v, uint64_t now)
{
    uint64_t tick = tick_at(now);
    bool rose = v->rose || next_rise(v) <= tick;

    v->rose = false;
    v->seen = tick;
    settle(&v->counter[0], tick);
    return rose;
}

uint64_t vpit_irq0_next(const struct vpit *v, uint64_t now)
{
    uint64_t rise = next_rise(v);
    uint64_t next = rise == VCLOCK_NEVER ? rise : vclock_ns(VCLOCK_PIT, rise - FIRST_TICK);

    return v->rose || next < now ? now : next;
}

uint8_t vpit_read(struct vpit *v, uint16_t port, uint64_t now)
{
    struct vpit_counter *c = &v->counter[port % 4 % VPIT_COUNTERS];
    bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
    struct vpit_counter shown;
    uint16_t value;

    if (port % 4 == VPIT_COUNTERS)
        return 0xff; /* the control word cannot be read */
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->latched != 0) {
        c->latched--;
        value = c->latch;
    } else {
        shown = *c; /* vpit_irq0_take() wants to see what is not in effect yet */
        settle(&shown, tick_at(now));
        value = value_at(&shown, tick_at(now));
    }
    c->read_high = !c->read_high;
    return (uint8_t)(high ? value >> 8 : value);
}

void vpit_write(struct vpit *v, uint16_t port, uint8_t value, uint64_t now)
{
    uint64_t tick = tick_at(now);
    bool high;

    v->rose = vpit_irq0_take(v, now);
    high = output(&v->counter[0], tick);
    if (port % 4 == VPIT_COUNTERS)
        control(v, value, tick);
    else
        write_count(&v->counter[port % 4], value, tick);
    if (!high && output(&v->counter[0], tick))
        v->rose = true;
}

uint8_t vpit_system_b_read(const struct vpit *v, uint64_t now)
{
    uint64_t tick = tick_at(now);
    struct vpit_counter c = v->counter[2];
    uint8_t value = v->speaker;

    settle(&c, tick);
    if (output(&c, tick))
        value |= B_OUT_2;
    if (tick / REFRESH_TICKS % 2)
        value |= B_REFRESH;
    return value;
}

void vpit_system_b_write(struct vpit *v, uint8_t value, uint64_t now)
{
    struct vpit_counter *c = &v->counter[2];
    uint64_t tick = tick_at(now);
    bool gate = (value & B_GATE_2) != 0;

    v->speaker = value & B_WRITABLE;
    if (gate == c->gate)
        return;
    settle(c, tick);
    c->elapsed = phase(c, tick);
    c->gate = gate;
    if (!gate)
        return;
    if (!triggered(c) && !periodic(c)) {
        c->start = tick - c->elapsed;
        return;
    }
    if (c->reload != 0)
        c->count = c->reload;
    c->reload = 0;
    c->start = tick + 1;
}

void vpit_reset(struct vpit *v)
{
    *v = (struct vpit){.seen = FIRST_TICK};
    for (unsigned i = 0; i < VPIT_COUNTERS; i++)
        v->counter[i] = (struct vpit_counter){
            .mode = SQUARE_WAVE,
            .access = ACCESS_BOTH,
            .count = 65536,
            .start = FIRST_TICK,
            .gate = i != 2,
        };
    v->counter[1].mode = RATE;
    v->counter[1].count = REFRESH_TICKS;
}
