/* SPDX-License-Identifier: MIT */
/*
 * A guest's real-time clock: Motorola's MC146818, as far as one reads the time from it. 24 hours,
 * BCD, UTC, with the century in register 0x32 as ACPI's FADT announces. A time that the guest sets
 * is kept as an offset to the machine's clock. No interrupts, no update-in-progress, no memory: the
 * other CMOS bytes read 0.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VRTC_H
#define BULKHEAD_KERNEL_VDEV_VRTC_H

#include <stdint.h>

/* The bytes of a time, in BCD, in the order of `fields` in vrtc.c. */
#define VRTC_FIELDS 8

struct vrtc {
    uint8_t index; /* the register that the data port shows, 0..0x7f */
    uint8_t control_a, control_b;
    uint8_t alarm[3];          /* seconds, minutes, hours: kept, never used */
    uint8_t held[VRTC_FIELDS]; /* the time while SET stops the clock */
    int64_t offset;            /* seconds that the guest's clock is ahead of the machine's */
};

void vrtc_reset(struct vrtc *v);

/*
 * One byte-wide access. Offset 0 is the index port (0x70), 1 the data port (0x71). `now`: the
 * machine's UTC in seconds since 1970; the clock shows years up to 9999.
 */
uint8_t vrtc_read(const struct vrtc *v, uint16_t offset, uint64_t now);
void vrtc_write(struct vrtc *v, uint16_t offset, uint8_t value, uint64_t now);

#endif
