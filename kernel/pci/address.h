/* SPDX-License-Identifier: MIT */
/* Where a PCI function is: segment, bus, device and function number. */
#ifndef BULKHEAD_KERNEL_PCI_ADDRESS_H
#define BULKHEAD_KERNEL_PCI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/bits.h"

#define PCI_BUSES          256 /* of a segment */
#define PCI_DEVICES        32  /* of a bus */
#define PCI_SLOT_FUNCTIONS 8   /* of a device without ARI */

#define PCI_ADDRESS_SEGMENT  BITS(31, 16)
#define PCI_ADDRESS_BUS      BITS(15, 8)
#define PCI_ADDRESS_DEVICE   BITS(7, 3)
#define PCI_ADDRESS_FUNCTION BITS(2, 0)

/*
 * The segment in the upper half, below it what a transaction carries as its requester id. With ARI
 * device and function are one number of eight bits; it is written as if it were two all the same.
 */
typedef struct {
    uint32_t raw;
} pci_address_t;

static inline pci_address_t pci_address(uint32_t segment, uint32_t bus, uint32_t device,
                                        uint32_t function)
{
    return (pci_address_t){(uint32_t)(field_put(PCI_ADDRESS_SEGMENT, segment) |
                                      field_put(PCI_ADDRESS_BUS, bus) |
                                      field_put(PCI_ADDRESS_DEVICE, device) |
                                      field_put(PCI_ADDRESS_FUNCTION, function))};
}

static inline uint32_t pci_segment_of(pci_address_t at)
{
    return (uint32_t)field_get(PCI_ADDRESS_SEGMENT, at.raw);
}

static inline uint32_t pci_bus_of(pci_address_t at)
{
    return (uint32_t)field_get(PCI_ADDRESS_BUS, at.raw);
}

static inline uint32_t pci_device_of(pci_address_t at)
{
    return (uint32_t)field_get(PCI_ADDRESS_DEVICE, at.raw);
}

static inline uint32_t pci_function_of(pci_address_t at)
{
    return (uint32_t)field_get(PCI_ADDRESS_FUNCTION, at.raw);
}

/* What its transactions carry: bus, device and function. */
static inline uint16_t pci_requester_of(pci_address_t at)
{
    return (uint16_t)at.raw;
}

static inline pci_address_t pci_address_of(uint32_t segment, uint16_t requester)
{
    return (pci_address_t){(uint32_t)field_put(PCI_ADDRESS_SEGMENT, segment) | requester};
}

/* Are both on one bus? */
static inline bool pci_same_bus(pci_address_t a, pci_address_t b)
{
    return a.raw >> 8 == b.raw >> 8;
}

#endif
