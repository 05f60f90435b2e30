/* SPDX-License-Identifier: MIT */
/*
 * How long it takes to build the tables through which an IOMMU sees a guest's memory: `make
 * iommu-setup`. The memory is invented, the tables are real. The best of some runs each, as others
 * may be using the processor.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kernel/mm/pagetable.h"
#include "kernel/plan/plan.h"

#define RUNS       50
#define POOL_PAGES 128

static uint64_t pool[POOL_PAGES][512];
static uint32_t used;

static uint64_t *table_at(void *context, hpa_t table)
{
    (void)context;
    return pool[table.raw / PAGE_4K];
}

static bool take_page(void *context, hpa_t *page)
{
    (void)context;
    if (used == POOL_PAGES)
        return false;
    memset(pool[used], 0, PAGE_4K);
    *page = hpa(PAGE_4K * used++);
    return true;
}

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* As the planner lays a guest out: up to the hole, the rest from 4 GiB on. */
static bool build(const struct pagetable_format *format, uint64_t size, bool page_1g)
{
    struct pagetable table = {
        .format = format, .page_1g = page_1g, .table_at = table_at, .take_page = take_page};
    uint64_t low = size < PLAN_HOLE_START ? size : PLAN_HOLE_START;
    uint32_t flags = (uint32_t)MAP_READ | MAP_WRITE;

    used = 0;
    return pagetable_init(&table) && pagetable_map(&table, 0, GIB(128), low, flags) &&
           pagetable_map(&table, PLAN_HOLE_END, GIB(128) + low, size - low, flags);
}

static void measure(const char *name, const struct pagetable_format *format, uint64_t size,
                    bool page_1g)
{
    double best = 1e9;

    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        if (!build(format, size, page_1g)) {
            printf("%-20s not built\n", name);
            return;
        }
        double took = now_us() - start;
        best = took < best ? took : best;
    }
    printf("%-20s %6llu MiB, pages up to %s: %3u tables, %8.1f us\n", name,
           (unsigned long long)(size >> 20), page_1g ? "1G" : "2M", used, best);
}

int main(void)
{
    static const struct {
        const char *name;
        const struct pagetable_format *format;
    } kinds[] = {
        {"VT-d, 3 levels", &pagetable_vtd_3},
        {"VT-d, 4 levels", &pagetable_vtd_4},
        {"AMD-Vi", &pagetable_amdvi},
    };

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        measure(kinds[i].name, kinds[i].format, MIB(512), true);
        measure(kinds[i].name, kinds[i].format, GIB(64), true);
        measure(kinds[i].name, kinds[i].format, GIB(64), false);
    }
    return 0;
}
