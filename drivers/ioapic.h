/* SPDX-License-Identifier: MIT */
/*
 * The machine's I/O APICs and its old 8259 pair. Intel "82093AA I/O Advanced Programmable Interrupt
 * Controller", "8259A Programmable Interrupt Controller". Everything is masked but the few lines
 * that the hypervisor asks for.
 */
#ifndef BULKHEAD_DRIVERS_IOAPIC_H
#define BULKHEAD_DRIVERS_IOAPIC_H

#include "kernel/acpi/host.h"

/* Map all I/O APICs of the MADT and mask every pin; mask the 8259s. Before memory_seal(). */
void ioapic_init(const struct acpi_host *acpi);

/* Bytes of device mappings that ioapic_init() makes for each I/O APIC. */
#define IOAPIC_MAP_BYTES 4096

/*
 * Deliver ISA interrupt `irq` (0..15, after the MADT's overrides) as NMI to the processor with this
 * APIC id, edge-triggered; past the IOMMU, where one is on. Before memory_seal(). False: no I/O
 * APIC has that line, the id does not fit in the 8 bits that there are without VT-d, or the IOMMU
 * has no entry for the line.
 */
bool ioapic_route_isa(const struct acpi_host *acpi, unsigned irq, uint32_t apic_id);

#endif
