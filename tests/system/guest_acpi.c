/* SPDX-License-Identifier: MIT */
/* Writes a guest's ACPI tables to standard output: guest_acpi VCPUS [pci], with "pci" those of one
 * with PCI functions. For test_guest_acpi.py. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/acpi/guest.h"

int main(int argc, char **argv)
{
    static unsigned char bytes[GUEST_RSDP_END - GUEST_RSDP_START];
    struct acpi_guest_params params = {.base = gpa(GUEST_RSDP_START)};
    size_t used;

    if (argc != 2 && argc != 3)
        return 2;
    params.vcpu_count = (uint32_t)strtoul(argv[1], NULL, 10);
    params.pci_express = argc == 3;
    if (!acpi_guest_build(&params, bytes, sizeof(bytes), &used))
        return 1;
    return fwrite(bytes, 1, used, stdout) == used ? 0 : 1;
}
