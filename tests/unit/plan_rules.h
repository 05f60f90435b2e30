/* SPDX-License-Identifier: MIT */
/*
 * The rules that every plan keeps, whatever config and hardware are. plan_broken_rule() says in
 * words which one is broken, NULL when none is. Shared by the unit tests and the fuzz target.
 */
#ifndef BULKHEAD_TESTS_UNIT_PLAN_RULES_H
#define BULKHEAD_TESTS_UNIT_PLAN_RULES_H

#include <stdlib.h>
#include <string.h>

#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"
#include "kernel/plan/plan.h"

/* A piece of host memory that somebody got. */
struct rules_piece {
    uint64_t base, size;
};

static inline int rules_compare(const void *a, const void *b)
{
    const struct rules_piece *left = a, *right = b;

    return left->base < right->base ? -1 : left->base > right->base;
}

static inline bool rules_is_free(const struct hardware *hardware, uint64_t base, uint64_t size)
{
    for (uint32_t i = 0; i < hardware->range_count && size > 0; i++) {
        const struct hardware_range *range = &hardware->ranges[i];
        uint64_t end = range->base.raw + range->size;
        if (range->kind == MEMORY_FREE && range->base.raw <= base && base < end) {
            uint64_t part = end - base < size ? end - base : size;
            base += part;
            size -= part;
        }
    }
    return size == 0;
}

/* Everybody's memory: free RAM above 1 MiB, no byte twice. */
static inline const char *rules_of_pieces(const struct plan *p, const struct hardware *hardware)
{
    static struct rules_piece pieces[PLAN_MAX_RANGES + PLAN_MAX_FREE + 1];
    uint32_t count = 0;

    pieces[count++] = (struct rules_piece){p->host_base.raw, p->host_size};
    for (uint32_t i = 0; i < p->range_count; i++)
        pieces[count++] = (struct rules_piece){p->ranges[i].hpa.raw, p->ranges[i].size};
    for (uint32_t i = 0; i < p->free_count; i++)
        pieces[count++] = (struct rules_piece){p->free[i].base.raw, p->free[i].size};
    qsort(pieces, count, sizeof(pieces[0]), rules_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (pieces[i].size == 0)
            return "a piece of memory is empty";
        if (pieces[i].base < MIB(1) || !rules_is_free(hardware, pieces[i].base, pieces[i].size))
            return "memory was given away that is not free";
        if (i > 0 && pieces[i - 1].base + pieces[i - 1].size > pieces[i].base)
            return "memory was given away twice";
        if (!is_aligned(pieces[i].base, PAGE_2M))
            return "memory is not aligned to 2 MiB";
    }
    return NULL;
}

/* A guest's memory is complete, in order, around the hole, in pieces of 2 MiB. */
static inline const char *rules_of_ranges(const struct plan *p, const struct plan_guest *guest,
                                          uint64_t memory)
{
    uint64_t gpa_next = 0;

    if (guest->first_range > p->range_count ||
        guest->range_count > p->range_count - guest->first_range)
        return "a guest's ranges are none";
    for (uint32_t i = 0; i < guest->range_count; i++) {
        const struct plan_range *range = &p->ranges[guest->first_range + i];
        if (range->gpa.raw != gpa_next)
            return "a guest's memory has a gap";
        if (!is_aligned(range->size | range->gpa.raw, PAGE_2M) || range->size > memory)
            return "a guest's range has a wrong size";
        memory -= range->size;
        gpa_next += range->size;
        if (range->gpa.raw < PLAN_HOLE_START && gpa_next > PLAN_HOLE_START)
            return "a guest's memory fills its hole";
        gpa_next = gpa_next == PLAN_HOLE_START ? PLAN_HOLE_END : gpa_next;
    }
    return memory == 0 ? NULL : "a guest's memory is not complete";
}

static inline bool rules_same_core(const struct hardware *hardware, uint32_t a, uint32_t b)
{
    return hardware->cpus[a].apic_id >> hardware->smt_shift ==
               hardware->cpus[b].apic_id >> hardware->smt_shift &&
           hardware->cpus[a].node == hardware->cpus[b].node;
}

static inline uint32_t rules_threads(const struct hardware *hardware, uint32_t cpu)
{
    uint32_t threads = 0;

    for (uint32_t i = 0; i < hardware->cpu_count; i++)
        threads += rules_same_core(hardware, cpu, i);
    return threads;
}

