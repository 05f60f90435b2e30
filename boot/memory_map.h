/* SPDX-License-Identifier: MIT */
/*
 * The firmware's memory map in the planner's terms. Pure. Firmware is not trusted: descriptors may
 * be empty, unsorted, overlapping, run past the end of the address space or be larger than the
 * structure that we know.
 */
#ifndef BULKHEAD_BOOT_MEMORY_MAP_H
#define BULKHEAD_BOOT_MEMORY_MAP_H

#include "boot/handoff.h"
#include "kernel/lib/types.h"

/* UEFI Specification "EFI_BOOT_SERVICES.AllocatePages()": the memory types that we tell apart. */
#define MEMORY_MAP_LOADER_CODE  1
#define MEMORY_MAP_LOADER_DATA  2
#define MEMORY_MAP_BOOT_CODE    3
#define MEMORY_MAP_BOOT_DATA    4
#define MEMORY_MAP_RUNTIME_CODE 5
#define MEMORY_MAP_RUNTIME_DATA 6
#define MEMORY_MAP_CONVENTIONAL 7
#define MEMORY_MAP_ACPI_RECLAIM 9
#define MEMORY_MAP_ACPI_NVS     10
#define MEMORY_MAP_MMIO         11

/* UEFI Specification "EFI_BOOT_SERVICES.GetMemoryMap()": attributes. */
#define MEMORY_MAP_WB      UINT64_C(0x0000000000000008) /* can be cached write-back */
#define MEMORY_MAP_NV      UINT64_C(0x0000000000008000) /* persistent */
#define MEMORY_MAP_SP      UINT64_C(0x0000000000040000) /* specific purpose: not for general use */
#define MEMORY_MAP_RUNTIME UINT64_C(0x8000000000000000) /* runtime services need it */

/* EFI_MEMORY_DESCRIPTOR as the specification lays it out. */
struct memory_map_entry {
    uint32_t type;
    uint32_t pad;
    uint64_t base; /* HPA */
    uint64_t virtual_base;
    uint64_t pages; /* of 4 KiB */
    uint64_t attributes;
};

/* What GetMemoryMap() returned. */
struct memory_map {
    const void *entries;
    uint64_t size; /* bytes of all entries */
    uint64_t
        stride; /* bytes from one entry to the next, at least sizeof(struct memory_map_entry) */
};

/* A piece of physical memory. */
struct memory_span {
    uint64_t base; /* HPA, multiple of 4 KiB */
    uint64_t size; /* bytes, multiple of 4 KiB */
};

/* The pieces that hold what we hand to the kernel. */
struct memory_spans {
    const struct memory_span *spans;
    uint32_t count;
};

/* The result. The caller sets `ranges` and `capacity`. */
struct memory_list {
    struct hardware_piece *ranges;
    uint32_t capacity;
    uint32_t count;   /* ranges written */
    uint32_t dropped; /* ranges for which there was no room: the highest ones; nobody gets them */
};

/*
 * Convert the map: sorted, not overlapping, neighbours of one kind merged, 4 KiB aligned. Where
 * descriptors overlap, the most careful kind wins: reserved, then loader, then free. What is in
 * `ours` is MEMORY_LOADER whatever type the firmware gives it; loader memory that is not in `ours`
 * belongs to nobody any more and is free.
 *
 * The attributes RP and WP say what the hardware *could* do with the memory, and firmware sets them
 * for all of its RAM, so they do not make memory unusable here.
 */
void memory_map_convert(const struct memory_map *map, const struct memory_spans *ours,
                        struct memory_list *list);

/*
 * The lowest piece of RAM (usable or not, so ACPI tables too) that reaches above `from`: its part
 * above `from`, rounded out to `align` (a power of two, at least 4 KiB; `from` is a multiple of
 * it). False: there is none. Calling again with the end of the last span walks through all RAM.
 */
bool memory_map_next_ram(const struct memory_map *map, uint64_t from, uint64_t align,
                         struct memory_span *span);

#endif
