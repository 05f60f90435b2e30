/* SPDX-License-Identifier: MIT */
#include "arch/x86/cpu/memory.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/address_space.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/image.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/cpu/tables.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"
#include "kernel/panic.h"

/*
 * Page tables, whatever the machine:
 *    1 root
 *    3 image: one at each lower level, since it is smaller than 2 MiB and begins at a multiple
 *    1 shared by the four areas (they are 64 GiB apart)
 *    1 host memory: 2 MiB pages, up to 1 GiB of it
 *    2 stacks
 *    6 devices: one for the level of 2 MiB pages; five for the ends of what is larger or unaligned
 *    1 windows
 * Further stacks and windows need more by the processor: a table per 2 MiB of stacks with their
 * guards, a table per 1 GiB of windows.
 */
#define TABLES_FIXED   15
#define STACKS_PER_CPU (MAIN_STACK + 3 * PAGE_4K)
#define STACK_SPACE    (STACKS_PER_CPU + 4 * STACK_GUARD)
#define TABLES_PER_CPU                                                                             \
    (STACK_SPACE / (PAGE_2M / PAGE_4K) + WINDOW_SLOTS * PAGE_2M / (PAGE_1G / PAGE_4K) + 1)

/* The emergency stacks begin with pages; the last table of each kind may be partly used. */
#define ROUNDING (4 * PAGE_4K)

#define IMAGE_RIGHTS ((uint32_t)MAP_READ | MAP_GLOBAL)
#define DATA_RIGHTS  ((uint32_t)MAP_READ | MAP_WRITE | MAP_GLOBAL)

static struct {
    struct pagetable table;
    hpa_t image;
    hpa_t host;
    uint64_t host_size;
    uint64_t used;        /* of host */
    uint64_t host_offset; /* address of host memory - HPA; 0 while the boot half's tables are on */
    uint64_t stacks_end;  /* next unused address of each area */
    uint64_t devices_end;
    bool sealed;
} memory;

struct pagetable *address_space(void)
{
    return &memory.table;
}

void memory_needs(struct plan_needs *needs)
{
    const uint64_t line = 64; /* host_alloc() alignment of the small things */

    needs->fixed = TABLES_FIXED * PAGE_4K + ROUNDING;
    needs->per_cpu = STACKS_PER_CPU + TABLES_PER_CPU + align_up(sizeof(struct cpu), line) +
                     align_up(tables_size(), line) + sizeof(struct cpu *) + line;
}

static bool take(uint64_t size, uint64_t align, hpa_t *at)
{
    uint64_t start = align_up(memory.used, align);

    if (start > memory.host_size || size > memory.host_size - start)
        return false;
    memory.used = start + size;
    *at = hpa(memory.host.raw + start);
    memset((void *)(uintptr_t)(at->raw + memory.host_offset), 0, size);
    return true;
}

static uint64_t *table_at(void *context, hpa_t table)
{
    (void)context;
    return (uint64_t *)(uintptr_t)(table.raw + memory.host_offset);
}

static bool take_page(void *context, hpa_t *page)
{
    (void)context;
    return take(PAGE_4K, PAGE_4K, page);
}

static void map(uint64_t from, hpa_t to, uint64_t size, uint32_t flags)
{
    if (!pagetable_map(&memory.table, from, to.raw, size, flags))
        panic("cannot map 0x%llx bytes at %016llx", (unsigned long long)size,
              (unsigned long long)from);
}

static void map_image(const char *start, const char *end, uint32_t flags)
{
    uint64_t from = image_address(start);

    if (start != end)
        map(from, host_hpa(start), image_address(end) - from, flags);
}

static void map_whole_image(void)
{
    map_image(image_text_start, image_text_end, IMAGE_RIGHTS | MAP_EXEC);
    map_image(image_rodata_start, image_rodata_end, IMAGE_RIGHTS);
    map_image(image_data_start, image_idt_start, DATA_RIGHTS);
    map_image(image_idt_start, image_idt_end, IMAGE_RIGHTS);
    map_image(image_guard_end, image_end, DATA_RIGHTS);
}

