/* SPDX-License-Identifier: MIT */
#include "kernel/machine.h"

#include "kernel/plan/collect.h"

bool machine_check_handoff(const struct handoff *handoff, struct diag *diag)
{
    if (handoff->magic != HANDOFF_MAGIC)
        return diag_set(diag, "the boot half handed over something else than a struct handoff");
    if (handoff->version != HANDOFF_VERSION || handoff->size != sizeof(*handoff))
        return diag_set(diag, "the boot half speaks version %u of the hand-over, not %u",
                        handoff->version, HANDOFF_VERSION);
    return true;
}

bool machine_collect(const struct handoff *handoff, const struct acpi_host *acpi,
                     struct hardware *hardware, struct diag *diag)
{
    *hardware = *(const struct hardware *)(uintptr_t)handoff->hardware;
    return hardware_collect_memory(hardware,
                                   (const struct hardware_piece *)(uintptr_t)handoff->memory,
                                   handoff->memory_count, acpi, diag);
}

struct tsc_timers machine_timers(const struct acpi_host *acpi)
{
    const struct acpi_register *pm = &acpi->fadt.pm_timer;
    bool port = pm->present && pm->space == ACPI_SPACE_IO;
    return (struct tsc_timers){
        .hpet = acpi->hpet.present ? acpi->hpet.address : 0,
        .pm_timer = port ? (uint16_t)pm->address : 0,
        .pm_timer_wide = acpi->fadt.pm_timer_wide,
    };
}
