/* SPDX-License-Identifier: MIT */
#include "kernel/machine.h"

#include "kernel/acpi/remapping.h"
#include "kernel/lib/bits.h"
#include "kernel/log.h"
#include "kernel/plan/collect.h"
#include "kernel/plan/survey.h"

bool machine_check_handoff(const struct handoff *handoff, struct diag *diag)
{
    if (handoff->magic != HANDOFF_MAGIC)
        return diag_set(diag, "the boot half handed over something else than a struct handoff");
    if (handoff->version != HANDOFF_VERSION || handoff->size != sizeof(*handoff))
        return diag_set(diag, "the boot half speaks version %u of the hand-over, not %u",
                        handoff->version, HANDOFF_VERSION);
    return true;
}

static void log_regions(const struct acpi_host *acpi, const struct hardware *hardware)
{
    struct remapping_region region;
    uint32_t next = 0;
    while (remapping_next_in_free_memory(acpi, hardware, &next, &region))
        log_line("ACPI: %llu KiB at %#llx are reserved for a device, but free by the memory map",
                 (unsigned long long)region.size / 1024, (unsigned long long)region.base.raw);
}

bool machine_collect(const struct handoff *handoff, const struct acpi_host *acpi, uint16_t serial,
                     struct hardware *hardware, struct diag *diag)
{
    struct survey_console console = handoff_console(&handoff->screen, serial);
    *hardware = *(const struct hardware *)(uintptr_t)handoff->hardware;
    if (!survey_registers(acpi, &console, hardware, diag) ||
        !hardware_collect_memory(hardware,
                                 (const struct hardware_piece *)(uintptr_t)handoff->memory,
                                 handoff->memory_count, acpi, diag))
        return false;
    log_regions(acpi, hardware);
    return true;
}

void *machine_scratch(const struct hardware *hardware, uint64_t size)
{
    for (uint32_t i = hardware->range_count; i > 0; i--) {
        const struct hardware_range *range = &hardware->ranges[i - 1];
        uint64_t end = range->base.raw + range->size;
        if (range->kind == MEMORY_FREE && range->size >= size && end <= GIB(4) &&
            end - size >= MIB(1))
            return (void *)(uintptr_t)align_down(end - size, PAGE_4K);
    }
    return NULL;
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
