/* SPDX-License-Identifier: MIT */
/*
 * Which guest gets which memory. plan->free is the pool: sorted by address, all in 2 MiB pieces; a
 * piece taken from the middle of an extent leaves two.
 *
 * A guest's memory is filled from its offset 0 on. Its offset and its GPA differ only by the hole,
 * which begins and ends at a multiple of 1 GiB, so aligning to one aligns to the other.
 */
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"
#include "kernel/mm/pagetable.h"
#include "kernel/plan/work.h"

#define NO_EXTENT UINT32_MAX

/* Where in the pool the next piece of a guest's memory comes from. */
struct choice {
    uint32_t extent; /* index into plan->free, or NO_EXTENT */
    uint64_t skip;   /* bytes to leave in front */
};

/* What is still wanted for a guest. */
struct demand {
    uint64_t offset; /* of what is missing, in the guest's memory */
    uint64_t left;   /* bytes missing */
    uint32_t node;
    bool any_node;
    bool page_1g;
};

static bool add_extent(struct plan *plan, uint64_t base, uint64_t end, uint32_t node)
{
    base = align_up(base < MIB(1) ? MIB(1) : base, PAGE_2M);
    end = align_down(end, PAGE_2M);
    if (base >= end)
        return true;
    if (plan->free_count == PLAN_MAX_FREE)
        return false;
    plan->free[plan->free_count++] =
        (struct plan_free){.base = hpa(base), .size = end - base, .node = node};
    return true;
}

bool pool_init(struct plan_work *work)
{
    const struct hardware *hardware = work->hardware;
    struct plan *plan = work->plan;

    plan->free_count = 0;
    plan->range_count = 0;
    for (uint32_t i = 0; i < hardware->range_count;) {
        const struct hardware_range *first = &hardware->ranges[i];
        uint64_t end = first->base.raw;
        /* Firmware lists free memory in many ranges side by side; they are one extent. */
        while (i < hardware->range_count && hardware->ranges[i].base.raw == end &&
               hardware->ranges[i].kind == first->kind && hardware->ranges[i].node == first->node) {
            end += hardware->ranges[i].size;
            i++;
        }
        if (first->kind == MEMORY_FREE && !add_extent(plan, first->base.raw, end, first->node))
            return false;
    }
    return true;
}

uint64_t memory_free_on(const struct plan *plan, uint32_t node)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < plan->free_count; i++)
        sum += plan->free[i].node == node ? plan->free[i].size : 0;
    return sum;
}

uint64_t memory_free_all(const struct plan *plan)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < plan->free_count; i++)
        sum += plan->free[i].size;
    return sum;
}

static void remove_extent(struct plan *plan, uint32_t index)
{
    struct plan_free *at = &plan->free[index];

    plan->free_count--;
    memmove(at, at + 1, (plan->free_count - index) * sizeof(*at));
}

/* Needs a free place in the table. */
static void insert_extent(struct plan *plan, uint32_t index, const struct plan_free *extent)
{
    struct plan_free *at = &plan->free[index];

    memmove(at + 1, at, (plan->free_count - index) * sizeof(*at));
    *at = *extent;
    plan->free_count++;
}

/* Take `size` bytes out of an extent, `skip` bytes behind its start; there is room for the rest. */
static hpa_t carve(struct plan *plan, uint32_t index, uint64_t skip, uint64_t size)
{
    struct plan_free *extent = &plan->free[index];
    struct plan_free tail = *extent;
    hpa_t taken = hpa(extent->base.raw + skip);

    tail.base = hpa(taken.raw + size);
    tail.size = extent->size - skip - size;
    extent->size = skip;
    if (skip == 0 && tail.size == 0)
        remove_extent(plan, index);
    else if (skip == 0)
        *extent = tail;
    else if (tail.size > 0)
        insert_extent(plan, index + 1, &tail);
    return taken;
}

