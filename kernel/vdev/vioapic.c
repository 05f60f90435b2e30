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
    *v = (struct vioapic){.wired = v->wired};
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++)
        v->rte[pin] = RTE_MASKED;
}

static bool is_wired(const struct vioapic *v, uint32_t pin)
{
    return (v->wired & BIT(pin)) != 0;
}

/* On a wired pin the polarity is that of the machine's line. */
static bool line_active(const struct vioapic *v, uint32_t pin)
{
    bool high = (v->lines & BIT(pin)) != 0;

    if (is_wired(v, pin))
        return high;
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
    bool waits;

    if (is_rte(v->select)) {
        if (v->select % 2)
            return (uint32_t)(v->rte[pin] >> 32);
        waits = remote_irr(v, pin) || (v->in_service & BIT(pin));
        return (uint32_t)(v->rte[pin] | (waits ? RTE_REMOTE_IRR : 0));
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
    v->changed |= v->wired & (uint32_t)BIT(pin);
    if (!may_send(v->rte[pin]))
        v->waiting &= (uint32_t)~BIT(pin);
    if (!sent && remote_irr(v, pin))
        send(v, pin);
}

static void end_of_interrupt(struct vioapic *v, uint8_t vector)
{
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++) {
        if (field_get(RTE_VECTOR, v->rte[pin]) != vector)
            continue;
        if (remote_irr(v, pin))
            send(v, pin);
        v->ended |= v->wired & (uint32_t)BIT(pin);
    }
}

uint32_t vioapic_read(const struct vioapic *v, uint32_t offset, int size)
{
    if (size == 4 && offset == IOREGSEL)
        return v->select;
    if (size == 4 && offset == IOWIN)
        return read_window(v);
    return bytes_of_ones((unsigned)size);
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

static struct vioapic_message message_of(uint64_t rte)
{
    return (struct vioapic_message){
        .logical = (rte & RTE_LOGICAL) != 0,
        .vector = (uint8_t)field_get(RTE_VECTOR, rte),
        .delivery = (uint8_t)field_get(RTE_DELIVERY, rte),
        .dest = (uint32_t)field_get(RTE_DESTINATION, rte),
    };
}

/* The lowest pin of a set that is not empty, which is no longer in it. */
static uint32_t take_pin(uint32_t *pins)
{
    uint32_t pin = 0;

    while (!(*pins & BIT(pin)))
        pin++;
    *pins &= *pins - 1;
    return pin;
}

bool vioapic_take(struct vioapic *v, struct vioapic_message *message)
{
    if (v->waiting == 0)
        return false;
    *message = message_of(v->rte[take_pin(&v->waiting)]);
    return true;
}

/* ---- pins that are wired to the machine's lines ---- */

void vioapic_wire(struct vioapic *v, uint32_t pins)
{
    v->wired = pins & (uint32_t)(BIT(VIOAPIC_PINS) - 1);
}

bool vioapic_take_line(struct vioapic *v, struct vioapic_line *line)
{
    uint64_t rte;

    if (v->changed == 0)
        return false;
    line->pin = take_pin(&v->changed);
    rte = v->rte[line->pin];
    line->sends = may_send(rte & ~RTE_MASKED);
    line->masked = (rte & RTE_MASKED) != 0;
    line->level = (rte & RTE_LEVEL) != 0;
    line->active_low = (rte & RTE_ACTIVE_LOW) != 0;
    line->message = message_of(rte);
    return true;
}

bool vioapic_take_end(struct vioapic *v, uint32_t *pin)
{
    if (v->ended == 0)
        return false;
    *pin = take_pin(&v->ended);
    return true;
}

uint32_t vioapic_shown(const struct vioapic *v)
{
    uint32_t pin = (v->select - IOREDTBL) / 2u;

    return is_rte(v->select) && v->select % 2 == 0 && is_wired(v, pin) ? pin : VIOAPIC_PINS;
}

void vioapic_set_in_service(struct vioapic *v, uint32_t pin, bool in_service)
{
    if (pin < VIOAPIC_PINS)
        v->in_service =
            (uint32_t)((v->in_service & ~BIT(pin)) | (in_service ? v->wired & BIT(pin) : 0));
}
