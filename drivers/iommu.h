/* SPDX-License-Identifier: MIT */
/*
 * The machine's IOMMUs: who may reach which memory and raise which interrupt. Two kinds, VT-d and
 * AMD-Vi; which one is there is found once, at start. From iommu_start() on no device reaches any
 * memory or any processor but by what is allowed here.
 *
 *     device --(source id)--> unit --(domain: the owner's memory, at the owner's addresses)--> RAM
 *                              |
 *                              +-----(entry n of this source: one APIC id and vector)--> processor
 *
 * A machine has several units, each with some of a segment's devices. What is allowed is written
 * into tables that all units of the segment share, so that nothing depends on knowing which unit
 * serves whom. That one does is for the planner to see (survey_sources()).
 *
 * Bootstrap processor before memory_seal(): everything that takes a struct diag. Later, any
 * processor: the rest, under a lock and with bounded waits. Nothing here is trusted by a guest nor
 * knows of guests; callers pass what the planner decided.
 */
#ifndef BULKHEAD_DRIVERS_IOMMU_H
#define BULKHEAD_DRIVERS_IOMMU_H

#include "drivers/iommu/needs.h"
#include "drivers/iommu/source.h"
#include "kernel/acpi/remapping.h"
#include "kernel/lib/diag.h"
#include "kernel/plan/plan.h"

/* Everything that one owner's devices may reach. */
struct iommu_domain {
    uint16_t id; /* not 0 */
    hpa_t tables;
};

/* A source that may be attached to a domain. Private but for `source`. */
struct iommu_client {
    struct iommu_source source;
    uint16_t first_irq; /* of its own, in a table that others may have parts of */
    uint16_t irq_count;
    uint16_t irq_room; /* AMD: entries of the table; a power of two */
    bool silent;       /* what it may not do is not told */
    uint8_t last_bus;  /* interrupts come from all buses up to this one; 0: from the source alone */
    void *irqs;        /* AMD: that table */
    struct iommu_client *twin; /* AMD: the next one that has it, too */
    void *context;             /* VT-d: the context table of its bus */
    const struct iommu_domain *domain;
    struct iommu_client *next;
};

/* What the machine has, and what will be asked for. */
struct iommu_machine {
    struct remapping remapping; /* stays while the IOMMU is used before memory_seal() */
    bool x2apic;                /* processors are in x2APIC mode */
    bool bad_remapping;         /* VT-d: pci_bad_remapping() */
    struct iommu_demand demand;
};

enum iommu_result {
    IOMMU_UNUSED, /* the machine has none, or none that can be used: the diagnosis says why */
    /* All DMA is blocked, but interrupts are not: nobody can be given a device. Why, the diagnosis
     * says. To the functions below it is as if there was no IOMMU. */
    IOMMU_BLOCKING,
    IOMMU_BLOCKING_SOME, /* the same, but for what units serve that are not there */
    IOMMU_ON,            /* everything is blocked */
    IOMMU_BROKEN, /* a unit that was to be turned on does not obey: the machine is not safe */
};

/*
 * Block everything. Units that firmware left on are taken over without a gap. After memory_init(),
 * tsc_init(), and with all I/O APIC lines masked, since they too are blocked from here on.
 */
enum iommu_result iommu_start(const struct iommu_machine *machine, struct diag *diag);

/* Is one on? */
bool iommu_on(void);

/* Does it make coherent what devices read and write, even if they send it as No Snoop? */
bool iommu_snoops(void);

/* Such as "VT-d, 1 unit, 48-bit, 1G pages". Empty before IOMMU_ON. */
const char *iommu_name(void);

/*
 * Make a source known, with `irqs` entries (0..IOMMU_MAX_SHARED), none of them valid. It stays
 * blocked. Sources of several functions may be one (aliases): then they share the client, or theirs
 * have the same domains at the same times. NULL and a diagnosis when no unit can serve it, or when
 * it is the source of an I/O APIC or HPET as well.
 */
struct iommu_client *iommu_prepare(struct iommu_source source, uint32_t irqs, struct diag *diag);

