/* SPDX-License-Identifier: MIT */
#include "kernel/image/memory_map.h"

uint64_t memory_map_low_end(const struct image_guest *guest)
{
    return guest->memory < guest->hole_start ? guest->memory : guest->hole_start;
}

uint32_t memory_map(const struct image_guest *guest, struct map_range ranges[MAP_MAX_RANGES])
{
    uint64_t low = memory_map_low_end(guest);
    const struct map_range all[MAP_MAX_RANGES] = {
        {0, MAP_LOW_END, MAP_TYPE_RAM},
        {MAP_LOW_END, MAP_ACPI_START - MAP_LOW_END, MAP_TYPE_RESERVED},
        {MAP_ACPI_START, MAP_BIOS_START - MAP_ACPI_START, MAP_TYPE_ACPI},
        {MAP_BIOS_START, MAP_BIOS_END - MAP_BIOS_START, MAP_TYPE_RESERVED},
        {MAP_BIOS_END, low > MAP_BIOS_END ? low - MAP_BIOS_END : 0, MAP_TYPE_RAM},
        {guest->ecam_start, guest->ecam_size, MAP_TYPE_RESERVED},
        {guest->hole_end, guest->memory - low, MAP_TYPE_RAM},
    };
    uint32_t count = 0;

    for (uint32_t i = 0; i < MAP_MAX_RANGES; i++)
        if (all[i].size > 0)
            ranges[count++] = all[i];
    return count;
}
