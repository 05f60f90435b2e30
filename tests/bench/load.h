/* SPDX-License-Identifier: MIT */
/* A load as hackbench makes it: processes that wake each other all the time. */
#ifndef BULKHEAD_TESTS_BENCH_LOAD_H
#define BULKHEAD_TESTS_BENCH_LOAD_H

#include <stdint.h>

/* Let senders and receivers exchange messages through pipes. Returns how many arrived. */
uint64_t load_messages(int64_t seconds);

#endif
