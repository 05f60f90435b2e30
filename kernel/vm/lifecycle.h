/* SPDX-License-Identifier: MIT */
/* What a processor does for its guest from launch on, and what follows when a guest stops. */
#ifndef BULKHEAD_KERNEL_VM_LIFECYCLE_H
#define BULKHEAD_KERNEL_VM_LIFECYCLE_H

#include "arch/x86/cpu/percpu.h"

/* Before launch: how many guests will run. */
void lifecycle_init(uint32_t guests);

/*
 * The rest of a processor's life: run its guest, start it again or not; without a guest, wait and
 * look after the terminal if that is its task. Never returns but by machine power-off. One that is
 * not `able` to enter guests runs none: a guest that would start on it stays off, another one finds
 * a processor that does not answer.
 */
void lifecycle_run(struct cpu *cpu, bool able);

/* Log every vCPU's statistics line. */
void lifecycle_statistics(void);

#endif
