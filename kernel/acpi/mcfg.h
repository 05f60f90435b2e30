/* SPDX-License-Identifier: MIT */
/*
 * Where PCI configuration space lies in memory (ECAM). PCI Firmware Specification, "MCFG Table
 * Description". Plain data, checked: part of struct acpi_host.
 */
#ifndef BULKHEAD_KERNEL_ACPI_MCFG_H
#define BULKHEAD_KERNEL_ACPI_MCFG_H

#include "kernel/lib/types.h"

#define ACPI_MAX_ECAMS 64

/*
 * Some buses of a segment. The function at bus:device.function has its 4 KiB at
 * base + (bus << 20 | device << 15 | function << 12), for first_bus <= bus <= last_bus. No two
 * ECAMs have a bus or memory in common. Whether the memory map agrees was not looked at.
 */
struct acpi_ecam {
    uint64_t base; /* HPA that bus 0 has or would have; multiple of 1 MiB; not 0 */
    uint16_t segment;
    uint8_t first_bus, last_bus; /* first_bus <= last_bus */
};

/* Its own part of the address space: 1 MiB for each of its buses. */
static inline uint64_t acpi_ecam_start(const struct acpi_ecam *ecam)
{
    return ecam->base + MIB(ecam->first_bus);
}

static inline uint64_t acpi_ecam_end(const struct acpi_ecam *ecam)
{
    return ecam->base + MIB(ecam->last_bus) + MIB(1);
}

struct acpi_mcfg {
    uint32_t count;
    struct acpi_ecam ecams[ACPI_MAX_ECAMS]; /* in the table's order */
};

#endif