bool memory_take_host(struct plan_work *work, uint64_t size, uint32_t node)
{
    struct plan *plan = work->plan;
    uint64_t pieces = align_up(size, PAGE_2M);
    uint32_t best = NO_EXTENT;
    uint64_t largest = 0;

    for (uint32_t i = 0; i < plan->free_count; i++) {
        const struct plan_free *extent = &plan->free[i];
        largest = extent->size > largest ? extent->size : largest;
        if (extent->size < pieces)
            continue;
        bool near = extent->node == node;
        bool best_near = best != NO_EXTENT && plan->free[best].node == node;
        if (best == NO_EXTENT || (near && !best_near) ||
            (near == best_near && extent->size < plan->free[best].size))
            best = i;
    }
    if (best == NO_EXTENT) {
        diag_set(work->diag,
                 "the hypervisor itself needs %lu MiB of memory in one piece, but the largest free "
                 "piece has %lu MiB",
                 pieces / MIB(1), largest / MIB(1));
        return diag_hint(work->diag, "the machine has too little memory, or firmware left it in "
                                     "many small pieces");
    }
    work->host_node = plan->free[best].node;
    plan->host_base = carve(plan, best, 0, pieces);
    plan->host_size = size;
    return true;
}

void memory_trim_host(struct plan_work *work, uint64_t size)
{
    struct plan *plan = work->plan;
    uint64_t start = plan->host_base.raw + align_up(size, PAGE_2M);
    uint64_t end = plan->host_base.raw + align_up(plan->host_size, PAGE_2M);
    struct plan_free spare = {.base = hpa(start), .size = end - start, .node = work->host_node};
    uint32_t next = 0;

    plan->host_size = size;
    if (spare.size == 0)
        return;
    while (next < plan->free_count && plan->free[next].base.raw < start)
        next++;
    struct plan_free *behind = &plan->free[next];
    if (next < plan->free_count && behind->base.raw == end && behind->node == spare.node) {
        behind->base = spare.base;
        behind->size += spare.size;
    } else if (plan->free_count < PLAN_MAX_FREE) {
        insert_extent(plan, next, &spare);
    }
}

/* Do 1 GiB pages fit into [offset, offset + size) of a guest's memory? */
static bool page_1g_fits(uint64_t offset, uint64_t size)
{
    uint64_t first = align_up(offset, PAGE_1G);

    return first - offset <= size && size - (first - offset) >= PAGE_1G;
}

static bool is_candidate(const struct demand *demand, const struct plan_free *extent)
{
    return demand->any_node || extent->node == demand->node;
}

/* Bytes to skip so that the extent's memory lies in the host as it does in the guest. */
static uint64_t skip_to_align(const struct demand *demand, const struct plan_free *extent)
{
    return (demand->offset - extent->base.raw) & (PAGE_1G - 1);
}

/* The smallest extent that holds all that is left. */
static struct choice choose_whole(const struct plan *plan, const struct demand *demand, bool align)
{
    struct choice best = {.extent = NO_EXTENT};

    for (uint32_t i = 0; i < plan->free_count; i++) {
        const struct plan_free *extent = &plan->free[i];
        uint64_t skip = align ? skip_to_align(demand, extent) : 0;
        if (!is_candidate(demand, extent) || extent->size < skip ||
            extent->size - skip < demand->left)
            continue;
        if (best.extent == NO_EXTENT || extent->size < plan->free[best.extent].size)
            best = (struct choice){.extent = i, .skip = skip};
    }
    return best;
}

/* The largest extent; aligned when the others can make up for what is skipped. */
static struct choice choose_largest(const struct plan *plan, const struct demand *demand,
                                    bool align)
{
    struct choice best = {.extent = NO_EXTENT};
    uint64_t sum = 0;

    for (uint32_t i = 0; i < plan->free_count; i++) {
        const struct plan_free *extent = &plan->free[i];
        if (!is_candidate(demand, extent))
            continue;
        sum += extent->size;
        if (best.extent == NO_EXTENT || extent->size > plan->free[best.extent].size)
            best.extent = i;
    }
    if (best.extent == NO_EXTENT || !align)
        return best;
    const struct plan_free *extent = &plan->free[best.extent];
    uint64_t skip = skip_to_align(demand, extent);
    if (skip < extent->size && page_1g_fits(demand->offset, extent->size - skip) &&
        demand->left <= sum - skip)
        best.skip = skip;
    return best;
}

/* In this order: near, few ranges, aligned to 1 GiB, little cut up. */
static struct choice choose(const struct plan *plan, struct demand *demand)
{
    bool align = demand->page_1g && page_1g_fits(demand->offset, demand->left) &&
                 plan->free_count < PLAN_MAX_FREE;

