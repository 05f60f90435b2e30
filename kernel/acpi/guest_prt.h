/* SPDX-License-Identifier: MIT */
/* AML behind a guest's compiled DSDT: where the interrupt pins of its PCI functions go. */
#ifndef BULKHEAD_KERNEL_ACPI_GUEST_PRT_H
#define BULKHEAD_KERNEL_ACPI_GUEST_PRT_H

#include <stddef.h>

#include "kernel/acpi/guest.h"

/* Bytes for so many routes, up to GUEST_ACPI_MAX_ROUTES; 0 for none. */
size_t guest_prt_size(const struct acpi_route *routes, uint32_t count);

/* Scope (\_SB.PCI0) { Name (_PRT, Package () { ... }) }, in as many bytes. */
void guest_prt_put(uint8_t *bytes, const struct acpi_route *routes, uint32_t count);

#endif
