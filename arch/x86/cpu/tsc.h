/* SPDX-License-Identifier: MIT */
/* Time: the frequency of the time-stamp counter, and waiting with it. */
#ifndef BULKHEAD_ARCH_X86_CPU_TSC_H
#define BULKHEAD_ARCH_X86_CPU_TSC_H

#include <stdbool.h>
#include <stdint.h>

/* The timers that ACPI names; plain values, 0 where there is none. */
struct tsc_timers {
    uint64_t hpet;      /* HPA of the HPET's registers (HPET table) */
    uint16_t pm_timer;  /* I/O port of the PM timer (FADT) */
    bool pm_timer_wide; /* 32 bits instead of 24 (FADT flag TMR_VAL_EXT) */
};

/*
 * Find the frequency: CPUID leaves 0x15 and 0x16, checked against a measurement with the HPET, else
 * the PM timer, else the PIT. Takes about 10 ms. On the bootstrap processor, once, after
 * memory_init(). False: nothing worked, and the machine cannot be used.
 */
bool tsc_init(const struct tsc_timers *timers);

/* Ticks of the TSC in a millisecond; not 0 after tsc_init(). */
uint64_t tsc_khz(void);
/* Where that number comes from, for the log: "CPUID 0x15", "HPET", ... */
const char *tsc_source(void);

/* Ticks in so many microseconds (at most 2^32 of them). */
uint64_t tsc_from_us(uint64_t us);
/* Spin that long. */
void tsc_wait_us(uint64_t us);

#endif
