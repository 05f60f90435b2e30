/* SPDX-License-Identifier: MIT */
#include "kernel/plan/plan.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"
#include "kernel/mm/pagetable.h"
#include "kernel/plan/work.h"

/* ---- what comes in ---- */

/* The rules that config_parse() keeps; without them the sums below would not hold. */
static bool check_guest(const struct config_guest *guest, struct diag *diag)
{
    if (guest->cpus == 0 || guest->cpus > CONFIG_MAX_VCPUS) {
        diag_set(diag, "guest %.*s wants %u processors, but 1 to %d are allowed", GUEST_NAME(guest),
                 guest->cpus, CONFIG_MAX_VCPUS);
        return diag_at(diag, guest->cpus_at.line, guest->cpus_at.column);
    }
    if (guest->memory == 0 || !is_aligned(guest->memory, PAGE_2M)) {
        diag_set(diag, "guest %.*s wants %lu bytes of memory, which is not a multiple of 2 MiB",
                 GUEST_NAME(guest), guest->memory);
        return diag_at(diag, guest->memory_at.line, guest->memory_at.column);
    }
    if (guest->memory > PLAN_MAX_MEMORY) {
        diag_set(diag,
                 "guest %.*s wants %lu GiB of memory, but no guest can have more than %lu GiB",
                 GUEST_NAME(guest), guest->memory / GIB(1), PLAN_MAX_MEMORY / GIB(1));
        return diag_at(diag, guest->memory_at.line, guest->memory_at.column);
    }
    return true;
}

static bool check_config(const struct config *config, struct diag *diag)
{
    if (config->guest_count == 0 || config->guest_count > CONFIG_MAX_GUESTS) {
        return diag_set(diag, "%u guests are configured, but 1 to %d are allowed",
                        config->guest_count, CONFIG_MAX_GUESTS);
    }
    for (uint32_t i = 0; i < config->guest_count; i++)
        if (!check_guest(&config->guests[i], diag))
            return false;
    return true;
}

static bool check_range(const struct hardware *hardware, uint32_t i, struct diag *diag)
{
    const struct hardware_range *range = &hardware->ranges[i];
    uint64_t before = 0;

    if (i > 0)
        before = hardware->ranges[i - 1].base.raw + hardware->ranges[i - 1].size;
    if (range->base.raw < before || range->base.raw >= HARDWARE_ADDRESS_END || range->size == 0 ||
        range->size > HARDWARE_ADDRESS_END - range->base.raw ||
        !is_aligned(range->base.raw | range->size, PAGE_4K)) {
        return diag_set(diag,
                        "the machine's memory map is not in order at range %u (%#lx, %#lx bytes)",
                        i, range->base.raw, range->size);
    }
    return true;
}

static bool check_hardware(const struct hardware *hardware, struct diag *diag)
{
    if (hardware->cpu_count == 0 || hardware->cpu_count > HARDWARE_MAX_CPUS) {
        return diag_set(diag, "the machine has %u usable processors, but 1 to %d can be planned",
                        hardware->cpu_count, HARDWARE_MAX_CPUS);
    }
    if (hardware->range_count == 0 || hardware->range_count > HARDWARE_MAX_RANGES) {
        return diag_set(diag, "the machine's memory map has %u ranges, but 1 to %d can be planned",
                        hardware->range_count, HARDWARE_MAX_RANGES);
    }
    for (uint32_t i = 0; i < hardware->range_count; i++)
        if (!check_range(hardware, i, diag))
            return false;
    return true;
}

/* ---- what the hypervisor needs ---- */

/* *sum += size * count. False: it does not fit into a physical address. */
static bool add_product(uint64_t *sum, uint64_t size, uint64_t count)
{
    if (count > 0 && size > (HARDWARE_ADDRESS_END - *sum) / count)
        return false;
    *sum += size * count;
    return true;
}

