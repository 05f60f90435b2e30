/* SPDX-License-Identifier: MIT */
/* PCI functions in words, for the plan's table and reports. */
#ifndef BULKHEAD_KERNEL_PCI_DESCRIBE_H
#define BULKHEAD_KERNEL_PCI_DESCRIBE_H

#include <stddef.h>

#include "kernel/pci/inventory.h"

#define PCI_TEXT 16 /* bytes that "0000:00:00.0" needs, and more */

/* "00:1f.2"; with the segment in front when it is not 0. */
void pci_address_text(pci_address_t at, char text[PCI_TEXT]);

/*
 * "00:1f.2 8086:2922 SATA controller (AHCI), MSI, FLR, group 3": address, ids, class, the best
 * kind of interrupt that it has, how it is reset, isolation group. Cut off where it does not fit.
 */
void pci_describe(const struct pci_function *function, char *text, size_t size);

/* "128K at 0xfebc0000" for memory, "32 ports at 0xc040": empty for none. Returns the length. */
size_t pci_describe_bar(const struct pci_bar *bar, char *text, size_t size);

/* "FLR", "bus reset", ...; "no reset". */
const char *pci_reset_text(enum pci_reset reset);

/* What a warning says, without the address. */
const char *pci_fault_text(enum pci_fault fault);

#endif
