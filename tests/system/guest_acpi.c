/* SPDX-License-Identifier: MIT */
/* Writes a guest's ACPI tables to standard output: guest_acpi VCPUS ROUTES [pci], with "pci" those
 * of a guest with PCI functions. For test_guest_acpi.py. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/acpi/guest.h"

int main(int argc, char **argv)
{
    static unsigned char bytes[GUEST_RSDP_END - GUEST_RSDP_START];
    static struct acpi_route routes[GUEST_ACPI_MAX_ROUTES];
    struct acpi_guest_params params = {.base = gpa(GUEST_RSDP_START), .routes = routes};
    size_t used;

    if (argc != 3 && argc != 4)
        return 2;
    params.vcpu_count = (uint32_t)strtoul(argv[1], NULL, 10);
    params.route_count = (uint32_t)strtoul(argv[2], NULL, 10);
    params.pci_express = argc == 4;
    for (uint32_t i = 0; i < params.route_count && i < GUEST_ACPI_MAX_ROUTES; i++)
        routes[i] =
            (struct acpi_route){(uint8_t)(1 + i % 31), (uint8_t)(i / 31), (uint8_t)(16 + i % 8)};
    if (!acpi_guest_build(&params, bytes, sizeof(bytes), &used))
        return 1;
    return fwrite(bytes, 1, used, stdout) == used ? 0 : 1;
}
