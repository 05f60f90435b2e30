/* SPDX-License-Identifier: MIT */
/*
 * What ACPI and the inventory of PCI say together about what must stay with the hypervisor. Kernel
 * and boot half, before the plan.
 */
#ifndef BULKHEAD_KERNEL_PLAN_SURVEY_H
#define BULKHEAD_KERNEL_PLAN_SURVEY_H

#include "kernel/acpi/host.h"
#include "kernel/pci/inventory.h"
#include "kernel/plan/hardware.h"

#define SURVEY_COM1       0x3f8
#define SURVEY_UART_PORTS 8 /* of a 16550 */

/* The framebuffer that the hypervisor draws to; size 0: none. */
struct survey_screen {
    uint64_t base; /* HPA */
    uint64_t size; /* bytes */
};

/*
 * Note configuration space and the registers of local APICs, I/O APICs, IOMMUs, HPET and screen as
 * the hypervisor's own. False: the table is full.
 */
bool survey_registers(const struct acpi_host *acpi, const struct survey_screen *screen,
                      struct hardware *hardware);

/*
 * Note the functions with which firmware shares memory. Where there are more than can be noted,
 * none may be given away: the machine counts as one without IOMMU, and false is returned.
 */
bool survey_devices(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    struct hardware *hardware);

/*
 * Note the source ids of I/O APICs and HPETs. Kernel, and tools from what a report says of the
 * machine. False: as above.
 */
bool survey_sources(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    struct hardware *hardware);

/*
 * The port of the console's UART when the config names none: the SPCR's 16550, else COM1. *baud is
 * what firmware says of its rate, 0 for nothing.
 */
uint16_t survey_console_port(const struct acpi_host *acpi, uint32_t *baud);

#endif
