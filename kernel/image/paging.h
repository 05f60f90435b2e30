/* SPDX-License-Identifier: MIT */
/* GDT and page tables with which a guest's first processor starts in protected or long mode. */
#ifndef BULKHEAD_KERNEL_IMAGE_PAGING_H
#define BULKHEAD_KERNEL_IMAGE_PAGING_H

#include "kernel/lib/types.h"

#define PAGING_PAGES   6 /* PML4, PDPT and one page directory for each of 4 GiB */
#define PAGING_ENTRIES (PAGING_PAGES * 512)

/* As Linux's boot protocol wants them (__BOOT_CS, __BOOT_DS). */
#define GDT_CODE    0x10
#define GDT_DATA    0x18
#define GDT_ENTRIES 4 /* 8 bytes each */
#define GDT_LIMIT   (GDT_ENTRIES * 8 - 1)

/* Fill in descriptors: null, null, flat code of 32 or 64 bits, flat data. */
void gdt_fill(uint64_t gdt[GDT_ENTRIES], uint32_t bits);

/* Tables that map 4 GiB to themselves and will lie at `base`, 4 KiB aligned. */
void paging_fill(uint64_t tables[PAGING_ENTRIES], gpa_t base);

#endif
