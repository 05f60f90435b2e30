/* SPDX-License-Identifier: MIT */
/*
 * The environment in which a Linux kernel starts by the 64-bit or 32-bit boot protocol: where
 * everything lies in the guest, and the bytes of all but the files. The Linux/x86 Boot Protocol
 * "32-bit Boot Protocol", "64-bit Boot Protocol"; Linux "The Zero Page".
 *
 *   0                                      usable
 *   0x10000  stack's end, boot_params      4 KiB
 *   0x11000  GDT                           paging.h
 *   0x11020  command line                  ended by a zero byte
 *   0x13000  page tables                   with 64 bits; paging.h
 *   0xa0000                                memory_map.h
 *   1 MiB                                  usable up to the end or the hole
 *   kernel                                 at its preferred address, init_size bytes are its own
 *   initrd                                 as high below the hole as the kernel allows
 *   hole
 *   the rest of the memory                 usable
 */
#ifndef BULKHEAD_KERNEL_IMAGE_LINUX_BOOT_H
#define BULKHEAD_KERNEL_IMAGE_LINUX_BOOT_H

#include "kernel/image/bzimage.h"
#include "kernel/image/data.h"
#include "kernel/image/image.h"
#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

#define LINUX_PAGE_SIZE   4096 /* of boot_params; an initrd begins at such a border */
#define LINUX_CMDLINE_MAX (LINUX_PAGE_SIZE - 1)

struct linux_layout {
    gpa_t boot_params; /* RSI at the entry point; see linux_fill_boot_params() */
    gpa_t cmdline;     /* the text and a zero byte go here */
    gpa_t gdt;         /* GDT_ENTRIES, limit GDT_LIMIT */
    gpa_t page_tables; /* CR3 at a 64-bit entry point; PAGING_PAGES pages */
    gpa_t stack;       /* RSP at the entry point, 64 KiB below it are free */
    gpa_t kernel;      /* kernel_size bytes of the file, from setup_size on, go here */
    gpa_t entry;       /* RIP */
    gpa_t initrd;      /* page aligned, 0 when there is none */
};

/*
 * Decide where everything lies. All of it is inside the guest's RAM below the hole and nothing
 * overlaps. Returns false and a diagnosis without the guest's name when something does not fit.
 */
bool linux_place(const struct image_guest *guest, const struct bzimage *image,
                 struct linux_layout *layout, struct diag *diag);

/* Fill in boot_params: setup header, memory map, addresses. `page` has LINUX_PAGE_SIZE bytes. */
void linux_fill_boot_params(uint8_t *page, const struct image_guest *guest,
                            const struct bzimage *image, const struct linux_layout *layout);

/* The longest command line, in bytes without the zero byte behind it. */
uint32_t linux_cmdline_max(const struct bzimage *image);

/* All of the above: places it, makes the data, adds the pieces, fills in the image's entry. */
bool linux_make(const struct image_guest *guest, const struct bzimage *bzimage, struct image *image,
                struct data *data, struct diag *diag);

#endif
