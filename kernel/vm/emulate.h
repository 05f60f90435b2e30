/* SPDX-License-Identifier: MIT */
#ifndef BULKHEAD_KERNEL_VM_EMULATE_H
#define BULKHEAD_KERNEL_VM_EMULATE_H

#include "kernel/vm/exits.h"

/*
 * Carry out the instruction at RIP, which caused EXIT_MEMORY or was INS or OUTS (EXIT_IO): one
 * element of a string instruction, so that a guest's count bounds nothing of ours. What
 * arch/x86/model/insn_emulate.h does not do is #GP(0).
 */
struct verdict emulate(struct vcpu *vcpu, struct vm_exit *exit);

#endif
