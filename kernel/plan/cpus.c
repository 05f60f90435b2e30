/* SPDX-License-Identifier: MIT */
/*
 * Which guest gets which processors. Cores are given away as a whole: work->sorted holds the
 * threads of a core one after another, and the cores of a node one after another.
 */
#include "kernel/lib/mem.h"
#include "kernel/plan/work.h"

/*
 * Threads of a core that are used. No x86 processor has more; of a larger "core", which only a
 * broken table can describe, the rest stays idle.
 */
#define MAX_THREADS 8

/* Cores by their number of threads: of[1] cores with one thread, and so on. */
struct core_counts {
    uint32_t of[MAX_THREADS + 1];
};

static uint64_t core_of(const struct hardware *hardware, uint32_t cpu)
{
    uint32_t shift = hardware->smt_shift;

    return shift < 32 ? hardware->cpus[cpu].apic_id >> shift : 0;
}

bool cpus_same_core(const struct hardware *hardware, uint32_t a, uint32_t b)
{
    return core_of(hardware, a) == core_of(hardware, b) &&
           hardware->cpus[a].node == hardware->cpus[b].node;
}

static bool comes_before(const struct hardware *hardware, uint32_t a, uint32_t b)
{
    const struct hardware_cpu *left = &hardware->cpus[a];
    const struct hardware_cpu *right = &hardware->cpus[b];

    if (left->node != right->node)
        return left->node < right->node;
    return left->apic_id < right->apic_id;
}

void cpus_sort(struct plan_work *work)
{
    for (uint32_t i = 0; i < work->hardware->cpu_count; i++) {
        uint32_t at = i;
        while (at > 0 && comes_before(work->hardware, i, work->sorted[at - 1])) {
            work->sorted[at] = work->sorted[at - 1];
            at--;
        }
        work->sorted[at] = (uint16_t)i;
    }
}

uint32_t cpus_core_threads(const struct plan_work *work, uint32_t at)
{
    uint32_t end = at + 1;

    while (end < work->hardware->cpu_count &&
           cpus_same_core(work->hardware, work->sorted[at], work->sorted[end]))
        end++;
    return end - at;
}

/* Does the core that begins at sorted[at] belong to a guest? */
static bool is_taken(const struct plan_work *work, uint32_t at)
{
    return work->owner[work->sorted[at]] != 0;
}

static uint32_t usable(uint32_t threads)
{
    return threads < MAX_THREADS ? threads : MAX_THREADS;
}

/* The end of the node that begins at sorted[at]. */
static uint32_t node_end(const struct plan_work *work, uint32_t at)
{
    const struct hardware *hardware = work->hardware;
    uint32_t node = hardware->cpus[work->sorted[at]].node;
    uint32_t end = at + 1;

    while (end < hardware->cpu_count &&
           (work->ignore_nodes || hardware->cpus[work->sorted[end]].node == node))
        end++;
    return end;
}

/* Count the free cores in sorted[start .. end). Returns how many threads they have. */
static uint32_t count_cores(const struct plan_work *work, uint32_t start, uint32_t end,
                            struct core_counts *counts)
{
    uint32_t sum = 0;

    *counts = (struct core_counts){0};
    for (uint32_t at = start; at < end;) {
        uint32_t threads = cpus_core_threads(work, at);
        if (!is_taken(work, at)) {
            counts->of[usable(threads)]++;
            sum += usable(threads);
        }
        at += threads;
    }
    return sum;
}

/* Move `wanted` cores of that size, or as many as there are. Returns how many. */
static uint32_t move_cores(struct core_counts *counts, uint32_t size, uint32_t wanted,
                           struct core_counts *chosen)
{
    uint32_t moved = wanted < counts->of[size] ? wanted : counts->of[size];

    chosen->of[size] += moved;
    counts->of[size] -= moved;
    return moved;
}

/*
 * Choose cores that serve the guest and waste few threads. With smt as many large ones as can be
 * filled, then smaller ones; what then remains gets the smallest larger core. Without smt, one
 * thread of each, the smallest. Moves them from `counts` to `chosen`. Returns false when there are
 * not enough.
 */
