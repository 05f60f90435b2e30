/* SPDX-License-Identifier: MIT */
/*
 * A guest's keyboard controller: the PC/AT's 8042 with its second channel, as IBM's "Personal
 * System/2 Hardware Interface Technical Reference" describes it, and no keyboard or mouse behind
 * it. A byte that is sent to a device gets the answer of a line that times out: 0xfe with the
 * time-out bit in the status. There is one byte of output; a newer one takes its place.
 *
 * The A20 gate is a bit that one can read back: the guest's memory does not change with it.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VKBD_H
#define BULKHEAD_KERNEL_VDEV_VKBD_H

#include <stdbool.h>
#include <stdint.h>

#define VKBD_DATA     0x60
#define VKBD_COMMAND  0x64 /* read: status */
#define VKBD_SYSTEM_A 0x92 /* the PS/2's own way to A20 and reset */

#define VKBD_RAM 32

struct vkbd {
    uint8_t status; /* without what follows from the rest */
    uint8_t output;
    uint8_t command; /* that waits for its data byte; 0: none */
    bool a20;
    uint8_t ram[VKBD_RAM]; /* byte 0: the controller's command byte */
};

/* As a PC's firmware leaves it: tested, keyboard on, its interrupt, too. */
void vkbd_reset(struct vkbd *v);

/* One byte-wide access to one of the three ports. Writing returns true when it resets the guest. */
uint8_t vkbd_read(struct vkbd *v, uint16_t port);
bool vkbd_write(struct vkbd *v, uint16_t port, uint8_t value);

/* The levels of interrupt line 1 (keyboard) and 12 (mouse). */
bool vkbd_irq(const struct vkbd *v);
bool vkbd_mouse_irq(const struct vkbd *v);

#endif
