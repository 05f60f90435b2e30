/* SPDX-License-Identifier: MIT */
/* Windows onto guest memory: one 2 MiB entry a slot, written and cleared without any allocation. */
#include "arch/cpu.h"
#include "arch/x86/cpu/address_space.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/percpu.h"
#include "kernel/lib/bits.h"
#include "kernel/panic.h"

#define ROOT_INDEX(address)  ((address) >> 39 & (TABLE_ENTRIES - 1))
#define UPPER_INDEX(address) ((address) >> 30 & (TABLE_ENTRIES - 1))

/* The tables of the 2 MiB level, one behind the other in host memory: their entries are slots. */
static hpa_t first_table;
static uint64_t *entries;
static uint32_t entry_count;
static uint64_t rights; /* all of an entry but its address */

bool windows_init(struct pagetable *table, uint32_t cpus)
{
    const struct pagetable_format *format = table->format;
    uint64_t *root = table->table_at(table->context, table->root);
    hpa_t upper, lower;

    if (!table->take_page(table->context, &upper))
        return false;
    root[ROOT_INDEX(WINDOW_AREA)] = format->link(upper.raw, 4);
    uint64_t *links = table->table_at(table->context, upper);
    entry_count = cpus * WINDOW_SLOTS;
    rights = format->leaf(0, MAP_READ | MAP_WRITE, 2);
    for (uint32_t slot = 0; slot < entry_count; slot += TABLE_ENTRIES) {
        if (!table->take_page(table->context, &lower))
            return false;
        if (slot == 0)
            first_table = lower;
        links[UPPER_INDEX(WINDOW_AREA) + slot / TABLE_ENTRIES] = format->link(lower.raw, 3);
    }
    return true;
}

void windows_open(const struct pagetable *table)
{
    entries = table->table_at(table->context, first_table);
}

static uint32_t own_slot(unsigned slot)
{
    uint32_t index = cpu_this()->index * WINDOW_SLOTS + slot;

    assert(slot < WINDOW_SLOTS && index < entry_count);
    return index;
}

uint16_t window_load16(unsigned slot, hpa_t at)
{
    uint32_t index = own_slot(slot);
    uint64_t offset = at.raw & (PAGE_2M - 1), window = WINDOW_AREA + index * PAGE_2M;

    entries[index] = rights | (at.raw - offset);
    uint16_t value = *(const volatile uint16_t *)(uintptr_t)(window + offset);
    entries[index] = 0;
    cpu_invlpg((const void *)(uintptr_t)window);
    return value;
}

void *window_map(unsigned slot, hpa_t at, uint64_t *room)
{
    uint32_t index = own_slot(slot);
    uint64_t offset = at.raw & (PAGE_2M - 1);

    assert(entries[index] == 0);
    entries[index] = rights | (at.raw - offset);
    *room = PAGE_2M - offset;
    return (void *)(uintptr_t)(WINDOW_AREA + index * PAGE_2M + offset);
}

void window_unmap(unsigned slot)
{
    uint32_t index = own_slot(slot);

    entries[index] = 0;
    cpu_invlpg((const void *)(uintptr_t)(WINDOW_AREA + index * PAGE_2M));
}
