/* SPDX-License-Identifier: MIT */
/* What the files of kernel/pci share. Nobody else includes this. */
#ifndef BULKHEAD_KERNEL_PCI_WORK_H
#define BULKHEAD_KERNEL_PCI_WORK_H

#include "kernel/pci/inventory.h"

/* Note that something is wrong there (scan.c). */
void pci_warn(struct pci_inventory *inventory, pci_address_t at, enum pci_fault fault);

/* Read the function's capabilities (caps.c); its header and class are known. */
void pci_read_caps(const struct pci_access *access, struct pci_inventory *inventory,
                   struct pci_function *function);

/*
 * Add the virtual functions that firmware enabled on the physical one, the last that was added
 * (sriov.c).
 */
void pci_add_virtual(const struct pci_access *access, struct pci_inventory *inventory);

/* Read what the bridge passes on (windows.c). */
void pci_read_windows(const struct pci_access *access, struct pci_function *bridge);

/* Has it a header with BARs that may be looked at (bars.c)? */
bool pci_has_bars(const struct pci_function *function);

/* Do its MSI-X table and PBA lie in its memory BARs (bars.c)? */
void pci_check_msix(struct pci_inventory *inventory, struct pci_function *function);

/* A place for one more function, all zero; NULL when there is none (scan.c). */
struct pci_function *pci_new_function(struct pci_inventory *inventory, pci_address_t at);

#endif
