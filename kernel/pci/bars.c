/* SPDX-License-Identifier: MIT */
/*
 * How large the areas are that base address registers stand for: all ones are written, and the bits
 * that stay 0 tell. Decoding is off meanwhile, so that the function does not answer anywhere else.
 * Firmware's bases are kept.
 */
#include "kernel/pci/work.h"

/* One register, or two for 64 bits. */
struct sizing {
    const struct pci_access *access;
    pci_address_t at;
    uint32_t reg;
    uint64_t old;  /* what firmware wrote there */
    uint64_t mask; /* which bits can be written */
    bool wide;
};

static uint32_t probe(const struct sizing *sizing, uint32_t reg, uint32_t ones, uint32_t *old)
{
    *old = pci_read32(sizing->access, sizing->at, reg);
    pci_write32(sizing->access, sizing->at, reg, ones);
    uint32_t mask = pci_read32(sizing->access, sizing->at, reg);
    pci_write32(sizing->access, sizing->at, reg, *old);
    return mask;
}

/* `ones`: what to write to the lower half: not the bit that switches a ROM on. */
static void probe_all(struct sizing *sizing, uint32_t ones)
{
    uint32_t old, high = 0, old_high = 0;
    uint32_t mask = probe(sizing, sizing->reg, ones, &old);

    if (sizing->wide)
        high = probe(sizing, sizing->reg + 4, UINT32_MAX, &old_high);
    sizing->old = (uint64_t)old_high << 32 | old;
    sizing->mask = (uint64_t)high << 32 | mask;
}

static uint8_t lowest_bit(uint64_t mask)
{
    uint8_t bit = 0;

    while (bit < 63 && !(mask & BIT(bit)))
        bit++;
    return bit;
}

/*
 * From the bits that can be written to base and size; `mask` and `base` without flags. The bits
 * have to be all those from the size on, up to a top where those of an address can stop.
 */
static bool fill(struct pci_bar *bar, uint64_t base, uint64_t mask, uint64_t end)
{
    bar->base = base;
    bar->bits = lowest_bit(mask);
    uint64_t size = BIT(bar->bits);
    return (mask & (mask + size)) == 0 && is_aligned(base, size) && base < end &&
           size <= end - base;
}

static void decode_io(struct pci_bar *bar, const struct sizing *sizing)
{
    uint64_t mask = sizing->mask & PCI_BAR_IO_BASE & BITS(15, 0);

    bar->kind = PCI_BAR_IO;
    if (!fill(bar, sizing->old & PCI_BAR_IO_BASE, mask, BIT(16)) || mask == 0)
        bar->kind = PCI_BAR_BROKEN;
}

static void decode_memory(struct pci_bar *bar, const struct sizing *sizing)
{
    uint64_t flags = ~PCI_BAR_MEM_BASE & UINT32_MAX;
    uint64_t mask = sizing->mask & ~flags;
    uint64_t end = sizing->wide ? sizing->access->address_end : BIT(32);

    bar->kind = sizing->wide ? PCI_BAR_64 : PCI_BAR_32;
    bar->prefetchable = (sizing->old & PCI_BAR_PREFETCH) != 0;
    if (sizing->wide && mask >> 32 == 0)
        mask |= BITS(63, 32); /* a register of 64 bits whose upper half cannot be written */
    if (!fill(bar, sizing->old & ~flags, mask, end) || (sizing->mask & ~flags) == 0)
        bar->kind = PCI_BAR_BROKEN;
}

/* `last`: no BAR comes behind it. Returns how many registers the BAR takes, 1 or 2. */
static uint32_t size_bar(const struct pci_access *access, pci_address_t at, uint32_t reg, bool last,
                         struct pci_bar *bar)
{
    struct sizing sizing = {.access = access, .at = at, .reg = reg};
    uint32_t value = pci_read32(access, at, reg);
    bool io = (value & PCI_BAR_IS_IO) != 0;

    sizing.wide = !io && field_get(PCI_BAR_TYPE, value) == PCI_BAR_TYPE_64;
    if (sizing.wide && last) {
        *bar = (struct pci_bar){.base = value, .kind = PCI_BAR_BROKEN};
        return 1; /* its upper half would be another register */
    }
    probe_all(&sizing, UINT32_MAX);
    if (sizing.mask == 0 && sizing.old == 0)
        return 1; /* there is none */
    if (io)
        decode_io(bar, &sizing);
    else
        decode_memory(bar, &sizing);
    return sizing.wide ? 2 : 1;
}

static void size_bars(const struct pci_access *access, struct pci_inventory *inventory,
                      struct pci_function *function, uint32_t reg, uint32_t count)
{
    for (uint32_t i = 0; i < count;) {
        struct pci_bar *bar = &function->bars[i];
        i += size_bar(access, function->address, reg + 4 * i, i + 1 == count, bar);
        if (bar->kind == PCI_BAR_BROKEN)
            pci_warn(inventory, function->address, PCI_FAULT_BAR);
    }
}

static void size_rom(const struct pci_access *access, struct pci_inventory *inventory,
                     struct pci_function *function)
{
    uint32_t reg = function->header == PCI_HEADER_DEVICE ? PCI_ROM_BAR : PCI_BRIDGE_ROM_BAR;
    struct sizing sizing = {.access = access, .at = function->address, .reg = reg};
    struct pci_bar *rom = &function->bars[PCI_ROM];