/* Pages for the guest's tables if nothing of it could be mapped by 1 GiB pages. */
static uint64_t most_table_pages(uint64_t memory)
{
    uint64_t low = memory < PLAN_HOLE_START ? memory : PLAN_HOLE_START;
    uint64_t pages = pagetable_pages_for(0, 0, low, false);

    if (memory > low) {
        /* Root and the table of the first 512 GiB are counted already, at least those. */
        pages += pagetable_pages_for(PLAN_HOLE_END, PLAN_HOLE_END, memory - low, false) - 2;
    }
    return pages;
}

/* What the functions that guests get take, with a domain for each guest that has some. */
static bool add_devices(const struct plan_work *work, const struct plan_needs *needs, uint64_t *sum)
{
    const struct plan *plan = work->plan;
    bool added = add_product(sum, needs->per_device, plan->device_count);

    for (uint32_t i = 0; i < plan->device_count; i++) {
        const struct pci_caps *caps = &plan->devices[i].function.caps;
        added = added && add_product(sum, caps->msix_vectors, PCI_MSIX_ENTRY);
    }
    for (uint32_t i = 0; i < plan->guest_count; i++) {
        uint64_t pages = most_table_pages(work->config->guests[i].memory);
        if (plan->guests[i].device_count > 0)
            added = added && add_product(sum, pages, PAGE_4K);
    }
    return added;
}

static bool sum_needs(const struct plan_work *work, const struct plan_needs *needs,
                      uint64_t table_pages, uint64_t *sum)
{
    uint64_t vcpus = 0;

    for (uint32_t i = 0; i < work->config->guest_count; i++)
        vcpus += work->config->guests[i].cpus;
    *sum = 0;
    if (!add_product(sum, needs->fixed, 1) ||
        !add_product(sum, needs->per_cpu, work->hardware->cpu_count) ||
        !add_product(sum, needs->per_guest, work->config->guest_count) ||
        !add_product(sum, needs->per_vcpu, vcpus) || !add_product(sum, table_pages, PAGE_4K) ||
        !add_product(sum, work->hardware->iommu_bytes, 1) || !add_devices(work, needs, sum)) {
        return diag_set(work->diag,
                        "the hypervisor itself needs more memory than a machine can have");
    }
    *sum = align_up(*sum, PAGE_4K);
    return true;
}

/* ---- memory: enough of it? ---- */

static bool refuse_memory(struct plan_work *work, const struct config_guest *guest, uint64_t left)
{
    uint64_t all = 0; /* MiB, so that no config can overflow it */
    uint64_t free = memory_free_all(work->plan);

    for (uint32_t i = 0; i < work->config->guest_count; i++)
        all += work->config->guests[i].memory / MIB(1);
    diag_set(work->diag,
             "guest %.*s wants %lu MiB of memory, but only %lu MiB of the %lu MiB free in 2 MiB "
             "pieces are left for it (all guests together want %lu MiB)",
             GUEST_NAME(guest), guest->memory / MIB(1), left / MIB(1), free / MIB(1), all);
    diag_hint(work->diag, "the guests together want %lu MiB too much", all - free / MIB(1));
    return diag_at(work->diag, guest->memory_at.line, guest->memory_at.column);
}

static bool check_memory(struct plan_work *work)
{
    uint64_t left = memory_free_all(work->plan);

    for (uint32_t i = 0; i < work->config->guest_count; i++) {
        const struct config_guest *guest = &work->config->guests[i];
        if (guest->memory > left)
            return refuse_memory(work, guest, left);
        left -= guest->memory;
    }
    return true;
}

/* ---- placing ---- */

static bool comes_before(const struct config_guest *a, const struct config_guest *b)
{
    if (a->listed != b->listed)
        return a->listed;
    return a->cpus != b->cpus ? a->cpus > b->cpus : a->memory > b->memory;
}

/* Guests whose processors say which memory is near; then large ones, as the small ones still fit
 * into what they leave. */
