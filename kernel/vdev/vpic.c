/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vpic.h"

enum { FIRST, SECOND };
enum { CASCADE = 2, NO_LINE = 8 };

/* Initialisation and operation command words, by the data sheet's names. */
enum { ICW1_IC4 = 0x01, ICW1_SNGL = 0x02, ICW1_LTIM = 0x08, ICW1 = 0x10 };
enum { ICW4_AEOI = 0x02, ICW4_SFNM = 0x10 };
enum { OCW2_EOI = 0x20, OCW2_SL = 0x40, OCW2_R = 0x80 };
enum { OCW3 = 0x08, OCW3_RIS = 0x01, OCW3_RR = 0x02, OCW3_POLL = 0x04 };
enum { OCW3_SMM = 0x20, OCW3_ESMM = 0x40 };
enum { POLL_PENDING = 0x80 };

/* The timer's, the keyboard's, the cascade, the clock's and the coprocessor's line are edges. */
static const uint8_t may_be_level[2] = {0xf8, 0xde};

void vpic_reset(struct vpic *v)
{
    *v = (struct vpic){0};
    for (unsigned i = FIRST; i <= SECOND; i++) {
        v->chip[i].imr = 0xff;
        v->chip[i].lowest = 7;
    }
}

/* The line with the highest priority in `set`, NO_LINE when that is empty. */
static unsigned first_in(const struct vpic_chip *c, uint8_t set)
{
    for (unsigned i = 1; set != 0 && i <= 8; i++)
        if (set & 1u << (c->lowest + i) % 8)
            return (c->lowest + i) % 8;
    return NO_LINE;
}

static unsigned rank(const struct vpic_chip *c, unsigned line)
{
    return line == NO_LINE ? NO_LINE : (line + 7 - c->lowest) % 8;
}

static uint8_t level_lines(const struct vpic_chip *c)
{
    return c->all_level ? 0xff : c->level;
}

static uint8_t requests(const struct vpic_chip *c)
{
    return (uint8_t)(c->irr | (level_lines(c) & c->lines));
}

/* What is in service and counts: the special mask takes out what is masked. */
static uint8_t in_service(const struct vpic_chip *c)
{
    return c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr;
}

/* The line for which a chip's INT output is high, NO_LINE when it is low. */
static unsigned chip_request(const struct vpic *v, unsigned which)
{
    const struct vpic_chip *c = &v->chip[which];
    uint8_t irr = requests(c), isr = in_service(c);
    unsigned line, busy;

    if (c->init != 0)
        return NO_LINE;
    if (which == FIRST) {
        irr &= (uint8_t)~(1u << CASCADE);
        if (chip_request(v, SECOND) != NO_LINE)
            irr |= 1u << CASCADE;
        if (c->special_nested)
            isr &= (uint8_t)~(1u << CASCADE);
    }
    line = first_in(c, irr & (uint8_t)~c->imr);
    busy = first_in(c, isr);
    return rank(c, line) < rank(c, busy) ? line : NO_LINE;
}

/* Take the request: what the chip does between the two acknowledge pulses. */
static void serve(struct vpic_chip *c, unsigned line)
{
    if (line == NO_LINE)
        return;
    c->irr &= (uint8_t)~(1u << line);
    if (!c->auto_eoi)
        c->isr |= (uint8_t)(1u << line);
    else if (c->rotate_auto)
        c->lowest = (uint8_t)line;
}

bool vpic_pending(const struct vpic *v)
{
    return chip_request(v, FIRST) != NO_LINE;
}

uint8_t vpic_acknowledge(struct vpic *v)
{
    struct vpic_chip *first = &v->chip[FIRST], *second = &v->chip[SECOND];
    unsigned line = chip_request(v, FIRST);
    unsigned behind;

    if (line == CASCADE) {
        behind = chip_request(v, SECOND);
        serve(second, behind);
        serve(first, line);
        return (uint8_t)(second->base | behind);
    }
    serve(first, line);
    return (uint8_t)(first->base | (line == NO_LINE ? 7 : line));
}

