/* SPDX-License-Identifier: MIT */
/*
 * One builder for all table formats that the hypervisor writes: its own four-level page tables, a
 * guest's EPT (NPT uses the host format with the user bit), and what IOMMUs translate with.
 */
#ifndef BULKHEAD_KERNEL_MM_PAGETABLE_H
#define BULKHEAD_KERNEL_MM_PAGETABLE_H

#include "kernel/lib/types.h"

/* Rights and memory type of a mapping, neutral; the format turns them into entry bits. */
enum map_flags {
    MAP_READ = 1 << 0,
    MAP_WRITE = 1 << 1,
    MAP_EXEC = 1 << 2,
    MAP_UNCACHED = 1 << 3,      /* device registers: UC */
    MAP_WRITE_COMBINE = 1 << 4, /* framebuffer: WC (host tables: PAGETABLE_HOST_PAT) */
    MAP_GLOBAL = 1 << 5,        /* host tables only */
    MAP_USER = 1 << 6,          /* NPT: every guest access is a user access */
    MAP_SNOOP = 1 << 7,         /* VT-d: snoop whatever the device says; needs ECAP.SC */
};

/*
 * IA32_PAT for which the host format's entries are made: as at power-on (SDM Vol. 3A "Programming
 * the PAT") but entry 1, which is WC instead of WT. Every processor has to load it before it uses a
 * table with MAP_WRITE_COMBINE; the other entries mean the same before and after.
 */
#define PAGETABLE_HOST_PAT UINT64_C(0x0007040600070106)

/* How one kind of table encodes its entries. */
struct pagetable_format {
    int levels;  /* of tables */
    bool linear; /* it translates linear addresses: bits 63..48 repeat bit 47; else they are 0 */
    /* Level 1: 4K, 2: 2M, 3: 1G. 0, which is not present, when the format has no such entry. */
    uint64_t (*leaf)(uint64_t address, uint32_t flags, int level);
    uint64_t (*link)(uint64_t table, int level); /* entry of that level that points to a table */
    bool (*present)(uint64_t entry);
    bool (*is_leaf)(uint64_t entry, int level);
};

/* SDM Vol. 3A "4-Level Paging and 5-Level Paging"; NX must be on (IA32_EFER.NXE). */
extern const struct pagetable_format pagetable_host;
/* SDM Vol. 3C "EPT Translation Mechanism"; the guest's PAT has its say in the memory type. */
extern const struct pagetable_format pagetable_ept;
/*
 * VT-d specification "Second-Stage Paging Entries", 39 and 48 bits wide. Memory type and execution
 * are not theirs to say: only MAP_READ, MAP_WRITE and MAP_SNOOP.
 */
extern const struct pagetable_format pagetable_vtd_3;
extern const struct pagetable_format pagetable_vtd_4;
/* AMD IOMMU specification "I/O Page Tables for Host Translations"; always coherent (FC). Only
 * MAP_READ and MAP_WRITE. */
extern const struct pagetable_format pagetable_amdvi;

/* A table under construction. Tables are 4 KiB pages taken from a pool and never given back. */
struct pagetable {
    const struct pagetable_format *format;
    hpa_t root;
    bool page_1g; /* leaves of 1 GiB allowed */
    uint64_t *(*table_at)(void *context,
                          hpa_t table);            /* pointer through which a table is reached */
    bool (*take_page)(void *context, hpa_t *page); /* a zeroed page; false: pool is empty */
    void *context;
};

/* Take the root page. False: pool is empty. */
bool pagetable_init(struct pagetable *table);

/*
 * Map [from, from+size) to [to, to+size), with the largest pages that alignment allows. All are
 * multiples of 4 KiB. False: pool is empty, `from` out of the bits that the levels translate (48),
 * `to` out of the 52, part of it is mapped already (the part before that stays mapped), or flags
 * that cannot or must not be: no MAP_READ, two memory types, MAP_WRITE with MAP_EXEC in the
 * hypervisor's own tables (not MAP_USER).
 */
bool pagetable_map(struct pagetable *table, uint64_t from, uint64_t to, uint64_t size,
                   uint32_t flags);

/* What `from` maps to: the leaf entry and its level (1..3), or level 0 when not mapped. */
int pagetable_lookup(const struct pagetable *table, uint64_t from, uint64_t *entry);

/*
 * Tables (root included) needed to map one range with the largest allowed pages, from nothing.
 * Exact for four levels, one too many for three. The range is one that pagetable_map() takes.
 */
uint32_t pagetable_pages_for(uint64_t from, uint64_t to, uint64_t size, bool page_1g);

#endif