/* What threads_per_core must be: all threads of each of the guest's cores, side by side, or 1. */
static inline uint32_t rules_uniform(const struct hardware *hardware, const uint16_t *cpus,
                                     uint32_t count)
{
    uint32_t threads = rules_threads(hardware, cpus[0]);

    if (count % threads != 0 || (threads & (threads - 1)) != 0)
        return 1;
    for (uint32_t i = 0; i < count; i += threads) {
        if (rules_threads(hardware, cpus[i]) != threads)
            return 1;
        for (uint32_t j = i; j < i + threads; j++)
            if (!rules_same_core(hardware, cpus[i], cpus[j]))
                return 1;
    }
    return threads;
}

/* What a guest says of its processors is what it gets. */
static inline const char *rules_of_wish(const struct plan_guest *guest, const uint16_t *cpus,
                                        const struct hardware *hardware,
                                        const struct config *config,
                                        const struct config_guest *wish)
{
    uint32_t cores = 0;

    if (guest->cpu_count != wish->cpus)
        return "a guest has not the processors that it wants";
    for (uint32_t i = 0; i < guest->cpu_count; i++) {
        bool known = false;
        if (wish->listed && cpus[i] != config->listed[wish->first_listed + i])
            return "a guest has not the processors that it lists";
        for (uint32_t j = 0; j < i; j++)
            known = known || rules_same_core(hardware, cpus[i], cpus[j]);
        cores += !known;
        if (known && !wish->listed && !rules_same_core(hardware, cpus[i], cpus[i - 1]))
            return "siblings are not side by side";
    }
    if (!wish->smt && cores != guest->cpu_count)
        return "a guest has siblings and did not say smt";
    if (guest->threads_per_core != rules_uniform(hardware, cpus, guest->cpu_count))
        return "threads_per_core is wrong";
    return NULL;
}

/* Each processor once; no core with two guests. */
static inline const char *rules_of_cpus(const struct plan *p, const struct hardware *hardware,
                                        const struct config *config)
{
    static uint32_t owner[HARDWARE_MAX_CPUS];
    uint32_t used = 0;

    memset(owner, 0, sizeof(owner));
    for (uint32_t i = 0; i < p->guest_count; i++) {
        const uint16_t *cpus = &p->cpus[p->guests[i].first_cpu];
        for (uint32_t cpu = 0; cpu < p->guests[i].cpu_count; cpu++) {
            if (cpus[cpu] >= hardware->cpu_count || owner[cpus[cpu]] != 0)
                return "a processor serves twice";
            owner[cpus[cpu]] = i + 1;
        }
        const char *broken =
            rules_of_wish(&p->guests[i], cpus, hardware, config, &config->guests[i]);
        if (broken != NULL)
            return broken;
        used += p->guests[i].cpu_count;
    }
    if (p->cpus_used != used || p->cpu_count != hardware->cpu_count)
        return "the numbers of processors are wrong";
    for (uint32_t i = used; i < p->cpu_count; i++) {
        if (p->cpus[i] >= hardware->cpu_count || owner[p->cpus[i]] != 0)
            return "a left-over processor is not left over";
        owner[p->cpus[i]] = UINT32_MAX;
    }
    for (uint32_t a = 0; a < hardware->cpu_count; a++) {
        for (uint32_t b = 0; b < a; b++)
            if (rules_same_core(hardware, a, b) && owner[a] != owner[b] && owner[a] != UINT32_MAX &&
                owner[b] != UINT32_MAX)
                return "two guests share a core";
    }
    return NULL;
}

/* ---- PCI functions ---- */

/* Where a guest's BARs may be: outside of RAM and of the platform's own places. */
static inline const char *rules_of_mmio(const struct plan *p, const struct plan_guest *guest)
{
    uint64_t before = 0;

    for (uint32_t i = 0; i < guest->mmio_count; i++) {
        const struct plan_range *range = &p->mmio[guest->first_mmio + i];
        uint64_t end = range->gpa.raw + range->size;
        if (range->size == 0 || !is_aligned(range->gpa.raw | range->size | range->hpa.raw, PAGE_4K))
            return "a BAR's range is not one of pages";
        if (range->gpa.raw < before || range->gpa.raw < PLAN_HOLE_START ||
            (range->gpa.raw < PLAN_HOLE_END && end > UINT64_C(0xfe000000)))
            return "a BAR's range is in the way";
        before = end;
    }
    return NULL;
}

