/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's local APIC: the machine's own, without exits, but for the few registers that name
 * processors or could reach beyond the partition. It starts in xAPIC mode, as on a PC: then all of
 * it is a page of memory, and each access an exit (lapic_page.c). Who knows x2APIC switches to that
 * mode. The machine's APIC stays in its own mode in either case.
 *
 * In xAPIC mode the x2APIC's registers that need no exit can be reached by their MSRs, too.
 */
#ifndef BULKHEAD_KERNEL_VM_LAPIC_H
#define BULKHEAD_KERNEL_VM_LAPIC_H

#include <stdatomic.h>

#include "arch/virt.h"

struct vcpu;
struct guest;
struct ipi; /* arch/x86/model/apic_policy.h */

#define LAPIC_LVT_COUNT 6 /* CMCI, thermal, performance, LINT0, LINT1, error */

struct vlapic {
    uint64_t lvt[LAPIC_LVT_COUNT]; /* as the guest wrote them */
    uint64_t icr;                  /* both halves, in the form of the mode */
    _Atomic uint32_t mode;         /* enum apic_mode: this and the next two are read by senders */
    _Atomic uint32_t ldr, dfr;     /* xAPIC mode */
};

/* As at power-on: in xAPIC mode. On any processor, while the vCPU is parked. */
void lapic_power_on(struct vlapic *lapic);

/* As after INIT, which changes all but the mode. */
void lapic_reset(struct vlapic *lapic);

/* Is the page of registers at GPA `at` for this vCPU, because it is in xAPIC mode? */
bool lapic_page_has(const struct vcpu *vcpu, gpa_t at);

/* Accesses to it, as device_read() and device_write(). Registers have 32 bits; who reads a part of
 * one gets it, who writes one or reads beyond it does nothing. */
uint64_t lapic_page_read(struct vcpu *vcpu, gpa_t at, unsigned size);
void lapic_page_write(struct vcpu *vcpu, gpa_t at, unsigned size, uint64_t value);

/* IA32_APIC_BASE. False: #GP. */
uint64_t lapic_base(const struct vcpu *vcpu);
bool lapic_base_write(struct vcpu *vcpu, uint64_t value);

/* Is it in x2APIC mode, so that its MSRs exist? */
bool lapic_is_x2(const struct vcpu *vcpu);

/* Registers with an exit, in both modes. False: the guest gets #GP. `msr` is one of those that
 * msr_policy marks; xAPIC mode has an ID and an ICR of its own. */
bool lapic_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool lapic_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);
/* MSR_X2APIC_ICR, likewise. */
bool lapic_icr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* The same for registers that go straight to the machine's APIC. */
bool lapic_forward_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool lapic_forward_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* Does LINT0 take the 8259s' interrupts? So it is after a reset, as a PC's firmware leaves it. */
bool lapic_takes_8259(const struct vlapic *lapic);

/* The EOI, of which the guest's lines (lines.h) may have to know. */
bool lapic_eoi_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* The guest's first vCPU that is addressed by it, sent by a device; NULL: none. On any processor of
 * the guest. */
struct vcpu *lapic_target(struct guest *guest, const struct ipi *ipi);

/*
 * Deliver to those of the guest's vCPUs whom `ipi` means: nothing leaves the partition, and fixed
 * interrupts and NMIs reach started vCPUs alone. `self`: the sender, NULL for a device. On any
 * processor of the guest.
 */
void lapic_send(struct guest *guest, const struct ipi *ipi, struct vcpu *self);

#endif
