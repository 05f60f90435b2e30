/* SPDX-License-Identifier: MIT */
/*
 * What AMD's IOMMUs read and write in memory, and what they can do. "AMD I/O Virtualization
 * Technology (IOMMU) Specification". Pure; the driver is drivers/amdvi.c.
 */
#ifndef BULKHEAD_DRIVERS_IOMMU_AMDVI_H
#define BULKHEAD_DRIVERS_IOMMU_AMDVI_H

#include "drivers/iommu/source.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

/* "Device Table Entry Format" */
struct amdvi_dte {
    uint64_t words[4];
};

/* Commands and events, and interrupt remapping entries of 128 bits. */
struct amdvi_pair {
    uint64_t low, high;
};

/* What a unit can do, or several together. */
struct amdvi_caps {
    bool wide_irtes; /* interrupt entries of 128 bits (GASup); else 32 */
    bool x2apic;     /* destinations of 32 bits */
    bool all;        /* INVALIDATE_IOMMU_ALL */
};

/*
 * What is behind the Extended Feature Register. False and a diagnosis when the unit is not there
 * or lacks, with `x2apic`, its x2APIC mode.
 */
bool amdvi_caps_read(uint64_t features, bool x2apic, struct amdvi_caps *caps, struct diag *diag);

/* Is anything behind these registers? */
bool amdvi_is_there(uint64_t features);

/* *all becomes what all units before and this one can do. */
void amdvi_caps_join(struct amdvi_caps *all, const struct amdvi_caps *caps);

/* The control register's bits that the flags of an IVHD (kernel/acpi/ivrs.h) ask for. Tables are
 * read from the caches in any case. */
uint64_t amdvi_control(uint8_t ivhd_flags);

/* What the device is kept from is not logged: in word 1 (SA) of DMA, in word 2 (IG) of interrupts.
 */
#define AMDVI_DTE_SA BIT(34)
#define AMDVI_DTE_IG BIT(5)

/* No memory, no interrupt: what all devices have at first. */
struct amdvi_dte amdvi_dte_blocked(void);

/* No memory, but interrupts as they are. */
struct amdvi_dte amdvi_dte_no_memory(void);

/* Word 0 that lets a source through the domain's tables, and word 1, which counts with it. */
uint64_t amdvi_dte_tables(hpa_t tables);
uint64_t amdvi_dte_domain(uint16_t domain);

/*
 * Word 1 of a blocked device that, by the DTE setting of an IVHD, sends system management messages:
 * the southbridge, without whose STPCLK# a machine does not change its power state. They reach no
 * memory.
 */
uint64_t amdvi_dte_messages(uint8_t ivhd_dte);

/* Word 2: fixed interrupts go through this table, aligned to 128 bytes, of 2^order entries; NMIs
 * pass or are blocked. */
uint64_t amdvi_dte_irqs(hpa_t table, unsigned order, bool pass_nmi);

/* "Interrupt Remapping Table Entry (IRTE)", of 32 and of 128 bits; APIC ids beyond 8 bits need
 * the latter and XTEn. */
uint32_t amdvi_irte_32(const struct iommu_irq *irq);
struct amdvi_pair amdvi_irte_128(const struct iommu_irq *irq);

/* An MSI's: the address alone says that it is one, the data is the entry's number. */
struct iommu_message amdvi_message(uint16_t n);

/* "Commands" */
struct amdvi_pair amdvi_completion_wait(hpa_t at, uint64_t data);
struct amdvi_pair amdvi_completion_interrupt(void);
struct amdvi_pair amdvi_invalidate_dte(uint16_t device);
struct amdvi_pair amdvi_invalidate_domain(uint16_t domain);
struct amdvi_pair amdvi_invalidate_irqs(uint16_t device);
struct amdvi_pair amdvi_invalidate_all(void);

/* An entry of the event log; one of zeros, which the unit has not written yet, is a LOST one. */
struct iommu_fault amdvi_fault(struct amdvi_pair event, uint16_t segment);

#endif
