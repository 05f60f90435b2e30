/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/tables.h"

uint8_t acpi_sum(const uint8_t *bytes, size_t size)
{
    unsigned sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    return (uint8_t)sum;
}
