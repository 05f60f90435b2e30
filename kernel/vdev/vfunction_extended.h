/* SPDX-License-Identifier: MIT */
/*
 * Extended configuration space of vfunction.h, which alone includes this: from 0x100 on a guest
 * reads the capabilities of a table, and zeros for all the rest; nothing can be written.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VFUNCTION_EXTENDED_H
#define BULKHEAD_KERNEL_VDEV_VFUNCTION_EXTENDED_H

#include "kernel/pci/inventory.h"

#define VFUNCTION_LINKS    8 /* capabilities that are shown at most, and the list's beginning */
#define VFUNCTION_EXTENDED ((PCI_EXTENDED_SIZE - PCI_EXT_FIRST) / 4)

struct vfunction_extended {
    uint32_t shown[VFUNCTION_EXTENDED / 32]; /* a bit for each doubleword that is the device's */
    uint32_t count;
    struct {
        uint16_t at, next; /* a header and the one behind it in the guest's list */
    } links[VFUNCTION_LINKS];
};

/* The device's list, and a shorter one out of it. For functions of PCI Express alone. */
void vfunction_extended_init(struct vfunction_extended *v, pci_address_t address,
                             const struct pci_access *access);

/* The doubleword at `reg`, 0x100 .. 0xffc. */
uint32_t vfunction_extended_read(const struct vfunction_extended *v, pci_address_t address,
                                 const struct pci_access *access, uint32_t reg);

#endif
