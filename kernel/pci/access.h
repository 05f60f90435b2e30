/* SPDX-License-Identifier: MIT */
/*
 * How pure code reaches configuration space: through two functions that drivers/pci.c implements
 * for the machine, and tests for machines of their own. What comes back is not trusted.
 */
#ifndef BULKHEAD_KERNEL_PCI_ACCESS_H
#define BULKHEAD_KERNEL_PCI_ACCESS_H

#include "kernel/lib/bits.h"
#include "kernel/lib/types.h"
#include "kernel/pci/address.h"

#define PCI_MAX_SEGMENTS 65 /* windows that are used, and mechanism #1 for the rest */

/* The kernel's windows lie below, where the boot half's tables map an address to itself. */
#define PCI_WINDOWS_END BIT(47)

/* Buses of one segment that are reached in one way. */
struct pci_segment {
    hpa_t ecam;        /* of the segment's bus 0, even when first_bus is another; 0: no window, only
                        * configuration mechanism #1 and so the first 256 bytes of segment 0 */
    uint16_t number;   /* the PCI segment group */
    uint8_t first_bus; /* not above last_bus */
    uint8_t last_bus;
};

struct pci_access {
    /*
     * A register of 1, 2 or 4 bytes, aligned to its size. Registers below 0x1000; from 0x100 on
     * only where the segment has a window. All ones when nobody answers.
     */
    uint32_t (*read)(void *context, pci_address_t at, uint32_t reg, unsigned size);
    void (*write)(void *context, pci_address_t at, uint32_t reg, unsigned size, uint32_t value);
    void *context;
    uint64_t address_end; /* the machine's physical addresses are below, 1 << MAXPHYADDR */
    uint32_t segment_count;
    struct pci_segment segments[PCI_MAX_SEGMENTS];
};

/* ---- what drivers/pci.c and the boot half implement read() and write() with ---- */

/* Ports of configuration mechanism #1: which register, then its value. */
#define PCI_PORT_ADDRESS 0xcf8
#define PCI_PORT_DATA    0xcfc
#define PCI_PORT_ENABLE  BIT(31)
#define PCI_PORT_REG     BITS(7, 2)

/* What to write to PCI_PORT_ADDRESS, and the port at which that register is then. */
static inline uint32_t pci_port_select(pci_address_t at, uint32_t reg)
{
    return (uint32_t)(PCI_PORT_ENABLE | (uint32_t)pci_requester_of(at) << 8 | (reg & PCI_PORT_REG));
}

static inline uint16_t pci_port_of(uint32_t reg)
{
    return (uint16_t)(PCI_PORT_DATA + (reg & 3));
}

/* Where the register is from a window's address on: each function has 4 KiB. */
static inline uint64_t pci_window_offset(pci_address_t at, uint32_t reg)
{
    return ((uint64_t)pci_requester_of(at) << 12) + reg;
}

/* ---- for all ---- */

/* The segment's entry that holds this bus (the first one, if there are several), NULL if none. */
const struct pci_segment *pci_segment_find(const struct pci_access *access, uint32_t segment,
                                           uint32_t bus);

/*
 * The ways to configuration space from MCFG's windows: `access`, which has none yet, gets those
 * that lie below the machine's address_end and below `end` as a whole, and then mechanism #1 for
 * the buses of segment 0 that no window has. Returns how many windows are left out.
 */
uint32_t pci_use_windows(struct pci_access *access, const struct pci_segment *windows,
                         uint32_t count, uint64_t end);

/* Does a window, whose bus 0 is or would be at `base`, lie below `end`? Neither is trusted. */
bool pci_window_fits(uint64_t base, uint8_t last_bus, uint64_t end);

static inline uint32_t pci_read32(const struct pci_access *access, pci_address_t at, uint32_t reg)
{
    return access->read(access->context, at, reg, 4);
}

static inline uint16_t pci_read16(const struct pci_access *access, pci_address_t at, uint32_t reg)
{
    return (uint16_t)access->read(access->context, at, reg, 2);
}

static inline uint8_t pci_read8(const struct pci_access *access, pci_address_t at, uint32_t reg)
{
    return (uint8_t)access->read(access->context, at, reg, 1);
}

static inline void pci_write32(const struct pci_access *access, pci_address_t at, uint32_t reg,
                               uint32_t value)
{
    access->write(access->context, at, reg, 4, value);
}

static inline void pci_write16(const struct pci_access *access, pci_address_t at, uint32_t reg,
                               uint16_t value)
{
    access->write(access->context, at, reg, 2, value);
}

#endif
