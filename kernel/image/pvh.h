/* SPDX-License-Identifier: MIT */
/*
 * ELF files with the note XEN_ELFNOTE_PHYS32_ENTRY, which a loader of Xen's PVH guests starts. Xen
 * "x86/HVM direct boot ABI".
 */
#ifndef BULKHEAD_KERNEL_IMAGE_PVH_H
#define BULKHEAD_KERNEL_IMAGE_PVH_H

#include "kernel/image/program.h"

/* Does the ELF file have that note? Any bytes. */
bool pvh_is(const void *file, size_t size);

bool pvh_parse(const void *file, size_t size, struct program *program, struct diag *diag);

/* Add the start info to the data; where it lies. `program` has been placed. */
uint32_t pvh_fill(const struct image_guest *guest, const struct program *program,
                  struct data *data);

#endif
