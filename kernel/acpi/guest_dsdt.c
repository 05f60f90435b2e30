/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/guest_dsdt.h"

const uint8_t *guest_dsdt(size_t *size)
{
    /* unsigned char guest_dsdt_aml_code[] = {...}; as the ASL compiler writes it */
    static const
#include "kernel/acpi/guest_dsdt.hex"
        ;

    *size = sizeof(guest_dsdt_aml_code);
    return guest_dsdt_aml_code;
}
