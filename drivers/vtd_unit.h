/* SPDX-License-Identifier: MIT */
/* One VT-d remapping unit: its registers, its invalidation queue and its fault records. */
#ifndef BULKHEAD_DRIVERS_VTD_UNIT_H
#define BULKHEAD_DRIVERS_VTD_UNIT_H

#include "drivers/iommu/vtd.h"
#include "kernel/acpi/dmar.h"

struct vtd_unit {
    uint8_t *registers;
    struct vtd_pair *queue; /* a page */
    uint64_t cap, ecap;
    volatile uint32_t done; /* the unit stores the ticket of the last wait here */
    uint32_t ticket;
    uint32_t tail; /* of the queue: the next free descriptor */
    uint16_t segment;
    uint16_t next_fault; /* where to look first */
    bool mapped;         /* vtd_unit_map() was true */
    _Atomic bool dead;   /* it did not answer, once */
    bool told;           /* the caller of vtd_unit_poll() knows */
};

/* Map its registers and read what it can do. False: firmware's numbers make no sense. Of one that
 * is not there at all, vtd_caps_read() knows. */
bool vtd_unit_map(struct vtd_unit *unit, const struct dmar_unit *from, struct diag *diag);

/* The tables that a unit is to use. */
struct vtd_roots {
    hpa_t contexts; /* root table */
    hpa_t irtes;
    uint32_t irte_count; /* a power of two */
    bool x2apic;
};

/*
 * Take the unit over from firmware and turn translation and interrupt remapping on: at no time does
 * it let through what its old and new tables both block. False: it does not obey.
 */
bool vtd_unit_start(struct vtd_unit *unit, const struct vtd_roots *roots);

/*
 * Likewise, with a root table in which nothing is present and without interrupt remapping: all DMA
 * is blocked, and interrupts pass. That every unit can, by its queue or by its registers. False: it
 * does not obey.
 */
bool vtd_unit_block(struct vtd_unit *unit, hpa_t roots);

/*
 * Let it do these invalidations, at most VTD_MAX_INVALIDATIONS, after everything that was written
 * to memory before, and wait until they are done. False: the unit is dead. It still tells faults.
 */
#define VTD_MAX_INVALIDATIONS 4
bool vtd_unit_invalidate(struct vtd_unit *unit, const struct vtd_pair *what, uint32_t count);

/* The next fault, taken out of the unit. False: none, after one register read; a fault takes three
 * and a write. Beside vtd_unit_invalidate() on another processor, and without waiting for it. */
bool vtd_unit_poll(struct vtd_unit *unit, struct iommu_fault *fault);

/* Whatever it records sends this message; masked until vtd_unit_listen(). */
void vtd_unit_alert(const struct vtd_unit *unit, const struct iommu_message *message);

/*
 * Does the message arrive? The unit sends it once as its invalidation event; `nmis` is where the
 * processor to which it goes counts its NMIs. False: nothing came within IOMMU_NMI_US.
 */
bool vtd_unit_try(struct vtd_unit *unit, const struct iommu_message *message,
                  const volatile uint64_t *nmis);

/* Send it, at once if something was recorded meanwhile; or not. */
void vtd_unit_listen(const struct vtd_unit *unit, bool on);

#endif
