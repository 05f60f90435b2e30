/* SPDX-License-Identifier: MIT */
/* Switching the machine off and starting it anew. ACPI Specification "Power and Performance
 * Management", "Reset Register". */
#ifndef BULKHEAD_DRIVERS_POWER_H
#define BULKHEAD_DRIVERS_POWER_H

#include "kernel/acpi/host.h"

/* Remember what ACPI says. Before memory_seal(). */
void power_init(const struct acpi_host *acpi);

/* Soft off (S5). Returns when the machine does not offer it or does not obey. */
void power_off(void);

/* Reset by ACPI's register, else by the ways that PCs had before. */
_Noreturn void power_reset(void);

#endif
