/* SPDX-License-Identifier: MIT */
/*
 * Line coverage of the kernel. The product links coverage_none.c, which does nothing;
 * tools/coverage builds with gcc's counters in every function and links coverage_gcov.c.
 */
#ifndef BULKHEAD_KERNEL_COVERAGE_H
#define BULKHEAD_KERNEL_COVERAGE_H

/*
 * Write all counters to the emulator's debug port. Any processor at any time, with memory and CPU
 * area set up or not; while another is at it, it does nothing.
 */
void coverage_dump(void);

#endif
