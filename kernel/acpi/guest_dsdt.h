/* SPDX-License-Identifier: MIT */
/* A guest's DSDT, as the ASL compiler made it from guest_dsdt.asl, with PCI Express and without. */
#ifndef BULKHEAD_KERNEL_ACPI_GUEST_DSDT_H
#define BULKHEAD_KERNEL_ACPI_GUEST_DSDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of the whole table, with header and checksum. */
const uint8_t *guest_dsdt(bool pci_express, size_t *size);

#endif