static bool choose_cores(struct core_counts *counts, const struct config_guest *guest,
                         struct core_counts *chosen)
{
    uint32_t cpus = guest->cpus;

    *chosen = (struct core_counts){0};
    for (uint32_t size = MAX_THREADS; guest->smt && size > 0; size--)
        cpus -= size * move_cores(counts, size, cpus / size, chosen);
    if (guest->smt && cpus > 0)
        cpus = 1; /* core more */
    for (uint32_t size = 1; size <= MAX_THREADS; size++)
        cpus -= move_cores(counts, size, cpus, chosen);
    return cpus == 0;
}

/* `left` of the machine's cores, with smt threads, are too few. */
static bool refuse(const struct plan_work *work, const struct config_guest *guest, uint32_t left,
                   uint32_t cores)
{
    uint32_t cpus = work->hardware->cpu_count;
    uint32_t all = 0;

    for (uint32_t i = 0; i < work->config->guest_count; i++)
        all += work->config->guests[i].cpus;
    diag_set(work->diag,
             "guest %.*s wants %u processor%s, but only %u of the machine's %u%s %s left for it "
             "(all guests together want %u)",
             GUEST_NAME(guest), guest->cpus, guest->cpus == 1 ? "" : "s", left,
             guest->smt ? cpus : cores,
             cores == cpus ? ""
             : guest->smt  ? " threads"
                           : " cores",
             left == 1 ? "is" : "are", all);
    if (work->hardware->cpus_ignored > 0) {
        diag_hint(work->diag, "%u more processors are there, but Bulkhead can use only %d",
                  work->hardware->cpus_ignored, HARDWARE_MAX_CPUS);
    } else if (cores < cpus && !guest->smt) {
        diag_hint(work->diag, "cpus = %u smt takes all threads of fewer cores", guest->cpus);
    } else {
        diag_hint(work->diag, "give the guests fewer processors, each needs one of its own");
    }
    return diag_at(work->diag, guest->cpus_at.line, guest->cpus_at.column);
}

static uint32_t count_all(const struct core_counts *counts, bool threads)
{
    uint32_t sum = 0;

    for (uint32_t size = 1; size <= MAX_THREADS; size++)
        sum += counts->of[size] * (threads ? size : 1);
    return sum;
}

bool cpus_check(struct plan_work *work)
{
    const struct config *config = work->config;
    uint32_t cores = 0;
    struct core_counts counts, chosen;

    for (uint32_t at = 0; at < work->hardware->cpu_count; at += cpus_core_threads(work, at))
        cores++;
    count_cores(work, 0, work->hardware->cpu_count, &counts);
    for (uint32_t i = 0; i < config->guest_count; i++) {
        const struct config_guest *guest = &config->guests[i];
        uint32_t left = count_all(&counts, guest->smt);
        if (!guest->listed && !choose_cores(&counts, guest, &chosen))
            return refuse(work, guest, left, cores);
    }
    return true;
}

void cpus_note_core(struct plan_guest *place, uint32_t given, uint32_t threads)
{
    uint32_t uniform = given == threads ? threads : 1;

    if (place->threads_per_core == 0)
        place->threads_per_core = uniform;
    else if (place->threads_per_core != uniform)
        place->threads_per_core = 1;
}

/* Where to look for a guest's cores: sorted[start .. end), or all from start on and around. */
struct search {
    uint32_t start;
    bool whole; /* one node has them all */
};

/* The node that serves the guest best; without one, the one to start from. */
static struct search choose_node(const struct plan_work *work, const struct config_guest *guest)
{
    const struct hardware *hardware = work->hardware;
    struct search best = {0};
    bool best_memory = false;
    uint32_t best_left = 0;