    for (int far = 0; far <= 1; far++) {
        demand->any_node = far != 0;
        struct choice choice = choose_whole(plan, demand, align);
        if (choice.extent == NO_EXTENT && align)
            choice = choose_whole(plan, demand, false);
        if (choice.extent == NO_EXTENT)
            choice = choose_largest(plan, demand, align);
        if (choice.extent != NO_EXTENT)
            return choice;
    }
    return (struct choice){.extent = NO_EXTENT};
}

/* Add a range to the guest, which is the last that got one; extend its last range if possible. */
static bool add_range(struct plan *plan, struct plan_guest *guest, const struct plan_range *range)
{
    if (guest->range_count > 0) {
        struct plan_range *last = &plan->ranges[plan->range_count - 1];
        if (last->gpa.raw + last->size == range->gpa.raw &&
            last->hpa.raw + last->size == range->hpa.raw) {
            last->size += range->size;
            return true;
        }
    }
    if (plan->range_count == PLAN_MAX_RANGES)
        return false;
    plan->ranges[plan->range_count++] = *range;
    guest->range_count++;
    return true;
}

/* Put host memory at an offset of the guest's memory, which may lie on both sides of the hole. */
static bool give(struct plan *plan, struct plan_guest *guest, uint64_t offset, hpa_t at,
                 uint64_t size)
{
    struct plan_range low = {.gpa = gpa(offset), .hpa = at, .size = size};
    struct plan_range high = low;

    if (offset < PLAN_HOLE_START) {
        uint64_t room = PLAN_HOLE_START - offset;
        low.size = size < room ? size : room;
        if (!add_range(plan, guest, &low))
            return false;
        high = (struct plan_range){
            .gpa = gpa(PLAN_HOLE_START), .hpa = hpa(at.raw + low.size), .size = size - low.size};
    }
    high.gpa = gpa(high.gpa.raw + (PLAN_HOLE_END - PLAN_HOLE_START));
    return high.size == 0 || add_range(plan, guest, &high);
}

bool memory_take(struct plan_work *work, uint32_t guest, uint32_t node)
{
    struct plan *plan = work->plan;
    const struct config_guest *wish = &work->config->guests[guest];
    struct plan_guest *place = &plan->guests[guest];
    struct demand demand = {
        .left = wish->memory, .node = node, .page_1g = work->hardware->page_1g && !work->ignore_1g};

    place->first_range = plan->range_count;
    place->range_count = 0;
    while (demand.left > 0) {
        struct choice choice = choose(plan, &demand);
        if (choice.extent == NO_EXTENT)
            return false;
        uint64_t size = plan->free[choice.extent].size - choice.skip;
        size = size < demand.left ? size : demand.left;
        hpa_t at = carve(plan, choice.extent, choice.skip, size);
        if (!give(plan, place, demand.offset, at, size))
            return false;
        demand.offset += size;
        demand.left -= size;
    }
    return true;
}

/* The next of the guest's ranges by GPA, of memory and of devices; NULL when there are no more. */
static const struct plan_range *next_range(const struct plan *plan, const struct plan_guest *guest,
                                           uint32_t *memory, uint32_t *mmio)
{
    const struct plan_range *a = &plan->ranges[guest->first_range + *memory];
    const struct plan_range *b = &plan->mmio[guest->first_mmio + *mmio];
    bool more_a = *memory < guest->range_count;
    bool more_b = *mmio < guest->mmio_count;

    if (more_a && (!more_b || a->gpa.raw < b->gpa.raw)) {
        ++*memory;
        return a;
    }
    *mmio += more_b;
    return more_b ? b : NULL;
}

uint32_t memory_table_pages(const struct plan *plan, const struct plan_guest *guest, bool page_1g)
{
    uint32_t memory = 0, mmio = 0;
    uint32_t pages = 1;  /* the root */
    uint64_t before = 0; /* the last byte of the range before */
    const struct plan_range *range = next_range(plan, guest, &memory, &mmio);

    for (; range; range = next_range(plan, guest, &memory, &mmio)) {
        uint64_t from = range->gpa.raw;
        pages += pagetable_pages_for(from, range->hpa.raw, range->size, page_1g) - 1;
        if (before > 0) {
            /* Tables that this range shares with the one before. */
            pages -= from / GIB(512) == before / GIB(512);
            pages -= from / PAGE_1G == before / PAGE_1G;
            pages -= from / PAGE_2M == before / PAGE_2M;
        }
        before = from + range->size - 1;
    }
    return pages;
}
