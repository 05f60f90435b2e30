/* SPDX-License-Identifier: MIT */
/* What the machine is, from the hand-over, ACPI and CPUID. Before memory_init(): physical addresses
 * are reachable as they are. */
#ifndef BULKHEAD_KERNEL_MACHINE_H
#define BULKHEAD_KERNEL_MACHINE_H

#include "arch/x86/cpu/tsc.h"
#include "boot/handoff.h"
#include "kernel/acpi/host.h"
#include "kernel/lib/diag.h"

/* Is it a hand-over that this kernel understands? */
bool machine_check_handoff(const struct handoff *handoff, struct diag *diag);

/*
 * Processors, topology and memory for the planner; a log line where DMAR or IVRS contradict the
 * memory map. False: diagnosis.
 */
bool machine_collect(const struct handoff *handoff, const struct acpi_host *acpi,
                     struct hardware *hardware, struct diag *diag);

struct tsc_timers machine_timers(const struct acpi_host *acpi);

#endif
