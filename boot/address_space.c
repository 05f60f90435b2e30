/* SPDX-License-Identifier: MIT */
#include "boot/address_space.h"

#include "arch/cpu.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "boot/jump.h"
#include "boot/pages.h"
#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

/* The lower half of the 48-bit address space, where addresses can be their own. */
#define IDENTITY_END BIT(47)

/* SDM Vol. 3A "4-Level Paging and 5-Level Paging": addresses in CR3 and in entries */
#define CR3_TABLE    BITS(51, 12)
#define LEAF_ADDRESS BITS(51, 12)

_Static_assert(PCI_WINDOWS_END <= IDENTITY_END, "windows are mapped at their addresses");

#define MAP_DATA ((uint32_t)MAP_READ | MAP_WRITE)
#define MAP_CODE ((uint32_t)MAP_READ | MAP_EXEC)

/* The first pass counts the tables that are needed, the second one writes them. */
struct builder {
    struct pagetable table;
    uint64_t align; /* of a piece of RAM: the largest page */
    bool counting;
    uint64_t needed; /* pages, an upper bound */
    uint64_t pool;   /* HPA of the next unused page */
    uint64_t pool_end;
};

static uint64_t *table_at(void *context, hpa_t table)
{
    (void)context;
    return (uint64_t *)table.raw;
}

static bool take_page(void *context, hpa_t *page)
{
    struct builder *builder = context;

    if (builder->pool == builder->pool_end)
        return false;
    *page = hpa(builder->pool);
    builder->pool += PAGE_4K;
    return true;
}

static bool add(struct builder *builder, uint64_t from, struct memory_span to, uint32_t flags)
{
    if (!builder->counting)
        return pagetable_map(&builder->table, from, to.base, to.size, flags);
    builder->needed += pagetable_pages_for(from, to.base, to.size, builder->table.page_1g);
    return true;
}

/* Physical memory at its own addresses. Only the page that changes the tables is executable. */
static bool add_identity(struct builder *builder, struct memory_span span)
{
    uint64_t code = align_down((uint64_t)jump, PAGE_4K);
    uint64_t end = span.base + span.size;

    if (code < span.base || code >= end)
        return add(builder, span.base, span, MAP_DATA);
    struct memory_span below = {span.base, code - span.base};
    struct memory_span page = {code, PAGE_4K};
    struct memory_span above = {code + PAGE_4K, end - code - PAGE_4K};
    return add(builder, below.base, below, MAP_DATA) && add(builder, page.base, page, MAP_CODE) &&
           add(builder, above.base, above, MAP_DATA);
}

static bool add_ram(struct builder *builder, const struct memory_map *map)
{
    struct memory_span span = {0, GIB(4)};

    do {
        if (!add_identity(builder, span))
            return false;
    } while (memory_map_next_ram(map, span.base + span.size, builder->align, &span) &&
             span.base + span.size <= IDENTITY_END);
    return true;
}

/* What RAM did not bring in already, page by page; there are few. */
static bool add_screen(struct builder *builder, const struct handoff_screen *screen)
{
    if (screen->pixels == PIXELS_NONE || screen->base >= IDENTITY_END ||
        screen->size > IDENTITY_END - screen->base)
        return true;
    uint64_t at = align_down(screen->base, builder->align);
    for (; at < screen->base + screen->size; at += builder->align) {
        struct memory_span page = {at, builder->align};
        uint64_t entry;
        if (!builder->counting && pagetable_lookup(&builder->table, at, &entry) != 0)
            continue;
        if (!add_identity(builder, page))
            return false;
    }
    return true;
}

static bool add_kernel(struct builder *builder, const struct kernel *kernel)
{
    for (uint32_t i = 0; i < kernel->elf.segment_count; i++) {
        const struct elf_segment *segment = &kernel->elf.segments[i];
        uint64_t from = align_down(segment->vaddr, PAGE_4K);
        uint64_t end = align_up(segment->vaddr + segment->memory_size, PAGE_4K);
        struct memory_span to = {kernel->memory.base + (from - kernel->elf.lowest), end - from};
        uint32_t flags = MAP_READ;
        if (segment->flags & ELF_WRITE)
            flags |= MAP_WRITE;
        if (segment->flags & ELF_EXEC)
            flags |= MAP_EXEC;
        if (!add(builder, from, to, flags))
            return false;
    }
    return true;
}

static bool add_all(struct builder *builder, const struct address_space *space)
{
    return add_ram(builder, space->map) && add_screen(builder, space->screen) &&
           add_kernel(builder, space->kernel);
}

