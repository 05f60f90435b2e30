/* SPDX-License-Identifier: MIT */
/*
 * What a reset takes away although the plan rests on it, and how it comes back: "PCI Express Base
 * Specification", "Reset". The scan has written it down (struct pci_kept).
 */
#include "kernel/pci/inventory.h"

static uint16_t read16(const struct pci_access *access, const struct pci_function *function,
                       uint32_t reg)
{
    return pci_read16(access, function->address, reg);
}

static void write16(const struct pci_access *access, const struct pci_function *function,
                    uint32_t reg, uint64_t value)
{
    pci_write16(access, function->address, reg, (uint16_t)value);
}

bool pci_is_there(const struct pci_access *access, const struct pci_function *function)
{
    const struct pci_kept *kept = &function->kept;
    uint16_t on = PCI_SRIOV_ENABLE | PCI_SRIOV_MEMORY;

    if (pci_read32(access, kept->who, PCI_VENDOR_ID) != kept->id)
        return false;
    if (kept->sriov != 0 &&
        (pci_read16(access, kept->who, kept->sriov + PCI_SRIOV_CONTROL) & on) != on)
        return false;
    return pci_read32(access, function->address, PCI_COMMAND) != UINT32_MAX;
}

/*
 * The port above sends packets as large as firmware told both ends to take: all that are larger
 * than Max_Payload_Size are malformed. Errors that a guest can bring about are not reported to
 * firmware.
 */
static bool restore_device_control(const struct pci_access *access,
                                   const struct pci_function *function)
{
    uint32_t reg = function->caps.pcie + PCI_PCIE_CONTROL;
    uint16_t kept = function->kept.device_control;

    if (function->caps.pcie == 0)
        return true;
    write16(access, function, reg, kept);
    return ((read16(access, function, reg) ^ kept) & PCI_PCIE_PAYLOAD) == 0;
}

/* "Resizable BAR Extended Capability": firmware's choice of sizes, while decoding is off. */
static void restore_sizes(const struct pci_access *access, const struct pci_function *function)
{
    for (uint32_t i = 0; i < function->kept.resizes; i++)
        write16(access, function, function->kept.rebar + PCI_REBAR_CONTROL + 8 * i,
                function->kept.sizes[i]);
}

static bool restore_rom(const struct pci_access *access, const struct pci_function *function)
{
    uint32_t base = (uint32_t)function->bars[PCI_ROM].base;

    if (pci_bar_size(&function->bars[PCI_ROM]) == 0)
        return true;
    pci_write32(access, function->address, PCI_ROM_BAR, base);
    return (pci_read32(access, function->address, PCI_ROM_BAR) & PCI_ROM_BASE) == base;
}

/*
 * A function whose BAR is larger than it was planned to be would answer for its neighbours; one
 * whose BAR is smaller, not at all. A virtual function's are in its physical one.
 */
static bool restore_bars(const struct pci_access *access, const struct pci_function *function)
{
    if (function->flags & PCI_VIRTUAL)
        return true;
    for (uint32_t i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &function->bars[i];
        uint32_t reg = PCI_BAR0 + 4 * i;
        if (pci_bar_size(bar) == 0)
            continue;
        pci_write32(access, function->address, reg, (uint32_t)bar->base);
        if (bar->kind == PCI_BAR_64)
            pci_write32(access, function->address, reg + 4, (uint32_t)(bar->base >> 32));
    }
    return pci_bars_are(access, function) && restore_rom(access, function);
}

/* The isolation groups were made with these controls on. */
static bool restore_isolation(const struct pci_access *access, const struct pci_function *function)
{
    uint32_t reg = function->caps.acs + PCI_ACS_CONTROL;

    if (!(function->flags & PCI_ISOLATES))
        return true;
    write16(access, function, reg, function->kept.acs);
    return read16(access, function, reg) == function->kept.acs;
}

bool pci_restore(const struct pci_access *access, const struct pci_function *function)
{
    write16(access, function, PCI_COMMAND, PCI_COMMAND_NO_INTX);
    restore_sizes(access, function);
    return restore_device_control(access, function) && restore_bars(access, function) &&
           restore_isolation(access, function);
}
