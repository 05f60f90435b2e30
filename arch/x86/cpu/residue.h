/* SPDX-License-Identifier: MIT */
/*
 * What a guest (or firmware) leaves in a processor's registers and the hypervisor itself never
 * uses, so that it needs no saving at exits: FPU, debug registers, system-call MSRs, XCR0.
 */
#ifndef BULKHEAD_ARCH_X86_CPU_RESIDUE_H
#define BULKHEAD_ARCH_X86_CPU_RESIDUE_H

/* Put all of that to its state after reset, before a guest starts on the calling processor. */
void residue_clear(void);

#endif
