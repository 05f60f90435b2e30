/* SPDX-License-Identifier: MIT */
/*
 * The environment in which a Linux kernel starts by the 64-bit boot protocol: where everything lies
 * in the guest, and the bytes of all but the files. The Linux/x86 Boot Protocol "64-bit Boot
 * Protocol"; Linux "The Zero Page".
 *
 *   0                                      usable
 *   0x10000  stack's end, boot_params      4 KiB
 *   0x11000  command line                  4 KiB, ended by a zero byte
 *   0x12000  GDT                           4 KiB
 *   0x13000  page tables                   LINUX_TABLE_PAGES: 0 .. 4 GiB mapped to itself
 *   0xa0000                                no entry in the memory map (where PCs have a VGA)
 *   0xe0000  ACPI tables                   of kind ACPI in the memory map
 *   1 MiB                                  usable up to the end or the hole
 *   kernel                                 at its preferred address, init_size bytes are its own
 *   initrd                                 as high below the hole as the kernel allows
 *   hole
 *   the rest of the memory                 usable
 */
#ifndef BULKHEAD_KERNEL_IMAGE_LINUX_BOOT_H
#define BULKHEAD_KERNEL_IMAGE_LINUX_BOOT_H

#include "kernel/image/bzimage.h"
#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

#define LINUX_PAGE_SIZE     4096 /* of boot_params, of the command line, of a table */
#define LINUX_CMDLINE_MAX   (LINUX_PAGE_SIZE - 1)
#define LINUX_GDT_ENTRIES   4 /* 8 bytes each */
#define LINUX_GDT_LIMIT     (LINUX_GDT_ENTRIES * 8 - 1)
#define LINUX_BOOT_CS       0x10 /* __BOOT_CS */
#define LINUX_BOOT_DS       0x18 /* __BOOT_DS */
#define LINUX_TABLE_PAGES   6    /* PML4, PDPT and one page directory for each of 4 GiB */
#define LINUX_TABLE_ENTRIES (LINUX_TABLE_PAGES * 512)

#define LINUX_ACPI_START 0xe0000 /* GPA of the region for the guest's ACPI tables */
#define LINUX_ACPI_END   0x100000

/* What is to be booted in which guest. */
struct linux_guest {
    uint64_t memory;         /* bytes of RAM, from 0 up to the hole and from its end on */
    uint64_t hole_start;     /* GPA, multiples of 2 MiB, at most 4 GiB */
    uint64_t hole_end;       /* GPA, at least hole_start */
    uint64_t initrd_size;    /* bytes, 0: none */
    uint64_t cmdline_length; /* bytes without the zero byte behind it */
    gpa_t rsdp;              /* of the ACPI RSDP, 0: none */
};

struct linux_layout {
    gpa_t boot_params; /* RSI at the entry point; see linux_fill_boot_params() */
    gpa_t cmdline;     /* the text and a zero byte go here */
    gpa_t gdt;         /* LINUX_GDT_ENTRIES, limit LINUX_GDT_LIMIT */
    gpa_t page_tables; /* CR3 at the entry point; LINUX_TABLE_PAGES pages */
    gpa_t stack;       /* RSP at the entry point, 64 KiB below it are free */
    gpa_t kernel;      /* kernel_size bytes of the file, from setup_size on, go here */
    gpa_t entry;       /* RIP */
    gpa_t initrd;      /* page aligned, 0 when there is none */
};

/*
 * Decide where everything lies. All of it is inside the guest's RAM below the hole and nothing
 * overlaps. Returns false and a diagnosis without the guest's name when something does not fit.
 */
bool linux_place(const struct linux_guest *guest, const struct bzimage *image,
                 struct linux_layout *layout, struct diag *diag);

/* Fill in boot_params: setup header, memory map, addresses. `page` has LINUX_PAGE_SIZE bytes. */
void linux_fill_boot_params(uint8_t *page, const struct linux_guest *guest,
                            const struct bzimage *image, const struct linux_layout *layout);

/* Fill in LINUX_GDT_ENTRIES descriptors: null, null, flat 64-bit code, flat data. */
void linux_fill_gdt(uint64_t *gdt);

/* Fill in LINUX_TABLE_ENTRIES entries for tables that will lie at `base`, 4 KiB aligned. */
void linux_fill_page_tables(uint64_t *tables, gpa_t base);

#endif