static inline bool rules_overlap(const struct plan_range *range, uint64_t base, uint64_t size)
{
    return range->hpa.raw < base + size && base < range->hpa.raw + range->size;
}

/* What a guest must not find at a BAR, whatever firmware wrote there. */
static inline const char *rules_of_targets(const struct plan *p, const struct plan_range *range,
                                           const struct hardware *hardware)
{
    struct plan_range table;

    for (uint32_t i = 0; i < hardware->range_count; i++) {
        const struct hardware_range *there = &hardware->ranges[i];
        if (there->kind != MEMORY_RESERVED && rules_overlap(range, there->base.raw, there->size))
            return "a BAR's range is memory";
    }
    for (uint32_t i = 0; i < hardware->owned_count; i++) {
        const struct hardware_owned *there = &hardware->owned[i];
        if (!there->io && rules_overlap(range, there->base, there->size))
            return "a BAR's range is the hypervisor's";
    }
    for (uint32_t i = 0; i < p->device_count; i++)
        if (plan_msix_pages(&p->devices[i], &table) &&
            rules_overlap(range, table.hpa.raw, table.size))
            return "a BAR's range shows an MSI-X table";
    return rules_overlap(range, 0, MIB(1)) || rules_overlap(range, 0xfec00000, 0x1400000)
               ? "a BAR's range is where a PC has other things"
               : NULL;
}

/* Each function once, members of one group with one guest, nobody's pages with two guests. */
static inline const char *rules_of_devices(const struct plan *p)
{
    for (uint32_t i = 0; i < p->device_count; i++) {
        const struct plan_device *a = &p->devices[i];
        const struct plan_guest *guest = &p->guests[a->guest];
        if (i < guest->first_device || i - guest->first_device >= guest->device_count)
            return "a function is not among its guest's";
        if (a->gsi != 0 && (a->guest_gsi < PLAN_FIRST_PIN || a->guest_gsi > PLAN_LAST_PIN))
            return "a line is none of the guest's PCI lines";
        for (uint32_t j = 0; j < i; j++) {
            const struct plan_device *b = &p->devices[j];
            if (a->function.address.raw == b->function.address.raw)
                return "a function was given away twice";
            if (a->function.group == b->function.group && a->guest != b->guest)
                return "a group serves two guests";
            if (a->gsi != 0 && a->gsi == b->gsi && a->guest != b->guest)
                return "a line serves two guests";
            if (a->gsi != 0 && b->gsi != 0 && a->guest == b->guest &&
                (a->gsi == b->gsi) != (a->guest_gsi == b->guest_gsi))
                return "two lines are one in a guest, or one is two";
        }
    }
    for (uint32_t i = 0; i < p->mmio_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct plan_range *a = &p->mmio[i], *b = &p->mmio[j];
            bool one_guest = false;
            for (uint32_t g = 0; g < p->guest_count; g++) {
                const struct plan_guest *guest = &p->guests[g];
                one_guest = one_guest || (j >= guest->first_mmio &&
                                          i < (uint32_t)guest->first_mmio + guest->mmio_count);
            }
            if (!one_guest && a->hpa.raw < b->hpa.raw + b->size &&
                b->hpa.raw < a->hpa.raw + a->size)
                return "two guests have one page of registers";
        }
    }
    return NULL;
}

/* ---- the tables, counted by building them ---- */

#define RULES_MAX_TABLES 4096

static uint64_t rules_tables[RULES_MAX_TABLES][512];

static inline uint64_t *rules_table_at(void *context, hpa_t table)
{
    (void)context;
    return rules_tables[table.raw / PAGE_4K - 1];
}

static inline bool rules_take_page(void *context, hpa_t *page)
{
    uint32_t *count = context;

    if (*count == RULES_MAX_TABLES)
        return false;
    memset(rules_tables[*count], 0, sizeof(rules_tables[0]));
    *page = hpa(PAGE_4K * ++*count);
    return true;
}

