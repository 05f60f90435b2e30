/* SPDX-License-Identifier: MIT */
/*
 * The exits of the processor that the caller runs on, as Bulkhead's CPUID leaves tell them
 * (arch/x86/model/cpuid_policy.h). Each reading is an exit itself, which counts_print() takes off.
 */
#ifndef BULKHEAD_TESTS_GUESTS_WITNESS_COUNTS_H
#define BULKHEAD_TESTS_GUESTS_WITNESS_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/vm/stats.h"

struct counts {
    uint64_t total;
    uint64_t kinds[STAT_KINDS];
};

/* Whether the leaves are there, and those that the witness was built for. */
bool counts_are_there(void);

/* Around what is measured, on the same processor. The total is read next to it. */
void counts_read_before(struct counts *counts);
void counts_read_after(struct counts *counts);

/* Print " total=N", then " KIND=N" for each kind: what lies between the two. */
void counts_print(const struct counts *before, const struct counts *after);

#endif
