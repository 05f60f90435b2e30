/* SPDX-License-Identifier: MIT */
/*
 * What ACPI and the inventory of PCI say together about what must stay with the hypervisor. Kernel
 * and boot half, before the plan.
 */
#ifndef BULKHEAD_KERNEL_PLAN_SURVEY_H
#define BULKHEAD_KERNEL_PLAN_SURVEY_H

#include "kernel/acpi/host.h"
#include "kernel/config/config.h"
#include "kernel/pci/inventory.h"
#include "kernel/plan/hardware.h"

#define SURVEY_COM1       0x3f8
#define SURVEY_UART_PORTS 8 /* of a 16550 */

/* What the hypervisor writes to. */
struct survey_console {
    uint64_t screen;      /* HPA of the framebuffer */
    uint64_t screen_size; /* bytes, 0: none */
    uint16_t port;        /* the first one of the UART, 0: none */
};

/*
 * Note configuration space, the registers of local APICs, I/O APICs, IOMMUs, HPET and console, and
 * the ports of main board and ACPI as the hypervisor's own. False: a diagnosis; there are more than
 * can be noted.
 */
bool survey_registers(const struct acpi_host *acpi, const struct survey_console *console,
                      struct hardware *hardware, struct diag *diag);

/*
 * Note the I/O APICs and those of their inputs that are no PCI function's: the lines of ISA, among
 * which are the timers and the serial ports, ACPI's SCI, NMIs, and the SPCR's. `pins` says how many
 * inputs the I/O APIC with that HPA has.
 */
void survey_lines(const struct acpi_host *acpi, uint32_t (*pins)(uint32_t address),
                  struct hardware *hardware);

/*
 * Note the functions with which firmware shares memory. Where there are more than can be noted,
 * none may be given away: the machine counts as one without IOMMU, and false is returned.
 */
bool survey_devices(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    struct hardware *hardware);
#define SURVEY_TOO_MANY_TIED                                                                       \
    "ACPI: firmware shares memory with more than %u devices: none is given away"

/*
 * Note the source ids of I/O APICs and HPETs, and which functions no IOMMU serves as PCI has them:
 * the plan has to be made with the same inventory. Kernel and boot half, and tools from what a
 * report says of the machine. False: as above.
 */
bool survey_sources(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    struct hardware *hardware);
#define SURVEY_TOO_MANY_SPECIALS                                                                   \
    "ACPI: I/O APICs and HPETs have more than %u source ids: no device is given away"

/*
 * The port of the console's UART: what the config says, else the SPCR's 16550, else COM1; 0 when
 * the console is the screen alone. *baud is what either says of its rate, 0 for nothing.
 */
uint16_t survey_console_port(const struct config_machine *config, const struct acpi_host *acpi,
                             uint32_t *baud);

/* MCFG's entries as windows of configuration space. Returns how many. */
uint32_t survey_windows(const struct acpi_mcfg *mcfg, struct pci_segment windows[ACPI_MAX_ECAMS]);

#endif
