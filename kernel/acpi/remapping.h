/* SPDX-License-Identifier: MIT */
/*
 * Who is served by which remapping unit, under which id, and which memory it must be able to reach:
 * one answer for Intel's and AMD's tables. Pure; kernel and tools. Nothing here trusts the tables
 * or the bridges further than host.h promises, and all work is bounded.
 */
#ifndef BULKHEAD_KERNEL_ACPI_REMAPPING_H
#define BULKHEAD_KERNEL_ACPI_REMAPPING_H

#include "kernel/acpi/host.h"

/* A PCI function, or a source id in the form of one. */
struct remapping_function {
    uint16_t segment;
    uint8_t bus;
    uint8_t devfn; /* device << 3 | function */
};

/* The buses behind a bridge, both included. */
struct remapping_buses {
    uint8_t secondary, subordinate;
};

/*
 * How to follow a path over bridges. bridge() returns false when there is no bridge at that place,
 * else its bus numbers as the machine's configuration space has them now.
 */
struct remapping_pci {
    bool (*bridge)(void *context, struct remapping_function at, struct remapping_buses *buses);
    void *context;
};

/* The machine's tables, and a way to follow their paths. Both stay while it is used. */
struct remapping {
    const struct acpi_host *host;
    struct remapping_pci pci;
};

/* Where requests arrive. */
struct remapping_place {
    uint32_t unit;      /* into dmar.units or ivrs.units, whichever is present */
    uint16_t segment;   /* of that unit */
    uint16_t source_id; /* bus << 8 | device << 3 | function of its requests there */
    uint8_t dte;        /* AMD: the DTE setting; else 0 */
    bool ats_disabled;  /* AMD: firmware forbids ATS; else false */
};

/* Memory that firmware reserved for a device. */
struct remapping_region {
    hpa_t base;    /* multiple of 4 KiB */
    uint64_t size; /* bytes, multiple of 4 KiB; 0: firmware's addresses make no sense */
    bool readable, writable;
};

/*
 * The unit that serves a function's DMA and MSIs. For virtual functions ask with the physical one:
 * the same unit serves them. The source id is the function's own, or the alias that AMD's table
 * gives; aliases that bridges make are the caller's matter. False: no unit serves it, or firmware
 * says of two units that they do.
 */
bool remapping_of_function(const struct remapping *remapping, struct remapping_function function,
                           struct remapping_place *place);

/* The unit and source id of an I/O APIC's interrupts, by its id in the MADT. */
bool remapping_of_ioapic(const struct remapping *remapping, uint8_t id,
                         struct remapping_place *place);

/* The same for an HPET's own messages, by its number in the HPET table. */
bool remapping_of_hpet(const struct remapping *remapping, uint8_t number,
                       struct remapping_place *place);

/*
 * Go through all that interrupts under a source id without being a PCI function: each I/O APIC and
 * HPET that the tables name, whether or not the machine has it. *next is 0 at first and belongs to
 * this function. False: no more.
 */
bool remapping_next_special(const struct remapping *remapping, uint32_t *next,
                            struct remapping_place *place);

/*
 * Go through the reserved regions of a function: *next is 0 at first and belongs to this function.
 * False: no more.
 */
bool remapping_next_region(const struct remapping *remapping, struct remapping_function function,
                           uint32_t *next, struct remapping_region *region);

/*
 * The same for all reserved regions that lie, in part at least, in memory that is free by the
 * firmware's map. One of the two is wrong; a guest may get that memory, and the devices lose it.
 */
bool remapping_next_in_free_memory(const struct acpi_host *host, const struct hardware *hardware,
                                   uint32_t *next, struct remapping_region *region);

#endif