static bool has_page_1g(void)
{
    return cpu_cpuid(CPUID_AMD_MAX, 0).eax >= CPUID_AMD_FEATURES &&
           (cpu_cpuid(CPUID_AMD_FEATURES, 0).edx & CPUID_81_EDX_PAGE1G);
}

bool address_space_build(struct address_space *space, struct diag *diag)
{
    bool page_1g = has_page_1g();
    struct builder builder = {
        .table = {.format = &pagetable_host,
                  .page_1g = page_1g,
                  .table_at = table_at,
                  .take_page = take_page,
                  .context = &builder},
        .align = page_1g ? PAGE_1G : PAGE_2M,
        .counting = true,
        .needed = 1,
    };

    add_all(&builder, space);
    builder.pool = (uint64_t)pages_zeroed(builder.needed * PAGE_4K, diag);
    if (!builder.pool)
        return false;
    builder.pool_end = builder.pool + builder.needed * PAGE_4K;
    builder.counting = false;
    if (!pagetable_init(&builder.table) || !add_all(&builder, space))
        return diag_set(diag, "cannot build page tables for the firmware's memory map");
    space->root = builder.table.root.raw;
    return true;
}

/* The first page from `at` on that is not mapped; `end` or more: there is none. */
static uint64_t first_missing(const struct pagetable *table, uint64_t at, uint64_t end)
{
    uint64_t entry;

    while (at < end && pagetable_lookup(table, at, &entry) != 0)
        at += PAGE_2M;
    return at;
}

/* Whole pages, each where RAM or another window did not bring it in already. */
static bool add_window(struct builder *builder, struct memory_span window)
{
    uint64_t end = align_up(window.base + window.size, PAGE_2M);
    uint64_t at = first_missing(&builder->table, align_down(window.base, PAGE_2M), end);

    if (builder->counting && at < end) {
        builder->needed += pagetable_pages_for(at, at, end - at, false);
        return true;
    }
    for (; at < end; at = first_missing(&builder->table, at, end)) {
        struct memory_span page = {at, PAGE_2M};
        if (!add(builder, at, page, MAP_DATA | MAP_UNCACHED))
            return false;
    }
    return true;
}

static bool add_windows(struct builder *builder, const struct acpi_mcfg *mcfg, uint64_t limit)
{
    for (uint32_t i = 0; i < mcfg->count; i++) {
        const struct acpi_ecam *ecam = &mcfg->ecams[i];
        uint64_t start = acpi_ecam_start(ecam);
        struct memory_span window = {start, acpi_ecam_end(ecam) - start};
        if (pci_window_fits(ecam->base, ecam->last_bus, limit) && !add_window(builder, window))
            return false;
    }
    return true;
}

bool address_space_add_windows(const struct address_space *space, const struct acpi_mcfg *mcfg,
                               uint64_t address_end, struct diag *diag)
{
    uint64_t limit = address_end < PCI_WINDOWS_END ? address_end : PCI_WINDOWS_END;
    struct builder builder = {
        .table = {.format = &pagetable_host,
                  .root = hpa(space->root),
                  .table_at = table_at,
                  .take_page = take_page,
                  .context = &builder},
        .counting = true,
    };

    add_windows(&builder, mcfg, limit);
    if (builder.needed == 0)
        return true;
    builder.pool = (uint64_t)pages_zeroed(builder.needed * PAGE_4K, diag);
    if (!builder.pool)
        return false;
    builder.pool_end = builder.pool + builder.needed * PAGE_4K;
    builder.counting = false;
    return add_windows(&builder, mcfg, limit) ||
           diag_set(diag, "cannot map the windows of configuration space that MCFG names");
}

bool address_space_has_window(const struct pci_segment *window)
{
    const struct pagetable table = {
        .format = &pagetable_host, .root = hpa(cpu_read_cr3() & CR3_TABLE), .table_at = table_at};
    uint64_t at = window->ecam.raw + MIB(window->first_bus);
    uint64_t end = window->ecam.raw + MIB((uint64_t)window->last_bus + 1);

    if (!pci_window_fits(window->ecam.raw, window->last_bus, PCI_WINDOWS_END) ||
        (end > GIB(4) && cpu_read_cr4() & CR4_LA57))
        return false;
    for (at = at < GIB(4) ? GIB(4) : at; at < end;) {
        uint64_t entry;
        int level = pagetable_lookup(&table, at, &entry);
        uint64_t size = level == 3 ? PAGE_1G : level == 2 ? PAGE_2M : PAGE_4K;
        uint64_t start = align_down(at, size);
        if (level == 0 || (entry & LEAF_ADDRESS & ~(size - 1)) != start)
            return false;
        at = start + size;
    }
    return true;
}
