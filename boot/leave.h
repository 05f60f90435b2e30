/* SPDX-License-Identifier: MIT */
/* The way out of the firmware and into the kernel. */
#ifndef BULKHEAD_BOOT_LEAVE_H
#define BULKHEAD_BOOT_LEAVE_H

#include "boot/firmware.h"
#include "boot/handoff.h"

struct leave {
    struct handoff *handoff; /* all but its memory map and times.left is filled in */
    struct firmware_map *map;
    struct memory_list memory; /* room for the final memory map; handoff->memory points at it */
    uint64_t entry;            /* of the kernel, virtual */
    uint64_t tables;           /* HPA of the top-level page table */
    uint64_t stack;            /* top */
};

/*
 * End boot services, fill in the final memory map and jump. There is no way back: a firmware that
 * does not let go leads to a sentence on COM1 and a halted machine.
 */
_Noreturn void leave(struct leave *leave);

#endif
