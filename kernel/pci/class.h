/* SPDX-License-Identifier: MIT */
/* What class codes mean ("PCI Code and ID Assignment Specification"): in words, and the short names
 * that the config knows. */
#ifndef BULKHEAD_KERNEL_PCI_CLASS_H
#define BULKHEAD_KERNEL_PCI_CLASS_H

#include <stdint.h>

#define PCI_CLASS_NAMES 24 /* short names that there are at most */

struct pci_class {
    uint32_t code;    /* class, subclass, programming interface */
    uint32_t mask;    /* the bits of it that count */
    const char *name; /* in the config; NULL: it has none */
    const char *words;
};

/* The most special entry that fits the code; never NULL. */
const struct pci_class *pci_class_find(uint32_t code);

/* The entry with that short name (not ended by a zero byte), NULL if there is none. */
const struct pci_class *pci_class_named(const char *name, uint32_t length);

/* All short names; returns how many. */
uint32_t pci_class_names(const char *names[PCI_CLASS_NAMES]);

#endif
