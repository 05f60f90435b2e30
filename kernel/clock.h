/* SPDX-License-Identifier: MIT */
/* Wall-clock time: what firmware told at boot, carried on with the TSC. */
#ifndef BULKHEAD_KERNEL_CLOCK_H
#define BULKHEAD_KERNEL_CLOCK_H

#include <stdint.h>

struct clock_time {
    uint64_t seconds; /* since 1970, UTC */
    uint32_t nanoseconds;
};

/* Once, after tsc_init(): it was `seconds` when the TSC read `tsc`. */
void clock_init(uint64_t seconds, uint64_t tsc);

/* The time when the TSC reads `tsc`; not before the one given to clock_init(). */
struct clock_time clock_at(uint64_t tsc);

#endif
