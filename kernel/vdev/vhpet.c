/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vhpet.h"

#include "kernel/lib/bits.h"
#include "kernel/vdev/vclock.h"

/* Registers and fields by the specification's names; offsets of 64-bit registers. */
enum { GCAP_ID = 0x00, GEN_CONF = 0x10, GINTR_STA = 0x20, MAIN_CNT = 0xf0, TIMERS = 0x100 };
enum { TN_SIZE = 0x20, TN_CONF = 0x00, TN_COMP = 0x08 };

#define CONF_ENABLE BIT(0)
#define CONF_LEGACY BIT(1)

#define TN_LEVEL      BIT(1)
#define TN_INT_ENABLE BIT(2)
#define TN_PERIODIC   BIT(3)
#define TN_PER_CAP    BIT(4)
#define TN_SIZE_CAP   BIT(5)
#define TN_VAL_SET    BIT(6)
#define TN_32MODE     BIT(8)
#define TN_ROUTE      BITS(13, 9)
#define TN_FIXED      (TN_PER_CAP | TN_SIZE_CAP | (uint64_t)VHPET_ROUTES << 32)
#define TN_WRITABLE   (TN_LEVEL | TN_INT_ENABLE | TN_PERIODIC | TN_VAL_SET | TN_32MODE | TN_ROUTE)

/* 10,000,000 fs; Intel; legacy replacement, 64 bits, three timers, revision 1. */
#define CAPABILITIES                                                                               \
    ((uint64_t)(VHPET_NS * 1000000) << 32 | 0x8086u << 16 | BIT(15) | BIT(13) |                    \
     (VHPET_TIMERS - 1) << 8 | 1)

void vhpet_reset(struct vhpet *v)
{
    *v = (struct vhpet){0};
    for (unsigned i = 0; i < VHPET_TIMERS; i++)
        v->timer[i] = (struct vhpet_timer){TN_FIXED, UINT64_MAX, UINT64_MAX};
}

static bool counts(const struct vhpet *v)
{
    return (v->config & CONF_ENABLE) != 0;
}

static uint64_t counter_at(const struct vhpet *v, uint64_t now)
{
    return v->base + (counts(v) ? now / VHPET_NS : 0);
}

static uint64_t width(const struct vhpet_timer *t)
{
    return t->config & TN_32MODE ? UINT32_MAX : UINT64_MAX;
}

/* Counts from behind `from` to the next match, 0 for the very next one. */
static uint64_t distance(const struct vhpet_timer *t, uint64_t from)
{
    return (t->comparator - from - 1) & width(t);
}

static void advance_period(struct vhpet_timer *t, uint64_t counter)
{
    uint64_t late = (counter - t->comparator) & width(t);

    if ((t->config & TN_PERIODIC) && t->period != 0)
        t->comparator = (t->comparator + (late / t->period + 1) * t->period) & width(t);
}

static void settle(struct vhpet *v, uint64_t now)
{
    uint64_t counter = counter_at(v, now);

    for (unsigned i = 0; i < VHPET_TIMERS; i++) {
        struct vhpet_timer *t = &v->timer[i];

        if (distance(t, v->seen) >= counter - v->seen)
            continue;
        advance_period(t, counter);
        if (t->config & TN_LEVEL)
            v->status |= 1u << i;
        else
            v->fired |= 1u << i;
    }
    v->seen = counter;
}

static uint64_t *register_at(struct vhpet *v, uint32_t offset)
{
    struct vhpet_timer *t = &v->timer[(offset - TIMERS) / TN_SIZE % VHPET_TIMERS];

    if (offset == GEN_CONF)
        return &v->config;
    if (offset < TIMERS || offset >= TIMERS + VHPET_TIMERS * TN_SIZE)
        return 0;
    if (offset % TN_SIZE == TN_CONF)
        return &t->config;
    return offset % TN_SIZE == TN_COMP ? &t->comparator : 0;
}

static uint64_t read_register(struct vhpet *v, uint32_t offset, uint64_t now)
{
    const uint64_t *plain = register_at(v, offset);

    if (offset == MAIN_CNT)
        return counter_at(v, now);
    settle(v, now);
    if (offset == GCAP_ID)
        return CAPABILITIES;
    if (offset == GINTR_STA)
        return v->status;
    return plain ? *plain : 0;
}

static bool is_register(uint32_t offset, unsigned size)
{
    return (size == 4 || size == 8) && offset % size == 0;
}

