/* SPDX-License-Identifier: MIT */
/*
 * All PCI functions of a machine and what the planner must know of them. Plain data without
 * pointers; made once, before the plan, and not needed any more when the plan is made.
 */
#ifndef BULKHEAD_KERNEL_PCI_INVENTORY_H
#define BULKHEAD_KERNEL_PCI_INVENTORY_H

#include "kernel/pci/access.h"
#include "kernel/pci/regs.h"

#define PCI_MAX_FUNCTIONS  2048
#define PCI_MAX_WARNINGS   16
#define PCI_MAX_REQUESTERS 3
#define PCI_NONE           UINT16_MAX /* no function */

#define PCI_BARS      6
#define PCI_ROM       6 /* the expansion ROM's place among a function's BARs */
#define PCI_BAR_COUNT 7

enum pci_bar_kind {
    PCI_BAR_NONE, /* also the second half of a 64-bit BAR */
    PCI_BAR_IO,
    PCI_BAR_32,
    PCI_BAR_64,
    PCI_BAR_BROKEN,  /* it makes no sense: `base` is what firmware wrote there */
    PCI_BAR_UNKNOWN, /* its size was not found out, which is the case in reports alone (told.h) */
};

struct pci_bar {
    uint64_t base; /* HPA or port, aligned to the size; 0: firmware gave it none */
    uint8_t kind;  /* enum pci_bar_kind */
    uint8_t bits;  /* its size is 1 << bits bytes */
    bool prefetchable;
};

/* What a bridge to PCI passes on to the buses below it. */
enum pci_window_kind { PCI_WINDOW_IO, PCI_WINDOW_MEMORY, PCI_WINDOW_PREFETCH, PCI_WINDOWS };

struct pci_window {
    uint64_t base; /* HPA or port */
    uint64_t size; /* bytes; 0: nothing */
};

/* Device/Port Type of the PCI Express Capabilities register. */
enum pci_port {
    PCI_PORT_ENDPOINT = 0,
    PCI_PORT_LEGACY_ENDPOINT = 1,
    PCI_PORT_ROOT = 4,
    PCI_PORT_UPSTREAM = 5,
    PCI_PORT_DOWNSTREAM = 6,
    PCI_PORT_TO_PCI = 7, /* PCI Express to PCI bridge */
    PCI_PORT_FROM_PCI = 8,
    PCI_PORT_INTEGRATED = 9,    /* Root Complex Integrated Endpoint */
    PCI_PORT_EVENTS = 10,       /* Root Complex Event Collector */
    PCI_PORT_CONVENTIONAL = 16, /* no PCI Express at all */
};

enum pci_flags {
    PCI_MULTI = 1 << 0,       /* its device has several functions */
    PCI_VIRTUAL = 1 << 1,     /* a virtual function (SR-IOV) */
    PCI_WAS_MASTER = 1 << 2,  /* firmware left it a bus master */
    PCI_HAS_SLOT = 1 << 3,    /* a port with a slot: what is below can be taken out */
    PCI_ARI_FORWARD = 1 << 4, /* a port that forwards to function numbers up to 255 */
    PCI_HAS_FLR = 1 << 5,
    PCI_HAS_AF_FLR = 1 << 6,
    PCI_HAS_PM_RESET = 1 << 7, /* D3hot to D0 resets it */
    PCI_MSI_WIDE = 1 << 8,     /* 64-bit message address */
    PCI_MSI_MASKS = 1 << 9,    /* per-vector masking */
    PCI_MSIX_BAD = 1 << 10,    /* table or PBA are outside of its memory BARs */
    PCI_ISOLATES = 1 << 11,    /* its ACS controls are on */
    PCI_OPEN = 1 << 12,        /* a bridge: all below it is one isolation group with it */
    PCI_BRIDGE_BAD = 1 << 13,  /* nonsense for bus numbers: nothing counts as below it */
};

/* How a function is brought back to its initial state. */
enum pci_reset {
    PCI_RESET_NONE,
    PCI_RESET_FLR,    /* Function Level Reset of the PCI Express capability */
    PCI_RESET_AF_FLR, /* of the Advanced Features capability */
    PCI_RESET_BUS,    /* secondary bus reset: it is alone behind its bridge */
    PCI_RESET_PM,     /* D3hot to D0 */
};

/* Capabilities by their offset, 0 when there is none. */
struct pci_caps {
    uint8_t pm, msi, msix, pcie, af;
    uint8_t msix_bar, pba_bar;
    uint8_t msi_vectors; /* 1 .. 32, 0 without MSI */
    uint16_t acs, ari, sriov;
    uint16_t msix_vectors; /* 1 .. 2048, 0 without MSI-X */
    uint32_t msix_offset;  /* of the table in its BAR */
    uint32_t pba_offset;
};

