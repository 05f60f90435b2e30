/* SPDX-License-Identifier: MIT */
/*
 * The page tables with which the kernel starts, until it has built its own:
 *
 *   0 ...                 at their physical addresses: the first 4 GiB, all RAM, the framebuffer
 *                         and MCFG's windows of PCI configuration space
 *   0xffffffff80000000    the kernel's image, segment by segment with the rights of the ELF file
 *
 * All of the first part is writable and none of it executable, but for the page that holds the
 * jump, with which it is the other way round.
 */
#ifndef BULKHEAD_BOOT_ADDRESS_SPACE_H
#define BULKHEAD_BOOT_ADDRESS_SPACE_H

#include "boot/kernel.h"
#include "boot/memory_map.h"
#include "kernel/acpi/mcfg.h"
#include "kernel/pci/access.h"

struct address_space {
    const struct memory_map *map;
    const struct kernel *kernel;
    const struct handoff_screen *screen;
    uint64_t root; /* out: HPA of the top-level table */
};

/* Build the tables in pages that the kernel gets. Four-level paging. */
bool address_space_build(struct address_space *space, struct diag *diag);

/* Add what of MCFG's windows is not in yet. `address_end`: 1 << MAXPHYADDR. */
bool address_space_add_windows(const struct address_space *space, const struct acpi_mcfg *mcfg,
                               uint64_t address_end, struct diag *diag);

/* Do the tables in use now, the firmware's, map a window of MCFG at its own addresses? Below 4 GiB
 * they do. */
bool address_space_has_window(const struct pci_segment *window);

#endif