uint64_t vhpet_read(struct vhpet *v, uint32_t offset, unsigned size, uint64_t now)
{
    uint64_t value;

    if (!is_register(offset, size))
        return UINT64_MAX >> (64 - 8 * size);
    value = read_register(v, offset & ~7u, now) >> offset % 8 * 8;
    return size == 4 ? (uint32_t)value : value;
}

static void write_config(struct vhpet *v, uint64_t value, uint64_t now)
{
    uint64_t counter = counter_at(v, now);

    v->config = value & (CONF_ENABLE | CONF_LEGACY);
    v->base = 0;
    v->base = counter - counter_at(v, now);
}

static void write_timer_config(struct vhpet *v, struct vhpet_timer *t, uint64_t value)
{
    uint64_t before = t->config;
    uint64_t route = field_get(TN_ROUTE, value);

    /* A route that cannot be is not taken: software finds out by reading. */
    if (!(VHPET_ROUTES & BIT(route)))
        value = (value & ~TN_ROUTE) | (before & TN_ROUTE);
    t->config = (value & TN_WRITABLE) | TN_FIXED;
    t->comparator &= width(t);
    t->period &= width(t);
    if (!(t->config & TN_LEVEL))
        v->status &= ~(1u << (t - v->timer));
}

/* A periodic timer takes a plain write as its period; as the next match, too, after VAL_SET. */
static void write_comparator(struct vhpet_timer *t, uint64_t value)
{
    value &= width(t);
    if (!(t->config & TN_PERIODIC) || (t->config & TN_VAL_SET))
        t->comparator = value;
    t->period = value;
    t->config &= ~TN_VAL_SET;
}

static uint64_t merge(uint64_t before, uint32_t offset, unsigned size, uint64_t value)
{
    if (size == 8)
        return value;
    if (offset % 8 == 4)
        return (before & UINT32_MAX) | value << 32;
    return (before & ~(uint64_t)UINT32_MAX) | (value & UINT32_MAX);
}

void vhpet_write(struct vhpet *v, uint32_t offset, unsigned size, uint64_t value, uint64_t now)
{
    uint32_t at = offset & ~7u;
    uint64_t *plain = register_at(v, at);
    struct vhpet_timer *t = &v->timer[(at - TIMERS) / TN_SIZE % VHPET_TIMERS];

    if (!is_register(offset, size))
        return;
    settle(v, now);
    if (at == MAIN_CNT) {
        v->seen = merge(v->seen, offset, size, value);
        v->base += v->seen - counter_at(v, now);
    } else if (at == GINTR_STA) {
        v->status &= (uint32_t)~merge(0, offset, size, value);
    } else if (at == GEN_CONF) {
        write_config(v, merge(v->config, offset, size, value), now);
    } else if (plain == &t->config) {
        write_timer_config(v, t, merge(*plain, offset, size, value));
    } else if (plain) {
        write_comparator(t, merge(t->period, offset, size, value));
    }
}

bool vhpet_replaces_legacy(const struct vhpet *v)
{
    return (v->config & (CONF_ENABLE | CONF_LEGACY)) == (CONF_ENABLE | CONF_LEGACY);
}

int vhpet_pin(const struct vhpet *v, unsigned timer)
{
    const struct vhpet_timer *t = &v->timer[timer % VHPET_TIMERS];
    unsigned route;

    if (!(t->config & TN_INT_ENABLE) || !counts(v))
        return -1;
    if (vhpet_replaces_legacy(v) && timer < 2)
        return timer == 0 ? VHPET_PIN_TIMER : VHPET_PIN_CLOCK;
    route = (unsigned)field_get(TN_ROUTE, t->config);
    return VHPET_ROUTES >> route & 1 ? (int)route : -1;
}

uint32_t vhpet_take(struct vhpet *v, uint64_t now)
{
    uint32_t fired;

    settle(v, now);
    fired = v->fired;
    v->fired = 0;
    return fired;
}

uint32_t vhpet_levels(const struct vhpet *v)
{
    return v->status;
}

uint64_t vhpet_next(const struct vhpet *v, unsigned timer, uint64_t now)
{
    const struct vhpet_timer *t = &v->timer[timer % VHPET_TIMERS];
    uint64_t counts_left = distance(t, v->seen);
    uint64_t passed = counter_at(v, now) - v->seen, from = now / VHPET_NS;

    if (!counts(v) || ((t->config & TN_LEVEL) && (v->status & 1u << timer)))
        return VCLOCK_NEVER;
    if (counts_left < passed || (v->fired & 1u << timer))
        return now;
    counts_left -= passed;
    if (counts_left >= VCLOCK_NEVER / VHPET_NS - from)
        return VCLOCK_NEVER;
    return (from + counts_left + 1) * VHPET_NS;
}
