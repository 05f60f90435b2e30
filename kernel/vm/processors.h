/* SPDX-License-Identifier: MIT */
/*
 * The processors of one guest: vCPU 0 starts with the guest, the others by INIT and SIPI as on a
 * PC, and all stop together.
 *
 *                 guest starts             SIPI
 *     VCPU_PARKED ------------> VCPU_WAITING ---> VCPU_STARTED
 *          ^  ^                  |        ^            |  |
 *          |  +--- guest stops --+        +--- INIT ---+  |
 *          +---------------------- guest stops -----------+
 *
 * A parked processor has left the guest for good and reads no mail, so that letters of one life of
 * the guest are never taken for those of the next.
 */
#ifndef BULKHEAD_KERNEL_VM_PROCESSORS_H
#define BULKHEAD_KERNEL_VM_PROCESSORS_H

#include "kernel/vm/guest.h"

/*
 * Begin at `start` (control registers are filled in here) with nothing left of an earlier life:
 * registers, local APIC, TLB. On the vCPU's processor.
 */
void vcpu_begin(struct vcpu *vcpu, struct virt_start *start);

/* All of the guest's vCPUs are parked; from now on they take mail. On vCPU 0's processor. */
void processors_prepare(struct guest *guest);

/* Until every other vCPU is parked. On vCPU 0's processor, after guest_stop(). */
void processors_wait_parked(struct guest *guest);

/*
 * The guest is to stop, all its vCPUs leave it. True: `vcpu` is the first to say so, its reason
 * counts. Any vCPU of the guest, several at once. The caller leaves the guest, too.
 */
bool guest_stop(struct vcpu *vcpu, enum stop_reason reason);

/*
 * The rest of the life of a processor that runs another vCPU than the first. One that is not `able`
 * to enter guests never answers a SIPI, as a dead processor of a PC.
 */
_Noreturn void processor_secondary(struct vcpu *vcpu, bool able);

#endif
