/* SPDX-License-Identifier: MIT */
/* The bits of the processors' two table formats. */
#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

#define ENTRY_ADDRESS BITS(51, 12) /* of a table or a page, in both formats */
#define ENTRY_PS      BIT(7)       /* at levels 2 and 3: a page, not a table; in both formats */

/* SDM Vol. 3A "4-Level Paging and 5-Level Paging". */
#define HOST_P   BIT(0)
#define HOST_RW  BIT(1)
#define HOST_US  BIT(2)
#define HOST_PWT BIT(3)
#define HOST_PCD BIT(4)
#define HOST_A   BIT(5)
#define HOST_D   BIT(6)
#define HOST_G   BIT(8)
#define HOST_XD  BIT(63)

/* SDM Vol. 3C "EPT Translation Mechanism". */
#define EPT_READ    BIT(0)
#define EPT_WRITE   BIT(1)
#define EPT_EXECUTE BIT(2)
#define EPT_TYPE    BITS(5, 3)

/* Memory types as the MTRRs number them, SDM Vol. 3A "Memory Types That Can Be Encoded". */
enum { TYPE_UC = 0, TYPE_WC = 1, TYPE_WB = 6 };

static bool flags_valid(uint32_t flags)
{
    const uint32_t types = MAP_UNCACHED | MAP_WRITE_COMBINE;

    return (flags & MAP_READ) != 0 && (flags & types) != types;
}

static uint64_t page_size_bit(int level)
{
    return level > 1 ? ENTRY_PS : 0;
}

static bool entry_is_leaf(uint64_t entry, int level)
{
    return level == 1 || (level <= 3 && (entry & ENTRY_PS) != 0);
}

static uint64_t host_leaf(uint64_t address, uint32_t flags, int level)
{
    /* A nested table maps a guest's own RAM, where it may write code as it likes. */
    bool own = (flags & MAP_USER) == 0;

    if (!flags_valid(flags) || (own && (flags & MAP_WRITE) != 0 && (flags & MAP_EXEC) != 0))
        return 0;
    /* Accessed and dirty are set at once, so that no processor ever writes to a table. */
    uint64_t entry = address | page_size_bit(level) | HOST_P | HOST_A | HOST_D;
    entry |= (flags & MAP_WRITE) != 0 ? HOST_RW : 0;
    entry |= (flags & MAP_USER) != 0 ? HOST_US : 0;
    entry |= (flags & MAP_GLOBAL) != 0 ? HOST_G : 0;
    entry |= (flags & MAP_EXEC) != 0 ? 0 : HOST_XD;
    /* These two bits number the PAT entry: 0 WB, 1 WC (PAGETABLE_HOST_PAT), 3 UC. */
    entry |= (flags & MAP_UNCACHED) != 0 ? HOST_PCD | HOST_PWT : 0;
    entry |= (flags & MAP_WRITE_COMBINE) != 0 ? HOST_PWT : 0;
    return entry;
}

static uint64_t host_link(uint64_t table, int level)
{
    (void)level;
    /* Rights of all levels are combined, so those of links are no limit. */
    return table | HOST_P | HOST_RW | HOST_US | HOST_A;
}

static bool host_present(uint64_t entry)
{
    return (entry & HOST_P) != 0;
}

static uint64_t ept_leaf(uint64_t address, uint32_t flags, int level)
{
    uint64_t type = TYPE_WB;

    if (!flags_valid(flags))
        return 0;
    if ((flags & MAP_UNCACHED) != 0)
        type = TYPE_UC;
    else if ((flags & MAP_WRITE_COMBINE) != 0)
        type = TYPE_WC;
    uint64_t entry = address | page_size_bit(level) | EPT_READ | field_put(EPT_TYPE, type);
    entry |= (flags & MAP_WRITE) != 0 ? EPT_WRITE : 0;
    entry |= (flags & MAP_EXEC) != 0 ? EPT_EXECUTE : 0;
    return entry;
}

static uint64_t ept_link(uint64_t table, int level)
{
    (void)level;
    return table | EPT_READ | EPT_WRITE | EPT_EXECUTE;
}

static bool ept_present(uint64_t entry)
{
    return (entry & (EPT_READ | EPT_WRITE | EPT_EXECUTE)) != 0;
}

const struct pagetable_format pagetable_host = {
    .levels = 4,
    .linear = true,
    .leaf = host_leaf,
    .link = host_link,
    .present = host_present,
    .is_leaf = entry_is_leaf,
};

const struct pagetable_format pagetable_ept = {
    .levels = 4,
    .linear = false,
    .leaf = ept_leaf,
    .link = ept_link,
    .present = ept_present,
    .is_leaf = entry_is_leaf,
};
