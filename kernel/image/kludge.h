/* SPDX-License-Identifier: MIT */
/*
 * The addresses in a multiboot header ("a.out kludge"; address tag of Multiboot 2), by which a file
 * of any format can be loaded: one piece of the file goes to load_addr, and the header in it to
 * header_addr.
 */
#ifndef BULKHEAD_KERNEL_IMAGE_KLUDGE_H
#define BULKHEAD_KERNEL_IMAGE_KLUDGE_H

#include "kernel/image/program.h"

struct kludge {
    uint32_t header_addr, load_addr;
    uint32_t load_end_addr; /* 0: up to the file's end */
    uint32_t bss_end_addr;  /* 0: no bss */
    uint32_t entry_addr;
};

/* header_offset: of the header in the file of `size` bytes. */
bool kludge_parse(const struct kludge *kludge, size_t header_offset, uint64_t size,
                  struct program *program, struct diag *diag);

#endif
