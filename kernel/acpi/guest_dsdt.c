/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/guest_dsdt.h"

const uint8_t *guest_dsdt(bool pci_express, size_t *size)
{
    /* unsigned char guest_dsdt_aml_code[] = {...}; as the ASL compiler writes it */
    static const
#include "kernel/acpi/guest_dsdt.hex"
        ;
    static const
#include "kernel/acpi/guest_dsdt_pcie.hex"
        ;

    *size = pci_express ? sizeof(guest_dsdt_pcie_aml_code) : sizeof(guest_dsdt_aml_code);
    return pci_express ? guest_dsdt_pcie_aml_code : guest_dsdt_aml_code;
}
