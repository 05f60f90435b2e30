/* SPDX-License-Identifier: MIT */
/*
 * Which guest gets which processors. Cores are given away as a whole: work->sorted holds the
 * threads of a core one after another, and the cores of a node one after another.
 */
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

    if (left->node != right->node) {
        return left->node < right->node;
    }
    return left->apic_id < right->apic_id;
}

void cpus_init(struct plan_work *work)
{
    for (uint32_t i = 0; i < work->hardware->cpu_count; i++) {
        uint32_t at = i;
        while (at > 0 && comes_before(work->hardware, i, work->sorted[at - 1])) {
            work->sorted[at] = work->sorted[at - 1];
            at--;
        }
        work->sorted[at] = (uint16_t)i;
        work->taken[i] = false;
    }
    work->plan->cpus_used = 0;
    work->plan->cpu_count = work->hardware->cpu_count;
}

/* The number of threads of the core that begins at sorted[at]. */
static uint32_t core_threads(const struct plan_work *work, uint32_t at)
{
    uint32_t end = at + 1;

    while (end < work->hardware->cpu_count &&
           cpus_same_core(work->hardware, work->sorted[at], work->sorted[end])) {
        end++;
    }
    return end - at;
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
           (work->ignore_nodes || hardware->cpus[work->sorted[end]].node == node)) {
        end++;
    }
    return end;
}

/* Count the free cores in sorted[start .. end). Returns how many threads they have. */
static uint32_t count_cores(const struct plan_work *work, uint32_t start, uint32_t end,
                            struct core_counts *counts)
{
    uint32_t sum = 0;

    *counts = (struct core_counts){0};
    for (uint32_t at = start; at < end;) {
        uint32_t threads = core_threads(work, at);
        if (!work->taken[at]) {
            counts->of[usable(threads)]++;
            sum += usable(threads);
        }
        at += threads;
    }
    return sum;
}

/*
 * Choose cores that serve `cpus` vCPUs and waste few threads: as many large ones as can be filled,
 * then smaller ones; what then remains gets the smallest larger core. Moves them from `counts` to
 * `chosen`. Returns false when there are not enough.
 */
static bool choose_cores(struct core_counts *counts, uint32_t cpus, struct core_counts *chosen)
{
    *chosen = (struct core_counts){0};
    for (uint32_t size = MAX_THREADS; size > 0; size--) {
        uint32_t wanted = cpus / size;
        uint32_t taken = wanted < counts->of[size] ? wanted : counts->of[size];
        chosen->of[size] += taken;
        counts->of[size] -= taken;
        cpus -= taken * size;
    }
    for (uint32_t size = 1; size <= MAX_THREADS && cpus > 0; size++) {
        if (counts->of[size] > 0) {
            chosen->of[size]++;
            counts->of[size]--;
            cpus = 0;
        }
    }
    return cpus == 0;
}

static bool refuse(struct plan_work *work, const struct config_guest *guest, uint32_t left,
                   uint32_t all)
{
    struct diag *diag = work->diag;

    if (left < guest->cpus) {
        diag_set(diag,
                 "guest %.*s wants %u processor%s, but only %u of the machine's %u %s left for it "
                 "(all guests together want %u)",
                 GUEST_NAME(guest), guest->cpus, guest->cpus == 1 ? "" : "s", left,
                 work->hardware->cpu_count, left == 1 ? "is" : "are", all);
        if (work->hardware->cpus_ignored > 0) {
            diag_hint(diag, "%u more processors are there, but Bulkhead can use only %d",
                      work->hardware->cpus_ignored, HARDWARE_MAX_CPUS);
        } else {
            diag_hint(diag, "give the guests fewer processors, each needs one of its own");
        }
    } else {
        diag_set(diag,
                 "guest %.*s wants %u processor%s, but of the %u left for it too many share a core "
                 "with another guest's",
                 GUEST_NAME(guest), guest->cpus, guest->cpus == 1 ? "" : "s", left);
        diag_hint(diag, "guests get whole cores (SMT siblings together): make cpus even, or switch "
                        "SMT off in the firmware's setup");
    }
    return diag_at(diag, guest->cpus_at.line, guest->cpus_at.column);
}