/* What a reset takes away and has to come back (kept.c), beside the BARs. */
struct pci_kept {
    pci_address_t who;        /* who answers with an id: the function, or its physical one, ... */
    uint32_t id;              /* ... and with which: vendor and device */
    uint16_t sriov;           /* of a virtual function: the capability of its physical one */
    uint16_t device_control;  /* as firmware left it, without reports of errors */
    uint16_t acs;             /* ACS Control, which the flag PCI_ISOLATES says is on */
    uint16_t resizes;         /* how many BARs can be resized, ... */
    uint16_t rebar;           /* ... by this capability */
    uint16_t sizes[PCI_BARS]; /* their Resizable BAR Control registers, in the capability's order */
};

struct pci_function {
    pci_address_t address;
    uint16_t vendor, device; /* a virtual function's are what its physical function says */
    uint16_t subvendor, subdevice;
    uint32_t class_code; /* class, subclass, programming interface: 24 bits */
    uint8_t revision;
    uint8_t header;                 /* enum pci_header, or another number */
    uint8_t port;                   /* enum pci_port, or another number */
    uint8_t pin;                    /* INTx: 1 .. 4, 0 for none */
    uint8_t secondary, subordinate; /* of bridges: the buses below it */
    uint8_t reset;                  /* enum pci_reset */
    uint16_t flags;                 /* enum pci_flags */
    uint16_t parent;                /* the bridge above it, PCI_NONE on a root bus */
    uint16_t physical; /* of a virtual function: its physical function; else PCI_NONE */
    uint16_t number;   /* of a virtual function, from 0 */
    uint16_t group;    /* isolation group: the index of its first member */
    uint16_t alias;    /* the requester id under which a conventional bus's bridge passes on what it
                        * sends, else its own */
    struct pci_caps caps;
    struct pci_kept kept;
    struct pci_bar bars[PCI_BAR_COUNT];
    struct pci_window windows[PCI_WINDOWS]; /* of bridges to PCI */
};

enum pci_fault {
    PCI_FAULT_HEADER,
    PCI_FAULT_NOT_READY,
    PCI_FAULT_VANISHED,
    PCI_FAULT_BUSES,
    PCI_FAULT_BUS_TWICE,
    PCI_FAULT_CAPS,
    PCI_FAULT_EXT_CAPS,
    PCI_FAULT_ARI,
    PCI_FAULT_VFS,
    PCI_FAULT_BAR,
    PCI_FAULT_MSIX,
    PCI_FAULT_FULL,
    PCI_FAULT_REMAPPING, /* errata.c: these three */
    PCI_FAULT_VTD_ERRORS,
    PCI_FAULT_VTD_UNMASKED,
};

struct pci_warning {
    pci_address_t at;
    uint8_t fault; /* enum pci_fault */
};

/* Large (about 500 KiB): do not put it on a stack. */
struct pci_inventory {
    uint32_t count;
    uint32_t lost;          /* functions that did not fit, at least */
    uint32_t warning_count; /* all of them; the first PCI_MAX_WARNINGS are kept: */
    struct pci_warning warnings[PCI_MAX_WARNINGS];
    /* Segment by segment, by bus, device and function; virtual functions behind their physical one.
     * A function's parent comes before it. */
    struct pci_function functions[PCI_MAX_FUNCTIONS];
};

/* ---- making it, in this order; on the bootstrap processor, while nobody else uses PCI ---- */

/*
 * Find all functions (scan.c) with their capabilities (caps.c). Reads only. Bounded by the buses of
 * the segments, whatever bridges say.
 */
void pci_scan(const struct pci_access *access, struct pci_inventory *inventory);

/* Warn of what is known to be wrong with this chipset (errata.c). */
void pci_find_errata(struct pci_inventory *inventory);

/* Keep it from taking what VT-d blocks for an error of the machine; a warning if it does not obey.
 */
void pci_mask_errors(const struct pci_access *access, struct pci_inventory *inventory);

/*
 * Stop all functions but bridges from reading and writing memory (which includes MSIs) and from
 * raising INTx, bridges from sending interrupts of their own, and virtual functions from asking for
 * No Snoop (quiet.c). Returns how many were bus masters, without bridges.
 */
uint32_t pci_silence(const struct pci_access *access, const struct pci_inventory *inventory);

/* Find out the BARs' sizes (bars.c): each function's decoding is off for that moment. */
void pci_size_bars(const struct pci_access *access, struct pci_inventory *inventory);

