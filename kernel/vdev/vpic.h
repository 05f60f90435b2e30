/* SPDX-License-Identifier: MIT */
/*
 * A guest's pair of interrupt controllers: Intel's "8259A Programmable Interrupt Controller" data
 * sheet, the second cascaded on line 2 of the first, with the PC's registers that choose edge or
 * level for each line (ELCR).
 *
 * The output of the second is computed when the first is looked at, so nothing is out of step. A
 * line that falls before it was acknowledged takes its request back, as in the hardware. A timer's
 * output has no times at which it falls here, so it gives a pulse, whose request stays.
 *
 * Both start with all lines masked, which no hardware does: so a guest that never initialises them
 * never pays for a device behind them.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VPIC_H
#define BULKHEAD_KERNEL_VDEV_VPIC_H

#include <stdbool.h>
#include <stdint.h>

#define VPIC_LINES  16
#define VPIC_FIRST  0x20 /* and 0x21 */
#define VPIC_SECOND 0xa0 /* and 0xa1 */
#define VPIC_ELCR   0x4d0

struct vpic_chip {
    uint8_t lines; /* electrical level */
    uint8_t irr, imr, isr;
    uint8_t level; /* ELCR: lines that are level-triggered */
    uint8_t base;  /* vector of line 0: a multiple of 8 */
    uint8_t lowest;
    uint8_t init; /* the ICW that is expected next, 2..4; 0: none */
    bool single, wants_icw4, all_level;
    bool auto_eoi, rotate_auto, special_nested, special_mask;
    bool reads_isr, poll;
};

struct vpic {
    struct vpic_chip chip[2];
};

void vpic_reset(struct vpic *v);

/* One byte-wide access to 0x20, 0x21, 0xa0, 0xa1, 0x4d0 or 0x4d1. */
uint8_t vpic_read(struct vpic *v, uint16_t port);
void vpic_write(struct vpic *v, uint16_t port, uint8_t value);

/* The level of a line, 0..15; a line that does not exist is ignored. */
void vpic_set_line(struct vpic *v, unsigned line, bool high);

/* An edge of a line that is low. Nothing on a level-triggered one. */
void vpic_pulse(struct vpic *v, unsigned line);

/* Would another edge of the line change anything? No while it is masked or requested already. */
bool vpic_wants(const struct vpic *v, unsigned line);

/* INTR: is there an interrupt that the processor should take? */
bool vpic_pending(const struct vpic *v);

/* The processor takes it: the vector, any of 0..255. When nothing was pending it is that of line 7,
 * a spurious one. */
uint8_t vpic_acknowledge(struct vpic *v);

#endif
