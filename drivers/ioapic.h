/* SPDX-License-Identifier: MIT */
/*
 * The machine's I/O APICs and its old 8259 pair. Intel "82093AA I/O Advanced Programmable Interrupt
 * Controller", "8259A Programmable Interrupt Controller". Everything is masked but the few lines
 * that the hypervisor asks for, and those that guests own and have unmasked.
 */
#ifndef BULKHEAD_DRIVERS_IOAPIC_H
#define BULKHEAD_DRIVERS_IOAPIC_H

#include "kernel/acpi/host.h"

struct ioapic;       /* private */
struct iommu_client; /* drivers/iommu.h */

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

/* Where a guest wants its line to go. */
struct ioapic_route {
    uint32_t apic_id; /* x2APIC id of the processor */
    uint8_t vector;   /* there */
    bool level, active_low, masked;
};

/* An input of an I/O APIC that a guest owns. Private; no two callers at a time for one line. */
struct ioapic_line {
    struct ioapic *ioapic;
    uint32_t pin;
    uint64_t entry; /* what its redirection table entry is, once it is on */
    struct ioapic_route route;
    bool on;
};

/* Make a line known, which stays masked. Only past an IOMMU. Before memory_seal(). False:
 * diagnosis. */
bool ioapic_line_open(struct ioapic_line *line, uint32_t gsi, struct diag *diag);

/* Masked, going nowhere, and nothing in service: its owner does not run. False: the IOMMU is dead.
 * Any processor, as all below. */
bool ioapic_line_off(struct ioapic_line *line);

/*
 * From now on it goes there. What it has raised before and nobody has ended stays in service, and
 * with the same trigger mode no new one comes before that. False: the IOMMU is dead, and where the
 * line goes is not known.
 */
bool ioapic_line_route(struct ioapic_line *line, const struct ioapic_route *route);

/* Remote IRR: a level-triggered interrupt that was raised and not ended. */
bool ioapic_line_in_service(const struct ioapic_line *line);

/* End it, as a processor's EOI does: what is asserted still is raised again. */
void ioapic_line_end(const struct ioapic_line *line);

#endif
