/* SPDX-License-Identifier: MIT */
/*
 * Devices kept from memory and processors that are not theirs: the IOMMU is turned on before the
 * first guest starts. What it blocks from then on is for kernel/vm/faults.h.
 */
#ifndef BULKHEAD_KERNEL_ISOLATE_H
#define BULKHEAD_KERNEL_ISOLATE_H

#include "kernel/acpi/host.h"
#include "kernel/config/config.h"
#include "kernel/pci/inventory.h"
#include "kernel/plan/hardware.h"

/*
 * Tell the planner how much memory the IOMMU's driver takes, and which functions firmware has
 * memory in common with; keep what isolate_start() wants to know of the inventory.
 */
void isolate_survey(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    const struct config *config, struct hardware *hardware);

/*
 * Block all DMA and all interrupts of devices, or as much of that as the IOMMU can, and log that,
 * or why not: then all that keeps devices from memory is pci_silence(). After ioapic_init() and
 * tsc_init(). False and a diagnosis when an IOMMU does not obey: who knows what it does.
 */
bool isolate_start(const struct acpi_host *acpi, struct diag *diag);

#endif
