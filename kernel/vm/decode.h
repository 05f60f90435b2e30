/* SPDX-License-Identifier: MIT */
/*
 * What the hardware did not say about the instruction of an exit: its length, and the operands of
 * accesses to control registers. Only for backends that mark exits as undecoded.
 */
#ifndef BULKHEAD_KERNEL_VM_DECODE_H
#define BULKHEAD_KERNEL_VM_DECODE_H

#include "kernel/vm/guest.h"

/* Complete `exit`. False: *fault is the verdict in place of the exit's own. */
bool decode_exit(struct vcpu *vcpu, struct vm_exit *exit, struct verdict *fault);

/* Of a vCPU that begins anew: no page of code is known. */
void decode_forget(struct vcpu *vcpu);

#endif
