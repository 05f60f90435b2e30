/* SPDX-License-Identifier: MIT */
/*
 * A guest's own PCI functions: what their configuration space, MSI-X tables, DMA and interrupts
 * have to do with the machine.
 *
 *     guest -- 0xcfc, ECAM -----> kernel/vdev/vpci, vfunction --> its configuration space
 *       |                           | MSI
 *       +-- page of MSI-X table --> vmsix --> message --> iommu_irq(): vCPU's processor, its vector
 *       |
 *       +-- ports of its BARs ----> the device's ports, each access an exit
 *       +-- other BAR pages ------> the device, no exit
 *     device -- DMA --> iommu_domain: the guest's memory at the guest's addresses
 */
#ifndef BULKHEAD_KERNEL_VM_PASSTHROUGH_H
#define BULKHEAD_KERNEL_VM_PASSTHROUGH_H

#include "drivers/iommu.h"
#include "kernel/plan/plan.h"
#include "kernel/vdev/vfunction.h"
#include "kernel/vdev/vmsix.h"

struct guest;

/* What of the device's doings was blocked in this life of the guest. Written by the processor that
 * looks after faults (faults.h), and by that of vCPU 0 before the device is attached. */
struct passthrough_faults {
    _Atomic uint64_t reads, writes, interrupts;
    _Atomic uint64_t last;      /* address of the latest; an interrupt's as iommu_fault has it */
    const char *_Atomic access; /* what it was */
    _Atomic bool answered;      /* on-device-fault was followed */
    _Atomic uint32_t loud; /* a source id that vCPU 0 is to silence, and PASSTHROUGH_LOUD; else 0 */
    _Atomic bool silenced; /* one was, and the log says so */
};

#define PASSTHROUGH_LOUD (UINT32_C(1) << 31)

/* Changed with guest->devices held. */
enum passthrough_state {
    PASSTHROUGH_OFF, /* reaches nothing: the guest does not run */
    PASSTHROUGH_ON,
    PASSTHROUGH_REMOVED, /* reaches nothing and is hidden from the guest, to the end of its life */
};

/* One function. */
struct passthrough {
    const struct plan_device *planned;
    struct vfunction *config; /* in the guest's vpci */
    struct vmsix msix;
    struct plan_range pages;     /* that exit, as the MSI-X table is in them; size 0: none */
    volatile uint8_t *registers; /* the same, in the hypervisor's address space */
    struct iommu_client *clients[PCI_MAX_REQUESTERS]; /* functions behind a bridge share some */
    struct iommu_client *irqs;                        /* the one whose interrupts are its own: */
    uint16_t first_irq, irq_count;
    _Atomic uint32_t state; /* enum passthrough_state */
    struct passthrough_faults faults;
};

/* All of a guest's. */
struct passthrough_set {
    uint32_t count;
    struct passthrough *devices;
    uint64_t ready_tsc; /* before that, the resets that passthrough_stop() began are under way */
    struct iommu_domain domain;
};

/* Make them, blocked. Before memory_seal(), with the guest's ranges known. False: diagnosis. */
bool passthrough_create(struct guest *guest, const struct plan *plan, struct diag *diag);

/*
 * The guest starts: reset its devices, forget what an earlier life wrote, then let them reach its
 * memory. Waits for the devices, up to some seconds, with an eye on this processor's other duties.
 * False: one is not to be used, said in the log. On vCPU 0's processor.
 */
bool passthrough_start(struct guest *guest);

/* The guest has stopped: its devices reach nothing any more. On vCPU 0's processor. */
void passthrough_stop(struct guest *guest);

/* Is it one of the sources as which the device appears? */
bool passthrough_is(const struct passthrough *p, struct iommu_source source);

/* The guest has lost the device until it starts anew, and with it those that a bridge makes one
 * source with it (said in the log). On vCPU 0's processor, guest->devices not held.
 * False: it was not attached. */
bool passthrough_remove(struct guest *guest, struct passthrough *p);

/* One of the devices has new MSI or MSI-X settings: PLATFORM_PCI. With guest->devices held. */
void passthrough_news(struct guest *guest);

/* Does one of its I/O BARs answer at `port`? Then this is the access. With guest->devices held. */
bool passthrough_port_read(struct guest *guest, uint16_t port, unsigned size, uint32_t *value);
bool passthrough_port_write(struct guest *guest, uint16_t port, unsigned size, uint32_t value);

/* Is there a page of an MSI-X table at `at`? Then this is the access. With guest->devices held. */
bool passthrough_memory_read(struct guest *guest, gpa_t at, unsigned size, uint64_t *value);
bool passthrough_memory_write(struct guest *guest, gpa_t at, unsigned size, uint64_t value);

#endif
