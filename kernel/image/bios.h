/* SPDX-License-Identifier: MIT */
/* The BIOS of guests whose kernel starts in real mode, as assembled from bios.nasm. */
#ifndef BULKHEAD_KERNEL_IMAGE_BIOS_H
#define BULKHEAD_KERNEL_IMAGE_BIOS_H

#include "kernel/image/data.h"

#define BIOS_SEGMENT 0xf000
#define BIOS_OFFSET  0x8000 /* there it lies, and there it is entered */

/* Add it to the data, with the guest's memory behind it. */
void bios_fill(const struct image_guest *guest, struct data *data);

#endif
