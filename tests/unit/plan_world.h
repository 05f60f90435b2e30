/* SPDX-License-Identifier: MIT */
/* Invented machines and configs for the planner's tests, and the rules that every plan keeps. */
#ifndef BULKHEAD_TESTS_UNIT_PLAN_WORLD_H
#define BULKHEAD_TESTS_UNIT_PLAN_WORLD_H

#include <string.h>

#include "kernel/plan/plan.h"

static struct hardware machine;
static struct config wishes;
static struct plan plan;
static struct diag diag;

static const struct plan_needs small_needs = {
    .fixed = KIB(64), .per_cpu = KIB(16), .per_guest = KIB(8), .per_vcpu = KIB(8)};

/* An empty machine and config. */
static inline void world_reset(void)
{
    memset(&machine, 0, sizeof(machine));
    memset(&wishes, 0, sizeof(wishes));
    memset(&plan, 0x5a, sizeof(plan));
    memset(&diag, 0x5a, sizeof(diag));
}

/* More cores on a node: their APIC ids follow those before, `threads` is 1 or 1 << smt_shift. */
static inline void add_cores(uint32_t node, uint32_t cores, uint32_t threads)
{
    static uint32_t next;

    if (machine.cpu_count == 0)
        next = 0;
    for (uint32_t core = 0; core < cores; core++) {
        for (uint32_t thread = 0; thread < threads; thread++) {
            machine.cpus[machine.cpu_count++] = (struct hardware_cpu){
                .apic_id = (next << machine.smt_shift) + thread, .node = node};
        }
        next++;
    }
}

/* A range as it is, in the order of addresses. */
static inline void add_range_of(enum hardware_memory kind, uint64_t base, uint64_t size,
                                uint32_t node)
{
    machine.ranges[machine.range_count++] =
        (struct hardware_range){.base = hpa(base), .size = size, .kind = kind, .node = node};
}

/* A guest whose `cpus` stands in line 10 * number + 1 and `memory` in the next. */
static inline struct config_guest *add_guest(const char *name, uint32_t cpus, uint64_t memory)
{
    uint32_t line = 10 * (wishes.guest_count + 1);

    wishes.guests[wishes.guest_count++] = (struct config_guest){
        .name = {.start = name, .length = (uint32_t)strlen(name), .line = line, .column = 8},
        .cpus_at = {.start = "", .line = line + 1, .column = 8},
        .memory_at = {.start = "", .line = line + 2, .column = 10},
        .cpus = cpus,
        .memory = memory,
    };
    return &wishes.guests[wishes.guest_count - 1];
}

/* A guest that lists its pCPUs. */
static inline struct config_guest *add_listing(const char *name, const uint16_t *list,
                                               uint32_t count)
{
    struct config_guest *guest = add_guest(name, count, MIB(2));

    guest->listed = true;
    guest->first_listed = (uint16_t)wishes.listed_count;
    memcpy(&wishes.listed[wishes.listed_count], list, count * sizeof(list[0]));
    wishes.listed_count += count;
    return guest;
}

#define LIST(...) (const uint16_t[]){__VA_ARGS__}, ARRAY_COUNT(((const uint16_t[]){__VA_ARGS__}))

/* Four cores without SMT, 4 GiB of free memory from 4 GiB on, reserved things below. */
static inline void small_machine(void)
{
    world_reset();
    add_cores(0, 4, 1);
    add_range_of(MEMORY_FREE, 0, KIB(640), 0);
    add_range_of(MEMORY_LOADER, MIB(1), MIB(31), 0);
    add_range_of(MEMORY_FREE, MIB(32), MIB(96), 0);
    add_range_of(MEMORY_RESERVED, MIB(3072), MIB(1024), 0);
    add_range_of(MEMORY_FREE, GIB(4), GIB(4), 0);
    machine.page_1g = true;
}

static inline bool build_with(const struct plan_needs *needs)
{
    const struct plan_inputs inputs = {.config = &wishes, .hardware = &machine, .needs = needs};

    return plan_build(&inputs, &plan, &diag);
}

static inline bool build(void)
{
    return build_with(&small_needs);
}

#endif
