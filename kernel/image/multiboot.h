/* SPDX-License-Identifier: MIT */
/* Multiboot Specification 0.6.96. */
#ifndef BULKHEAD_KERNEL_IMAGE_MULTIBOOT_H
#define BULKHEAD_KERNEL_IMAGE_MULTIBOOT_H

#include "kernel/image/program.h"

#define MULTIBOOT_EAX UINT32_C(0x2badb002)

/* Is there a multiboot header in the file's first 8 KiB? Any bytes. */
bool multiboot_is(const void *file, size_t size);

bool multiboot_parse(const void *file, size_t size, struct program *program, struct diag *diag);

/* Add the information to the data; where it lies. `program` has been placed. */
uint32_t multiboot_fill(const struct image_guest *guest, const struct program *program,
                        struct data *data);

#endif
