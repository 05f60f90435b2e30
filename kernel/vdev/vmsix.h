/* SPDX-License-Identifier: MIT */
/*
 * The MSI-X table of a passed-through function as its guest sees it. The device has its own, whose
 * messages are what the machine's interrupt remapping wants. "PCI Local Bus Specification", "MSI-X
 * Table".
 */
#ifndef BULKHEAD_KERNEL_VDEV_VMSIX_H
#define BULKHEAD_KERNEL_VDEV_VMSIX_H

#include "kernel/vdev/vfunction.h"

enum vmsix_word { VMSIX_LOW, VMSIX_HIGH, VMSIX_DATA, VMSIX_CONTROL, VMSIX_WORDS };

#define VMSIX_MASKED BIT(0) /* of VMSIX_CONTROL */
#define VMSIX_NONE   UINT32_MAX

struct vmsix_entry {
    uint32_t words[VMSIX_WORDS];
};

struct vmsix {
    uint32_t count; /* entries; 0: the function has no MSI-X */
    struct vmsix_entry *entries;
};

/* All masked, as after a reset of the device. */
void vmsix_reset(struct vmsix *v);

/* `size` bytes at `offset` from the table's beginning, any values: what is not a doubleword or two
 * of them, aligned, in the table, reads all ones. */
uint64_t vmsix_read(const struct vmsix *v, uint64_t offset, unsigned size);

/* The entry that has changed, VMSIX_NONE when the access was none. */
uint32_t vmsix_write(struct vmsix *v, uint64_t offset, unsigned size, uint64_t value);

/* n < count. */
struct vfunction_message vmsix_message(const struct vmsix *v, uint32_t n);
bool vmsix_masked(const struct vmsix *v, uint32_t n);

#endif
