/* SPDX-License-Identifier: MIT */
/* Machines and configs as large as they come, for a test and a benchmark. */
#ifndef BULKHEAD_TESTS_UNIT_PLAN_LARGE_H
#define BULKHEAD_TESTS_UNIT_PLAN_LARGE_H

#include "tests/unit/plan_world.h"

enum { LARGE_NODES = 8, LARGE_RANGES = 200 };

/* What the guests of a large config say of their processors. */
enum large_wishes { LARGE_CORES, LARGE_THREADS, LARGE_LISTS, LARGE_MIXED, LARGE_WISHES };

/*
 * Eight sockets, each a node, of cores with two threads; APIC ids have gaps between sockets.
 * Firmware goes round the sockets, and lists all second threads behind all first ones.
 */
static inline void large_cpus(uint32_t count)
{
    uint32_t cores = count / 2 / LARGE_NODES; /* of one socket */

    machine.smt_shift = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t socket = i % LARGE_NODES;
        uint32_t core = i / LARGE_NODES % cores;
        uint32_t thread = i / LARGE_NODES / cores;
        machine.cpus[machine.cpu_count++] =
            (struct hardware_cpu){.apic_id = socket << 9 | core << 1 | thread, .node = socket};
    }
}

/* 12 TiB in 200 ranges with gaps, 25 on each node. */
static inline void large_memory(void)
{
    uint64_t size = GIB(12288) / LARGE_RANGES / PAGE_2M * PAGE_2M;

    for (uint32_t i = 0; i < LARGE_RANGES; i++) {
        add_range_of(MEMORY_FREE, GIB(4) + i * (size + MIB(16)), size,
                     i / (LARGE_RANGES / LARGE_NODES));
    }
    machine.page_1g = true;
}

/* One guest of two cores a turn, on its list or with all of their threads or with one of each. */
static inline void large_guest(uint32_t i, enum large_wishes wish, uint32_t cpus)
{
    uint64_t memory = GIB(40) + MIB(2) * i;
    uint16_t first = (uint16_t)(cpus / 2 - 1 - 2 * i);

    if (wish == LARGE_MIXED)
        wish = (enum large_wishes)(i % 3);
    switch (wish) {
    case LARGE_LISTS:
        add_listing("list", LIST(first, (uint16_t)(first - 1)))->memory = memory;
        break;
    case LARGE_THREADS:
        add_guest("threads", 4, memory)->smt = true;
        break;
    case LARGE_CORES:
    case LARGE_MIXED:
    case LARGE_WISHES:
        add_guest("cores", 2, memory);
        break;
    }
}

static inline void large_world(uint32_t cpus, uint32_t guests, enum large_wishes wish)
{
    world_reset();
    large_cpus(cpus);
    large_memory();
    for (uint32_t i = 0; i < guests; i++)
        large_guest(i, wish, cpus);
}

/* Cores of one thread and of two, so dealt out that the nodes' own cores are not enough. */
static inline void large_second_try(void)
{
    large_world(1024, 0, LARGE_CORES);
    machine.cpu_count = 0;
    for (uint32_t node = 0; node < LARGE_NODES; node++)
        add_cores(node, 43, node % 2 == 0 ? 2 : 1);
    for (uint32_t i = 0; i < 172; i++)
        add_guest("odd", 3, GIB(40))->smt = true;
}

#endif
