/* SPDX-License-Identifier: MIT */
/*
 * Devices kept from memory and processors that are not theirs: the IOMMU is turned on before the
 * first guest starts, and what it blocks is told.
 */
#ifndef BULKHEAD_KERNEL_ISOLATE_H
#define BULKHEAD_KERNEL_ISOLATE_H

#include "kernel/acpi/host.h"
#include "kernel/lib/diag.h"

/*
 * Bytes of host memory that isolate_start() and what follows take, for the planner. `last_bus` is
 * the last one of PCI segment 0 that has functions or that a bridge passes on.
 */
uint64_t isolate_bytes(const struct acpi_host *acpi, uint8_t last_bus);

/*
 * Block all DMA and all interrupts of devices, and log that, or why not: then all that keeps
 * devices from memory is pci_quiesce(). After ioapic_init() and tsc_init(). False and a diagnosis
 * when an IOMMU does not obey: who knows what it does.
 */
bool isolate_start(const struct acpi_host *acpi, uint8_t last_bus, struct diag *diag);

/* Log what was blocked since the last time; a few lines a second at most, whatever devices do. Any
 * processor, outside of NMI handlers; cheap when it is not yet time again. */
void isolate_poll(void);

#endif