/* For guests up to 256 GiB. */
static inline const char *rules_of_tables(const struct plan *p, const struct plan_guest *guest,
                                          bool page_1g)
{
    uint32_t count = 0;
    uint64_t pages_2m = 0;
    struct pagetable table = {.format = &pagetable_ept,
                              .page_1g = page_1g,
                              .table_at = rules_table_at,
                              .take_page = rules_take_page,
                              .context = &count};

    for (uint32_t i = 0; i < guest->range_count; i++)
        pages_2m += p->ranges[guest->first_range + i].size / PAGE_2M;
    for (uint32_t i = 0; i < guest->mmio_count; i++)
        pages_2m += p->mmio[guest->first_mmio + i].size / PAGE_2M;
    if (pages_2m > GIB(256) / PAGE_2M)
        return NULL;
    if (!pagetable_init(&table))
        return "no page for the root";
    for (uint32_t i = 0; i < guest->range_count; i++) {
        const struct plan_range *range = &p->ranges[guest->first_range + i];
        if (!pagetable_map(&table, range->gpa.raw, range->hpa.raw, range->size,
                           MAP_READ | MAP_WRITE | MAP_EXEC))
            return "a guest's range cannot be mapped";
    }
    for (uint32_t i = 0; i < guest->mmio_count; i++) {
        const struct plan_range *range = &p->mmio[guest->first_mmio + i];
        if (!pagetable_map(&table, range->gpa.raw, range->hpa.raw, range->size,
                           MAP_READ | MAP_WRITE | MAP_UNCACHED))
            return "a BAR lies where something else is in the guest";
    }
    return count == guest->table_pages ? NULL : "table_pages is not what the tables need";
}

/* The IOMMU's tables for all of the guest's memory, as if it had no pages of 1 GiB. */
static inline uint64_t domain_bytes(const struct plan *p, const struct plan_guest *guest)
{
    uint64_t memory = 0, low, pages;

    for (uint32_t i = 0; i < guest->range_count; i++)
        memory += p->ranges[guest->first_range + i].size;
    low = memory < PLAN_HOLE_START ? memory : PLAN_HOLE_START;
    pages = pagetable_pages_for(0, 0, low, false);
    if (memory > low)
        pages += pagetable_pages_for(PLAN_HOLE_END, PLAN_HOLE_END, memory - low, false) - 2;
    return guest->device_count > 0 ? pages * PAGE_4K : 0;
}

static inline const char *rules_of_sums(const struct plan *p, const struct hardware *hardware,
                                        const struct plan_needs *needs)
{
    uint64_t free = 0;
    uint64_t host = needs->fixed + hardware->iommu_bytes + needs->per_cpu * hardware->cpu_count +
                    needs->per_guest * p->guest_count + needs->per_vcpu * p->cpus_used;

    for (uint32_t i = 0; i < p->free_count; i++)
        free += p->free[i].size;
    for (uint32_t i = 0; i < p->guest_count; i++)
        host += PAGE_4K * p->guests[i].table_pages + domain_bytes(p, &p->guests[i]);
    for (uint32_t i = 0; i < p->device_count; i++)
        host += needs->per_device + PCI_MSIX_ENTRY * p->devices[i].function.caps.msix_vectors;
    if (p->memory_left != free)
        return "memory_left is not the sum of what is free";
    return p->host_size == align_up(host, PAGE_4K) ? NULL : "host_size is not what is needed";
}

/* Sum of all that is free in 2 MiB pieces, for the rule that nothing gets lost. */
static inline const char *plan_broken_rule(const struct plan *p, const struct config *config,
                                           const struct hardware *hardware,
                                           const struct plan_needs *needs)
{
    const char *broken = rules_of_pieces(p, hardware);

    if (p->guest_count != config->guest_count)
        return "the plan has not as many guests as the config";
    for (uint32_t i = 0; broken == NULL && i < p->guest_count; i++) {
        broken = rules_of_ranges(p, &p->guests[i], config->guests[i].memory);
        if (broken == NULL)
            broken = rules_of_tables(p, &p->guests[i], hardware->page_1g);
        if (broken == NULL)
            broken = rules_of_mmio(p, &p->guests[i]);
    }
    for (uint32_t i = 0; broken == NULL && i < p->mmio_count; i++)
        broken = rules_of_targets(p, &p->mmio[i], hardware);
    if (broken == NULL)
        broken = rules_of_cpus(p, hardware, config);
    if (broken == NULL)
        broken = rules_of_devices(p);
    return broken != NULL ? broken : rules_of_sums(p, hardware, needs);
}

#endif
