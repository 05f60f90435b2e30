/* SPDX-License-Identifier: MIT */
/*
 * From a guest's files to what its first processor finds: which kind of kernel it is, which bytes
 * lie where in the guest's memory, and the registers at its first instruction.
 *
 * Made once, before the guest starts for the first time. Whoever starts it clears all of its
 * memory, copies the pieces, and adds page tables (paging.h) and the tables of its BIOS area; so a
 * restart begins as the first start did.
 */
#ifndef BULKHEAD_KERNEL_IMAGE_IMAGE_H
#define BULKHEAD_KERNEL_IMAGE_IMAGE_H

#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

#define IMAGE_MAX_MODULES 8
#define IMAGE_MAX_PIECES  32
#define IMAGE_DATA_SIZE   KIB(16) /* that what is made for one guest needs at most */

enum image_kind { IMAGE_LINUX, IMAGE_PVH, IMAGE_MULTIBOOT, IMAGE_MULTIBOOT2, IMAGE_FLAT };

struct image_file {
    uint64_t address; /* of its first byte, as a pointer; 0 when only its size matters */
    uint64_t size;
};

/* Printable bytes without a zero byte at their end; length 0: none. */
struct image_text {
    const char *start;
    uint32_t length;
};

struct image_module {
    struct image_file file;
    struct image_text args;
};

/* What is to be started in which guest. */
struct image_guest {
    uint64_t memory;     /* bytes of RAM, from 0 up to the hole and from its end on */
    uint64_t hole_start; /* GPA, multiples of 2 MiB, at most 4 GiB */
    uint64_t hole_end;   /* GPA, at least hole_start */
    uint64_t ecam_start; /* GPA of PCI configuration space in the hole ... */
    uint64_t ecam_size;  /* ... and its bytes; 0: there is none */
    gpa_t rsdp;          /* where the ACPI RSDP will lie */
    struct image_file kernel;
    struct image_text cmdline;
    uint32_t module_count; /* for Linux at most 1: the initrd */
    struct image_module modules[IMAGE_MAX_MODULES];
    gpa_t load, entry; /* IMAGE_FLAT alone */
    uint32_t entry_bits;
};

/* Bytes to be copied into the guest's memory. All of them are RAM of the guest. */
struct image_piece {
    uint64_t from; /* a pointer: into a file, or into the data that was made */
    uint64_t size; /* not 0 */
    gpa_t to;
};

/*
 * How the first processor begins: interrupts off, paging off unless there are page tables, segments
 * that start at 0 and end at 4 GiB; with 16 bits, those of real mode. Other registers are 0.
 */
struct image_entry {
    uint32_t bits; /* 16, 32 or 64 */
    uint16_t code_selector, data_selector;
    uint64_t ip; /* offset in the code segment */
    uint64_t sp;
    uint32_t eax, ebx, esi;
    gpa_t gdt; /* it is one of the pieces */
    uint32_t gdt_limit;
    gpa_t page_tables; /* with 64 bits: PAGING_PAGES pages for paging_fill(), else 0 */
};

struct image {
    enum image_kind kind;
    uint32_t piece_count;
    struct image_piece pieces[IMAGE_MAX_PIECES];
    struct image_entry entry;
    gpa_t rsdp_1,
        rsdp_2; /* copies of the RSDP's first part and of all of it go there, 0: nowhere */
};

/* "Linux", "PVH", ... */
const char *image_kind_name(enum image_kind kind);

/*
 * Which kind is it? Files that are several of them are the first in the order of enum image_kind,
 * multiboot 2 before 1; flat ones cannot be told. Returns false and a diagnosis when it is none.
 */
bool image_recognise(const struct image_file *kernel, enum image_kind *kind, struct diag *diag);

/* 2 or 1: the version of multiboot that a file's header is of, if it has one; else 1. */
uint32_t image_multiboot_version(const struct image_file *kernel);

/*
 * Check the kernel's file (not trusted) as of that kind. *cmdline_max is how many bytes of command
 * line it takes. Returns false and a diagnosis that does not name the file.
 */
bool image_check(const struct image_guest *guest, enum image_kind kind, uint32_t *cmdline_max,
                 struct diag *diag);

/*
 * Decide where everything lies. `data` are IMAGE_DATA_SIZE bytes that must stay as long as the
 * pieces are used; *used is how many of them. Returns false and a diagnosis without the guest's
 * name when the kernel would be refused by image_check() or something does not fit the guest.
 */
bool image_make(const struct image_guest *guest, enum image_kind kind, void *data,
                struct image *image, size_t *used, struct diag *diag);

#endif
