/* SPDX-License-Identifier: MIT */
/* A config that a fuzz target makes, for the planner: guests with PCI functions by their addresses.
 */
#ifndef BULKHEAD_TESTS_FUZZ_WISHES_H
#define BULKHEAD_TESTS_FUZZ_WISHES_H

#include "kernel/config/config.h"

/* One more guest, of one processor. */
static void wish_guest(struct config *wishes, uint64_t memory)
{
    wishes->guests[wishes->guest_count++] =
        (struct config_guest){.name = {.start = "guest", .length = 5},
                              .cpus = 1,
                              .memory = memory,
                              .first_device = (uint16_t)wishes->device_count};
}

/* One more function for the last guest; `gsi`: its INTx, 0 for none. */
static void wish_device(struct config *wishes, pci_address_t at, uint32_t gsi)
{
    wishes->guests[wishes->guest_count - 1].device_count++;
    wishes->devices[wishes->device_count++] =
        (struct config_device){.at = {.start = "here", .length = 4, .line = 1, .column = 1},
                               .gsi = gsi,
                               .selector = {.kind = PCI_BY_ADDRESS, .value = at.raw}};
}

#endif
