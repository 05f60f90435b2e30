/* SPDX-License-Identifier: MIT */
/* Functions that nobody drives: firmware may have left them running into memory that is a guest's
 * now. */
#include "kernel/pci/inventory.h"

void pci_snoop(const struct pci_access *access, pci_address_t at, uint32_t pcie)
{
    uint32_t reg = pcie + PCI_PCIE_CONTROL;
    uint16_t control = pci_read16(access, at, reg);

    if (control != UINT16_MAX)
        pci_write16(access, at, reg, control & (uint16_t)~PCI_PCIE_NO_SNOOP);
}

/*
 * Its own interrupts, of hot plug, power management and errors, which nobody takes: a line that a
 * guest shares could stay busy. What comes from below passes ("PCI Express Base Specification",
 * Interrupt Disable), and so a bridge stays a bus master.
 */
static void silence_bridge(const struct pci_access *access, const struct pci_function *bridge)
{
    uint16_t command = pci_read16(access, bridge->address, PCI_COMMAND);

    pci_write16(access, bridge->address, PCI_COMMAND, command | (uint16_t)PCI_COMMAND_NO_INTX);
    if (bridge->caps.msi != 0)
        pci_write16(access, bridge->address, bridge->caps.msi + PCI_MSI_CONTROL, 0);
    if (bridge->caps.msix != 0)
        pci_write16(access, bridge->address, bridge->caps.msix + PCI_MSIX_CONTROL, 0);
}

uint32_t pci_silence(const struct pci_access *access, const struct pci_inventory *inventory)
{
    uint32_t masters = 0;

    for (uint32_t i = 0; i < inventory->count; i++) {
        const struct pci_function *function = &inventory->functions[i];
        /* Bridges keep forwarding: a function behind them that is quiet sends nothing. */
        if (pci_is_bridge(function)) {
            silence_bridge(access, function);
            continue;
        }
        uint16_t command = pci_read16(access, function->address, PCI_COMMAND);
        command = (uint16_t)((command & ~PCI_COMMAND_MASTER) | PCI_COMMAND_NO_INTX);
        pci_write16(access, function->address, PCI_COMMAND, command);
        /* What its virtual functions send is as its bit says, and their guests do not reach it. */
        if (function->caps.pcie != 0 && function->caps.sriov != 0)
            pci_snoop(access, function->address, function->caps.pcie);
        masters += (function->flags & PCI_WAS_MASTER) != 0;
    }
    return masters;
}

void pci_deafen(const struct pci_access *access, const struct pci_function *function)
{
    uint16_t command = pci_read16(access, function->address, PCI_COMMAND);

    if (!pci_is_any_bridge(function))
        pci_write16(access, function->address, PCI_COMMAND,
                    command & (uint16_t)~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
}
