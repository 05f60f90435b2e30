/* SPDX-License-Identifier: MIT */
#include "kernel/resident.h"

#include "kernel/log.h"

static uint64_t loader_bytes(const struct hardware *hardware)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < hardware->range_count; i++)
        if (hardware->ranges[i].kind == MEMORY_LOADER)
            sum += hardware->ranges[i].size;
    return sum;
}

void resident_log(const struct handoff *handoff, const struct hardware *hardware,
                  const struct plan *plan)
{
    uint64_t files = handoff->file_bytes;
    uint64_t handed = loader_bytes(hardware) - handoff->kernel_size - files;
    log_line("resident image=%llu host=%llu handed=%llu files=%llu",
             (unsigned long long)handoff->kernel_size, (unsigned long long)plan->host_size,
             (unsigned long long)handed, (unsigned long long)files);
}
