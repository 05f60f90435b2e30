/* SPDX-License-Identifier: MIT */
/* What the witness can do. Each takes its words of the command line, returns the exit status. */
#ifndef BULKHEAD_TESTS_GUESTS_WITNESS_WITNESS_H
#define BULKHEAD_TESTS_GUESTS_WITNESS_WITNESS_H

#include <stdint.h>

/*
 * Count the exits of this vCPU while it does nothing, or nothing but compute, for so long. Prints
 * one line: the exits of all kinds, less the reading itself, then those of each kind.
 */
int witness_exits(const char *how, const char *seconds);

/*
 * Fill so much memory with a pattern, then wake up each period until a line comes in on standard
 * input. Prints one line: periods by the TSC, wake-ups, periods that passed without one, the worst
 * delay of a wake-up, and bytes of the pattern that have changed.
 */
int witness_watch(const char *mib, const char *period_us, const char *tsc_khz);

/*
 * Let threads on all processors of the guest work together, so many rounds of each kind. Prints one
 * line: processors, turns handed from one to another, and what must be 0: threads that were not on
 * their processor, times that went backwards, pages that were gone and still seen. Exit status 1
 * when one is not.
 */
int witness_threads(const char *rounds);

/*
 * Run a command, words with NULL behind, and wait for its end. Prints one line: microseconds, those
 * in which processors were idle or waited for a disk, messages of PCI functions and timer
 * interrupts on all processors, then, on Bulkhead alone, the exits of this processor as above. They
 * are the command's where the guest has no other. Exit status 1 when the command's was not 0.
 */
int witness_run(char **command);

/* A decimal number that is not 0, or the end of the program. */
uint64_t witness_number(const char *text);

static inline uint64_t witness_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#endif
