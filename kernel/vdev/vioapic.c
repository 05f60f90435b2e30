/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vioapic.h"

#include "kernel/lib/bits.h"
#include "kernel/vdev/ports.h"

/* Names as in the 82093AA data sheet. */
enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };
enum { IOAPICID = 0x00, IOAPICVER = 0x01, IOAPICARB = 0x02, IOREDTBL = 0x10 };

#define IOAPIC_VERSION 0x20
#define ID_FIELD       BITS(27, 24)

#define RTE_VECTOR      BITS(7, 0)
#define RTE_DELIVERY    BITS(10, 8)
#define RTE_LOGICAL     BIT(11)
#define RTE_ACTIVE_LOW  BIT(13)
#define RTE_REMOTE_IRR  BIT(14)
#define RTE_LEVEL       BIT(15)
#define RTE_MASKED      BIT(16)
#define RTE_DESTINATION BITS(63, 56)
#define RTE_WRITABLE                                                                               \
    (RTE_VECTOR | RTE_DELIVERY | RTE_LOGICAL | RTE_ACTIVE_LOW | RTE_LEVEL | RTE_MASKED |           \
     RTE_DESTINATION)

#define FIRST_VECTOR 16 /* SDM Vol. 3A "Valid Interrupt Vectors" */

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

/* A level-triggered pin whose message was sent and would be sent again at the EOI. */
static bool remote_irr(const struct vioapic *v, uint32_t pin)
{
    return (v->rte[pin] & (RTE_LEVEL | RTE_MASKED)) == RTE_LEVEL && line_active(v, pin);
}

static bool may_send(uint64_t rte)
{
    return !(rte & RTE_MASKED) && field_get(RTE_VECTOR, rte) >= FIRST_VECTOR &&
           field_get(RTE_DELIVERY, rte) <= VIOAPIC_LOWEST_PRIORITY;
}

static void send(struct vioapic *v, uint32_t pin)
{
    if (may_send(v->rte[pin]))
        v->waiting |= (uint32_t)BIT(pin);
}

static bool is_rte(uint8_t select)
{
    return select >= IOREDTBL && select < IOREDTBL + 2 * VIOAPIC_PINS;
}

static uint32_t read_window(const struct vioapic *v)
{
    uint32_t pin = (v->select - IOREDTBL) / 2u;

    if (is_rte(v->select)) {
        if (v->select % 2)
            return (uint32_t)(v->rte[pin] >> 32);
        return (uint32_t)(v->rte[pin] | (remote_irr(v, pin) ? RTE_REMOTE_IRR : 0));
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

static void write_window(struct vioapic *v, uint32_t value)
{
    uint32_t pin = (v->select - IOREDTBL) / 2u;
    uint64_t before;
    bool sent;

    if (v->select == IOAPICID)
        v->id = (uint8_t)field_get(ID_FIELD, value);
    if (!is_rte(v->select))
        return;
    before = v->rte[pin];
    sent = remote_irr(v, pin);
    if (v->select % 2)
        before = (before & BITS(31, 0)) | (uint64_t)value << 32;
    else
        before = (before & BITS(63, 32)) | value;
    v->rte[pin] = before & RTE_WRITABLE;
    if (!may_send(v->rte[pin]))
        v->waiting &= (uint32_t)~BIT(pin);
    if (!sent && remote_irr(v, pin))
        send(v, pin);
}

static void end_of_interrupt(struct vioapic *v, uint8_t vector)
{
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++)
        if (field_get(RTE_VECTOR, v->rte[pin]) == vector && remote_irr(v, pin))
            send(v, pin);
}

uint32_t vioapic_read(const struct vioapic *v, uint32_t offset, int size)
{
    if (size == 4 && offset == IOREGSEL)
        return v->select;
    if (size == 4 && offset == IOWIN)
        return read_window(v);
    return ports_all_ones(size);
}

void vioapic_write(struct vioapic *v, uint32_t offset, int size, uint32_t value)
{
    if (size != 4)
        return;
    if (offset == IOREGSEL)
        v->select = (uint8_t)value;
    if (offset == IOWIN)
        write_window(v, value);
    if (offset == IOEOI)
        end_of_interrupt(v, (uint8_t)value);
}

void vioapic_set_line(struct vioapic *v, uint32_t pin, bool high)
{
    bool was_active;

    if (pin >= VIOAPIC_PINS)
        return;
    was_active = line_active(v, pin);
    v->lines = (uint32_t)((v->lines & ~BIT(pin)) | (high ? BIT(pin) : 0));
    if (!was_active && line_active(v, pin))
        send(v, pin);
}

bool vioapic_wants(const struct vioapic *v, uint32_t pin)
{
    return pin < VIOAPIC_PINS && !(v->rte[pin] & RTE_MASKED);
}

bool vioapic_take(struct vioapic *v, struct vioapic_message *message)
{
    uint32_t pin = 0;
    uint64_t rte;

    if (v->waiting == 0)
        return false;
    while (!(v->waiting & BIT(pin)))
        pin++;
    v->waiting &= v->waiting - 1;
    rte = v->rte[pin];
    *message = (struct vioapic_message){
        .logical = (rte & RTE_LOGICAL) != 0,
        .vector = (uint8_t)field_get(RTE_VECTOR, rte),
        .delivery = (uint8_t)field_get(RTE_DELIVERY, rte),
        .dest = (uint32_t)field_get(RTE_DESTINATION, rte),
    };
    return true;
}
