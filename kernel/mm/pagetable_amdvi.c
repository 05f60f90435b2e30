/* SPDX-License-Identifier: MIT */
/*
 * What AMD's IOMMUs translate with: AMD IOMMU specification "I/O Page Tables for Host
 * Translations". Each entry names the level of what it points to; 0 is a page, as large as its own
 * level makes it.
 */
#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

#define PTE_PR         BIT(0)
#define PTE_NEXT_LEVEL BITS(11, 9)
#define PTE_FC         BIT(60)
#define PTE_IR         BIT(61)
#define PTE_IW         BIT(62)

#define LEAF_FLAGS ((uint32_t)MAP_READ | MAP_WRITE)

static uint64_t amdvi_leaf(uint64_t address, uint32_t flags, int level)
{
    (void)level;
    if ((flags & MAP_READ) == 0 || (flags & ~LEAF_FLAGS) != 0)
        return 0;
    return address | PTE_PR | PTE_FC | PTE_IR | ((flags & MAP_WRITE) != 0 ? PTE_IW : 0);
}

/* Rights of all levels are combined, so those of links are no limit. */
static uint64_t amdvi_link(uint64_t table, int level)
{
    return table | PTE_PR | field_put(PTE_NEXT_LEVEL, (uint64_t)level - 1) | PTE_IR | PTE_IW;
}

static bool amdvi_present(uint64_t entry)
{
    return (entry & PTE_PR) != 0;
}

static bool amdvi_is_leaf(uint64_t entry, int level)
{
    (void)level;
    return field_get(PTE_NEXT_LEVEL, entry) == 0;
}

const struct pagetable_format pagetable_amdvi = {
    .levels = 4,
    .linear = false,
    .leaf = amdvi_leaf,
    .link = amdvi_link,
    .present = amdvi_present,
    .is_leaf = amdvi_is_leaf,
};
