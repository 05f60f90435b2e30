/* SPDX-License-Identifier: MIT */
/* All that is set up once for the guests, between the plan and the seal. */
#ifndef BULKHEAD_KERNEL_VM_LAUNCH_H
#define BULKHEAD_KERNEL_VM_LAUNCH_H

#include "boot/handoff.h"
#include "kernel/acpi/host.h"
#include "kernel/plan/plan.h"

struct launch_sources {
    const struct handoff *handoff; /* `guests` is mapped */
    const struct acpi_host *acpi;
    const struct config *config; /* this and the next two stay for good */
    const struct plan *plan;
    const struct hardware *hardware;
};

/* Guests, their rights, and the terminal that they share. On the bootstrap processor, after
 * smp_start(). False: diagnosis. */
bool launch_prepare(const struct launch_sources *sources, struct diag *diag);

#endif
