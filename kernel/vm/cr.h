/* SPDX-License-Identifier: MIT */
/* Control registers of a vCPU as the guest sees them. On the vCPU's own processor. */
#ifndef BULKHEAD_KERNEL_VM_CR_H
#define BULKHEAD_KERNEL_VM_CR_H

#include "arch/x86/model/cr_policy.h"

struct vcpu;

struct cr_state vcpu_cr_state(struct vcpu *vcpu);

/* Load the PDPTEs from CR3 as a native write to CR0 or CR4 does. False: reserved bits, #GP. */
bool vcpu_load_pdptes(struct vcpu *vcpu);

#endif
