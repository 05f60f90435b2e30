/* SPDX-License-Identifier: MIT */
/*
 * INTx of a guest's PCI functions: inputs of the machine's I/O APICs that are wired to inputs of
 * the guest's.
 *
 *     guest -- entry of its I/O APIC --> kernel/vdev/vioapic --> line of the machine's I/O APIC and
 *                                                                the IOMMU's entry: vCPU's
 * processor, its vector device -- INTx --> I/O APIC --> IOMMU --> the processor, no exit guest --
 * EOI --> its local APIC, which is the machine's --broadcast--> I/O APIC, no exit
 *
 * With AMD-Vi the I/O APIC does not know the vector (iommu_line_has_vector()), and EOIs of such a
 * guest exit, so that the line can be ended for it.
 *
 * An EOI with a vector that a line of another guest's has, too, may end that line's interrupt
 * early: then it comes once more while its device still asserts it, to its own owner.
 */
#ifndef BULKHEAD_KERNEL_VM_LINES_H
#define BULKHEAD_KERNEL_VM_LINES_H

#include "drivers/ioapic.h"
#include "kernel/plan/plan.h"

struct guest;
struct vcpu;

#define LINES_MAX (PLAN_LAST_PIN - PLAN_FIRST_PIN + 1)

struct line {
    uint32_t pin; /* of the guest's I/O APIC */
    struct ioapic_line real;
};

/* All of a guest's. With guest->devices held, but for lines_create(). */
struct lines {
    uint32_t count;
    struct line lines[LINES_MAX];
};

/* Where the guest's function number `index` is on its bus (vpci.h), and which of INTA# (0) to INTD#
 * (3) it has. */
struct line_place {
    uint8_t device, pin;
};
struct line_place lines_place(uint32_t index);

/* Make them, masked. After the vCPUs, before memory_seal(). False: diagnosis. */
bool lines_create(struct guest *guest, const struct plan *plan, struct diag *diag);

/* The guest has stopped, or its start has reset the devices: all are masked and nothing is in
 * service. Takes guest->devices. On vCPU 0's processor. False: the IOMMU is dead, said in the log.
 */
bool lines_off(struct guest *guest);

/* After a write to the guest's I/O APIC: bring what it says of its lines to the machine's. With
 * guest->devices held. */
void lines_update(struct guest *guest);

/* Before a read of it, likewise: what is in service. */
void lines_look(struct guest *guest);

/* The vCPU has ended `vector`, and its EOIs exit. On its processor; takes guest->devices. */
void lines_eoi(struct vcpu *vcpu, uint8_t vector);

#endif
