/* SPDX-License-Identifier: MIT */
/* The last instructions of the boot half (jump.asm). */
#ifndef BULKHEAD_BOOT_JUMP_H
#define BULKHEAD_BOOT_JUMP_H

#include "boot/handoff.h"

/*
 * Interrupts off, change to the page tables whose top-level table lies at `tables` (HPA), go to
 * `entry` with the hand-over in RDI on the stack that ends at `stack`. The code does not cross a
 * page, and has to be executable at its own address in both the firmware's tables and ours.
 */
_Noreturn void jump(const struct handoff *handoff, uint64_t entry, uint64_t tables, uint64_t stack);

#endif
