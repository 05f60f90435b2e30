/* SPDX-License-Identifier: MIT */
/* What VT-d units translate with: VT-d specification "Second-Stage Paging Entries". */
#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

#define SS_R   BIT(0)
#define SS_W   BIT(1)
#define SS_PS  BIT(7) /* at levels 2 and 3: a page, not a table */
#define SS_SNP BIT(11)

#define LEAF_FLAGS ((uint32_t)MAP_READ | MAP_WRITE | MAP_SNOOP)

static uint64_t vtd_leaf(uint64_t address, uint32_t flags, int level)
{
    if ((flags & MAP_READ) == 0 || (flags & ~LEAF_FLAGS) != 0)
        return 0;
    uint64_t entry = address | SS_R | (level > 1 ? SS_PS : 0);
    entry |= (flags & MAP_WRITE) != 0 ? SS_W : 0;
    entry |= (flags & MAP_SNOOP) != 0 ? SS_SNP : 0;
    return entry;
}

/* Rights of all levels are combined, so those of links are no limit. */
static uint64_t vtd_link(uint64_t table, int level)
{
    (void)level;
    return table | SS_R | SS_W;
}

static bool vtd_present(uint64_t entry)
{
    return (entry & (SS_R | SS_W)) != 0;
}

static bool vtd_is_leaf(uint64_t entry, int level)
{
    return level == 1 || (level <= 3 && (entry & SS_PS) != 0);
}

const struct pagetable_format pagetable_vtd_3 = {
    .levels = 3,
    .linear = false,
    .leaf = vtd_leaf,
    .link = vtd_link,
    .present = vtd_present,
    .is_leaf = vtd_is_leaf,
};

const struct pagetable_format pagetable_vtd_4 = {
    .levels = 4,
    .linear = false,
    .leaf = vtd_leaf,
    .link = vtd_link,
    .present = vtd_present,
    .is_leaf = vtd_is_leaf,
};