void vpic_set_line(struct vpic *v, unsigned line, bool high)
{
    struct vpic_chip *c = &v->chip[line / 8 % 2];
    uint8_t bit = (uint8_t)(1u << line % 8);

    if (line >= VPIC_LINES || high == ((c->lines & bit) != 0))
        return;
    c->lines ^= bit;
    c->irr &= (uint8_t)~bit;
    if (high && !(level_lines(c) & bit))
        c->irr |= bit;
}

void vpic_pulse(struct vpic *v, unsigned line)
{
    struct vpic_chip *c = &v->chip[line / 8 % 2];

    if (line < VPIC_LINES)
        c->irr |= (uint8_t)(1u << line % 8) & (uint8_t)~level_lines(c);
}

bool vpic_wants(const struct vpic *v, unsigned line)
{
    const struct vpic_chip *c = &v->chip[line / 8 % 2];

    return line < VPIC_LINES && !((c->imr | c->irr) & 1u << line % 8);
}

static void icw1(struct vpic_chip *c, uint8_t value)
{
    *c = (struct vpic_chip){
        .lines = c->lines,
        .level = c->level,
        .base = c->base,
        .lowest = 7,
        .init = 2,
        .single = value & ICW1_SNGL,
        .wants_icw4 = value & ICW1_IC4,
        .all_level = value & ICW1_LTIM,
    };
}

/* The second word of initialisation and those behind it. ICW3 says how a PC is wired anyway. */
static void next_icw(struct vpic_chip *c, uint8_t value)
{
    if (c->init == 2) {
        c->base = value & 0xf8;
        c->init = c->single ? 4 : 3;
    } else if (c->init == 3) {
        c->init = 4;
    } else {
        c->auto_eoi = value & ICW4_AEOI;
        c->special_nested = value & ICW4_SFNM;
        c->init = 0;
    }
    if (c->init == 4 && !c->wants_icw4)
        c->init = 0;
}

static void ocw2(struct vpic_chip *c, uint8_t value)
{
    unsigned line = value & 7;

    if (!(value & OCW2_SL) && (value & OCW2_EOI))
        line = first_in(c, in_service(c));
    if (value & OCW2_EOI) {
        c->isr &= (uint8_t)~(1u << line);
    } else if (!(value & OCW2_SL)) {
        c->rotate_auto = value & OCW2_R;
        return;
    }
    if ((value & OCW2_R) && line != NO_LINE)
        c->lowest = (uint8_t)line;
}

static void ocw3(struct vpic_chip *c, uint8_t value)
{
    if (value & OCW3_ESMM)
        c->special_mask = value & OCW3_SMM;
    if (value & OCW3_RR)
        c->reads_isr = value & OCW3_RIS;
    c->poll = value & OCW3_POLL;
}

static unsigned chip_of(uint16_t port)
{
    return port >= VPIC_ELCR ? port & 1 : port >= VPIC_SECOND;
}

static uint8_t read_poll(struct vpic *v, unsigned which)
{
    unsigned line = chip_request(v, which);

    v->chip[which].poll = false;
    serve(&v->chip[which], line);
    return line == NO_LINE ? 0 : (uint8_t)(POLL_PENDING | line);
}

uint8_t vpic_read(struct vpic *v, uint16_t port)
{
    unsigned which = chip_of(port);
    const struct vpic_chip *c = &v->chip[which];
    uint8_t irr = requests(c);

    if (port >= VPIC_ELCR)
        return c->level;
    if (c->poll)
        return read_poll(v, which);
    if (port & 1)
        return c->imr;
    if (which == FIRST && chip_request(v, SECOND) != NO_LINE)
        irr |= 1u << CASCADE;
    return c->reads_isr ? c->isr : irr;
}

void vpic_write(struct vpic *v, uint16_t port, uint8_t value)
{
    unsigned which = chip_of(port);
    struct vpic_chip *c = &v->chip[which];

    if (port >= VPIC_ELCR)
        c->level = value & may_be_level[which];
    else if (port & 1 && c->init != 0)
        next_icw(c, value);
    else if (port & 1)
        c->imr = value;
    else if (value & ICW1)
        icw1(c, value);
    else if (value & OCW3)
        ocw3(c, value);
    else
        ocw2(c, value);
}
