/* SPDX-License-Identifier: MIT */
/*
 * The few local APIC registers that a guest does not own: everything that names processors or could
 * reach beyond the partition. The rest is the machine's own APIC, without exits.
 */
#ifndef BULKHEAD_KERNEL_VM_LAPIC_H
#define BULKHEAD_KERNEL_VM_LAPIC_H

#include "arch/virt.h"

struct vcpu;
struct guest;
struct ipi; /* arch/x86/model/msr_policy.h */

#define LAPIC_LVT_COUNT 6 /* CMCI, thermal, performance, LINT0, LINT1, error */

struct vlapic {
    uint64_t lvt[LAPIC_LVT_COUNT]; /* as the guest wrote them */
    uint64_t icr;
};

void lapic_reset(struct vlapic *lapic);

/* Registers with an exit. False: the guest gets #GP. `msr` is one of those that msr_policy marks.
 */
bool lapic_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool lapic_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);
/* MSR_X2APIC_ICR, likewise. */
bool lapic_icr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* The same for registers that go straight to the machine's APIC. */
bool lapic_forward_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool lapic_forward_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* Does LINT0 take the 8259s' interrupts? So it is after a reset, as a PC's firmware leaves it. */
bool lapic_takes_8259(const struct vlapic *lapic);

/*
 * Deliver to those of the guest's vCPUs whom `ipi` means: nothing leaves the partition, and fixed
 * interrupts and NMIs reach started vCPUs alone. `self`: the sender, NULL for a device. On any
 * processor of the guest.
 */
void lapic_send(struct guest *guest, const struct ipi *ipi, struct vcpu *self);

#endif
