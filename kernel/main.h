/* SPDX-License-Identifier: MIT */
#ifndef BULKHEAD_KERNEL_MAIN_H
#define BULKHEAD_KERNEL_MAIN_H

#include "boot/handoff.h"

/* Called by arch/x86/cpu/entry.asm on the bootstrap processor, paging as boot/handoff.h says. */
void kernel_main(const struct handoff *from);

#endif
