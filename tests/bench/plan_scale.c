/* SPDX-License-Identifier: MIT */
/*
 * How long plan_build() takes for the largest machines and configs, on this machine: `make
 * plan-scale`. The best of some runs each, as others may be using the processor.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "tests/unit/plan_large.h"

#define RUNS 20

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void measure(const char *what)
{
    double best = 1e9;

    for (int run = 0; run < RUNS; run++) {
        double start = now_ms();
        if (!build()) {
            printf("%-34s refused: %s\n", what, diag.message);
            return;
        }
        double took = now_ms() - start;
        best = took < best ? took : best;
    }
    printf("%-34s %5u cpus %4u guests %4u ranges %8.3f ms\n", what, machine.cpu_count,
           wishes.guest_count, plan.range_count, best);
}

/* Memory that firmware lists in 500 entries, the last ones first, for 256 guests. */
static void measure_fragments(void)
{
    large_world(1024, 256, LARGE_CORES);
    machine.range_count = 0;
    for (uint32_t i = 500; i-- > 0;) {
        hardware_add_memory(&machine, GIB(4) + i * GIB(32), GIB(25) + MIB(2) * (i % 7),
                            MEMORY_FREE);
    }
    measure("two cores each, 500 extents");
}

int main(void)
{
    static const char *const names[LARGE_WISHES] = {
        [LARGE_CORES] = "two cores each",
        [LARGE_THREADS] = "four threads each",
        [LARGE_LISTS] = "two listed pCPUs each",
        [LARGE_MIXED] = "a third of each",
    };

    for (uint32_t wish = 0; wish < LARGE_WISHES; wish++) {
        large_world(1024, 256, (enum large_wishes)wish);
        measure(names[wish]);
    }
    measure_fragments();
    large_second_try();
    measure("second try, nodes ignored");
    large_world(HARDWARE_MAX_CPUS, 256, LARGE_MIXED);
    measure("all that fits the tables");
    return 0;
}
