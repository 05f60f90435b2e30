/* SPDX-License-Identifier: MIT */
/* What Bulkhead keeps of the machine's memory, for the benchmark. */
#ifndef BULKHEAD_KERNEL_RESIDENT_H
#define BULKHEAD_KERNEL_RESIDENT_H

#include "boot/handoff.h"
#include "kernel/plan/plan.h"

/*
 * Log the line `resident image=N host=N handed=N files=N`, in bytes: the kernel with its .bss, the
 * memory that the plan sets aside (page tables, stacks, vCPUs), what the boot half hands over
 * beside them, and the guests' pristine files.
 */
void resident_log(const struct handoff *handoff, const struct hardware *hardware,
                  const struct plan *plan);

#endif
