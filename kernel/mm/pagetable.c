/* SPDX-License-Identifier: MIT */
#include "kernel/mm/pagetable.h"

#include "kernel/lib/bits.h"

#define LEVELS        4 /* that pagetable_pages_for() counts */
#define ENTRY_ADDRESS BITS(51, 12)
#define PHYSICAL_END  BIT(52) /* the architecture's limit of physical addresses */
#define PAGE_BITS     12
#define LEVEL_BITS    9

/* Bytes that one entry of a table of that level stands for. */
static uint64_t span(int level)
{
    return PAGE_4K << (LEVEL_BITS * (level - 1));
}

static uint64_t *entry_of(const struct pagetable *table, uint64_t at, int level, uint64_t from)
{
    uint64_t *entries = table->table_at(table->context, hpa(at));

    return &entries[(from / span(level)) % 512];
}

bool pagetable_init(struct pagetable *table)
{
    return table->take_page(table->context, &table->root);
}

static bool range_valid(const struct pagetable_format *format, uint64_t from, uint64_t to,
                        uint64_t size)
{
    uint64_t last = from + size - 1;
    int bits = PAGE_BITS + LEVEL_BITS * format->levels;
    uint64_t upper_half = ~UINT64_C(0) << (bits - 1);

    if (!is_aligned(from | to | size, PAGE_4K) || last < from)
        return false;
    if (to >= PHYSICAL_END || size > PHYSICAL_END - to)
        return false;
    if (!format->linear)
        return last < BIT(bits);
    return last < BIT(bits - 1) || from >= upper_half;
}

/* The level of the largest page that can stand at the beginning of the range. */
static int best_level(const struct pagetable *table, uint64_t from, uint64_t to, uint64_t size)
{
    for (int level = table->page_1g ? 3 : 2; level > 1; level--)
        if (is_aligned(from | to, span(level)) && size >= span(level))
            return level;
    return 1;
}

/* The table below `entry`, made when there is none. False: pool is empty, or a page is there. */
static bool descend(struct pagetable *table, uint64_t *entry, int level, uint64_t *at)
{
    if (table->format->present(*entry)) {
        *at = *entry & ENTRY_ADDRESS;
        return !table->format->is_leaf(*entry, level);
    }
    hpa_t page;
    if (!table->take_page(table->context, &page))
        return false;
    *entry = table->format->link(page.raw, level);
    *at = page.raw;
    return true;
}

/* Map one page of the size that belongs to `leaf_level`. */
static bool map_page(struct pagetable *table, uint64_t from, uint64_t leaf, int leaf_level)
{
    uint64_t at = table->root.raw;

    for (int level = table->format->levels; level > leaf_level; level--)
        if (!descend(table, entry_of(table, at, level, from), level, &at))
            return false;
    uint64_t *entry = entry_of(table, at, leaf_level, from);
    if (table->format->present(*entry))
        return false;
    *entry = leaf;
    return true;
}

bool pagetable_map(struct pagetable *table, uint64_t from, uint64_t to, uint64_t size,
                   uint32_t flags)
{
    if (size == 0)
        return true;
    if (!range_valid(table->format, from, to, size))
        return false;
    while (size > 0) {
        int level = best_level(table, from, to, size);
        uint64_t leaf = table->format->leaf(to, flags, level);
        if (leaf == 0 || !map_page(table, from, leaf, level))
            return false;
        from += span(level);
        to += span(level);
        size -= span(level);
    }
    return true;
}

int pagetable_lookup(const struct pagetable *table, uint64_t from, uint64_t *entry)
{
    uint64_t at = table->root.raw;

    if (!range_valid(table->format, align_down(from, PAGE_4K), 0, PAGE_4K))
        return 0;
    for (int level = table->format->levels; level > 0; level--) {
        *entry = *entry_of(table, at, level, from);
        if (!table->format->present(*entry))
            return 0;
        if (table->format->is_leaf(*entry, level))
            return level;
        at = *entry & ENTRY_ADDRESS;
    }
    return 0;
}

/* Blocks of `block` bytes that the range [from, last] touches. */
static uint64_t blocks_touched(uint64_t from, uint64_t last, uint64_t block)
{
    return last / block - from / block + 1;
}

/* Blocks that lie in the range as a whole. */
static uint64_t blocks_filled(uint64_t from, uint64_t last, uint64_t block)
{
    uint64_t first_whole = from / block + (from % block != 0);
    uint64_t end_whole = last / block + (last % block == block - 1);

    return end_whole > first_whole ? end_whole - first_whole : 0;
}

uint32_t pagetable_pages_for(uint64_t from, uint64_t to, uint64_t size, bool page_1g)
{
    uint64_t last = from + size - 1;
    uint64_t pages = 1; /* the root */

    if (size == 0)
        return 1;
    /* A table of level n serves one block of span(n + 1), unless a large page fills the block. */
    for (int level = 1; level < LEVELS; level++) {
        uint64_t block = span(level + 1);
        bool large = level == 1 || (level == 2 && page_1g);
        pages += blocks_touched(from, last, block);
        if (large && is_aligned(from - to, block))
            pages -= blocks_filled(from, last, block);
    }
    return (uint32_t)pages;
}
