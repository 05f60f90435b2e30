/* SPDX-License-Identifier: MIT */
/*
 * A kernel that says where its bytes go, by physical address, and nothing else: what PVH, multiboot
 * and flat files come down to. Where it is silent, this is decided:
 *
 *   modules             page by page behind the kernel, at 1 MiB or above, in the config's order
 *   stack (4 KiB), page tables (64-bit flat), GDT and what the kernel is told
 *                       together, at 64 KiB or the next free place above; for flat files, whose
 *                       end in memory is not known, at the end of the RAM below the hole
 */
#ifndef BULKHEAD_KERNEL_IMAGE_PROGRAM_H
#define BULKHEAD_KERNEL_IMAGE_PROGRAM_H

#include "kernel/image/data.h"
#include "kernel/image/elf.h"
#include "kernel/image/image.h"

#define PROGRAM_MAX_PARTS ELF_MAX_SEGMENTS

struct program_part {
    uint64_t offset, file_size; /* in the file */
    uint64_t at, memory_size;   /* not 0, at least file_size; at + memory_size does not overflow */
};

struct program {
    uint32_t part_count;
    struct program_part parts[PROGRAM_MAX_PARTS]; /* none overlap */
    uint64_t entry;
    uint32_t entry_bits;
    uint32_t modules[IMAGE_MAX_MODULES]; /* where they lie: program_place() fills it in */
};

/* Take over an ELF file's segments. */
void program_from_elf(const struct elf_image *elf, struct program *program);

/* Does the address lie in what is loaded from the file? */
bool program_holds(const struct program *program, uint64_t address);

/*
 * Place it and its modules: adds their pieces to the image, fills in the image's entry but for EAX
 * and EBX, and begins the data, which then lie at data->base, with the GDT. False: a diagnosis.
 */
bool program_place(const struct image_guest *guest, struct program *program, struct image *image,
                   struct data *data, struct diag *diag);

/* Close the data: they become the last piece. False, and a diagnosis, when they did not fit. */
bool program_finish(struct image *image, const struct data *data, struct diag *diag);

#endif
