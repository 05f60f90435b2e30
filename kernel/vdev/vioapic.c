/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vioapic.h"

#include "kernel/lib/bits.h"
#include "kernel/vdev/ports.h"

/* Names as in the 82093AA data sheet. */
enum { IOREGSEL = 0x00, IOWIN = 0x10 };
enum { IOAPICID = 0x00, IOAPICVER = 0x01, IOAPICARB = 0x02, IOREDTBL = 0x10 };

#define IOAPIC_VERSION 0x20
#define ID_FIELD       BITS(27, 24)

#define RTE_VECTOR      BITS(7, 0)
#define RTE_DELIVERY    BITS(10, 8)
#define RTE_LOGICAL     BIT(11)
#define RTE_ACTIVE_LOW  BIT(13)
#define RTE_LEVEL       BIT(15)
#define RTE_MASKED      BIT(16)
#define RTE_DESTINATION BITS(63, 56)
#define RTE_WRITABLE                                                                               \
    (RTE_VECTOR | RTE_DELIVERY | RTE_LOGICAL | RTE_ACTIVE_LOW | RTE_LEVEL | RTE_MASKED |           \
     RTE_DESTINATION)

#define FIRST_VECTOR 16 /* SDM Vol. 3A "Valid Interrupt Vectors" */

static const struct vioapic_message nothing;

void vioapic_reset(struct vioapic *v)
{
    *v = (struct vioapic){0};
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++)
        v->rte[pin] = RTE_MASKED;
}

static bool line_active(const struct vioapic *v, uint32_t pin)
{
    bool high = (v->lines & BIT(pin)) != 0;

    return high != ((v->rte[pin] & RTE_ACTIVE_LOW) != 0);
}

static struct vioapic_message message(uint64_t rte)
{
    struct vioapic_message m = {
        .logical = (rte & RTE_LOGICAL) != 0,
        .vector = (uint8_t)field_get(RTE_VECTOR, rte),
        .delivery = (uint8_t)field_get(RTE_DELIVERY, rte),
        .dest = (uint32_t)field_get(RTE_DESTINATION, rte),
    };

    m.send = !(rte & RTE_MASKED) && m.vector >= FIRST_VECTOR &&
             (m.delivery == VIOAPIC_FIXED || m.delivery == VIOAPIC_LOWEST_PRIORITY);
    return m.send ? m : nothing;
}

static bool is_rte(uint8_t select)
{
    return select >= IOREDTBL && select < IOREDTBL + 2 * VIOAPIC_PINS;
}

static uint32_t read_window(const struct vioapic *v)
{
    if (is_rte(v->select)) {
        uint64_t rte = v->rte[(v->select - IOREDTBL) / 2];
        return (uint32_t)(v->select % 2 ? rte >> 32 : rte);
    }
    switch (v->select) {
    case IOAPICID:
    case IOAPICARB: /* the arbitration id is a copy of the id */
        return (uint32_t)field_put(ID_FIELD, v->id);
    case IOAPICVER:
        return (VIOAPIC_PINS - 1) << 16 | IOAPIC_VERSION;
    default:
        return 0;
    }
}

static struct vioapic_message write_window(struct vioapic *v, uint32_t value)
{
    uint32_t pin;
    uint64_t before, after;
    bool sent;

    if (v->select == IOAPICID)
        v->id = (uint8_t)field_get(ID_FIELD, value);
    if (!is_rte(v->select))
        return nothing;
    pin = (v->select - IOREDTBL) / 2;
    before = v->rte[pin];
    sent = (before & RTE_LEVEL) && !(before & RTE_MASKED) && line_active(v, pin);
    if (v->select % 2)
        after = (before & BITS(31, 0)) | (uint64_t)value << 32;
    else
        after = (before & BITS(63, 32)) | value;
    v->rte[pin] = after & RTE_WRITABLE;
    if (sent || !(after & RTE_LEVEL) || !line_active(v, pin))
        return nothing;
    return message(v->rte[pin]);
}

uint32_t vioapic_read(const struct vioapic *v, uint32_t offset, int size)
{
    if (size == 4 && offset == IOREGSEL)
        return v->select;
    if (size == 4 && offset == IOWIN)
        return read_window(v);
    return ports_all_ones(size);
}

struct vioapic_message vioapic_write(struct vioapic *v, uint32_t offset, int size, uint32_t value)
{
    if (size != 4)
        return nothing;
    if (offset == IOREGSEL)
        v->select = (uint8_t)value;
    if (offset == IOWIN)
        return write_window(v, value);
    return nothing;
}

struct vioapic_message vioapic_set_line(struct vioapic *v, uint32_t pin, bool level)
{
    bool was_active;

    if (pin >= VIOAPIC_PINS)
        return nothing;
    was_active = line_active(v, pin);
    v->lines = (uint32_t)((v->lines & ~BIT(pin)) | (level ? BIT(pin) : 0));
    if (was_active || !line_active(v, pin))
        return nothing;
    return message(v->rte[pin]);
}