/*
 * A bridge passes on the interrupts of function `own` as if they came from the client, or as they
 * are: whichever comes, the client's entries are for it. With `buses`, the client's id is not a
 * function's but stands for its bus, and interrupts may have any id from there to the function's
 * own bus. Behind such a bridge are devices of one owner alone. Before any entry is valid. False:
 * diagnosis.
 */
bool iommu_alias(struct iommu_client *client, struct iommu_client *own, bool buses,
                 struct diag *diag);

/*
 * Build a domain that maps these ranges for reading and writing, with the largest pages that the
 * units and the alignment allow. It takes as many pages of host memory as an EPT of the ranges,
 * without 1 GiB pages where a unit lacks them. False: diagnosis.
 */
bool iommu_domain(struct iommu_domain *domain, const struct plan_range *ranges, uint32_t count,
                  struct diag *diag);

/*
 * From now on the client's source reaches this domain, or with NULL nothing. When this returns,
 * nothing that was allowed before is in flight or cached. False: a unit is dead, and what it lets
 * through is not known; the device must be kept from the bus by other means. What it tries while it
 * is attached to nothing any more is not told by iommu_poll(): DMA from here on, interrupts from
 * iommu_irqs_off() on. Who attaches it again has its entries go nowhere.
 */
bool iommu_attach(struct iommu_client *client, const struct iommu_domain *domain);

/*
 * iommu_poll() is to tell no more of what this source, whoever it is, tries and may not; until a
 * client of that source is attached to a domain. Some things units tell in any case, such as an
 * interrupt by an entry of somebody else; and with VT-d, if no client is on the source's bus, all
 * of the bus falls silent. False: a unit is dead, or can do nothing about this source.
 */
bool iommu_silence(struct iommu_source source);

/* Entry `n` of the client goes there, or with NULL nowhere. False: as above. */
bool iommu_irq(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq);

/* `count` of the client's entries go nowhere, from `first` on, in one step: each unit is told and
 * waited for once (AMD: for each id that shares them). False: as above. */
bool iommu_irqs_off(struct iommu_client *client, uint32_t first, uint32_t count);

/* What the device has to send for its entry `n`; a device with several plain MSIs gets that of its
 * first entry. */
struct iommu_message iommu_message(const struct iommu_client *client, uint32_t n);

/*
 * What an I/O APIC has to have in its redirection table for the line `n`, which is entry `n` of the
 * client (the I/O APIC itself), after iommu_irq(). Mask, polarity and trigger mode are the
 * caller's.
 */
uint64_t iommu_line(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq);

/*
 * Does iommu_line() leave the interrupt's vector where I/O APICs look for it when a processor's EOI
 * is broadcast? VT-d does; with AMD-Vi the entry's number stands there, and a level-triggered line
 * is ended by software.
 */
bool iommu_line_has_vector(void);

/* The I/O APIC with this id in the MADT, as a client with `lines` entries. NULL: diagnosis. */
struct iommu_client *iommu_ioapic(uint8_t id, uint32_t lines, struct diag *diag);

/*
 * One more thing that a unit blocked, oldest first as far as units tell. False: nothing new. Takes
 * it out of the unit, so that it can record others; after IOMMU_POLL_SHARE of one unit it is the
 * others' turn. No two processors at a time, here and in iommu_listen(); neither takes the lock, so
 * that nobody waits here for what a unit does for others.
 */
#define IOMMU_POLL_SHARE 16
bool iommu_poll(struct iommu_fault *fault);

/*
 * When a unit has recorded something, it is to send an NMI to this processor, once iommu_listen()
 * has allowed it. Each has to show now that it can: `nmis` counts the NMIs of that processor, which
 * gets no others meanwhile. Bootstrap processor before memory_seal(). False: a unit cannot, and who
 * wants to know has to poll.
 */
bool iommu_alert(uint32_t apic_id, const volatile uint64_t *nmis);

/* Send it or not. True: something was recorded meanwhile of which no NMI will tell, so that
 * iommu_poll() is worth a call. Only after iommu_alert() was true. */
bool iommu_listen(bool on);

#endif
