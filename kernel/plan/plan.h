/* SPDX-License-Identifier: MIT */
/*
 * The plan: who gets which processors, which memory and which PCI devices. Made once from config
 * and hardware, then immutable. After plan_build() nothing allocates and nothing unwinds.
 */
#ifndef BULKHEAD_KERNEL_PLAN_PLAN_H
#define BULKHEAD_KERNEL_PLAN_PLAN_H

#include "kernel/config/config.h"
#include "kernel/lib/diag.h"
#include "kernel/pci/inventory.h"
#include "kernel/plan/hardware.h"

/*
 * Ranges of all guests together. A range ends with its guest, at the hole or with a piece of the
 * machine's memory, so that these are always enough.
 */
#define PLAN_MAX_RANGES (2 * CONFIG_MAX_GUESTS + HARDWARE_MAX_RANGES)
#define PLAN_MAX_FREE   1024 /* pieces of memory that are left over */

/* PCI functions of all guests together, and ranges of memory in which their BARs are mapped. */
#define PLAN_MAX_DEVICES 64
#define PLAN_MAX_MMIO    256

/* Inputs of a guest's I/O APIC for INTx: those that no ISA device has. */
#define PLAN_FIRST_PIN 16
#define PLAN_LAST_PIN  23

/* The guest's view: RAM from 0 up to the hole, the rest from 4 GiB on. */
#define PLAN_HOLE_START GIB(3)
#define PLAN_HOLE_END   GIB(4)

/* Of one guest, far below the 256 TiB that four-level tables reach. */
#define PLAN_MAX_MEMORY GIB(64 * 1024)

/* One contiguous piece of a guest's memory. All three are multiples of 2 MiB. */
struct plan_range {
    gpa_t gpa;
    hpa_t hpa;
    uint64_t size;
};

/* A PCI function that a guest gets. */
struct plan_device {
    struct pci_function function;       /* what the inventory says: with the machine's addresses */
    uint64_t guest_bars[PCI_BAR_COUNT]; /* GPA or port of each BAR; 0: the guest does without */
    pci_address_t bridge;               /* the bridge above it, for a bus reset; 0 on a root bus */
    uint16_t requesters[PCI_MAX_REQUESTERS]; /* the requester ids under which it may appear, as
                                              * pci_requesters() lists them */
    uint8_t requester_count;
    uint8_t guest_gsi; /* INTx: the input of the guest's I/O APIC, PLAN_FIRST_PIN .. LAST_PIN */
    uint16_t gsi;      /* and of the machine's; 0: the function has none */
    uint16_t guest;    /* its owner */
    uint16_t line;     /* which of config->devices gave it away */
    uint16_t index;    /* in the inventory that the plan was made of */
};

struct plan_guest {
    uint32_t first_cpu; /* its vCPU n runs on hardware CPU plan->cpus[first_cpu + n] */
    uint32_t cpu_count;
    uint32_t threads_per_core; /* vCPUs n * threads .. are all threads of one core, for each n; 1
                                * when that is not so for all of them. A power of two */
    uint32_t first_range;      /* its ranges, sorted by GPA: plan->ranges[first_range ...] */
    uint32_t range_count;
    uint16_t first_device; /* its PCI functions: plan->devices[first_device ...] */
    uint16_t device_count;
    uint16_t first_mmio; /* where their BARs are, sorted by GPA: plan->mmio[first_mmio ...] */
    uint16_t mmio_count;
    uint32_t
        table_pages; /* 4 KiB pages that its EPT/NPT needs, to map ranges and mmio and no more */
};

/* A piece of free memory, base and size multiples of 2 MiB. */
struct plan_free {
    hpa_t base;
    uint64_t size;
    uint32_t node;
};

/* What the hypervisor itself needs; the kernel knows, the planner finds room for it. */
struct plan_needs {
    uint64_t fixed;     /* bytes, once */
    uint64_t per_cpu;   /* bytes for each usable processor */
    uint64_t per_guest; /* bytes for each guest, without its EPT/NPT pages */
    uint64_t per_vcpu;  /* bytes for each vCPU */
    uint64_t
        per_device; /* bytes for each PCI function of a guest, without MSI-X tables and domains */
};

struct plan {
    uint32_t guest_count;
    struct plan_guest guests[CONFIG_MAX_GUESTS]; /* in the config's order */
    uint16_t cpus[HARDWARE_MAX_CPUS]; /* indexes into hardware->cpus; spare ones last, sorted */
    uint32_t cpus_used;               /* cpus[cpus_used .. cpu_count) are left over */
    uint32_t cpu_count;
    uint32_t range_count;
    struct plan_range ranges[PLAN_MAX_RANGES];
    uint32_t device_count;
    struct plan_device devices[PLAN_MAX_DEVICES];
    uint32_t mmio_count;
    struct plan_range mmio[PLAN_MAX_MMIO]; /* as ranges, but multiples of 4 KiB */
    hpa_t host_base;      /* the hypervisor's own memory beside its image, 2 MiB aligned */
    uint64_t host_size;   /* what plan_needs and all table_pages sum up to, multiple of 4 KiB */
    uint64_t memory_left; /* bytes of free RAM, in whole 2 MiB pieces, that nobody got: */
    uint32_t free_count;
    struct plan_free free[PLAN_MAX_FREE]; /* sorted by address */
};

/* What a plan is made of. */
struct plan_inputs {
    const struct config *config;
    const struct hardware *hardware;
    const struct plan_needs *needs;
    const struct pci_inventory *pci; /* may be NULL when the config wants no devices */
    /*
     * BARs of unknown size (PCI_BAR_UNKNOWN) are no reason to refuse, and have no place in the
     * plan: for the boot half, behind which the kernel plans again and knows them all.
     */
    bool sizes_open;
};

/*
 * Pure: the same input gives the same plan. Returns false and a diagnosis (with the config's line
 * where one line is to blame) when config and hardware do not fit.
 *
 * Rules: whole cores, SMT siblings never serve two guests; one thread of each core, unless the
 * guest says smt, then as many as it can use; lists come first and as they are; memory in 2 MiB
 * pieces, 1 GiB aligned where that is possible and useful, from as few ranges and as near (NUMA) as
 * possible, never below 1 MiB; the hypervisor's own memory first. PCI functions only with an IOMMU,
 * and members of one isolation group to one guest only. An INTx is one guest's alone; it keeps its
 * number in the guest where that has such an input.
 */
bool plan_build(const struct plan_inputs *inputs, struct plan *plan, struct diag *diag);

/*
 * The pages that hold the function's MSI-X table. They are not in plan->mmio: what the guest does
 * there ends in the hypervisor. False when it has no such table.
 */
bool plan_msix_pages(const struct plan_device *device, struct plan_range *pages);

/* The requester id that its messages have when they arrive: a bridge's from a conventional bus. */
uint16_t plan_messenger(const struct plan_device *device);

/* May both appear under one requester id, so that an IOMMU takes them for one? */
bool plan_same_source(const struct plan_device *a, const struct plan_device *b);

/* Does a function that no guest gets belong to a group of which a guest gets a part? */
bool plan_must_be_deaf(const struct plan *plan, const struct pci_function *function);

/*
 * The plan as a table for people, one line per call of `line` (without line end): guest, pCPUs,
 * memory ranges, devices, and what is left over.
 */
void plan_print(const struct plan *plan, const struct config *config,
                const struct hardware *hardware, void (*line)(void *context, const char *text),
                void *context);

#endif