bool cpus_check(struct plan_work *work)
{
    const struct config *config = work->config;
    struct core_counts counts, chosen;
    uint32_t left = work->hardware->cpu_count;
    uint32_t all = 0;

    for (uint32_t i = 0; i < config->guest_count; i++) {
        all += config->guests[i].cpus;
    }
    count_cores(work, 0, work->hardware->cpu_count, &counts);
    for (uint32_t i = 0; i < config->guest_count; i++) {
        const struct config_guest *guest = &config->guests[i];
        if (left < guest->cpus || !choose_cores(&counts, guest->cpus, &chosen)) {
            return refuse(work, guest, left, all);
        }
        left -= guest->cpus;
    }
    return true;
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
        bool whole = choose_cores(&counts, guest->cpus, &chosen);
        bool memory =
            whole &&
            memory_free_on(work->plan, hardware->cpus[work->sorted[start]].node) >= guest->memory;
        bool better;

        if (whole != best.whole || memory != best_memory) {
            better = whole && (!best.whole || memory);
        } else {
            better = whole ? left < best_left : left > best_left;
        }
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
static uint32_t take_core(struct plan_work *work, uint32_t at, uint32_t wanted)
{
    struct plan *plan = work->plan;
    uint32_t threads = core_threads(work, at);
    uint32_t given = 0;

    for (uint32_t i = 0; i < threads; i++) {
        work->taken[at + i] = true;
        if (given < wanted && i < MAX_THREADS) {
            plan->cpus[plan->cpus_used++] = work->sorted[at + i];
            given++;
        }
    }
    return given;
}

/* Take the chosen cores where they come first in sorted[start .. end). */
static uint32_t take_cores(struct plan_work *work, uint32_t start, uint32_t end, uint32_t wanted,
                           struct core_counts *chosen)
{
    for (uint32_t at = start; at < end && wanted > 0;) {
        uint32_t threads = core_threads(work, at);
        if (!work->taken[at] && chosen->of[usable(threads)] > 0) {
            chosen->of[usable(threads)]--;
            wanted -= take_core(work, at, wanted);
        }
        at += threads;
    }
    return wanted;
}

bool cpus_take(struct plan_work *work, uint32_t guest, uint32_t *node)
{
    const struct hardware *hardware = work->hardware;
    const struct config_guest *wish = &work->config->guests[guest];
    struct plan_guest *place = &work->plan->guests[guest];
    struct search search = choose_node(work, wish);
    uint32_t end = search.whole ? node_end(work, search.start) : hardware->cpu_count;
    struct core_counts counts, chosen;

    count_cores(work, search.whole ? search.start : 0, end, &counts);
    if (!choose_cores(&counts, wish->cpus, &chosen)) {
        return false;
    }
    place->first_cpu = work->plan->cpus_used;
    place->cpu_count = wish->cpus;
    uint32_t wanted = take_cores(work, search.start, end, wish->cpus, &chosen);
    wanted = take_cores(work, 0, search.start, wanted, &chosen);
    *node = hardware->cpus[work->plan->cpus[place->first_cpu]].node;
    return wanted == 0;
}

void cpus_finish(struct plan_work *work)
{
    struct plan *plan = work->plan;
    uint32_t end = plan->cpus_used;

    for (uint32_t i = 0; i < plan->cpu_count; i++) {
        work->taken[i] = false; /* from here on by index into hardware->cpus */
    }
    for (uint32_t i = 0; i < plan->cpus_used; i++) {
        work->taken[plan->cpus[i]] = true;
    }
    for (uint32_t i = 0; i < plan->cpu_count; i++) {
        if (!work->taken[i]) {
            plan->cpus[end++] = (uint16_t)i;
        }
    }
}
