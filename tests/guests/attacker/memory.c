/* SPDX-License-Identifier: MIT */
/* The attacker's page tables: 4 GiB mapped to itself and two windows; and what RAM there is. */
#include "tests/guests/attacker/attacker.h"

#include "kernel/lib/mem.h"
#include "tests/guests/attacker/cpu.h"

#define WINDOW_AT (UINT64_C(1) << 39) /* second entry of the root */
#define SMALL_AT  (WINDOW_AT + PAGE_1G)
#define GPA_MASK  ((UINT64_C(1) << 52) - 1)

/* Linux "The Zero Page". */
#define E820_ENTRIES    0x1e8
#define E820_TABLE      0x2d0
#define E820_ENTRY_SIZE 20
#define E820_TYPE_RAM   1
#define RANGES_MAX      32

static _Alignas(4096) uint64_t root[512], low[512], directories[4][512];
static _Alignas(4096) uint64_t windows[512], window_big[512], window_directory[512],
    window_table[512];
static struct ram_range ranges[RANGES_MAX];
static uint32_t range_count;

static uint64_t entry_to(const uint64_t *table)
{
    return (uint64_t)(uintptr_t)table | PAGE_P | PAGE_RW;
}

static void tables_init(void)
{
    root[0] = entry_to(low);
    root[1] = entry_to(windows);
    for (unsigned i = 0; i < 4; i++)
        low[i] = entry_to(directories[i]);
    for (uint64_t i = 0; i < 4 * 512; i++)
        directories[i / 512][i % 512] = i * PAGE_2M | PAGE_P | PAGE_RW | PAGE_PS;
    windows[0] = entry_to(window_big);
    windows[1] = entry_to(window_directory);
    window_directory[0] = entry_to(window_table);
    write_cr3((uint64_t)(uintptr_t)root);
}

void memory_init(const uint8_t *boot_params)
{
    tables_init();
    for (unsigned i = 0; i < boot_params[E820_ENTRIES] && range_count < RANGES_MAX; i++) {
        const uint8_t *entry = boot_params + E820_TABLE + i * E820_ENTRY_SIZE;
        uint64_t start, size;
        uint32_t type;
        memcpy(&start, entry, 8);
        memcpy(&size, entry + 8, 8);
        memcpy(&type, entry + 16, 4);
        if (type == E820_TYPE_RAM)
            ranges[range_count++] = (struct ram_range){start, start + size};
    }
}

uint32_t ram_range(uint32_t index, struct ram_range *range)
{
    if (index >= range_count)
        return 0;
    *range = ranges[index];
    return 1;
}

static uint64_t ram_end_below(uint64_t limit)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < range_count; i++)
        if (ranges[i].end <= limit && ranges[i].end > end)
            end = ranges[i].end;
    return end;
}

uint64_t ram_end_low(void)
{
    return ram_end_below(GIB(4));
}

uint64_t ram_end(void)
{
    return ram_end_below(UINT64_MAX);
}

void *window(uint64_t gpa)
{
    window_big[0] = (gpa & GPA_MASK & ~(PAGE_2M - 1)) | PAGE_P | PAGE_RW | PAGE_PS;
    invlpg(WINDOW_AT);
    return (void *)(uintptr_t)(WINDOW_AT + (gpa & (PAGE_2M - 1)));
}

void *window_small(uint32_t index, uint64_t gpa, uint64_t flags)
{
    uint64_t at = SMALL_AT + (index % WINDOW_SMALL_PAGES) * PAGE_4K;
    window_table[index % WINDOW_SMALL_PAGES] =
        flags == 0 ? 0 : (gpa & GPA_MASK & ~(PAGE_4K - 1)) | flags;
    invlpg(at);
    return (void *)(uintptr_t)(at + (gpa & (PAGE_4K - 1)));
}
