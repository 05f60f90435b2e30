/* SPDX-License-Identifier: MIT */
/*
 * The machine's PCI functions, by configuration mechanism #1 of the "PCI Local Bus Specification"
 * (segment 0). No guest owns one yet, so all that is done is to keep them quiet.
 */
#ifndef BULKHEAD_DRIVERS_PCI_H
#define BULKHEAD_DRIVERS_PCI_H

#include <stdint.h>

struct pci_found {
    uint32_t functions; /* present */
    uint32_t silenced;  /* that were bus masters when we came */
};

/*
 * Stop every function from reading and writing memory (which includes MSIs) and from raising INTx:
 * firmware may have left a controller running into memory that is a guest's now. On the bootstrap
 * processor, before guests have memory. Bounded by the 65,536 functions that there can be.
 */
struct pci_found pci_quiesce(void);

#endif
