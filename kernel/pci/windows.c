/* SPDX-License-Identifier: MIT */
/*
 * What bridges pass on: "PCI-to-PCI Bridge Architecture Specification", chapter "Configuration
 * Space". A BAR outside of its bridge's windows is not where it says: at that address is something
 * else, or nothing.
 */
#include "kernel/lib/bits.h"
#include "kernel/pci/work.h"

/* From both registers of a window, which count in units; empty when the limit is below the base. */
static struct pci_window window_of(uint64_t base, uint64_t limit, uint64_t unit)
{
    if (limit < base)
        return (struct pci_window){0};
    return (struct pci_window){base * unit, (limit - base + 1) * unit};
}

static struct pci_window read_io(const struct pci_access *access, pci_address_t at)
{
    uint16_t value = pci_read16(access, at, PCI_BRIDGE_IO);
    uint64_t base = field_get(PCI_BRIDGE_IO_BASE, value);
    uint64_t limit = field_get(PCI_BRIDGE_IO_LIMIT, value);

    if (value & PCI_BRIDGE_IO_32) {
        base |= (uint64_t)pci_read16(access, at, PCI_BRIDGE_IO_UPPER) << 4;
        limit |= (uint64_t)pci_read16(access, at, PCI_BRIDGE_IO_UPPER + 2) << 4;
    }
    return window_of(base, limit, KIB(4));
}

static struct pci_window read_memory(const struct pci_access *access, pci_address_t at,
                                     uint32_t reg)
{
    uint32_t value = pci_read32(access, at, reg);
    uint64_t base = field_get(PCI_BRIDGE_MEMORY_BASE, value);
    uint64_t limit = field_get(PCI_BRIDGE_MEMORY_LIMIT, value);

    if (reg == PCI_BRIDGE_PREFETCH && value & PCI_BRIDGE_PREFETCH_64) {
        base |= (uint64_t)pci_read32(access, at, PCI_BRIDGE_PREFETCH_BASE_UPPER) << 12;
        limit |= (uint64_t)pci_read32(access, at, PCI_BRIDGE_PREFETCH_LIMIT_UPPER) << 12;
    }
    return window_of(base, limit, MIB(1));
}

void pci_read_windows(const struct pci_access *access, struct pci_function *bridge)
{
    pci_address_t at = bridge->address;
    uint16_t command = pci_read16(access, at, PCI_COMMAND);

    if (bridge->header != PCI_HEADER_BRIDGE)
        return;
    if (command & PCI_COMMAND_IO)
        bridge->windows[PCI_WINDOW_IO] = read_io(access, at);
    if (command & PCI_COMMAND_MEMORY) {
        bridge->windows[PCI_WINDOW_MEMORY] = read_memory(access, at, PCI_BRIDGE_MEMORY);
        bridge->windows[PCI_WINDOW_PREFETCH] = read_memory(access, at, PCI_BRIDGE_PREFETCH);
    }
}

static bool lies_in(const struct pci_window *window, const struct pci_bar *bar)
{
    uint64_t size = pci_bar_size(bar);

    return bar->base >= window->base && size <= window->size &&
           bar->base - window->base <= window->size - size;
}

bool pci_passes(const struct pci_function *bridge, const struct pci_bar *bar)
{
    if (bridge->header != PCI_HEADER_BRIDGE || bridge->class_code == PCI_BRIDGE_SUBTRACTIVE)
        return true;
    if (bar->kind == PCI_BAR_IO)
        return lies_in(&bridge->windows[PCI_WINDOW_IO], bar);
    return lies_in(&bridge->windows[PCI_WINDOW_MEMORY], bar) ||
           lies_in(&bridge->windows[PCI_WINDOW_PREFETCH], bar);
}

uint16_t pci_blocked_by(const struct pci_inventory *inventory, uint16_t index, uint32_t bar)
{
    const struct pci_function *functions = inventory->functions;
    uint16_t above = functions[index].parent;

    while (above != PCI_NONE && pci_passes(&functions[above], &functions[index].bars[bar]))
        above = functions[above].parent;
    return above;
}
