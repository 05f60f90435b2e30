/* SPDX-License-Identifier: MIT */
/* What an IOMMU tells apart, and what it says of what it blocked. Plain data. */
#ifndef BULKHEAD_DRIVERS_IOMMU_SOURCE_H
#define BULKHEAD_DRIVERS_IOMMU_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

/* Who sends requests and interrupts, as the unit sees it (struct remapping_place). */
struct iommu_source {
    uint16_t segment;
    uint16_t id; /* bus << 8 | device << 3 | function */
};

/* Where an interrupt goes: one processor, physical destination mode. */
struct iommu_irq {
    uint32_t apic_id; /* x2APIC id; at most 0xfe where the processors are in xAPIC mode */
    uint8_t vector;   /* not looked at for an NMI */
    bool level;       /* level-triggered: I/O APIC lines only */
    bool nmi;         /* I/O APIC lines only */
};

/* What a device has to write to raise an interrupt. */
struct iommu_message {
    uint64_t address;
    uint32_t data;
};

/* A right that a source did not have, in the order of the names in iommu_fault_name(). */
enum iommu_fault_kind {
    IOMMU_FAULT_BLOCKED,   /* the source is attached to nothing, or may not send such requests */
    IOMMU_FAULT_READ,      /* its domain has nothing to read there */
    IOMMU_FAULT_WRITE,     /* or nothing to write */
    IOMMU_FAULT_INTERRUPT, /* no such entry, or one of somebody else */
    IOMMU_FAULT_TABLE,     /* the unit did not like what it found in a table: our fault */
    IOMMU_FAULT_UNIT,      /* a unit does not answer, or refuses a command: it counts as dead */
    IOMMU_FAULT_LOST,      /* there was more than the unit could keep */
    IOMMU_FAULT_KINDS
};

struct iommu_fault {
    enum iommu_fault_kind kind;
    struct iommu_source source; /* not with UNIT and LOST, which tell of all of the segment */
    uint64_t address;           /* as the device sent it; with INTERRUPT, VT-d: its index */
    bool write;                 /* with BLOCKED */
    uint8_t reason;             /* the manual's number: VT-d's fault reason, AMD's event code */
};

/* Where messages are written. */
#define MSI_BASE UINT64_C(0xfee00000)

/* What a unit itself writes to send an NMI to that processor; not remapped. The upper half of the
 * address, for APIC ids of more than 8 bits, is as VT-d's FEUADDR has it. */
struct iommu_message iommu_nmi_message(uint32_t apic_id);

/* Such as "blocked". */
const char *iommu_fault_name(enum iommu_fault_kind kind);

#endif
