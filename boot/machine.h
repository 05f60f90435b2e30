/* SPDX-License-Identifier: MIT */
/*
 * Is this machine able to do what the config asks? The same checks that the kernel makes again once
 * it has the machine; made here first, because from here the firmware can still boot something
 * else.
 */
#ifndef BULKHEAD_BOOT_MACHINE_H
#define BULKHEAD_BOOT_MACHINE_H

#include "boot/handoff.h"
#include "boot/memory_map.h"
#include "kernel/acpi/host.h"
#include "kernel/config/config.h"
#include "kernel/lib/diag.h"

/* Has this processor what it takes, and can the kernel be started from the firmware's paging mode?
 */
bool machine_check_processor(struct diag *diag);

/* Does firmware let us have the processors as we need them? */
bool machine_check_firmware(const struct acpi_host *acpi, struct diag *diag);

/* What it calls itself, and what it offers for guests, in words. */
void machine_name_processor(char *text, size_t size);
void machine_name_virtualization(char *text, size_t size);

/* What the ACPI tables say; the kernel gets it so and does not look at them again. */
bool machine_read_acpi(const struct memory_map *map, struct acpi_host *acpi, struct diag *diag);

/* The processors' part of *hardware, which is all zero before: who they are, how they share cores;
 * and that of the I/O APICs. */
void machine_find_processors(const struct acpi_host *acpi, struct hardware *hardware);

/* The memory map as it is now, but for what we took ourselves, and its nodes. */
bool machine_collect_memory(const struct memory_map *map, const struct acpi_host *acpi,
                            struct hardware *hardware, struct diag *diag);

/* What is known of the machine when the plan is tried. */
struct machine_facts {
    const struct memory_map *map; /* as it is now */
    const struct acpi_host *acpi;
    const struct hardware *processors; /* of machine_find_processors() */
    const struct handoff_screen *screen;
};

/*
 * A dry run of the planner, with the PCI functions as they are now when the config wants some. What
 * only the kernel can find out (sizes of BARs that firmware does not tell) is left to it.
 */
bool machine_check_plan(const struct config *config, const struct machine_facts *facts,
                        struct diag *diag);

#endif
