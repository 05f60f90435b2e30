/* SPDX-License-Identifier: MIT */
/*
 * Configuration space of a passed-through PCI function as its guest sees it: a table of rights, one
 * rule for each of the 64 doublewords. Default: read from the device, writes are lost. BARs, MSI
 * and MSI-X are virtual: the guest finds the BARs where the plan put them and cannot move them, and
 * what its messages say is for the caller to translate and to write into the device.
 *
 * The device answers at its BARs and its ROM as long as the guest runs, whatever that writes to
 * Command and to the ROM's enable bit, which it reads back: they are mapped, and an access that
 * nobody takes, an Unsupported Request, is a fatal error to some machines' firmware. Bus mastering
 * is as the guest says.
 *
 * INTx is there when the function was wired to an input of the guest's I/O APIC; else Interrupt
 * Disable stays set in the device, and the guest finds no pin.
 *
 * Hidden: power states, resets, and all capabilities but PM, MSI, MSI-X, PCI Express and
 * vendor-specific ones. Of extended configuration space the guest reads what vfunction_extended.c
 * lists. "PCI Local Bus Specification" (configuration space), "PCI Express Base Specification"
 * (capability structure).
 */
#ifndef BULKHEAD_KERNEL_VDEV_VFUNCTION_H
#define BULKHEAD_KERNEL_VDEV_VFUNCTION_H

#include "kernel/pci/inventory.h"
#include "kernel/vdev/vfunction_extended.h"

#define VFUNCTION_RULES (PCI_CONFIG_SIZE / 4)

/* What a doubleword's rule is about beside its masks. */
enum vfunction_kind {
    VFUNCTION_PLAIN,
    VFUNCTION_COMMAND,
    VFUNCTION_BAR,   /* also the expansion ROM's, whose lowest bit turns it on */
    VFUNCTION_LATCH, /* interrupt line: the guest's own note */
    VFUNCTION_MSI,
    VFUNCTION_MSIX,
};

struct vfunction_rule {
    uint32_t shown;    /* bits that the guest reads from the device ... */
    uint32_t fixed;    /* ... and what the others are */
    uint32_t writable; /* bits that the guest writes to the device */
    uint32_t cleared;  /* ... those of them that a 1 clears */
    uint8_t kind;      /* enum vfunction_kind */
};

/* What the guest wrote into its MSI capability. */
struct vfunction_msi {
    uint64_t address;
    uint32_t mask;
    uint16_t data;
    uint16_t control; /* enable, number of vectors */
};

struct vfunction {
    pci_address_t address; /* the machine's */
    struct pci_caps caps;
    uint16_t flags;    /* enum pci_flags */
    uint16_t decoding; /* Memory and I/O Space Enable, as they are while the guest runs */
    uint16_t command;  /* below: what the guest wrote */
    uint8_t line;
    uint8_t first_line;    /* what it is at first, ... */
    bool intx;             /* ... where there is INTx */
    bool decodes_io;       /* else the device would answer at ports that are not the guest's */
    uint32_t rom_on;       /* the ROM's lowest bit, and ... */
    uint32_t rom;          /* ... the machine's address of it */
    bool removed;          /* the guest finds nobody there any more */
    uint16_t msix_control; /* enable, mask all */
    struct vfunction_msi msi;
    uint32_t bar_mask[PCI_BAR_COUNT]; /* bits of the address that can be written */
    uint32_t bar_flags[PCI_BAR_COUNT];
    uint32_t bar_first[PCI_BAR_COUNT]; /* the plan's addresses */
    uint32_t bars[PCI_BAR_COUNT];
    struct vfunction_rule rules[VFUNCTION_RULES];
    struct vfunction_extended extended;
};

/* A message as the guest wants it: what it wrote into MSI or an entry of the MSI-X table. */
struct vfunction_message {
    uint64_t address;
    uint32_t data;
};

/* What has changed by a write, for the caller to look after. */
enum vfunction_news {
    VFUNCTION_NOTHING,
    VFUNCTION_NEW_MSI,  /* messages or vfunction_msi_vectors(): translate, then ..._msi_program() */
    VFUNCTION_NEW_MSIX, /* vfunction_msix_on(): likewise, then vfunction_msix_program() */
};

/*
 * Make the rules. `function` is what the machine's inventory says, `bases` the guest's addresses of
 * its BARs, GPAs and ports (0: not shown). Once, before the guest starts; reads the device's
 * capabilities.
 */
void vfunction_init(struct vfunction *v, const struct pci_function *function,
                    const uint64_t bases[PCI_BAR_COUNT], const struct pci_access *access);

/* Show INTx: interrupt pin 1 .. 4 (INTA# to INTD#), and what the interrupt line register is at
 * first. Once, after vfunction_init(). */
void vfunction_wire(struct vfunction *v, uint8_t pin, uint8_t line);

/* What the guest wrote is forgotten. */
void vfunction_reset(struct vfunction *v);

/* The guest starts: vfunction_reset(), and the device, which has been reset, answers at its BARs.
 */
void vfunction_start(struct vfunction *v, const struct pci_access *access);

/*
 * No Snoop is off in the device and stays so: for where the IOMMU does not make what it sends
 * coherent, as nobody writes a guest's caches back. At each start, after the device's reset, which
 * turns it on.
 */
void vfunction_coherent(struct vfunction *v, const struct pci_access *access);

/* As if it was pulled out, until vfunction_start(): it is no bus master and sends no interrupts,
 * all registers read all ones. What the guest reads and writes in its BARs still gets there. */
void vfunction_remove(struct vfunction *v, const struct pci_access *access);

/* 1, 2 or 4 bytes at `reg`, below 0x1000, as the guest chose them; not across a doubleword. From
 * 0x100 on a function without PCI Express reads all ones. */
uint32_t vfunction_read(const struct vfunction *v, const struct pci_access *access, uint32_t reg,
                        unsigned size);
enum vfunction_news vfunction_write(struct vfunction *v, const struct pci_access *access,
                                    uint32_t reg, unsigned size, uint32_t value);

/* How many messages of MSI are on: 0 .. caps.msi_vectors; the n-th of them. */
uint32_t vfunction_msi_vectors(const struct vfunction *v);
struct vfunction_message vfunction_msi_message(const struct vfunction *v, uint32_t n);

/* Turn the device's MSI on, with this message as the first, or off: as the guest has it. */
void vfunction_msi_program(const struct vfunction *v, const struct pci_access *access,
                           const struct vfunction_message *first);

/* MSI-X is on (whatever the masks say). */
bool vfunction_msix_on(const struct vfunction *v);

/* Turn the device's MSI-X on or off and its common mask, as the guest has it. */
void vfunction_msix_program(const struct vfunction *v, const struct pci_access *access);

#endif
