/* SPDX-License-Identifier: MIT */
/*
 * Memory from the firmware. All of it is recorded: what the kernel gets is told apart from the
 * firmware's other loader memory, and everything goes back when Bulkhead does not start.
 */
#ifndef BULKHEAD_BOOT_PAGES_H
#define BULKHEAD_BOOT_PAGES_H

#include "boot/memory_map.h"
#include "kernel/lib/diag.h"

/* Highest address that an allocation may touch. */
#define PAGES_ANYWHERE (~UINT64_C(0))
#define PAGES_BELOW_4G (GIB(4) - 1)
#define PAGES_BELOW_1M UINT64_C(0x9ffff) /* above: the old video and ROM area */

/*
 * Pages that the kernel gets (MEMORY_LOADER). `size` is rounded up to 4 KiB; the contents are
 * undefined. False: no memory, with a diagnosis.
 */
bool pages_take(uint64_t size, uint64_t highest, struct memory_span *span, struct diag *diag);

/* As pages_take(), zeroed and anywhere; NULL: no memory. */
void *pages_zeroed(uint64_t size, struct diag *diag);

/* Zeroed memory for the boot half alone: free for anybody once the kernel runs. NULL: none. */
void *pages_scratch(uint64_t size, struct diag *diag);

/* Give back all of a piece from pages_take() but [base, base + size), which lies in it. */
void pages_trim(struct memory_span *span, uint64_t base, uint64_t size);

/* Give everything back. */
void pages_release(void);

/* What pages_take() and pages_zeroed() gave, for the memory map. */
struct memory_spans pages_kept(void);

#endif
