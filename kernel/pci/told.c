/* SPDX-License-Identifier: MIT */
#include "kernel/pci/told.h"

#include "kernel/pci/work.h"

#define ROM_LEAST 11 /* bits: the smallest area that a ROM's register can stand for */

/* What firmware told of all functions. */
struct tellings {
    const struct pci_told *told;
    uint32_t count;
};

/* A register's value with the upper half, where it has one. */
struct register_value {
    uint64_t base;
    bool io, wide, prefetchable;
};

static const struct pci_told *find_told(const struct tellings *all, pci_address_t at,
                                        enum pci_told_kind kind, uint64_t base)
{
    for (uint32_t i = 0; i < all->count; i++) {
        const struct pci_told *told = &all->told[i];
        if (told->at.raw == at.raw && told->kind == kind &&
            (kind == PCI_TOLD_ROM || told->base == base))
            return told;
    }
    return NULL;
}

/* The power of two that is not below; 63 is more than any area has. */
static uint8_t bits_of(uint64_t size)
{
    uint8_t bits = 0;

    while (bits < 63 && BIT(bits) < size)
        bits++;
    return bits;
}

static struct register_value read_register(const struct pci_access *access, pci_address_t at,
                                           uint32_t reg, bool last)
{
    uint32_t low = pci_read32(access, at, reg);
    struct register_value value = {.io = (low & PCI_BAR_IS_IO) != 0};

    if (value.io) {
        value.base = low & PCI_BAR_IO_BASE;
        return value;
    }
    value.base = low & PCI_BAR_MEM_BASE;
    value.wide = !last && field_get(PCI_BAR_TYPE, low) == PCI_BAR_TYPE_64;
    value.prefetchable = (low & PCI_BAR_PREFETCH) != 0;
    if (value.wide)
        value.base |= (uint64_t)pci_read32(access, at, reg + 4) << 32;
    return value;
}

/* Give the BAR that size, when it is one that a BAR there can have; else the size stays unknown. */
static void fit(struct pci_bar *bar, enum pci_bar_kind kind, uint64_t size, uint64_t end)
{
    uint64_t least = kind == PCI_BAR_IO ? 4 : 16;

    if (size < least || (size & (size - 1)) != 0 || !is_aligned(bar->base, size) ||
        bar->base >= end || size > end - bar->base)
        return;
    bar->kind = (uint8_t)kind;
    bar->bits = bits_of(size);
}

/* Returns how many registers the BAR takes, 1 or 2. */
static uint32_t take_bar(const struct pci_access *access, const struct tellings *all,
                         struct pci_function *function, uint32_t number, uint32_t count)
{
    pci_address_t at = function->address;
    struct pci_bar *bar = &function->bars[number];
    struct register_value value =
        read_register(access, at, PCI_BAR0 + 4 * number, number + 1 == count);

    if (value.base == 0 && !value.wide)
        return 1; /* there is none, or none that anybody could tell from that */
    *bar = (struct pci_bar){
        .base = value.base, .kind = PCI_BAR_UNKNOWN, .prefetchable = value.prefetchable};
    const struct pci_told *told =
        find_told(all, at, value.io ? PCI_TOLD_IO : PCI_TOLD_MEMORY, value.base);
    if (told && value.io)
        fit(bar, PCI_BAR_IO, told->size, BIT(16));
    else if (told)
        fit(bar, value.wide ? PCI_BAR_64 : PCI_BAR_32, told->size,
            value.wide ? access->address_end : BIT(32));
    return value.wide ? 2 : 1;
}

/* While it is off, its register says nothing of where it is: as in bars.c. */
static void take_rom(const struct pci_access *access, const struct tellings *all,
                     struct pci_function *function)
{
    uint32_t reg = function->header == PCI_HEADER_DEVICE ? PCI_ROM_BAR : PCI_BRIDGE_ROM_BAR;
    uint32_t value = pci_read32(access, function->address, reg);
    const struct pci_told *told = find_told(all, function->address, PCI_TOLD_ROM, 0);
    struct pci_bar *rom = &function->bars[PCI_ROM];
    bool on = (value & PCI_ROM_ENABLE) != 0;

    if (!told && !on)
        return;
    *rom = (struct pci_bar){.base = on ? value & PCI_ROM_BASE : 0, .kind = PCI_BAR_UNKNOWN};
    uint8_t bits = told ? bits_of(told->size) : 0;
    if (told)
        fit(rom, PCI_BAR_32, BIT(bits < ROM_LEAST ? ROM_LEAST : bits), BIT(32));
}

/* The physical function's capability says where they are, and nobody how large. */
static void take_virtual(const struct pci_access *access, const struct pci_inventory *inventory,
                         struct pci_function *function)
{
    const struct pci_function *physical = &inventory->functions[function->physical];
    uint32_t first = physical->caps.sriov + PCI_SRIOV_BAR0;

    for (uint32_t i = 0; i < PCI_BARS;) {
        struct register_value value =
            read_register(access, physical->address, first + 4 * i, i + 1 == PCI_BARS);
        if (value.base != 0)
            function->bars[i] = (struct pci_bar){.kind = PCI_BAR_UNKNOWN};
        i += value.wide ? 2 : 1;
    }
}

void pci_take_told(const struct pci_access *access, struct pci_inventory *inventory,
                   const struct pci_told *told, uint32_t count)
{
    struct tellings all = {told, count};

    for (uint32_t i = 0; i < inventory->count; i++) {
        struct pci_function *function = &inventory->functions[i];
        uint32_t bars = function->header == PCI_HEADER_DEVICE ? PCI_BARS : 2;
        if (function->physical != PCI_NONE)
            take_virtual(access, inventory, function);
        if (!pci_has_bars(function))
            continue;
        for (uint32_t n = 0; n < bars;)
            n += take_bar(access, &all, function, n, bars);
        take_rom(access, &all, function);
    }
    pci_check_tables(inventory);
}

void pci_expect_isolation(struct pci_inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->count; i++)
        if (inventory->functions[i].caps.acs != 0)
            inventory->functions[i].flags |= PCI_ISOLATES;
}

static bool is_unknown(const struct pci_function *function, uint32_t bar)
{
    return bar < PCI_BARS && function->bars[bar].kind == PCI_BAR_UNKNOWN;
}

void pci_check_tables(struct pci_inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->count; i++) {
        struct pci_function *function = &inventory->functions[i];
        if (!is_unknown(function, function->caps.msix_bar) &&
            !is_unknown(function, function->caps.pba_bar))
            pci_check_msix(inventory, function);
    }
}