static void sort_guests(const struct config *config, uint16_t *order)
{
    for (uint32_t i = 0; i < config->guest_count; i++) {
        uint32_t at = i;
        while (at > 0 && comes_before(&config->guests[i], &config->guests[order[at - 1]])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = (uint16_t)i;
    }
}

/* Everything free. */
static bool start_over(struct plan_work *work)
{
    if (!cpus_start(work))
        return false;
    if (!pool_init(work))
        return diag_set(work->diag, "free memory is in more than %d pieces", PLAN_MAX_FREE);
    return true;
}

/* Take the hypervisor's memory: as much as it can become, for the guests' ranges are not known. */
static bool place_host(struct plan_work *work, const struct plan_needs *needs)
{
    uint64_t table_pages = 0;
    uint64_t size;

    for (uint32_t i = 0; i < work->config->guest_count; i++)
        table_pages += most_table_pages(work->config->guests[i].memory);
    for (uint32_t i = 0; i < work->plan->mmio_count; i++) {
        const struct plan_range *range = &work->plan->mmio[i];
        table_pages += pagetable_pages_for(range->gpa.raw, range->hpa.raw, range->size, false) - 1;
    }
    return sum_needs(work, needs, table_pages, &size) &&
           memory_take_host(work, size, work->hardware->cpus[0].node);
}

enum placed { PLACED, NO_CORES, NO_RANGES };

static enum placed place_guests(struct plan_work *work, const uint16_t *order)
{
    for (uint32_t i = 0; i < work->config->guest_count; i++) {
        uint32_t guest = work->ignore_nodes ? i : order[i];
        uint32_t node;
        if (!cpus_take(work, guest, &node))
            return NO_CORES;
        if (!memory_take(work, guest, node))
            return NO_RANGES;
    }
    return PLACED;
}

static bool place(struct plan_work *work, const struct plan_needs *needs)
{
    uint16_t order[CONFIG_MAX_GUESTS];

    sort_guests(work->config, order);
    enum placed placed = place_guests(work, order);
    for (int retry = 0; retry < 2 && placed != PLACED; retry++) {
        if (placed == NO_CORES) {
            /* Filling nodes wasted cores. Do as cpus_check() did, which found enough. */
            work->ignore_nodes = true;
        } else {
            /* Aligning cut memory up. Without it a range ends with its guest, hole or extent. */
            work->ignore_1g = true;
        }
        if (!start_over(work) || !place_host(work, needs))
            return false;
        placed = place_guests(work, order);
    }
    if (placed != PLACED) {
        return diag_set(work->diag, "the guests cannot be placed: no %s are left",
                        placed == NO_CORES ? "cores" : "ranges");
    }
    return true;
}

static bool finish(struct plan_work *work, const struct plan_needs *needs)
{
    struct plan *plan = work->plan;
    uint64_t table_pages = 0;
    uint64_t size;

    for (uint32_t i = 0; i < plan->guest_count; i++) {
        struct plan_guest *guest = &plan->guests[i];
        guest->table_pages = memory_table_pages(plan, guest, work->hardware->page_1g);
        table_pages += guest->table_pages;
    }
    if (!sum_needs(work, needs, table_pages, &size))
        return false;
    memory_trim_host(work, size);
    plan->memory_left = memory_free_all(plan);
    cpus_finish(work);
    return true;
}

bool plan_build(const struct plan_inputs *inputs, struct plan *plan, struct diag *diag)
{
    const struct plan_needs *needs = inputs->needs;
    struct plan_work work = {.config = inputs->config,
                             .hardware = inputs->hardware,
                             .pci = inputs->pci,
                             .sizes_open = inputs->sizes_open,
                             .plan = plan,
                             .diag = diag};

    if (!check_config(inputs->config, diag) || !check_hardware(inputs->hardware, diag))
        return false;
    memset(plan, 0, sizeof(*plan));
    plan->guest_count = inputs->config->guest_count;
    cpus_sort(&work);
    /* Memory twice: a wish beyond all bounds is the guest's fault, not that of its tables. */
    return start_over(&work) && cpus_check(&work) && check_memory(&work) && devices_take(&work) &&
           place_host(&work, needs) && check_memory(&work) && place(&work, needs) &&
           finish(&work, needs);
}
