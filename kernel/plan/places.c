/* SPDX-License-Identifier: MIT */
/*
 * Where the BARs of a guest's PCI functions go in its address space. At the machine's own address
 * when that is free in the guest, as this is simplest for people who compare; else at the first
 * free place in one of the two windows that its RAM leaves:
 *
 *     0 .. RAM .. 3 GiB | low window | ECAM .. 4 GiB .. RAM .. | high window .. MAXPHYADDR
 *
 * What is mapped is whole pages, and not those with the MSI-X table, which the hypervisor keeps.
 */
#include "kernel/acpi/guest.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"
#include "kernel/pci/describe.h"
#include "kernel/plan/work.h"

#define GUEST_BITS  46     /* what the guests' tables reach */
#define SMALL_BITS  24     /* up to 16 MiB go below 4 GiB, where every kernel reaches them */
#define PORTS_START 0x1000 /* below are the virtual devices' */
#define PORTS_END   0x10000

struct plan_span places_pages(const struct pci_bar *bar)
{
    uint64_t size = pci_bar_size(bar);

    if (size == 0 || bar->kind == PCI_BAR_IO)
        return (struct plan_span){.base = bar->base, .size = size};
    uint64_t base = align_down(bar->base, PAGE_4K);
    return (struct plan_span){.base = base, .size = align_up(bar->base + size, PAGE_4K) - base};
}

/* A window with room for what has to go somewhere. */
struct window {
    uint64_t start, end;
};

/* What is being placed, and what was placed before. */
struct placing {
    struct plan *plan;
    const struct plan_guest *guest;
    bool io;
};

/* The span that a placed BAR takes in the guest; empty when it is not placed, or of another kind.
 */
static struct plan_span placed_span(const struct placing *placing, const struct plan_device *device,
                                    uint32_t bar)
{
    struct pci_bar there = device->function.bars[bar];

    if (device->guest_bars[bar] == 0 || (there.kind == PCI_BAR_IO) != placing->io)
        return (struct plan_span){0};
    there.base = device->guest_bars[bar];
    return places_pages(&there);
}

/* The end of something placed that the span overlaps; 0 when there is nothing. */
static uint64_t conflict_end(const struct placing *placing, const struct plan_span *span)
{
    const struct plan_device *devices = &placing->plan->devices[placing->guest->first_device];

    for (uint32_t i = 0; i < placing->guest->device_count; i++) {
        for (uint32_t bar = 0; bar < PCI_BAR_COUNT; bar++) {
            struct plan_span other = placed_span(placing, &devices[i], bar);
            if (other.size > 0 && other.base < span->base + span->size &&
                span->base < other.base + other.size)
                return other.base + other.size;
        }
    }
    return 0;
}

static bool in_window(const struct window *window, const struct plan_span *span)
{
    return span->base >= window->start && span->base < window->end &&
           span->size <= window->end - span->base;
}

/* The first free place in the window for a span of that size; 0 when there is none. */
static uint64_t find_place(const struct placing *placing, const struct window *window,
                           uint64_t size, uint64_t align)
{
    struct plan_span span = {.base = align_up(window->start, align), .size = size};

    while (in_window(window, &span)) {
        uint64_t end = conflict_end(placing, &span);
        if (end == 0)
            return span.base;
        span.base = align_up(end, align);
    }
    return 0;
}

/* Where a guest has no RAM and no devices of the hypervisor's. */
static struct window low_window(void)
{
    return (struct window){GUEST_PCI_MEMORY_START, GUEST_ECAM_BASE};
}

static struct window high_window(const struct plan_work *work, uint32_t guest)
{
    uint64_t memory = work->config->guests[guest].memory;
    uint32_t bits = work->hardware->phys_bits < GUEST_BITS ? work->hardware->phys_bits : GUEST_BITS;
    uint64_t above = memory > PLAN_HOLE_START ? memory - PLAN_HOLE_START : 0;

    return (struct window){PLAN_HOLE_END + above, BIT(bits)};
}

static bool keep_place(const struct placing *placing, const struct window *window,
                       struct plan_device *device, uint32_t bar)
{
    struct plan_span span = places_pages(&device->function.bars[bar]);

    if (!in_window(window, &span) || conflict_end(placing, &span) != 0)
        return false;
    device->guest_bars[bar] = device->function.bars[bar].base;
    return true;
}

static bool move_to(const struct placing *placing, const struct window *window,
                    struct plan_device *device, uint32_t bar)
{
    const struct pci_bar *from = &device->function.bars[bar];
    struct plan_span span = places_pages(from);
    uint64_t least = placing->io ? 4 : PAGE_4K;
    uint64_t align = pci_bar_size(from) > least ? pci_bar_size(from) : least;
    uint64_t place = find_place(placing, window, span.size, align);

    /* A small BAR keeps its place in the page. */
    device->guest_bars[bar] = place == 0 ? 0 : place + (from->base - span.base);
    return place != 0;
}

static bool is_wanted(const struct plan_work *work, const struct plan_device *device, uint32_t bar)
{
    return pci_bar_size(&device->function.bars[bar]) > 0 && device->guest_bars[bar] == 0 &&
           !bars_left_out(work->pci, device->index, bar);
}

