/* SPDX-License-Identifier: MIT */
/*
 * How a config names PCI functions:
 *
 *     00:1f.2   0000:00:1f.2    by address, hexadecimal
 *     03:00.*                   all functions of that device
 *     8086:10d3   8086:10d3#2   the first, the second one with these ids
 *     nvme   nvme#2             of that class, by a short name (class.c)
 *     class:0200#1              of that class, by two, four or six hexadecimal digits
 *
 * "The second" is in the inventory's order. Bridges are never counted.
 */
#ifndef BULKHEAD_KERNEL_PCI_MATCH_H
#define BULKHEAD_KERNEL_PCI_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/diag.h"
#include "kernel/pci/inventory.h"

#define PCI_MAX_NUMBER 999 /* behind the # */

enum pci_selects { PCI_BY_ADDRESS, PCI_BY_SLOT, PCI_BY_ID, PCI_BY_CLASS };

struct pci_selector {
    uint32_t value;  /* BY_ADDRESS and BY_SLOT: pci_address_t.raw, ID: vendor << 16 | device,
                      * CLASS: the class code */
    uint32_t mask;   /* of the class code's bits that count */
    uint16_t number; /* which of them, from 1; 0: all (BY_ADDRESS, BY_SLOT) */
    uint8_t kind;    /* enum pci_selects */
};

/*
 * Read a selector from text that is not trusted, printable ASCII. False: a diagnosis without a
 * place; *at is the byte of the text that it is about.
 */
bool pci_selector_parse(const char *text, uint32_t length, struct pci_selector *selector,
                        uint32_t *at, struct diag *diag);

/* Is the function one of those that the selector describes, its number aside? */
bool pci_selector_fits(const struct pci_selector *selector, const struct pci_function *function);

/*
 * The next function that is selected, from index `from` on; PCI_NONE when there is none (any more).
 * *like counts, over all calls from 0 on, those that fit: the caller sets it to 0 before.
 */
uint16_t pci_select_next(const struct pci_inventory *inventory, const struct pci_selector *selector,
                         uint16_t from, uint32_t *like);

#endif
