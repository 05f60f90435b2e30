/* SPDX-License-Identifier: MIT */
/* How long each phase of the boot took, for the benchmark. Bootstrap processor only. */
#ifndef BULKHEAD_KERNEL_TIMES_H
#define BULKHEAD_KERNEL_TIMES_H

#include "boot/handoff.h"

/* Phases of the kernel, in order; each mark is the end of one. */
enum time_phase {
    TIME_PLAN,    /* hand-over checked, machine looked at, plan made and printed */
    TIME_MEMORY,  /* on page tables of our own */
    TIME_MACHINE, /* clocks, interrupt controllers */
    TIME_CPUS,    /* all processors answered */
    TIME_GUESTS,  /* guests created, page tables verified and sealed; next their memory is filled */
    TIME_PHASES
};

/* The phase ends now. */
void times_mark(enum time_phase phase);

/*
 * Log the line `times entry=T loaded=T left=T plan=T ... guests=T`: TSC readings, those of the boot
 * half first. The line `guest X: start 1 at tsc T` of each guest goes on from there.
 */
void times_log(const struct handoff_times *boot);

#endif
