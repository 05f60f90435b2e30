/* SPDX-License-Identifier: MIT */
/*
 * The ports of a guest's VGA, for what text consoles do with them: cursor and start address in the
 * CRT controller, the index and data registers around it, the retrace bit to wait for. They keep
 * what is written and show nothing. The text itself at 0xb8000..0xbffff is memory of the guest like
 * any other and never comes here. IBM "Personal System/2 Hardware Interface Technical Reference",
 * video subsystem.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VTEXT_H
#define BULKHEAD_KERNEL_VDEV_VTEXT_H

#include <stdbool.h>
#include <stdint.h>

#define VTEXT_FIRST     0x3c0
#define VTEXT_LAST      0x3da
#define VTEXT_REGISTERS 32 /* places for each group; no group has as many */

enum vtext_group { VTEXT_ATTRIBUTE, VTEXT_SEQUENCER, VTEXT_GRAPHICS, VTEXT_CRTC, VTEXT_GROUPS };

struct vtext {
    uint8_t index[VTEXT_GROUPS];
    uint8_t reg[VTEXT_GROUPS][VTEXT_REGISTERS];
    uint8_t misc;
    bool attribute_data; /* the next write to 0x3c0 is data */
    bool retrace;
};

/* As a PC's firmware leaves them: colour, 80 columns, 25 rows. */
void vtext_reset(struct vtext *v);

/* One byte-wide access to a port VTEXT_FIRST..VTEXT_LAST. */
uint8_t vtext_read(struct vtext *v, uint16_t port);
void vtext_write(struct vtext *v, uint16_t port, uint8_t value);

#endif
