/* SPDX-License-Identifier: MIT */
/*
 * The memory map that every guest is told, whatever its kind:
 *
 *   0         RAM
 *   0xa0000   reserved                   where PCs have a VGA and ROMs
 *   0xe0000   ACPI tables
 *   0xf0000   reserved                   BIOS area: MP tables, reset vector
 *   1 MiB     RAM up to the hole
 *             not in the map             the hole: PCI, APICs
 *               reserved                 in the hole: configuration space, if the guest has PCI
 * functions 4 GiB     RAM, the rest
 */
#ifndef BULKHEAD_KERNEL_IMAGE_MEMORY_MAP_H
#define BULKHEAD_KERNEL_IMAGE_MEMORY_MAP_H

#include "kernel/image/image.h"

#define MAP_LOW_END    0xa0000
#define MAP_ACPI_START 0xe0000
#define MAP_BIOS_START 0xf0000
#define MAP_BIOS_END   0x100000
#define MAP_MAX_RANGES 7

/* As BIOS function E820 numbers them, and with it Linux, PVH and multiboot. */
enum map_type { MAP_TYPE_RAM = 1, MAP_TYPE_RESERVED = 2, MAP_TYPE_ACPI = 3 };

struct map_range {
    uint64_t start, size;
    enum map_type type;
};

/* The ranges, sorted; how many. */
uint32_t memory_map(const struct image_guest *guest, struct map_range ranges[MAP_MAX_RANGES]);

/* The first byte behind the RAM below the hole. */
uint64_t memory_map_low_end(const struct image_guest *guest);

#endif