/* Turn on the access control services that keep functions apart (groups.c). */
void pci_isolate(const struct pci_access *access, struct pci_inventory *inventory);

/* Who cannot be kept apart (groups.c), and how each is reset (reset.c). */
void pci_group(struct pci_inventory *inventory);
void pci_find_resets(struct pci_inventory *inventory);

/* ---- using it ---- */

/* No Snoop off, in Device Control of the function's PCI Express capability at `pcie` (quiet.c). */
void pci_snoop(const struct pci_access *access, pci_address_t at, uint32_t pcie);

/* The function that says that VT-d cannot remap interrupts in this machine (errata.c), although its
 * units say that they can. PCI_NONE: nobody does. */
uint16_t pci_bad_remapping(const struct pci_inventory *inventory);

/* The function's index, or PCI_NONE. */
uint16_t pci_find(const struct pci_inventory *inventory, pci_address_t at);

/* The bridge to that bus of the segment, or PCI_NONE: it is a root bus. */
uint16_t pci_bridge_to(const struct pci_inventory *inventory, pci_address_t bus);

/*
 * A bridge with PCI_BRIDGE_BAD that may be above the function all the same, by the numbers that it
 * has: then neither group nor requester ids are known. PCI_NONE: there is none.
 */
uint16_t pci_doubtful_bridge(const struct pci_inventory *inventory, uint16_t index);

/* The last bus of segment 0 that has devices, or may have some as a bridge leads there. */
uint8_t pci_last_bus(const struct pci_inventory *inventory);

/*
 * The requester ids under which what it sends may arrive at the root complex: its own, and those of
 * a bridge from a conventional bus. Returns how many, 1 to PCI_MAX_REQUESTERS.
 */
uint32_t pci_requesters(const struct pci_inventory *inventory, uint16_t index,
                        uint16_t ids[PCI_MAX_REQUESTERS]);

/*
 * Does that bridge pass an area on to the buses below it? One to CardBus counts as if it did: its
 * windows are its own.
 */
bool pci_passes(const struct pci_function *bridge, const struct pci_bar *bar);

/*
 * The first bridge above the function, upwards, that does not pass its BAR on; PCI_NONE: all do, so
 * that the BAR is where it says.
 */
uint16_t pci_blocked_by(const struct pci_inventory *inventory, uint16_t index, uint32_t bar);

/* Keep a silent function from answering at its BARs, too (quiet.c); bridges are left as they are.
 */
void pci_deafen(const struct pci_access *access, const struct pci_function *function);

/* Are the BARs what the inventory says, bases and sizes (bars.c)? The function does not decode. */
bool pci_bars_are(const struct pci_access *access, const struct pci_function *function);

/*
 * Does the function answer, and is it the one that was found? A virtual one is there while its
 * physical one has it switched on (kept.c).
 */
bool pci_is_there(const struct pci_access *access, const struct pci_function *function);

/*
 * The function has been reset, and answers: give it back what the inventory knows of it, all else
 * off (kept.c). False: it does not take it, and is not to be used.
 */
bool pci_restore(const struct pci_access *access, const struct pci_function *function);

/*
 * Let a function that the hypervisor itself uses send this as its only MSI (msi.c), as a bus
 * master. False: it cannot.
 */
bool pci_msi_send(const struct pci_access *access, pci_address_t at, uint64_t address,
                  uint16_t data);

static inline bool pci_is_bridge(const struct pci_function *function)
{
    return function->header == PCI_HEADER_BRIDGE || function->header == PCI_HEADER_CARDBUS;
}

/* Is it a bridge of any kind, to PCI, to the processor, to ISA? Those stay with the hypervisor. */
static inline bool pci_is_any_bridge(const struct pci_function *function)
{
    return pci_is_bridge(function) || function->class_code >> 16 == 0x06;
}

/* Bytes of the MSI capability, by enum pci_flags. */
static inline uint32_t pci_msi_size(uint16_t flags)
{
    uint32_t size = flags & PCI_MSI_WIDE ? 16 : 12;
    return flags & PCI_MSI_MASKS ? size + 8 : size;
}

/* Bytes, 0 for a BAR that is none, broken or unknown. */
static inline uint64_t pci_bar_size(const struct pci_bar *bar)
{
    return bar->kind >= PCI_BAR_IO && bar->kind <= PCI_BAR_64 ? BIT(bar->bits) : 0;
}

static inline bool pci_bar_is_memory(const struct pci_bar *bar)
{
    return bar->kind == PCI_BAR_32 || bar->kind == PCI_BAR_64;
}

#endif