static bool place_bar(const struct plan_work *work, struct plan_device *device, uint32_t bar,
                      bool keep)
{
    const struct pci_bar *from = &device->function.bars[bar];
    struct placing placing = {.plan = work->plan,
                              .guest = &work->plan->guests[device->guest],
                              .io = from->kind == PCI_BAR_IO};
    struct window ports = {PORTS_START, PORTS_END};
    struct window low = placing.io ? ports : low_window();
    struct window high = high_window(work, device->guest);
    bool wide = from->kind == PCI_BAR_64;
    bool low_first = !wide || from->bits <= SMALL_BITS;

    if (keep) {
        return keep_place(&placing, &low, device, bar) ||
               (!low_first && keep_place(&placing, &high, device, bar));
    }
    return (low_first && move_to(&placing, &low, device, bar)) ||
           (wide && (move_to(&placing, &high, device, bar) ||
                     (!low_first && move_to(&placing, &low, device, bar))));
}

static bool refuse_bar(const struct plan_work *work, const struct plan_device *device, uint32_t bar)
{
    const struct slice *place = &work->config->devices[device->line].at;
    char name[PCI_TEXT], text[40];

    pci_address_text(device->function.address, name);
    pci_describe_bar(&device->function.bars[bar], text, sizeof(text));
    diag_set(work->diag, "guest %.*s has no room in its address space for BAR %u of %s (%s)",
             GUEST_NAME(&work->config->guests[device->guest]), bar, name, text);
    diag_hint(work->diag, "give it fewer devices, or less memory");
    return diag_at(work->diag, place->line, place->column);
}

/* ---- what to map ---- */

struct plan_span places_table(const struct pci_function *function)
{
    const struct pci_caps *caps = &function->caps;

    if (caps->msix == 0)
        return (struct plan_span){0};
    uint64_t start = function->bars[caps->msix_bar].base + caps->msix_offset;
    uint64_t end = start + (uint64_t)caps->msix_vectors * PCI_MSIX_ENTRY;
    uint64_t base = align_down(start, PAGE_4K);
    return (struct plan_span){.base = base, .size = align_up(end, PAGE_4K) - base};
}

bool plan_msix_pages(const struct plan_device *device, struct plan_range *pages)
{
    struct plan_span span = places_table(&device->function);
    uint32_t bar = device->function.caps.msix_bar;

    if (span.size == 0)
        return false;
    uint64_t moved = device->guest_bars[bar] - device->function.bars[bar].base;
    *pages = (struct plan_range){
        .gpa = gpa(span.base + moved), .hpa = hpa(span.base), .size = span.size};
    return true;
}

/* Add a range to the guest, which is the last that got one; sorted by its GPA. */
static bool add_range(struct plan *plan, struct plan_guest *guest, const struct plan_range *range)
{
    if (range->size == 0)
        return true;
    if (plan->mmio_count == PLAN_MAX_MMIO)
        return false;
    uint32_t at = plan->mmio_count++;
    while (at > guest->first_mmio && plan->mmio[at - 1].gpa.raw > range->gpa.raw) {
        plan->mmio[at] = plan->mmio[at - 1];
        at--;
    }
    plan->mmio[at] = *range;
    guest->mmio_count++;
    return true;
}

/* The pages of one BAR, in front of the MSI-X table and behind it. */
static bool add_bar(struct plan *plan, struct plan_guest *guest, const struct plan_device *device,
                    uint32_t bar)
{
    struct plan_span span = places_pages(&device->function.bars[bar]);
    struct plan_span table = places_table(&device->function);
    uint64_t end = span.base + span.size;
    uint64_t moved = device->guest_bars[bar] - device->function.bars[bar].base;
    bool split = table.size > 0 && bar == device->function.caps.msix_bar;
    uint64_t cut = split ? table.base : end;
    uint64_t behind = split ? table.base + table.size : end;
    struct plan_range first = {
        .gpa = gpa(span.base + moved), .hpa = hpa(span.base), .size = cut - span.base};
    struct plan_range second = {
        .gpa = gpa(behind + moved), .hpa = hpa(behind), .size = end - behind};

    return add_range(plan, guest, &first) && add_range(plan, guest, &second);
}

static bool add_ranges(struct plan_work *work, uint32_t guest)
{
    struct plan *plan = work->plan;
    struct plan_guest *to = &plan->guests[guest];

    to->first_mmio = (uint16_t)plan->mmio_count;
    for (uint32_t i = 0; i < to->device_count; i++) {
        const struct plan_device *device = &plan->devices[to->first_device + i];
        for (uint32_t bar = 0; bar < PCI_BAR_COUNT; bar++) {
            const struct pci_bar *from = &device->function.bars[bar];
            if (device->guest_bars[bar] != 0 && pci_bar_is_memory(from) &&
                !add_bar(plan, to, device, bar)) {
                const struct slice *place = &work->config->devices[device->line].at;
                diag_set(work->diag, "the guests' PCI functions have BARs in more than %d pieces",
                         PLAN_MAX_MMIO);
                diag_hint(work->diag, "name fewer functions in all");
                return diag_at(work->diag, place->line, place->column);
            }
        }
    }
    return true;
}

bool places_choose(struct plan_work *work, uint32_t guest)
{
    struct plan *plan = work->plan;
    const struct plan_guest *of = &plan->guests[guest];

    /* First those that can stay where they are, as the others go round them. */
    for (int keep = 1; keep >= 0; keep--) {
        for (uint32_t i = 0; i < of->device_count; i++) {
            struct plan_device *device = &plan->devices[of->first_device + i];
            for (uint32_t bar = 0; bar < PCI_BAR_COUNT; bar++)
                if (is_wanted(work, device, bar) && !place_bar(work, device, bar, keep != 0) &&
                    !keep)
                    return refuse_bar(work, device, bar);
        }
    }
    return add_ranges(work, guest);
}
