/* SPDX-License-Identifier: MIT */
/* How each function can be brought back to its initial state without touching another one. */
#include "kernel/pci/inventory.h"

static bool is_alone(const struct pci_inventory *inventory, uint32_t index)
{
    const struct pci_function *function = &inventory->functions[index];

    if (function->parent == PCI_NONE)
        return false;
    for (uint32_t i = 0; i < inventory->count; i++)
        if (i != index && inventory->functions[i].parent == function->parent)
            return false;
    return true;
}

static enum pci_reset find_reset(const struct pci_inventory *inventory, uint32_t index)
{
    const struct pci_function *function = &inventory->functions[index];

    if (pci_is_bridge(function))
        return PCI_RESET_NONE;
    if (function->flags & PCI_HAS_FLR)
        return PCI_RESET_FLR;
    if (function->flags & PCI_HAS_AF_FLR)
        return PCI_RESET_AF_FLR;
    if (is_alone(inventory, index))
        return PCI_RESET_BUS;
    if (function->flags & PCI_HAS_PM_RESET)
        return PCI_RESET_PM;
    return PCI_RESET_NONE;
}

void pci_find_resets(struct pci_inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->count; i++)
        inventory->functions[i].reset = (uint8_t)find_reset(inventory, i);
}
