/* SPDX-License-Identifier: MIT */
/*
 * What the planner knows of a machine: filled in from ACPI, CPUID and the firmware's memory map (or
 * from invented data in tests). Plain data without pointers.
 */
#ifndef BULKHEAD_KERNEL_PLAN_HARDWARE_H
#define BULKHEAD_KERNEL_PLAN_HARDWARE_H

#include "kernel/lib/types.h"
#include "kernel/pci/address.h"

#define HARDWARE_MAX_CPUS     2048
#define HARDWARE_MAX_RANGES   512
#define HARDWARE_MAX_TIED     64
#define HARDWARE_MAX_OWNED    280
#define HARDWARE_MAX_SPECIALS 128
#define HARDWARE_MAX_SERVED   2048 /* functions of an inventory */

#define HARDWARE_MAX_IOAPICS 64
#define HARDWARE_MAX_LINES   40 /* 16 of ISA, 16 NMIs, SCI, console */
#define HARDWARE_MAX_PINS    240

#define HARDWARE_ADDRESS_END (UINT64_C(1) << 52) /* no processor has more physical addresses */

struct hardware_cpu {
    uint32_t apic_id; /* x2APIC id */
    uint32_t node;    /* NUMA node (SRAT proximity domain), 0 when unknown */
};

/* What memory is. Where the firmware's map contradicts itself, the later in this list wins. */
enum hardware_memory {
    MEMORY_FREE,     /* RAM that nobody needs after ExitBootServices */
    MEMORY_LOADER,   /* RAM that holds our image, config and guest files: never given away */
    MEMORY_RESERVED, /* anything else the firmware listed */
};

/* A piece of the firmware's memory map, in the planner's terms. */
struct hardware_piece {
    uint64_t base; /* HPA */
    uint64_t size; /* bytes */
    uint32_t kind; /* enum hardware_memory */
    uint32_t reserved;
};

struct hardware_range {
    hpa_t base;    /* multiple of 4 KiB */
    uint64_t size; /* bytes, multiple of 4 KiB, not 0; ends at HARDWARE_ADDRESS_END or below */
    enum hardware_memory kind;
    uint32_t node;
};

/* Which IOMMU the machine has, as ACPI's DMAR or IVRS says. */
enum hardware_iommu { HARDWARE_NO_IOMMU, HARDWARE_VTD, HARDWARE_AMDVI };

/* Does an IOMMU look at what a function sends? */
enum hardware_service {
    SERVICE_KNOWN,    /* one does, or nobody has asked */
    SERVICE_NONE,     /* none does, or two say so */
    SERVICE_OTHER_ID, /* under an id that PCI does not know for it */
};

/* Registers that the hypervisor itself uses, so that no guest may have them. */
struct hardware_owned {
    uint64_t base; /* HPA or port */
    uint64_t size;
    bool io; /* ports */
};

/* An I/O APIC: its inputs have the GSIs from the first on. */
struct hardware_ioapic {
    uint32_t first_gsi;
    uint32_t pins; /* at most HARDWARE_MAX_PINS */
};

/* Inputs of I/O APICs that are no PCI function's. */
enum hardware_line_use { LINE_ISA, LINE_SCI, LINE_NMI, LINE_CONSOLE };

struct hardware_line {
    uint32_t gsi;
    uint32_t use; /* enum hardware_line_use */
};

struct hardware {
    uint32_t cpu_count; /* usable processors, the bootstrap processor first */
    struct hardware_cpu cpus[HARDWARE_MAX_CPUS];
    uint32_t cpus_ignored; /* further usable processors that did not fit the table */
    uint32_t smt_shift; /* APIC id >> smt_shift is the core (CPUID leaf 0xB/0x1F); 0 without SMT */
    uint32_t range_count; /* sorted by base, not overlapping */
    struct hardware_range ranges[HARDWARE_MAX_RANGES];
    bool page_1g;         /* EPT/NPT offers 1 GiB pages */
    uint64_t iommu_bytes; /* of the hypervisor's memory, for its IOMMU driver without domains */
    uint32_t phys_bits;   /* of physical addresses: MAXPHYADDR */
    enum hardware_iommu iommu;
    uint32_t tied_count; /* PCI functions with which firmware shares memory: RMRR, unity maps */
    pci_address_t tied[HARDWARE_MAX_TIED];
    uint32_t special_count; /* source ids of I/O APICs and HPETs, in the form of functions */
    pci_address_t specials[HARDWARE_MAX_SPECIALS];
    uint8_t services[HARDWARE_MAX_SERVED]; /* enum hardware_service, by index in the inventory */
    uint32_t owned_count;
    struct hardware_owned owned[HARDWARE_MAX_OWNED];
    uint32_t ioapic_count;
    struct hardware_ioapic ioapics[HARDWARE_MAX_IOAPICS];
    uint32_t line_count;
    struct hardware_line lines[HARDWARE_MAX_LINES];
};

/*
 * Add a piece of the firmware's memory map, which is not trusted: any order, any alignment, pieces
 * may overlap. Free memory shrinks to whole 4 KiB pages, everything else grows to them; addresses
 * from HARDWARE_ADDRESS_END on are ignored. Neighbours of one kind and node become one range. The
 * new piece belongs to node 0. Returns false when the table of ranges is full; it must not be used
 * then, as a part of the map is missing in it.
 */
bool hardware_add_memory(struct hardware *hardware, uint64_t base, uint64_t size,
                         enum hardware_memory kind);

/*
 * Memory from base on belongs to that NUMA node (ACPI SRAT, not trusted; whole 4 KiB pages of it).
 * After all of the memory was added. Returns false when the table of ranges is full.
 */
bool hardware_set_node(struct hardware *hardware, uint64_t base, uint64_t size, uint32_t node);

/*
 * Note a PCI function with which firmware shares memory, so that no guest gets it. False: the table
 * is full; the machine's functions must not be given away then.
 */
bool hardware_tie(struct hardware *hardware, pci_address_t at);

/*
 * Note the source id of an I/O APIC or HPET, so that no guest gets a function that has it, too.
 * False: the table is full; the machine's functions must not be given away then.
 */
bool hardware_special(struct hardware *hardware, pci_address_t source);

/* Note registers that the hypervisor uses, of memory or ports. False: the table is full. */
bool hardware_own(struct hardware *hardware, uint64_t base, uint64_t size, bool io);

#endif