    for (uint32_t start = 0; start < hardware->cpu_count;) {
        uint32_t end = node_end(work, start);
        struct core_counts counts, chosen;
        uint32_t left = count_cores(work, start, end, &counts);
        bool whole = choose_cores(&counts, guest, &chosen);
        bool memory =
            whole &&
            memory_free_on(work->plan, hardware->cpus[work->sorted[start]].node) >= guest->memory;
        bool better;

        if (whole != best.whole || memory != best_memory)
            better = whole && (!best.whole || memory);
        else
            better = whole ? left < best_left : left > best_left;
        if (start == 0 || better) {
            best = (struct search){.start = start, .whole = whole};
            best_memory = memory;
            best_left = left;
        }
        start = end;
    }
    return best;
}

/* Give the core that begins at sorted[at] to the guest, which still lacks `wanted` vCPUs. */
static uint32_t take_core(struct plan_work *work, uint32_t at, uint32_t guest, uint32_t wanted)
{
    struct plan *plan = work->plan;
    uint32_t threads = cpus_core_threads(work, at);
    uint32_t most = work->config->guests[guest].smt ? usable(threads) : 1;
    uint32_t given = wanted < most ? wanted : most;

    for (uint32_t i = 0; i < threads; i++) {
        work->owner[work->sorted[at + i]] = (uint16_t)(guest + 1);
        if (i < given)
            plan->cpus[plan->cpus_used++] = work->sorted[at + i];
    }
    cpus_note_core(&plan->guests[guest], given, threads);
    return given;
}

/* Take the chosen cores where they come first in sorted[start .. end), until all vCPUs have one. */
static void take_cores(struct plan_work *work, uint32_t guest, const struct search *search,
                       struct core_counts *chosen)
{
    uint32_t count = work->hardware->cpu_count;
    uint32_t wanted = work->config->guests[guest].cpus;

    for (uint32_t done = 0; done < count && wanted > 0;) {
        uint32_t at = (search->start + done) % count;
        uint32_t threads = cpus_core_threads(work, at);
        if (!is_taken(work, at) && chosen->of[usable(threads)] > 0) {
            chosen->of[usable(threads)]--;
            wanted -= take_core(work, at, guest, wanted);
        }
        done += threads;
    }
}

bool cpus_take(struct plan_work *work, uint32_t guest, uint32_t *node)
{
    const struct hardware *hardware = work->hardware;
    const struct config_guest *wish = &work->config->guests[guest];
    struct plan *plan = work->plan;
    struct plan_guest *place = &plan->guests[guest];

    if (!wish->listed) {
        struct search search = choose_node(work, wish);
        struct core_counts counts, chosen;
        if (search.whole)
            count_cores(work, search.start, node_end(work, search.start), &counts);
        else
            count_cores(work, 0, hardware->cpu_count, &counts);
        if (!choose_cores(&counts, wish, &chosen))
            return false;
        place->first_cpu = plan->cpus_used;
        take_cores(work, guest, &search, &chosen);
    }
    *node = hardware->cpus[plan->cpus[place->first_cpu]].node;
    return true;
}

/* Are the threads of its cores side by side? Without a list they are. */
static bool is_in_order(const struct plan_work *work, const struct plan_guest *guest)
{
    const uint16_t *cpus = &work->plan->cpus[guest->first_cpu];
    uint32_t threads = guest->threads_per_core;

    for (uint32_t i = 0; i < guest->cpu_count; i++)
        if (!cpus_same_core(work->hardware, cpus[i], cpus[i - i % threads]))
            return false;
    return (threads & (threads - 1)) == 0;
}

void cpus_finish(struct plan_work *work)
{
    struct plan *plan = work->plan;
    uint32_t end = plan->cpus_used;

    for (uint32_t i = 0; i < plan->guest_count; i++)
        if (!is_in_order(work, &plan->guests[i]))
            plan->guests[i].threads_per_core = 1;
    memset(work->owner, 0, sizeof(work->owner)); /* from here on idle siblings count as free */
    for (uint32_t i = 0; i < plan->cpus_used; i++)
        work->owner[plan->cpus[i]] = 1;
    for (uint32_t i = 0; i < plan->cpu_count; i++)
        if (work->owner[i] == 0)
            plan->cpus[end++] = (uint16_t)i;
}
