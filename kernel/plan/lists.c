/* SPDX-License-Identifier: MIT */
/* Guests that list the pCPUs they want: these get them before all others. */
#include "kernel/lib/mem.h"
#include "kernel/plan/work.h"

_Static_assert(CONFIG_MAX_PCPUS >= HARDWARE_MAX_CPUS, "a list cannot name each processor");

static bool refuse_at(const struct plan_work *work, const struct config_guest *guest)
{
    return diag_at(work->diag, guest->cpus_at.line, guest->cpus_at.column);
}

/* Note the guest at each pCPU of its list. */
static bool take_list(struct plan_work *work, uint32_t index)
{
    const struct config_guest *guest = &work->config->guests[index];
    struct plan *plan = work->plan;

    plan->guests[index].first_cpu = plan->cpus_used;
    for (uint32_t i = 0; i < guest->cpus; i++) {
        uint32_t cpu = work->config->listed[guest->first_listed + i];
        if (cpu >= plan->cpu_count || work->owner[cpu] != 0) {
            diag_set(work->diag, "guest %.*s lists pCPU %u, but %s", GUEST_NAME(guest), cpu,
                     cpu < plan->cpu_count ? "it was listed before" : "there is none");
            diag_hint(work->diag, "the machine's pCPUs are 0 to %u", plan->cpu_count - 1);
            return refuse_at(work, guest);
        }
        work->owner[cpu] = (uint16_t)(index + 1);
        plan->cpus[plan->cpus_used++] = (uint16_t)cpu;
    }
    return true;
}

/* Two pCPUs on lists share a core, and must not. */
static bool refuse_siblings(const struct plan_work *work, uint32_t a, uint32_t b)
{
    bool later = work->owner[a] > work->owner[b];
    uint32_t mine = later ? a : b;
    uint32_t other = later ? b : a;
    const struct config_guest *guest = &work->config->guests[work->owner[mine] - 1];
    const struct config_guest *with = &work->config->guests[work->owner[other] - 1];

    diag_set(work->diag, "guest %.*s lists pCPU %u, which shares a core with pCPU %u of guest %.*s",
             GUEST_NAME(guest), mine, other, GUEST_NAME(with));
    if (guest == with)
        diag_hint(work->diag, "write smt behind the list to use both");
    else
        diag_hint(work->diag, "a core serves one guest: list both there, or another pCPU here");
    return refuse_at(work, guest);
}

/* Give the core that begins at sorted[at] to the guest with a pCPU of it on its list, if any. */
static bool take_listed_core(struct plan_work *work, uint32_t at, uint32_t threads)
{
    const uint16_t *cpus = &work->sorted[at];
    uint32_t first = threads; /* the one on a list */
    uint32_t given = 0;

    for (uint32_t i = 0; i < threads; i++) {
        uint16_t owner = work->owner[cpus[i]];
        if (owner == 0)
            continue;
        if (given++ == 0)
            first = i;
        else if (owner != work->owner[cpus[first]] || !work->config->guests[owner - 1].smt)
            return refuse_siblings(work, cpus[first], cpus[i]);
    }
    if (given == 0)
        return true;
    uint16_t owner = work->owner[cpus[first]];
    for (uint32_t i = 0; i < threads; i++)
        work->owner[cpus[i]] = owner;
    cpus_note_core(&work->plan->guests[owner - 1], given, threads);
    return true;
}

bool cpus_start(struct plan_work *work)
{
    struct plan *plan = work->plan;

    plan->cpus_used = 0;
    plan->cpu_count = work->hardware->cpu_count;
    memset(work->owner, 0, sizeof(work->owner));
    for (uint32_t i = 0; i < plan->guest_count; i++) {
        plan->guests[i].cpu_count = work->config->guests[i].cpus;
        plan->guests[i].threads_per_core = 0;
        if (work->config->guests[i].listed && !take_list(work, i))
            return false;
    }
    for (uint32_t at = 0; at < plan->cpu_count;) {
        uint32_t threads = cpus_core_threads(work, at);
        if (!take_listed_core(work, at, threads))
            return false;
        at += threads;
    }
    return true;
}
