/* SPDX-License-Identifier: MIT */
/*
 * A guest's PCI host: configuration mechanism #1 of the "PCI Local Bus Specification" and, in
 * memory, the Enhanced Configuration Access Mechanism of the "PCI Express Base Specification" over
 * one bus. The functions that were passed through are devices 1 to 31 of it, function 0 of each;
 * when there are more, they go on with function 1 of device 1. All others read all ones, writes are
 * ignored.
 *
 * One more register is not all ones by ports: the class code of 00:00.0 says "host bridge". No
 * enumeration sees it, because the vendor id says that the function is absent; but Linux looks at
 * just that register to find out whether the mechanism works at all, and would otherwise walk all
 * 256 functions of bus 0 in vain, twice.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VPCI_H
#define BULKHEAD_KERNEL_VDEV_VPCI_H

#include "kernel/vdev/vfunction.h"

#define VPCI_ADDRESS 0xcf8 /* CONFIG_ADDRESS: accesses of 4 bytes only */
#define VPCI_DATA    0xcfc /* CONFIG_DATA, 4 ports: 1, 2 or 4 bytes that do not cross its end */

#define VPCI_DEVICES       31
#define VPCI_MAX_FUNCTIONS (8 * VPCI_DEVICES)

struct vpci {
    uint32_t address;
    uint32_t changed;         /* which of the functions the last write with news was about */
    enum vfunction_news news; /* of that; VFUNCTION_NOTHING: for the caller to set */
    uint32_t count;           /* the rest stays as vpci_connect() made it */
    struct vfunction *functions;
    const struct pci_access *access; /* to the machine's */
};

/* Put functions on the bus, at most VPCI_MAX_FUNCTIONS. Once; both stay where they are. */
void vpci_connect(struct vpci *v, struct vfunction *functions, uint32_t count,
                  const struct pci_access *access);

/* The host alone; the functions have a vfunction_reset() of their own. */
void vpci_reset(struct vpci *v);

/* `port`: the I/O port, `size` 1, 2 or 4 bytes. What is not one of the above reads all ones. */
uint32_t vpci_read(const struct vpci *v, uint16_t port, int size);
void vpci_write(struct vpci *v, uint16_t port, int size, uint32_t value);

/* ECAM: any `size`, `offset` from the window's beginning. What is not 1, 2 or 4 bytes, aligned,
 * reads all ones and writes nothing. */
uint64_t vpci_ecam_read(const struct vpci *v, uint32_t offset, unsigned size);
void vpci_ecam_write(struct vpci *v, uint32_t offset, unsigned size, uint64_t value);

#endif
