/* SPDX-License-Identifier: MIT */
#include "kernel/plan/collect.h"

bool hardware_collect_memory(struct hardware *hardware, const struct hardware_piece *pieces,
                             uint64_t count, const struct acpi_host *acpi, struct diag *diag)
{
    for (uint64_t i = 0; i < count; i++)
        if (!hardware_add_memory(hardware, pieces[i].base, pieces[i].size,
                                 (enum hardware_memory)pieces[i].kind))
            return diag_set(diag, "the firmware's memory map has too many pieces");
    for (uint32_t i = 0; i < acpi->memory_count; i++)
        if (!hardware_set_node(hardware, acpi->memory[i].base, acpi->memory[i].size,
                               acpi->memory[i].node))
            return diag_set(diag, "memory map and SRAT together have too many pieces");
    return true;
}
