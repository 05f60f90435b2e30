/* SPDX-License-Identifier: MIT */
/*
 * The machine's PCI functions, by configuration mechanism #1 of the "PCI Local Bus Specification"
 * (segment 0). No guest owns one yet, so all that is done is to keep them quiet.
 */
#ifndef BULKHEAD_DRIVERS_PCI_H
#define BULKHEAD_DRIVERS_PCI_H

#include <stdbool.h>
#include <stdint.h>

struct pci_found {
    uint32_t functions; /* present */
    uint32_t silenced;  /* that were bus masters when we came */
    uint8_t last_bus;   /* the last one with functions, or that a bridge passes on */
};

/*
 * Stop every function from reading and writing memory (which includes MSIs) and from raising INTx:
 * firmware may have left a controller running into memory that is a guest's now. On the bootstrap
 * processor, before guests have memory. Bounded by the 65,536 functions that there can be.
 */
struct pci_found pci_quiesce(void);

/* The buses behind the bridge with this number (devfn: device << 3 | function) in segment 0, as
 * they are now. False: it is no bridge. */
bool pci_bridge_buses(uint8_t bus, uint8_t devfn, uint8_t *secondary, uint8_t *subordinate);

#endif
