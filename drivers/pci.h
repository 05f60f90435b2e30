/* SPDX-License-Identifier: MIT */
/*
 * The machine's configuration space for kernel/pci: by windows ("Enhanced Configuration Access
 * Mechanism" of the "PCI Express Base Specification") where ACPI's MCFG names some, else by
 * configuration mechanism #1 of the "PCI Local Bus Specification", which reaches segment 0 and the
 * first 256 bytes of each function.
 */
#ifndef BULKHEAD_DRIVERS_PCI_H
#define BULKHEAD_DRIVERS_PCI_H

#include "kernel/pci/inventory.h"

/*
 * Set up access by these windows, which are MCFG's; those that end beyond PCI_WINDOWS_END or
 * `address_end`, 1 << MAXPHYADDR, are left out, as the boot half's tables do not map them. Without
 * one for segment 0 mechanism #1 serves it. Returns how many windows were left out. On the
 * bootstrap processor, before memory_init(): windows are reached at their physical addresses.
 */
uint32_t pci_init(const struct pci_segment *windows, uint32_t count, uint64_t address_end);

/*
 * Find all functions, stop those that are bus masters, then learn the rest of what the inventory
 * holds. After pci_init(), while no other processor runs. Returns how many were bus masters.
 */
uint32_t pci_take_over(struct pci_inventory *inventory);

/*
 * From memory_init() on: segment 0 by mechanism #1, and what pci_keep() was called for. Everything
 * by any processor.
 */
void pci_move(void);

/*
 * Keep a function's configuration space in reach, all 4 KiB of it where there is a window. After
 * pci_move(), before memory_seal(). False: nobody can reach it.
 */
bool pci_keep(pci_address_t at);

/* The machine's configuration space. */
const struct pci_access *pci_machine(void);

/* Switch off the BARs of a function that shares its isolation group with a guest's (pci_deafen). */
void pci_shut_up(const struct pci_function *function);

#endif
