/* SPDX-License-Identifier: MIT */
/* Bring a function back to its initial state. "PCI Express Base Specification", "Reset". */
#ifndef BULKHEAD_DRIVERS_PCI_RESET_H
#define BULKHEAD_DRIVERS_PCI_RESET_H

#include "kernel/pci/inventory.h"

/* Let so many microseconds pass, or more. The processor may have others to look after meanwhile. */
typedef void pci_wait(uint64_t us);

/* How many microseconds have to pass from pci_reset_begin() until the function may be talked to. */
uint64_t pci_reset_time(const struct pci_function *function);

/*
 * Stop the function and begin its reset, of the kind that the inventory found; without one it is
 * only stopped: no bus master, no interrupts, no decoding. `bridge` is the one above it, for a bus
 * reset. Not within the time of a reset before; the bus must not be used by others meanwhile. After
 * pci_keep() of both, and of its kept.who. False: it does not answer within a second as the one
 * that it was, so that nothing was done but to stop it.
 */
bool pci_reset_begin(const struct pci_function *function, pci_address_t bridge, pci_wait *wait);

/*
 * After that time: wait until it answers likewise, and give it back what it had when it was found,
 * all else off (pci_restore). False: it does not answer, or does not take it.
 */
bool pci_reset_end(const struct pci_function *function, pci_wait *wait);

#endif