    probe_all(&sizing, (uint32_t)PCI_ROM_BASE);
    uint64_t mask = sizing.mask & PCI_ROM_BASE;
    if (mask == 0)
        return;
    rom->kind = PCI_BAR_32;
    /* While it is off, firmware leaves any address there, often one that is another's by now. */
    uint64_t base = sizing.old & PCI_ROM_ENABLE ? sizing.old & PCI_ROM_BASE : 0;
    if (!fill(rom, base, mask, BIT(32))) {
        rom->kind = PCI_BAR_BROKEN;
        pci_warn(inventory, function->address, PCI_FAULT_BAR);
    }
}

/* Host bridges are left alone: some stop answering for memory when their decoding is off. */
bool pci_has_bars(const struct pci_function *function)
{
    return function->header <= PCI_HEADER_BRIDGE && function->class_code >> 8 != 0x0600 &&
           !(function->flags & PCI_VIRTUAL);
}

static void size_function(const struct pci_access *access, struct pci_inventory *inventory,
                          struct pci_function *function)
{
    pci_address_t at = function->address;
    uint16_t command = pci_read16(access, at, PCI_COMMAND);
    uint16_t off = command & (uint16_t)~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY);

    pci_write16(access, at, PCI_COMMAND, off);
    size_bars(access, inventory, function, PCI_BAR0,
              function->header == PCI_HEADER_DEVICE ? PCI_BARS : 2);
    size_rom(access, inventory, function);
    pci_write16(access, at, PCI_COMMAND, command);
}

/*
 * The BARs of a physical function's virtual functions: each register stands for as many areas side
 * by side as there can be virtual functions, and tells the size of one.
 */
static void size_virtual(const struct pci_access *access, struct pci_inventory *inventory,
                         uint16_t index)
{
    struct pci_function first = inventory->functions[index];
    pci_address_t at = first.address;
    uint32_t control_reg = first.caps.sriov + PCI_SRIOV_CONTROL;
    uint16_t control = pci_read16(access, at, control_reg);

    pci_write16(access, at, control_reg, control & (uint16_t)~PCI_SRIOV_MEMORY);
    for (uint32_t i = 0; i < PCI_BARS; i++)
        first.bars[i] = (struct pci_bar){0};
    size_bars(access, inventory, &first, first.caps.sriov + PCI_SRIOV_BAR0, PCI_BARS);
    pci_write16(access, at, control_reg, control);

    for (uint32_t i = index + 1u; i < inventory->count && inventory->functions[i].physical == index;
         i++) {
        struct pci_function *function = &inventory->functions[i];
        for (uint32_t n = 0; n < PCI_BARS; n++) {
            struct pci_bar bar = first.bars[n];
            uint64_t offset = pci_bar_size(&bar) * function->number;
            if (bar.kind == PCI_BAR_IO || offset >= access->address_end - bar.base)
                bar.kind = PCI_BAR_BROKEN;
            else if (bar.base != 0)
                bar.base += offset;
            function->bars[n] = bar;
        }
    }
}

bool pci_bars_are(const struct pci_access *access, const struct pci_function *function)
{
    for (uint32_t i = 0; i < PCI_BARS;) {
        const struct pci_bar *old = &function->bars[i];
        struct pci_bar bar = {0};
        i += size_bar(access, function->address, PCI_BAR0 + 4 * i, i + 1 == PCI_BARS, &bar);
        if (bar.kind != old->kind || bar.bits != old->bits || bar.base != old->base)
            return false;
    }
    return true;
}

/* Does [offset, offset + size) lie in that BAR, and is it one for memory? */
static bool in_bar(const struct pci_function *function, uint32_t bar, uint64_t offset,
                   uint64_t size)
{
    return bar < PCI_BARS && pci_bar_is_memory(&function->bars[bar]) &&
           offset + size <= pci_bar_size(&function->bars[bar]);
}

void pci_check_msix(struct pci_inventory *inventory, struct pci_function *function)
{
    const struct pci_caps *caps = &function->caps;
    uint64_t pending = ((uint64_t)caps->msix_vectors + 63) / 64 * 8;

    if (caps->msix == 0 || (in_bar(function, caps->msix_bar, caps->msix_offset,
                                   (uint64_t)caps->msix_vectors * PCI_MSIX_ENTRY) &&
                            in_bar(function, caps->pba_bar, caps->pba_offset, pending)))
        return;
    function->flags |= PCI_MSIX_BAD;
    pci_warn(inventory, function->address, PCI_FAULT_MSIX);
}

void pci_size_bars(const struct pci_access *access, struct pci_inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->count; i++)
        if (pci_has_bars(&inventory->functions[i]))
            size_function(access, inventory, &inventory->functions[i]);
    for (uint32_t i = 0; i + 1 < inventory->count; i++)
        if (inventory->functions[i].caps.sriov != 0 && inventory->functions[i + 1].physical == i)
            size_virtual(access, inventory, (uint16_t)i);
    for (uint32_t i = 0; i < inventory->count; i++)
        pci_check_msix(inventory, &inventory->functions[i]);
}
