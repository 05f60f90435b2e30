/* SPDX-License-Identifier: MIT */
#include "kernel/resident.h"

#include "kernel/lib/bits.h"
#include "kernel/log.h"

static uint64_t loader_bytes(const struct hardware *hardware)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < hardware->range_count; i++)
        if (hardware->ranges[i].kind == MEMORY_LOADER)
            sum += hardware->ranges[i].size;
    return sum;
}

static const struct handoff_file *file_of(const struct handoff *handoff, uint64_t index)
{
    const struct handoff_guest *guests = (const struct handoff_guest *)(uintptr_t)handoff->guests;
    return index % 2 == 0 ? &guests[index / 2].kernel : &guests[index / 2].initrd;
}

/* A file that several guests name is there once. */
static uint64_t file_bytes(const struct handoff *handoff)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 2 * handoff->guest_count; i++) {
        const struct handoff_file *file = file_of(handoff, i);
        uint64_t first = 0;
        while (file_of(handoff, first)->base != file->base)
            first++;
        if (first == i)
            sum += align_up(file->size, PAGE_4K);
    }
    return sum;
}

void resident_log(const struct handoff *handoff, const struct hardware *hardware,
                  const struct plan *plan)
{
    uint64_t files = file_bytes(handoff);
    uint64_t handed = loader_bytes(hardware) - handoff->kernel_size - files;
    log_line("resident image=%llu host=%llu handed=%llu files=%llu",
             (unsigned long long)handoff->kernel_size, (unsigned long long)plan->host_size,
             (unsigned long long)handed, (unsigned long long)files);
}
