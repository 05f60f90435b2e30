/* SPDX-License-Identifier: MIT */
/* Memory for the planner: the firmware's map and the nodes that ACPI's SRAT names. */
#ifndef BULKHEAD_KERNEL_PLAN_COLLECT_H
#define BULKHEAD_KERNEL_PLAN_COLLECT_H

#include "kernel/acpi/host.h"
#include "kernel/lib/diag.h"
#include "kernel/plan/hardware.h"

/*
 * Add all of the map's pieces to `hardware`, which has no memory yet, then their NUMA nodes. The
 * pieces are not trusted (hardware_add_memory()). False: a diagnosis; `hardware` must not be used.
 */
bool hardware_collect_memory(struct hardware *hardware, const struct hardware_piece *pieces,
                             uint64_t count, const struct acpi_host *acpi, struct diag *diag);

#endif
