/* SPDX-License-Identifier: MIT */
/*
 * The ids under which a guest's functions appear to the IOMMU. A function behind a bridge from a
 * conventional bus has several, some of them together with its neighbours there, and its interrupts
 * come under one of those.
 */
#ifndef BULKHEAD_KERNEL_VM_SOURCES_H
#define BULKHEAD_KERNEL_VM_SOURCES_H

#include "kernel/vm/passthrough.h"

/* Make p's clients, or take them from those of the guest's devices that have them already. All of
 * the set are planned. Before memory_seal(). False: diagnosis. */
bool sources_create(const struct passthrough_set *set, struct passthrough *p, struct diag *diag);

#endif
