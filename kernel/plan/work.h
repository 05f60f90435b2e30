/* SPDX-License-Identifier: MIT */
/* What the planner's own files share. Nobody else includes this. */
#ifndef BULKHEAD_KERNEL_PLAN_WORK_H
#define BULKHEAD_KERNEL_PLAN_WORK_H

#include "kernel/plan/plan.h"

/* The planner's state while it works. Small enough for a kernel stack. */
struct plan_work {
    const struct config *config;
    const struct hardware *hardware;
    const struct pci_inventory *pci; /* NULL only when no guest wants a device */
    bool sizes_open;                 /* as in struct plan_inputs */
    struct plan *plan;
    struct diag *diag;
    uint16_t sorted[HARDWARE_MAX_CPUS]; /* indexes into hardware->cpus by node, core, thread */
    uint16_t owner[HARDWARE_MAX_CPUS]; /* of hardware->cpus[i]: 0, or 1 + the guest with its core */
    bool ignore_nodes;                 /* the machine counts as one node */
    bool ignore_1g;                    /* do not align to 1 GiB */
    uint32_t host_node;                /* on which the hypervisor's memory is */
};

/* For "guest %.*s" in messages. */
#define GUEST_NAME(guest) (int)(guest)->name.length, (guest)->name.start

/* ---- cpus.c: processors ---- */

/* Sort the machine's processors into cores. */
void cpus_sort(struct plan_work *work);

/*
 * Do the processors of guests without a list fit at all? Right behind cpus_start(). Returns false
 * and a diagnosis that names the first guest (in the config's order) that goes without.
 */
bool cpus_check(struct plan_work *work);

/*
 * Give the guest whole cores, of one node where there is one with room; among those prefer one that
 * has its memory free, then the fullest. A guest with a list has them already. Sets *node to where
 * its memory should come from. Returns false (no diagnosis) when there are not enough cores left.
 */
bool cpus_take(struct plan_work *work, uint32_t guest, uint32_t *node);

/* Put what nobody got behind the guests' processors in plan->cpus, and tell of their threads. */
void cpus_finish(struct plan_work *work);

/* Are two processors (indexes into hardware->cpus) threads of one core? */
bool cpus_same_core(const struct hardware *hardware, uint32_t a, uint32_t b);

/* The number of threads of the core that begins at sorted[at]. */
uint32_t cpus_core_threads(const struct plan_work *work, uint32_t at);

/*
 * For threads_per_core: the guest has got a core, of which `given` of `threads` threads serve it.
 */
void cpus_note_core(struct plan_guest *place, uint32_t given, uint32_t threads);

/* ---- lists.c: processors of guests that list them ---- */

/*
 * Free all processors, then give the guests with a list what they list, and the rest of these
 * cores to nobody. Returns false and a diagnosis when a list cannot be had.
 */
bool cpus_start(struct plan_work *work);

/* ---- devices.c: PCI functions ---- */

/*
 * Give the guests the functions that their lines select, and these a place in their address space.
 * Returns false and a diagnosis when one cannot be had.
 */
bool devices_take(struct plan_work *work);

/* Does the hypervisor itself use registers of that function? */
bool devices_used_by_host(const struct hardware *hardware, const struct pci_function *function);

/* ---- bars.c: what firmware says of a function's registers ---- */

/* Why a function cannot be given away, and what to do. */
struct bar_fault {
    char why[80];
    const char *remedy;
};

/*
 * Are the function's memory BARs where they say, and is nobody else there? Firmware set them up,
 * and may have done so wrongly. False: *fault says what is wrong.
 */
bool bars_check(const struct plan_work *work, uint16_t index, struct bar_fault *fault);

/*
 * Does a guest do without that BAR? ROM and ports that are out of reach; all ports when some are,
 * as a function answers at all of them or none.
 */
bool bars_left_out(const struct pci_inventory *pci, uint16_t index, uint32_t number);

/* ---- groups.c: isolation groups ---- */

/*
 * May the guests have what they got, seen together? Returns false and a diagnosis when nothing
 * would keep a function from another guest's, or from one that the hypervisor uses.
 */
bool groups_check(const struct plan_work *work);

/* ---- lines.c: INTx ---- */

/*
 * May the guests have the inputs of I/O APICs that their lines tell of, and which are they in the
 * guests? Returns false and a diagnosis when one cannot be had.
 */
bool lines_choose(const struct plan_work *work);

/* ---- places.c: where BARs are ---- */

/* Of memory or ports; size 0: nothing. */
struct plan_span {
    uint64_t base, size;
};

/* What a BAR takes: its ports, or its memory in whole pages. */
struct plan_span places_pages(const struct pci_bar *bar);

/* Pages of the MSI-X table in the machine's memory, empty when there is none. */
struct plan_span places_table(const struct pci_function *function);

/*
 * Choose where the BARs of the guest's functions go; guests one after another. Returns false and a
 * diagnosis when there is no room.
 */
bool places_choose(struct plan_work *work, uint32_t guest);

/* ---- print_devices.c ---- */

/* The devices, for people: what they are, then their BARs. */
void devices_print(const struct plan *plan, const struct config *config,
                   void (*line)(void *context, const char *text), void *context);

/* ---- memory.c: the pool of free memory, plan->free ---- */

/*
 * Fill the pool with all free memory above 1 MiB in whole 2 MiB pieces. Returns false when there
 * are more than fit, which cannot be: a struct hardware has fewer ranges.
 */
bool pool_init(struct plan_work *work);

/* Bytes free on that node; in all. */
uint64_t memory_free_on(const struct plan *plan, uint32_t node);
uint64_t memory_free_all(const struct plan *plan);

/*
 * Take one piece of `size` bytes for the hypervisor, from that node if possible. Returns false and
 * a diagnosis when no piece is large enough.
 */
bool memory_take_host(struct plan_work *work, uint64_t size, uint32_t node);

/* Give back what the hypervisor does not need after all, so that `size` bytes remain. */
void memory_trim_host(struct plan_work *work, uint64_t size);

/*
 * Give the guest all its memory, from that node first. The caller knows that there is enough.
 * Returns false (no diagnosis) when the plan has no room for so many ranges.
 */
bool memory_take(struct plan_work *work, uint32_t guest, uint32_t node);

/* Pages for tables that map the guest's ranges. */
uint32_t memory_table_pages(const struct plan *plan, const struct plan_guest *guest, bool page_1g);

#endif
