/* SPDX-License-Identifier: MIT */
/* What the log says of a guest's end. */
#ifndef BULKHEAD_KERNEL_VM_CRASH_H
#define BULKHEAD_KERNEL_VM_CRASH_H

#include "kernel/vm/guest.h"

/* A sentence part: "triple fault". */
const char *stop_reason_name(enum stop_reason reason);

/* Did the guest ask for it (power-off, reboot), or is it a crash? */
bool stop_is_crash(enum stop_reason reason);

/* The crash record: reason, exit, registers, instruction bytes. On the vCPU's processor, while its
 * state is still loaded. */
void crash_report(struct vcpu *vcpu, const struct vm_exit *exit, enum stop_reason reason);

#endif
