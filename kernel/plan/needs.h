/* SPDX-License-Identifier: MIT */
/*
 * How much memory the hypervisor takes beside its image. The boot half plans with the same numbers
 * as the kernel, so what it accepted is accepted again; the kernel checks at start that what its
 * parts really need is no more.
 */
#ifndef BULKHEAD_KERNEL_PLAN_NEEDS_H
#define BULKHEAD_KERNEL_PLAN_NEEDS_H

#include "kernel/plan/plan.h"

extern const struct plan_needs host_needs;

#endif
