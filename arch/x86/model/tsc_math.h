/* SPDX-License-Identifier: MIT */
/* PURE. From CPUID's words and a measurement to the frequency of the time-stamp counter. */
#ifndef BULKHEAD_ARCH_X86_MODEL_TSC_MATH_H
#define BULKHEAD_ARCH_X86_MODEL_TSC_MATH_H

#include <stdbool.h>
#include <stdint.h>

/* Where a frequency comes from. */
enum tsc_source {
    TSC_UNKNOWN,
    TSC_CPUID_CRYSTAL,   /* leaf 0x15 with the crystal's frequency in it */
    TSC_MODEL_CRYSTAL,   /* leaf 0x15 with the crystal that this processor model is known to have */
    TSC_CPUID_FREQUENCY, /* leaf 0x16: the number on the box, rounded to MHz */
    TSC_HPET,
    TSC_PM_TIMER,
    TSC_PIT,
};

/* What the processor says. Leaves beyond max_leaf count as zero, whatever stands here. */
struct tsc_cpuid {
    uint32_t max_leaf;
    bool intel;
    uint32_t signature;   /* leaf 1 EAX */
    uint32_t denominator; /* leaf 0x15 EAX */
    uint32_t numerator;   /* leaf 0x15 EBX */
    uint32_t crystal_hz;  /* leaf 0x15 ECX */
    uint32_t base_mhz;    /* leaf 0x16 EAX */
};

struct tsc_rate {
    uint64_t khz; /* 0: unknown */
    enum tsc_source source;
};

/* The frequency by CPUID alone. SDM Vol. 3B "Determining the Processor Base Frequency". */
struct tsc_rate tsc_from_cpuid(const struct tsc_cpuid *cpuid);

/* kHz when the TSC made `tsc` ticks while a timer of `hz` made `ticks`. 0: not to be told. */
uint64_t tsc_from_timer(uint64_t tsc, uint64_t ticks, uint64_t hz);

/*
 * Whom to believe. A crystal's ratio is exact, so CPUID wins as long as the measurement agrees
 * within 1 % (an emulator or hypervisor may let the TSC run at another rate than CPUID claims). The
 * rounded number of leaf 0x16 wins only when nothing was measured.
 */
struct tsc_rate tsc_choose(struct tsc_rate cpuid, struct tsc_rate measured);

/* The source's name for the log. */
const char *tsc_source_name(enum tsc_source source);

#endif
