/* SPDX-License-Identifier: MIT */
/* Multiboot2 Specification 2.0, for i386 machines without EFI. */
#ifndef BULKHEAD_KERNEL_IMAGE_MULTIBOOT2_H
#define BULKHEAD_KERNEL_IMAGE_MULTIBOOT2_H

#include "kernel/image/program.h"

#define MULTIBOOT2_EAX UINT32_C(0x36d76289)

/* Is there a multiboot 2 header in the file's first 32 KiB? Any bytes. */
bool multiboot2_is(const void *file, size_t size);

bool multiboot2_parse(const void *file, size_t size, struct program *program, struct diag *diag);

/*
 * Add the information to the data; where it lies. `program` has been placed. Copies of the RSDP,
 * which does not exist yet, belong where the image then says.
 */
uint32_t multiboot2_fill(const struct image_guest *guest, const struct program *program,
                         struct image *image, struct data *data);

#endif
