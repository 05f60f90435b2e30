/* SPDX-License-Identifier: MIT */
/*
 * A guest's real-time clock: Motorola's MC146818, with its three interrupts and the PC's memory of
 * 128 bytes. 24 hours, BCD, UTC, with the century in register 0x32 as ACPI's FADT announces. A time
 * that the guest sets is kept as an offset to the time that passes.
 *
 * Nothing ticks: time, flags and the update-in-progress bit are computed from `now`, nanoseconds
 * since the guest's start, which must not go back from call to call. What came several times since
 * the last look sets its flag once, as in the hardware.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VRTC_H
#define BULKHEAD_KERNEL_VDEV_VRTC_H

#include <stdbool.h>
#include <stdint.h>

/* The bytes of a time, in BCD, in the order of `fields` in vrtc.c. */
#define VRTC_FIELDS 8

struct vrtc {
    uint8_t index; /* the register that the data port shows, 0..0x7f */
    uint8_t flags; /* of register C */
    uint8_t cmos[128];
    uint8_t held[VRTC_FIELDS]; /* the time while SET stops the clock */
    int64_t offset;            /* seconds that the clock is ahead of the divider */
    uint64_t phase;            /* ns that the divider is ahead of `now` */
    uint64_t seen;             /* the divider, in ns, up to which `flags` are known */
};

/* It is `utc` (ns since 1970) when `now` is 0. The guest has `memory` bytes, which old kernels look
 * up in the clock's memory. */
void vrtc_reset(struct vrtc *v, uint64_t utc, uint64_t memory);

/* One byte-wide access. Offset 0 is the index port (0x70), 1 the data port (0x71). The clock shows
 * years up to 9999. */
uint8_t vrtc_read(struct vrtc *v, uint16_t offset, uint64_t now);
void vrtc_write(struct vrtc *v, uint16_t offset, uint8_t value, uint64_t now);

/* The level of interrupt line 8. It falls when register C is read. */
bool vrtc_irq(struct vrtc *v, uint64_t now);

/* When the line rises next; VCLOCK_NEVER when it does not, or is high as of the last look. */
uint64_t vrtc_next(const struct vrtc *v, uint64_t now);

#endif
