/* SPDX-License-Identifier: MIT */
/*
 * What VT-d units read and write in memory, and what they can do. "Intel Virtualization Technology
 * for Directed I/O, Architecture Specification". Pure; the driver is drivers/vtd.c.
 */
#ifndef BULKHEAD_DRIVERS_IOMMU_VTD_H
#define BULKHEAD_DRIVERS_IOMMU_VTD_H

#include "drivers/iommu/source.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

/* Root, context and remapping entries, and descriptors of the invalidation queue. */
struct vtd_pair {
    uint64_t low, high;
};

/* What a unit can do, or several together. */
struct vtd_caps {
    uint32_t domain_bits;  /* of domain ids */
    uint32_t address_bits; /* of addresses that a device may use */
    uint8_t widths;        /* SAGAW */
    bool page_1g;
    bool coherent;     /* it snoops the caches when it walks tables */
    bool snoop;        /* it can make devices snoop */
    bool x2apic;       /* destinations of 32 bits */
    bool write_buffer; /* changes in memory must be flushed with GCMD.WBF */
};

/* Does a unit answer with its registers? */
bool vtd_is_there(uint64_t cap, uint64_t ecap);

/*
 * What is behind the Capability and Extended Capability Registers of a unit. False and a diagnosis
 * that names the unit when it lacks what is needed: translation of 39 or 48 bits, 2 MiB pages,
 * queued invalidation, interrupt remapping and, with `x2apic`, its x2APIC mode.
 */
bool vtd_caps_read(uint64_t cap, uint64_t ecap, bool x2apic, struct vtd_caps *caps,
                   struct diag *diag);

/* *all becomes what all units before and this one can do. */
void vtd_caps_join(struct vtd_caps *all, const struct vtd_caps *caps);

/* Levels of second-stage tables, as many as possible: 4, 3, or 0 when the units disagree. */
uint8_t vtd_levels(const struct vtd_caps *caps);

/* Fault Processing Disable, in the lower half of context and interrupt entries: what the entry,
 * valid or not, makes the unit block is not recorded. */
#define VTD_FPD BIT(1)

/* "Root Entry": the context table of a bus. */
struct vtd_pair vtd_root_entry(hpa_t context_table);

/* "Context Entry": the source's requests go through the domain's tables. */
struct vtd_pair vtd_context_entry(hpa_t tables, uint8_t levels, uint16_t domain);

/*
 * "Interrupt Remapping Table Entry (IRTE) for Remapped Interrupts": from that source id alone, or
 * with a last bus other than 0 from all ids of the source's bus up to that one. Without `x2apic`,
 * of the APIC id 8 bits count.
 */
struct vtd_pair vtd_irte(const struct iommu_irq *irq, uint16_t source_id, uint8_t last_bus,
                         bool x2apic);

/* "Interrupt Requests in Remappable Format": an MSI's; the nth of a device's has n in its data. */
struct iommu_message vtd_message(uint16_t first_index, uint16_t n);

/* "I/OxAPIC Programming": mask, polarity and trigger mode are the caller's to add. */
uint64_t vtd_ioapic_entry(uint16_t index, uint8_t vector);

/* "Queued Invalidation Interface": everything, or what belongs to one. */
struct vtd_pair vtd_invalidate_contexts(void);
struct vtd_pair vtd_invalidate_context(uint16_t domain, uint16_t source_id);
struct vtd_pair vtd_invalidate_tlb(void);
struct vtd_pair vtd_invalidate_tlb_domain(uint16_t domain);
struct vtd_pair vtd_invalidate_irtes(void);
struct vtd_pair vtd_invalidate_irte(uint16_t index);
/* Store `data` at `at`, a multiple of 4, when all before is done. */
struct vtd_pair vtd_invalidate_wait(hpa_t at, uint32_t data);

/* Send the message of the invalidation event when all before is done. */
struct vtd_pair vtd_invalidate_event(void);

/* A fault record's two halves, whose F is set. */
struct iommu_fault vtd_fault(struct vtd_pair record, uint16_t segment);

#endif
