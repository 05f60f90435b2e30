/* SPDX-License-Identifier: MIT */
#include "boot/memory_map.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

/* SDM Vol. 3A "Physical Address Space": MAXPHYADDR is at most 52. */
#define ADDRESS_END BIT(52)

/* Bigger maps than this are nonsense, and the sweep below takes quadratic time. */
#define MAX_ENTRIES 4096

#define KIND_NONE (-1)

/* One descriptor, checked: [base, end) is not empty. */
struct piece {
    uint64_t base;
    uint64_t end;
    uint32_t type;
    int kind; /* enum hardware_memory */
};

static uint64_t entry_count(const struct memory_map *map)
{
    if (map->stride < sizeof(struct memory_map_entry))
        return 0;
    uint64_t count = map->size / map->stride;
    return count < MAX_ENTRIES ? count : MAX_ENTRIES;
}

static int kind_of(const struct memory_map_entry *entry)
{
    if (!(entry->attributes & MEMORY_MAP_WB) ||
        (entry->attributes & (MEMORY_MAP_NV | MEMORY_MAP_SP | MEMORY_MAP_RUNTIME)))
        return MEMORY_RESERVED;
    switch (entry->type) {
    case MEMORY_MAP_LOADER_CODE:
    case MEMORY_MAP_LOADER_DATA:
    case MEMORY_MAP_BOOT_CODE:
    case MEMORY_MAP_BOOT_DATA:
    case MEMORY_MAP_CONVENTIONAL:
        return MEMORY_FREE;
    default:
        return MEMORY_RESERVED;
    }
}

/* False: the descriptor is empty. Free memory loses partial pages, reserved memory gains them. */
static bool piece_at(const struct memory_map *map, uint64_t index, struct piece *piece)
{
    struct memory_map_entry entry;
    memcpy(&entry, (const uint8_t *)map->entries + index * map->stride, sizeof(entry));
    if (entry.pages == 0 || entry.base >= ADDRESS_END)
        return false;
    uint64_t room = ADDRESS_END - entry.base;
    uint64_t end = entry.pages > room / PAGE_4K ? ADDRESS_END : entry.base + entry.pages * PAGE_4K;
    piece->type = entry.type;
    piece->kind = kind_of(&entry);
    if (piece->kind == MEMORY_FREE) {
        piece->base = align_up(entry.base, PAGE_4K);
        piece->end = align_down(end, PAGE_4K);
    } else {
        piece->base = align_down(entry.base, PAGE_4K);
        piece->end = align_up(end, PAGE_4K);
    }
    return piece->base < piece->end;
}

/* What holds from one address up to the next one at which anything begins or ends. */
struct step {
    uint64_t at;
    uint64_t next; /* ADDRESS_END when nothing follows */
    int kind;      /* KIND_NONE: no descriptor covers it */
};

static void step_see(struct step *step, uint64_t base, uint64_t end, int kind)
{
    if (base <= step->at && step->at < end && kind > step->kind)
        step->kind = kind;
    if (base > step->at && base < step->next)
        step->next = base;
    if (end > step->at && end < step->next)
        step->next = end;
}

static struct step step_from(const struct memory_map *map, const struct memory_spans *ours,
                             uint64_t at)
{
    struct step step = {.at = at, .next = ADDRESS_END, .kind = KIND_NONE};
    struct piece piece;

    for (uint64_t i = 0; i < entry_count(map); i++)
        if (piece_at(map, i, &piece))
            step_see(&step, piece.base, piece.end, piece.kind);
    for (uint32_t i = 0; i < ours->count; i++)
        step_see(&step, ours->spans[i].base, ours->spans[i].base + ours->spans[i].size,
                 MEMORY_LOADER);
    return step;
}

static void append(struct memory_list *list, const struct step *step)
{
    struct hardware_piece *last = list->count > 0 ? &list->ranges[list->count - 1] : NULL;
    uint32_t kind = (uint32_t)step->kind;

    if (last && last->kind == kind && last->base + last->size == step->at) {
        last->size += step->next - step->at;
    } else if (list->count == list->capacity) {
        list->dropped++;
    } else {
        list->ranges[list->count++] =
            (struct hardware_piece){.base = step->at, .size = step->next - step->at, .kind = kind};
    }
}

void memory_map_convert(const struct memory_map *map, const struct memory_spans *ours,
                        struct memory_list *list)
{
    list->count = 0;
    list->dropped = 0;
    /* Ends: `at` grows with each step, and there are at most two edges for each piece. */
    for (uint64_t at = 0; at < ADDRESS_END;) {
        struct step step = step_from(map, ours, at);
        if (step.kind != KIND_NONE)
            append(list, &step);
        at = step.next;
    }
}

static bool is_ram(uint32_t type)
{
    switch (type) {
    case MEMORY_MAP_LOADER_CODE:
    case MEMORY_MAP_LOADER_DATA:
    case MEMORY_MAP_BOOT_CODE:
    case MEMORY_MAP_BOOT_DATA:
    case MEMORY_MAP_RUNTIME_CODE:
    case MEMORY_MAP_RUNTIME_DATA:
    case MEMORY_MAP_CONVENTIONAL:
    case MEMORY_MAP_ACPI_RECLAIM:
    case MEMORY_MAP_ACPI_NVS:
        return true;
    default:
        return false;
    }
}

bool memory_map_next_ram(const struct memory_map *map, uint64_t from, uint64_t align,
                         struct memory_span *span)
{
    struct piece piece, lowest = {.base = ADDRESS_END};

    for (uint64_t i = 0; i < entry_count(map); i++) {
        if (!piece_at(map, i, &piece) || !is_ram(piece.type) || piece.end <= from)
            continue;
        if (piece.base < from)
            piece.base = from;
        if (piece.base < lowest.base)
            lowest = piece;
    }
    if (lowest.base >= ADDRESS_END)
        return false;
    span->base = align_down(lowest.base, align);
    span->size = align_up(lowest.end, align) - span->base;
    return true;
}
