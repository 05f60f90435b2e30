/* SPDX-License-Identifier: MIT */
/* A guest's memory before it starts. */
#ifndef BULKHEAD_KERNEL_VM_LOAD_H
#define BULKHEAD_KERNEL_VM_LOAD_H

#include "kernel/vm/guest.h"

/*
 * Scrub all of the guest's memory and fill it for a fresh start. `start` tells how the first vCPU
 * begins, but for its control registers.
 */
void load_guest(struct guest *guest, struct virt_start *start);

#endif
