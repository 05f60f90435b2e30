/* SPDX-License-Identifier: MIT */
/*
 * Check of an ELF executable that is statically linked at a fixed address, before any of it is
 * loaded: 64-bit ones for the hypervisor's own image, with 32-bit ones for guests. ELF
 * Specification "Object Files" and "Program Loading".
 */
#ifndef BULKHEAD_KERNEL_IMAGE_ELF_H
#define BULKHEAD_KERNEL_IMAGE_ELF_H

#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

#define ELF_MAX_SEGMENTS 16 /* to be loaded */
#define ELF_MAX_HEADERS  64 /* program headers of any type */
#define ELF_MAX_NOTES    4  /* program headers with notes that are looked at */

/* p_flags as the specification numbers them. */
enum elf_flags { ELF_EXEC = 1 << 0, ELF_WRITE = 1 << 1, ELF_READ = 1 << 2 };

/*
 * A piece to load: file_size bytes of the file from `offset` on go to the address, zeros follow up
 * to memory_size. Addresses are as the linker wrote them and may be any; only their form is
 * checked.
 */
struct elf_segment {
    uint64_t vaddr; /* p_vaddr */
    uint64_t paddr; /* p_paddr; as most linkers write it, the same */
    uint64_t offset;
    uint64_t file_size;   /* at most memory_size; offset + file_size lies in the file */
    uint64_t memory_size; /* not 0; neither address + memory_size overflows */
    uint32_t flags;       /* enum elf_flags; in our own image not both ELF_WRITE and ELF_EXEC */
};

/* Where notes lie in the file, all of them in it. */
struct elf_note {
    uint64_t offset, size;
};

struct elf_image {
    uint64_t entry;         /* virtual address; of our own image, in an executable segment */
    uint64_t lowest;        /* the lowest vaddr of all segments */
    uint64_t highest;       /* the first byte behind all segments (virtual) */
    uint32_t segment_count; /* at least 1 */
    struct elf_segment segments[ELF_MAX_SEGMENTS]; /* in the file's order */
    uint32_t note_count;                           /* of guests */
    struct elf_note notes[ELF_MAX_NOTES];
};

/* Do the first bytes say ELF (and not, say, bzImage)? Any `size`. */
bool elf_is(const void *file, size_t size);

/*
 * Check the file (size bytes, not trusted, any alignment) and say what is to be loaded where. No
 * two segments share a 4 KiB page, neither by virtual nor by physical address. Returns false and a
 * diagnosis otherwise; the message does not name the file, the caller puts that in front. For our
 * own image: x86-64, and no segment both writable and executable.
 */
bool elf_parse(const void *file, size_t size, struct elf_image *out, struct diag *diag);

/*
 * The same for a guest that starts without paging: i386 as well, any rights, and only by physical
 * address do segments not overlap.
 */
bool elf_parse_guest(const void *file, size_t size, struct elf_image *out, struct diag *diag);

/* The physical address of the entry point. False, and a diagnosis, when it lies in no segment. */
bool elf_entry(const struct elf_image *image, uint64_t *entry, struct diag *diag);

#endif
