/* SPDX-License-Identifier: MIT */
/* One AMD IOMMU: its registers, its command buffer and its event log. */
#ifndef BULKHEAD_DRIVERS_AMDVI_UNIT_H
#define BULKHEAD_DRIVERS_AMDVI_UNIT_H

#include "drivers/iommu/amdvi.h"
#include "kernel/acpi/ivrs.h"

struct amdvi_unit {
    uint8_t *registers;
    struct amdvi_pair *commands; /* a page */
    struct amdvi_pair *events;   /* a page */
    volatile uint64_t done;      /* the unit stores the ticket of the last wait here */
    uint64_t ticket;
    uint64_t control; /* bits beside what this driver turns on */
    uint64_t features;
    uint32_t tail; /* of the commands: the next free one */
    uint16_t segment;
    uint16_t device_id;  /* its own, as a PCI function */
    uint16_t capability; /* where its capability block is there */
    _Atomic bool dead;   /* it did not answer, once */
    bool told;           /* the caller of amdvi_unit_poll() knows */
    bool log_dead;       /* its log did not stop, and is not looked at for overflow any more */
};

/* Map its registers and read what it can do. */
void amdvi_unit_map(struct amdvi_unit *unit, const struct ivrs_unit *from);

/*
 * Take the unit over from firmware and turn it on with this device table, of `size` bytes, a
 * multiple of 4 KiB. Entries for which `caps` (of all units) is asked are such. False: it does not
 * obey.
 */
bool amdvi_unit_start(struct amdvi_unit *unit, hpa_t device_table, uint64_t size,
                      const struct amdvi_caps *caps, bool x2apic);

/*
 * Let it execute these commands, at most AMDVI_MAX_COMMANDS, after everything that was written to
 * memory before, and wait until they are done. False: the unit is dead.
 */
#define AMDVI_MAX_COMMANDS 128
bool amdvi_unit_execute(struct amdvi_unit *unit, const struct amdvi_pair *what, uint32_t count);

/* The next fault, taken out of the unit: two register reads and a write. False: none, after three
 * reads. Beside amdvi_unit_execute() on another processor, and without waiting for it. */
bool amdvi_unit_poll(struct amdvi_unit *unit, struct iommu_fault *fault);

/*
 * Does the MSI arrive that its function has been given? It sends it once as COMPLETION_WAIT's
 * interrupt; `nmis` is where the processor to which it goes counts its NMIs. False: nothing came
 * within IOMMU_NMI_US.
 */
bool amdvi_unit_try(struct amdvi_unit *unit, const volatile uint64_t *nmis);

/* Send it when something is logged, or not. True: something is logged already of which it will tell
 * nothing. As amdvi_unit_poll(): on one processor at a time. */
bool amdvi_unit_listen(struct amdvi_unit *unit, bool on);

#endif
