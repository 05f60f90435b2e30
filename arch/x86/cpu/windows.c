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

/* The tables of the 2 MiB level, one behind the other in host memory; their entries are slots. */
static hpa_t first_table;
static uint32_t slot_count;

bool windows_init(struct pagetable *table, uint32_t cpus)
{
    const struct pagetable_format *format = table->format;
    uint64_t *root = table->table_at(table->context, table->root);
    hpa_t upper, lower;

    if (!table->take_page(table->context, &upper))
        return false;
    root[ROOT_INDEX(WINDOW_AREA)] = format->link(upper.raw, 4);
    uint64_t *links = table->table_at(table->context, upper);
    slot_count = cpus * WINDOW_SLOTS;
    for (uint32_t slot = 0; slot < slot_count; slot += TABLE_ENTRIES) {
        if (!table->take_page(table->context, &lower))
            return false;
        if (slot == 0)
            first_table = lower;
        links[UPPER_INDEX(WINDOW_AREA) + slot / TABLE_ENTRIES] = format->link(lower.raw, 3);
    }
    return true;
}

static uint32_t own_slot(unsigned slot)
{
    uint32_t index = cpu_this()->index * WINDOW_SLOTS + slot;

    assert(slot < WINDOW_SLOTS && index < slot_count);
    return index;
}

static uint64_t *slot_entry(uint32_t index)
{
    const struct pagetable *table = address_space();

    return table->table_at(table->context, first_table) + index;
}

static uint64_t slot_address(uint32_t index)
{
    return WINDOW_AREA + index * PAGE_2M;
}

void *window_map(unsigned slot, hpa_t at, uint64_t *room)
{
    uint32_t index = own_slot(slot);
    uint64_t offset = at.raw & (PAGE_2M - 1);
    uint64_t *entry = slot_entry(index);

    assert(*entry == 0);
    *entry = pagetable_host.leaf(at.raw - offset, MAP_READ | MAP_WRITE, 2);
    *room = PAGE_2M - offset;
    return (void *)(uintptr_t)(slot_address(index) + offset);
}

void window_unmap(unsigned slot)
{
    uint32_t index = own_slot(slot);

    *slot_entry(index) = 0;
    cpu_invlpg((const void *)(uintptr_t)slot_address(index));
}
