/* SPDX-License-Identifier: MIT */
/* The kernel inside this file, and where it was put. */
#ifndef BULKHEAD_BOOT_KERNEL_H
#define BULKHEAD_BOOT_KERNEL_H

#include "boot/memory_map.h"
#include "kernel/image/elf.h"
#include "kernel/lib/diag.h"

struct kernel {
    struct elf_image elf;
    struct memory_span memory; /* its image: 2 MiB aligned, elf.lowest lies at the beginning */
};

/* Check the ELF file, take memory (below 4 GiB where possible) and copy the segments there. */
bool kernel_load(struct kernel *kernel, struct diag *diag);

#endif
