/* SPDX-License-Identifier: MIT */
/*
 * A bzImage that begins with its real-mode part, because it has no entry point in protected mode.
 * The Linux/x86 Boot Protocol "Memory Layout", "Running the Kernel".
 *
 *   0x10000  real-mode part, its heap, and a stack of 4 KiB that ends at 0x1e000
 *   0x1e000  command line, ended by a zero byte
 *   0xf8000  BIOS services (bios.h), which are entered first
 *   1 MiB    the rest of the kernel
 *   initrd   as high below the hole as the kernel allows
 */
#ifndef BULKHEAD_KERNEL_IMAGE_LINUX_REAL_H
#define BULKHEAD_KERNEL_IMAGE_LINUX_REAL_H

#include "kernel/image/linux_boot.h"

/* As linux_make(). False, and a diagnosis, also when the real-mode part is too large. */
bool linux_real_make(const struct image_guest *guest, const struct bzimage *bzimage,
                     struct image *image, struct data *data, struct diag *diag);

#endif
