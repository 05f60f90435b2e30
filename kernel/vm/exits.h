/* SPDX-License-Identifier: MIT */
/*
 * The handlers of exits, one for each enum exit_kind. Each looks at the exit, changes the guest's
 * virtual devices and general registers, and says by its verdict what becomes of the vCPU; none
 * moves RIP. All run on the vCPU's own processor. Every input is chosen by the guest.
 */
#ifndef BULKHEAD_KERNEL_VM_EXITS_H
#define BULKHEAD_KERNEL_VM_EXITS_H

#include "arch/x86/model/cr_policy.h"
#include "kernel/vm/guest.h"

typedef struct verdict exit_handler(struct vcpu *vcpu, struct vm_exit *exit);

exit_handler exit_attention, exit_cpuid, exit_msr_read, exit_msr_write, exit_io, exit_memory,
    exit_cr, exit_xsetbv, exit_exception, exit_undefined, exit_skip, exit_rdpmc, exit_window,
    exit_ignore, exit_triple_fault, exit_entry_failed, exit_unexpected;

/* Set up once, before the first guest: what virt_ops.rights() said, and the host's MSR values. */
struct exit_rights {
    const struct virt_ops *ops;
    struct cr_policy cr;
    uint32_t msr_features; /* msr_features_t */
    uint64_t arch_capabilities;
    uint64_t microcode;
    uint64_t misc_enable;
    uint32_t phys_bits; /* of guest-physical addresses */
};
extern struct exit_rights rights;

/* General register `number` of the instruction encoding, RSP included. */
uint64_t vcpu_gpr(struct vcpu *vcpu, unsigned number);
void vcpu_set_gpr(struct vcpu *vcpu, unsigned number, uint64_t value);

/* Where a guest's port meets a device. `size` is 1, 2 or 4 bytes. */
uint32_t port_in(struct guest *guest, uint16_t port, int size);
enum stop_reason port_out(struct guest *guest, uint16_t port, int size, uint32_t value);

/*
 * Where a GPA that is not RAM meets a device; nobody reads all ones. 1..8 bytes within a page: odd
 * sizes are what a page border leaves of an access, and no device answers to them.
 */
uint64_t device_read(struct guest *guest, gpa_t at, unsigned size);
void device_write(struct guest *guest, gpa_t at, unsigned size, uint64_t value);

/* An MSR as its rule has it (msr_policy.h), for RDMSR and WRMSR and for the local APIC's page.
 * False: #GP. Of an MSR that is native: what the instruction would do. */
bool msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* The vCPU gets an NMI as soon as it can take one. On its own processor. */
void vcpu_nmi(struct vcpu *vcpu);

#endif
