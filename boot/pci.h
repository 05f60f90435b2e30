/* SPDX-License-Identifier: MIT */
/* The machine's PCI functions, as the boot half sees them: nothing is written to any of them. */
#ifndef BULKHEAD_BOOT_PCI_H
#define BULKHEAD_BOOT_PCI_H

#include "kernel/acpi/mcfg.h"
#include "kernel/lib/diag.h"
#include "kernel/pci/inventory.h"

/*
 * Find all functions with what is known of them without a write, as they will be grouped once the
 * kernel has turned on what isolates them. Sizes of BARs are what the firmware's drivers know.
 * False: no memory for that.
 */
bool pci_look(const struct acpi_mcfg *mcfg, uint64_t address_end, struct pci_inventory *inventory,
              struct diag *diag);

#endif
