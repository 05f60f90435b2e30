/* SPDX-License-Identifier: MIT */
/*
 * The inventory by reading alone, for the boot half: firmware's drivers are at work there, and
 * whatever is written to configuration space could disturb them. In place of pci_silence(),
 * pci_size_bars() and pci_isolate(); pci_scan(), pci_group() and pci_find_resets() read anyhow.
 */
#ifndef BULKHEAD_KERNEL_PCI_TOLD_H
#define BULKHEAD_KERNEL_PCI_TOLD_H

#include "kernel/pci/inventory.h"

enum pci_told_kind { PCI_TOLD_MEMORY, PCI_TOLD_IO, PCI_TOLD_ROM };

/* An area of a function, as firmware knows it. Not trusted. */
struct pci_told {
    pci_address_t at;
    uint8_t kind;  /* enum pci_told_kind */
    uint64_t base; /* HPA or port as in its BAR; not looked at for a ROM */
    uint64_t size; /* bytes; of a ROM: of its contents, which its area may exceed */
};

/*
 * The BARs by their registers, with the sizes of those areas that begin where the BARs say. What
 * nobody told is PCI_BAR_UNKNOWN; all BARs of virtual functions are.
 */
void pci_take_told(const struct pci_access *access, struct pci_inventory *inventory,
                   const struct pci_told *told, uint32_t count);

/* Functions that have access control services count as if these were on: pci_isolate() will. */
void pci_expect_isolation(struct pci_inventory *inventory);

/* Compare the places of MSI-X tables with the BARs, as far as these are known. */
void pci_check_tables(struct pci_inventory *inventory);

#endif
