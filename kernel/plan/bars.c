/* SPDX-License-Identifier: MIT */
/*
 * Where firmware has put a function's BARs: what a guest gets of the machine's address space. An
 * address that is not the function's alone would give the guest somebody else's registers.
 */
#include "kernel/lib/bits.h"
#include "kernel/lib/fmt.h"
#include "kernel/pci/describe.h"
#include "kernel/plan/work.h"

/* Memory in which PCI has nothing to do on any PC. */
#define FIXED_LOW_END    MIB(1)
#define FIXED_HIGH_START 0xfec00000u
#define FIXED_HIGH_END   GIB(4)

static const char firmware_is_wrong[] = "remove the line; firmware has set it up wrongly";
static const char page_is_shared[] =
    "remove the line; pages of 4 KiB are the smallest part of memory that can be given away";

/* A BAR that is looked at. */
struct bar_place {
    const struct plan_work *work;
    struct bar_fault *fault;
    uint16_t index; /* of the function */
    uint32_t number;
    const struct pci_bar *bar;
    struct plan_span span; /* its pages, or its ports */
};

static bool faulty(const struct bar_place *at, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool faulty(const struct bar_place *at, const char *remedy, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fmt_vprint(at->fault->why, sizeof(at->fault->why), format, args);
    va_end(args);
    at->fault->remedy = remedy;
    return false;
}

static bool overlap(struct plan_span a, struct plan_span b)
{
    return a.base < b.base + b.size && b.base < a.base + a.size;
}

static bool overlaps_ram(const struct hardware *hardware, struct plan_span span)
{
    for (uint32_t i = 0; i < hardware->range_count; i++) {
        const struct hardware_range *range = &hardware->ranges[i];
        if (range->kind != MEMORY_RESERVED &&
            overlap(span, (struct plan_span){range->base.raw, range->size}))
            return true;
    }
    return false;
}

static bool is_fixed(struct plan_span span)
{
    return span.base < FIXED_LOW_END ||
           overlap(span, (struct plan_span){FIXED_HIGH_START, FIXED_HIGH_END - FIXED_HIGH_START});
}

/* ---- who else is there ---- */

static bool same_space(const struct pci_bar *a, const struct pci_bar *b)
{
    return (a->kind == PCI_BAR_IO) == (b->kind == PCI_BAR_IO);
}

/* Another function with a BAR in the same pages, or ports; NULL if there is none. */
static const struct pci_function *neighbour(const struct bar_place *at)
{
    const struct pci_inventory *pci = at->work->pci;

    for (uint32_t i = 0; i < pci->count; i++) {
        for (uint32_t n = 0; i != at->index && n < PCI_BAR_COUNT; n++) {
            const struct pci_bar *other = &pci->functions[i].bars[n];
            if (same_space(other, at->bar) && other->base != 0 &&
                overlap(places_pages(other), at->span))
                return &pci->functions[i];
        }
    }
    return NULL;
}

/*
 * The function's own BARs may share a page, but no address, and none may show what the hypervisor
 * keeps from the guest: the pages of the MSI-X table.
 */
static bool check_own(const struct bar_place *at)
{
    const struct pci_function *function = &at->work->pci->functions[at->index];
    struct plan_span table = places_table(function);
    struct plan_span exact = {at->bar->base, pci_bar_size(at->bar)};

    for (uint32_t n = 0; n < at->number; n++) {
        const struct pci_bar *other = &function->bars[n];
        if (other->base != 0 && same_space(other, at->bar) &&
            overlap(exact, (struct plan_span){other->base, pci_bar_size(other)}))
            return faulty(at, firmware_is_wrong, "its BARs %u and %u overlap", n, at->number);
    }
    if (pci_bar_is_memory(at->bar) && at->number != function->caps.msix_bar &&
        overlap(at->span, table)) {
        return faulty(at, page_is_shared, "its BAR %u shares a page with its MSI-X table",
                      at->number);
    }
    return true;
}

static bool check_others(const struct bar_place *at)
{
    const struct pci_function *other = neighbour(at);
    char name[PCI_TEXT];

    if (!other)
        return true;
    pci_address_text(other->address, name);
    return faulty(at, page_is_shared, "its BAR %u shares a page with a BAR of %s", at->number,
                  name);
}

/* ---- one BAR ---- */

static bool check_kind(const struct bar_place *at)
{
    switch ((enum pci_bar_kind)at->bar->kind) {
    case PCI_BAR_BROKEN:
        return faulty(at, "remove the line; the device may be defective",
                      "its BAR %u makes no sense", at->number);
    case PCI_BAR_UNKNOWN:
        return at->work->sizes_open ||
               faulty(at, "firmware did not tell; only the boot itself can say",
                      "the report does not know how large its BAR %u is", at->number);
    case PCI_BAR_32:
    case PCI_BAR_64:
        return at->bar->base != 0 || at->number == PCI_ROM ||
               faulty(at, "allow memory above 4G for PCI devices in the firmware setup",
                      "firmware gave its BAR %u no address", at->number);
    case PCI_BAR_NONE:
    case PCI_BAR_IO:
        break;
    }
    return true;
}

static bool check_memory(const struct bar_place *at)
{
    const struct pci_inventory *pci = at->work->pci;
    uint16_t blocked = pci_blocked_by(pci, at->index, at->number);
    char name[PCI_TEXT];

    if (blocked != PCI_NONE) {
        pci_address_text(pci->functions[blocked].address, name);
        return faulty(at, firmware_is_wrong, "bridge %s above it does not pass its BAR %u on", name,
                      at->number);
    }
    if (overlaps_ram(at->work->hardware, at->span))
        return faulty(at, firmware_is_wrong, "its BAR %u lies in the machine's memory", at->number);
    if (is_fixed(at->span)) {
        return faulty(at, firmware_is_wrong,
                      "its BAR %u lies where a PC has its BIOS, APICs and firmware", at->number);
    }
    return true;
}

/* Is it at no address, or at one that the bridges above do not pass on? */
static bool is_out_of_reach(const struct pci_inventory *pci, uint16_t index, uint32_t number)
{
    const struct pci_bar *bar = &pci->functions[index].bars[number];

    return pci_bar_size(bar) != 0 &&
           (bar->base == 0 || pci_blocked_by(pci, index, number) != PCI_NONE);
}

bool bars_left_out(const struct pci_inventory *pci, uint16_t index, uint32_t number)
{
    const struct pci_function *function = &pci->functions[index];

    if (number == PCI_ROM)
        return is_out_of_reach(pci, index, number);
    for (uint32_t i = 0; i < PCI_BARS && function->bars[number].kind == PCI_BAR_IO; i++)
        if (function->bars[i].kind == PCI_BAR_IO && is_out_of_reach(pci, index, i))
            return true;
    return false;
}

bool bars_check(const struct plan_work *work, uint16_t index, struct bar_fault *fault)
{
    const struct pci_function *function = &work->pci->functions[index];
    struct bar_place at = {.work = work, .fault = fault, .index = index};

    if (function->flags & PCI_MSIX_BAD) {
        return faulty(&at, "remove the line; the device may be defective",
                      "its MSI-X table lies outside of its BARs");
    }
    for (at.number = 0; at.number < PCI_BAR_COUNT; at.number++) {
        at.bar = &function->bars[at.number];
        at.span = places_pages(at.bar);
        if (!check_kind(&at))
            return false;
        if (pci_bar_size(at.bar) != 0 && !bars_left_out(work->pci, index, at.number) &&
            ((pci_bar_is_memory(at.bar) && !check_memory(&at)) || !check_own(&at) ||
             !check_others(&at)))
            return false;
    }
    return true;
}