void memory_init(const struct handoff *handoff, const struct plan *plan,
                 const struct hardware *hardware)
{
    memory.image = hpa(handoff->kernel_base);
    memory.host = plan->host_base;
    memory.host_size = plan->host_size;
    memory.stacks_end = STACK_AREA;
    memory.devices_end = DEVICE_AREA;
    memory.table =
        (struct pagetable){.format = &pagetable_host, .table_at = table_at, .take_page = take_page};
    if (!pagetable_init(&memory.table) || !windows_init(&memory.table, hardware->cpu_count))
        panic("0x%llx bytes are too little for the page tables",
              (unsigned long long)memory.host_size);
    map_whole_image();
    /* The planner deals in pieces of 2 MiB: the rest of the last one belongs to nobody. */
    map(HOST_AREA, memory.host, align_up(memory.host_size, PAGE_2M), DATA_RIGHTS);

    features_enable(); /* the new tables need NX and the PAT */
    cpu_write_cr3(memory.table.root.raw);
    memory.host_offset = HOST_AREA - memory.host.raw;
    features_enable(); /* forget the global translations of the old tables */
    windows_open(&memory.table);

    struct cpu *cpu = tables_boot_cpu();
    tables_prepare(cpu);
}

uint64_t memory_cr3(void)
{
    return memory.table.root.raw;
}

void *host_alloc(uint64_t size, uint64_t align)
{
    hpa_t at;

    if (memory.sealed || memory.host_offset == 0)
        panic("host_alloc(0x%llx) outside its time", (unsigned long long)size);
    if (!take(size, align, &at))
        panic("the plan left 0x%llx bytes for the hypervisor; 0x%llx more are needed",
              (unsigned long long)memory.host_size, (unsigned long long)size);
    return (void *)(uintptr_t)(at.raw + memory.host_offset);
}

hpa_t host_hpa(const void *address)
{
    uint64_t at = (uint64_t)(uintptr_t)address;

    if (at >= image_address(image_start) && at < image_address(image_end))
        return hpa(at - image_address(image_start) + memory.image.raw);
    if (at >= HOST_AREA && at - HOST_AREA < memory.host_size)
        return hpa(at - HOST_AREA + memory.host.raw);
    panic("%016llx is neither host memory nor image", (unsigned long long)at);
}

void *host_pointer(hpa_t at)
{
    assert(at.raw - memory.host.raw < memory.host_size);
    return (void *)(uintptr_t)(at.raw + memory.host_offset);
}

uint64_t host_used(void)
{
    return memory.used;
}

uint64_t stack_alloc(uint64_t size)
{
    const void *pages = host_alloc(size, PAGE_4K);
    uint64_t low = memory.stacks_end + STACK_GUARD;

    assert(size <= STACK_MAX);
    map(low, host_hpa(pages), size, DATA_RIGHTS);
    memory.stacks_end = low + size;
    return low + size;
}

/* Large things keep their offset in a 2 MiB page, so that such pages map them. */
void *device_map(hpa_t base, uint64_t size, uint32_t flags)
{
    uint64_t offset = base.raw & (PAGE_4K - 1);
    uint64_t first = base.raw - offset;
    uint64_t length = align_up(offset + size, PAGE_4K);
    uint64_t at = memory.devices_end;

    if (memory.sealed)
        panic("device_map(%llx) after memory_seal()", (unsigned long long)base.raw);
    if (length >= PAGE_2M)
        at = align_up(at, PAGE_2M) + (first & (PAGE_2M - 1));
    map(at, hpa(first), length, MAP_READ | MAP_WRITE | MAP_GLOBAL | flags);
    memory.devices_end = at + length;
    return (void *)(uintptr_t)(at + offset);
}

void memory_seal(void)
{
    memory.sealed = true;
}
