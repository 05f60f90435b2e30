/* SPDX-License-Identifier: MIT */
/*
 * The plan: who gets which processors and which memory. Made once from config and hardware, then
 * immutable. After plan_build() nothing allocates and nothing unwinds.
 */
#ifndef BULKHEAD_KERNEL_PLAN_PLAN_H
#define BULKHEAD_KERNEL_PLAN_PLAN_H

#include "kernel/config/config.h"
#include "kernel/lib/diag.h"
#include "kernel/plan/hardware.h"

/*
 * Ranges of all guests together. A range ends with its guest, at the hole or with a piece of the
 * machine's memory, so that these are always enough.
 */
#define PLAN_MAX_RANGES (2 * CONFIG_MAX_GUESTS + HARDWARE_MAX_RANGES)
#define PLAN_MAX_FREE   1024 /* pieces of memory that are left over */

/* The guest's view: RAM from 0 up to the hole, the rest from 4 GiB on. */
#define PLAN_HOLE_START GIB(3)
#define PLAN_HOLE_END   GIB(4)

/* Of one guest, far below the 256 TiB that four-level tables reach. */
#define PLAN_MAX_MEMORY GIB(64 * 1024)

/* One contiguous piece of a guest's memory. All three are multiples of 2 MiB. */
struct plan_range {
    gpa_t gpa;
    hpa_t hpa;
    uint64_t size;
};

struct plan_guest {
    uint32_t first_cpu; /* its vCPU n runs on hardware CPU plan->cpus[first_cpu + n] */
    uint32_t cpu_count;
    uint32_t threads_per_core; /* vCPUs n * threads .. are all threads of one core, for each n; 1
                                * when that is not so for all of them. A power of two */
    uint32_t first_range;      /* its ranges, sorted by GPA: plan->ranges[first_range ...] */
    uint32_t range_count;
    uint32_t table_pages; /* 4 KiB pages that its EPT/NPT needs, to map these ranges and no more */
};

/* A piece of free memory, base and size multiples of 2 MiB. */
struct plan_free {
    hpa_t base;
    uint64_t size;
    uint32_t node;
};

/* What the hypervisor itself needs; the kernel knows, the planner finds room for it. */
struct plan_needs {
    uint64_t fixed;     /* bytes, once */
    uint64_t per_cpu;   /* bytes for each usable processor */
    uint64_t per_guest; /* bytes for each guest, without its EPT/NPT pages */
    uint64_t per_vcpu;  /* bytes for each vCPU */
};

struct plan {
    uint32_t guest_count;
    struct plan_guest guests[CONFIG_MAX_GUESTS]; /* in the config's order */
    uint16_t cpus[HARDWARE_MAX_CPUS]; /* indexes into hardware->cpus; spare ones last, sorted */
    uint32_t cpus_used;               /* cpus[cpus_used .. cpu_count) are left over */
    uint32_t cpu_count;
    uint32_t range_count;
    struct plan_range ranges[PLAN_MAX_RANGES];
    hpa_t host_base;      /* the hypervisor's own memory beside its image, 2 MiB aligned */
    uint64_t host_size;   /* what plan_needs and all table_pages sum up to, multiple of 4 KiB */
    uint64_t memory_left; /* bytes of free RAM, in whole 2 MiB pieces, that nobody got: */
    uint32_t free_count;
    struct plan_free free[PLAN_MAX_FREE]; /* sorted by address */
};

/*
 * Pure: the same input gives the same plan. Returns false and a diagnosis (with the config's line
 * where one line is to blame) when config and hardware do not fit.
 *
 * Rules: whole cores, SMT siblings never serve two guests; one thread of each core, unless the
 * guest says smt, then as many as it can use; lists come first and as they are; memory in 2 MiB
 * pieces, 1 GiB aligned where that is possible and useful, from as few ranges and as near (NUMA) as
 * possible, never below 1 MiB; the hypervisor's own memory first.
 */
bool plan_build(const struct config *config, const struct hardware *hardware,
                const struct plan_needs *needs, struct plan *plan, struct diag *diag);

/*
 * The plan as a table for people, one line per call of `line` (without line end): guest, pCPUs,
 * memory ranges, devices, and what is left over.
 */
void plan_print(const struct plan *plan, const struct config *config,
                const struct hardware *hardware, void (*line)(void *context, const char *text),
                void *context);

#endif
