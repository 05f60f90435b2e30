/* SPDX-License-Identifier: MIT */
#include "kernel/image/paging.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

/* SDM Vol. 3A "Segment Descriptors": present, accessed, base 0, limit 4 GiB. */
#define DESCRIPTOR_CODE_64 UINT64_C(0x00af9b000000ffff)
#define DESCRIPTOR_CODE_32 UINT64_C(0x00cf9b000000ffff)
#define DESCRIPTOR_DATA    UINT64_C(0x00cf93000000ffff)

/* SDM Vol. 3A "4-Level Paging and 5-Level Paging". */
#define ENTRY_P  BIT(0)
#define ENTRY_RW BIT(1)
#define ENTRY_PS BIT(7)

void gdt_fill(uint64_t gdt[GDT_ENTRIES], uint32_t bits)
{
    gdt[0] = 0;
    gdt[1] = 0;
    gdt[GDT_CODE / 8] = bits == 64 ? DESCRIPTOR_CODE_64 : DESCRIPTOR_CODE_32;
    gdt[GDT_DATA / 8] = DESCRIPTOR_DATA;
}

void paging_fill(uint64_t tables[PAGING_ENTRIES], gpa_t base)
{
    const uint32_t entries = PAGE_4K / sizeof(*tables);
    uint64_t *directories = tables + 2 * entries;

    memset(tables, 0, PAGING_PAGES * PAGE_4K);
    tables[0] = (base.raw + PAGE_4K) | ENTRY_P | ENTRY_RW;
    for (uint32_t i = 0; i < PAGING_PAGES - 2; i++)
        tables[entries + i] = (base.raw + (2 + i) * PAGE_4K) | ENTRY_P | ENTRY_RW;
    for (uint64_t i = 0; i < (PAGING_PAGES - 2) * entries; i++)
        directories[i] = i * PAGE_2M | ENTRY_P | ENTRY_RW | ENTRY_PS;
}
