/* SPDX-License-Identifier: MIT */
/* How much host memory an IOMMU's driver takes, for the planner. Pure. */
#ifndef BULKHEAD_DRIVERS_IOMMU_NEEDS_H
#define BULKHEAD_DRIVERS_IOMMU_NEEDS_H

#include "kernel/acpi/host.h"

/* What will be asked of it. */
struct iommu_demand {
    uint32_t clients; /* sources that are prepared: devices, and I/O APICs with lines in use */
    uint32_t irqs;    /* entries of all of them together */
    uint8_t last_bus; /* of segment 0: the last one that has devices or may have some */
};

#define IOMMU_MAX_LINES 240 /* of an I/O APIC */

/* What the hypervisor itself asks for: the lines of its serial port and its timer, which are on one
 * I/O APIC. Each INTx of a guest's may be on another one. */
#define IOMMU_OWN_CLIENTS 1
#define IOMMU_OWN_IRQS    IOMMU_MAX_LINES

/* Entries of one source at most: what all kinds of units have. */
#define IOMMU_MAX_IRQS    256
/* Those of functions to which a bridge gives one source: what all units of AMD have. */
#define IOMMU_MAX_SHARED  512
/* Sources under which a function may appear at most. */
#define IOMMU_MAX_SOURCES 3

/* The hypervisor's own, and what so many functions of guests and lines for INTx may need. */
struct iommu_demand iommu_demand(uint32_t functions, uint32_t lines, uint8_t last_bus);

/* Entries of an interrupt remapping table of VT-d for so many interrupts: a power of two. */
uint32_t iommu_vtd_entries(uint32_t irqs);

/*
 * Bytes of host memory for the units that DMAR or IVRS list, an upper bound without the domains'
 * tables; 0 when they list none. Boot half and kernel.
 */
uint64_t iommu_bytes(const struct acpi_host *acpi, const struct iommu_demand *demand);

/*
 * Bytes of an AMD device table of that segment, a multiple of 4 KiB: for all ids that the units'
 * ranges and the I/O APICs have, as far as they lie on buses up to last_bus (I/O APICs count in any
 * case).
 */
uint64_t iommu_device_table_bytes(const struct acpi_ivrs *ivrs, uint16_t segment, uint8_t last_bus);

/* What each unit's driver state takes at most; the drivers assert it. */
#define IOMMU_UNIT_BYTES   128
#define IOMMU_CLIENT_BYTES 128

#endif
