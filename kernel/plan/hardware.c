/* SPDX-License-Identifier: MIT */
#include "kernel/plan/hardware.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

static uint64_t range_end(const struct hardware_range *range)
{
    return range->base.raw + range->size;
}

/* Put a range at `index`. False: the table is full. */
static bool insert(struct hardware *hardware, uint32_t index, const struct hardware_range *range)
{
    struct hardware_range *at = &hardware->ranges[index];

    if (hardware->range_count == HARDWARE_MAX_RANGES)
        return false;
    memmove(at + 1, at, (hardware->range_count - index) * sizeof(*at));
    *at = *range;
    hardware->range_count++;
    return true;
}

static void remove_at(struct hardware *hardware, uint32_t index)
{
    struct hardware_range *at = &hardware->ranges[index];

    hardware->range_count--;
    memmove(at, at + 1, (hardware->range_count - index) * sizeof(*at));
}

/* Make `address` a border between two ranges where it lies inside of one. */
static bool split_at(struct hardware *hardware, uint64_t address)
{
    for (uint32_t i = 0; i < hardware->range_count; i++) {
        struct hardware_range *range = &hardware->ranges[i];
        if (address <= range->base.raw || address >= range_end(range))
            continue;
        struct hardware_range upper = *range;
        upper.base = hpa(address);
        upper.size = range_end(range) - address;
        if (!insert(hardware, i + 1, &upper))
            return false;
        range->size -= upper.size;
        return true;
    }
    return true;
}

static void merge_neighbours(struct hardware *hardware)
{
    uint32_t last = 0;

    for (uint32_t i = 1; i < hardware->range_count; i++) {
        struct hardware_range *before = &hardware->ranges[last];
        const struct hardware_range *range = &hardware->ranges[i];
        if (range->base.raw == range_end(before) && range->kind == before->kind &&
            range->node == before->node)
            before->size += range->size;
        else
            hardware->ranges[++last] = *range;
    }
    hardware->range_count = hardware->range_count == 0 ? 0 : last + 1;
}

/* Remove what lies in [base, end) and is of a lesser kind. The borders are borders of ranges. */
static void remove_lesser(struct hardware *hardware, uint64_t base, uint64_t end,
                          enum hardware_memory kind)
{
    for (uint32_t i = hardware->range_count; i-- > 0;) {
        const struct hardware_range *range = &hardware->ranges[i];
        if (range->base.raw >= base && range_end(range) <= end && range->kind < kind)
            remove_at(hardware, i);
    }
}

/* Fill the gaps that [base, end) still has. */
static bool fill_gaps(struct hardware *hardware, uint64_t base, uint64_t end,
                      enum hardware_memory kind)
{
    uint32_t i = 0;

    while (base < end) {
        while (i < hardware->range_count && range_end(&hardware->ranges[i]) <= base)
            i++;
        uint64_t next = i < hardware->range_count ? hardware->ranges[i].base.raw : end;
        if (next > base) {
            uint64_t gap_end = next < end ? next : end;
            struct hardware_range gap = {.base = hpa(base), .size = gap_end - base, .kind = kind};
            if (!insert(hardware, i, &gap))
                return false;
        }
        base = range_end(&hardware->ranges[i]);
    }
    return true;
}

/* [base, base + size) as whole pages within the addresses that there are. False: nothing left. */
static bool to_pages(uint64_t base, uint64_t size, bool grow, uint64_t *first, uint64_t *end)
{
    if (base >= HARDWARE_ADDRESS_END || size == 0)
        return false;
    uint64_t room = HARDWARE_ADDRESS_END - base;
    uint64_t last = base + (size < room ? size : room);

    *first = grow ? align_down(base, PAGE_4K) : align_up(base, PAGE_4K);
    *end = grow ? align_up(last, PAGE_4K) : align_down(last, PAGE_4K);
    return *first < *end;
}

bool hardware_add_memory(struct hardware *hardware, uint64_t base, uint64_t size,
                         enum hardware_memory kind)
{
    uint64_t first, end;

    if (!to_pages(base, size, kind != MEMORY_FREE, &first, &end))
        return true;
    if (!split_at(hardware, first) || !split_at(hardware, end))
        return false;
    remove_lesser(hardware, first, end, kind);
    bool complete = fill_gaps(hardware, first, end, kind);
    merge_neighbours(hardware);
    return complete;
}

bool hardware_set_node(struct hardware *hardware, uint64_t base, uint64_t size, uint32_t node)
{
    uint64_t first, end;

    if (!to_pages(base, size, false, &first, &end))
        return true;
    if (!split_at(hardware, first) || !split_at(hardware, end))
        return false;
    for (uint32_t i = 0; i < hardware->range_count; i++) {
        struct hardware_range *range = &hardware->ranges[i];
        if (range->base.raw >= first && range_end(range) <= end)
            range->node = node;
    }
    merge_neighbours(hardware);
    return true;
}

bool hardware_tie(struct hardware *hardware, pci_address_t at)
{
    if (hardware->tied_count == HARDWARE_MAX_TIED)
        return false;
    hardware->tied[hardware->tied_count++] = at;
    return true;
}

bool hardware_special(struct hardware *hardware, pci_address_t source)
{
    for (uint32_t i = 0; i < hardware->special_count; i++)
        if (hardware->specials[i].raw == source.raw)
            return true;
    if (hardware->special_count == HARDWARE_MAX_SPECIALS)
        return false;
    hardware->specials[hardware->special_count++] = source;
    return true;
}

bool hardware_own(struct hardware *hardware, uint64_t base, uint64_t size, bool io)
{
    if (hardware->owned_count == HARDWARE_MAX_OWNED)
        return false;
    hardware->owned[hardware->owned_count++] =
        (struct hardware_owned){.base = base, .size = size, .io = io};
    return true;
}
