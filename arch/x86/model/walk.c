/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/walk.h"

#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "kernel/lib/bits.h"

/* The bits of an entry that all formats share. */
#define ENTRY_P    BIT(0)
#define ENTRY_RW   BIT(1)
#define ENTRY_US   BIT(2)
#define ENTRY_A    BIT(5)
#define ENTRY_D    BIT(6)
#define ENTRY_PS   BIT(7)
#define ENTRY_PKEY BITS(62, 59)
#define ENTRY_NX   BIT(63)
#define ENTRY_ADDR BITS(51, 12)

/* Bit 5 is reserved, too, but QEMU marks it as it does in other entries. */
#define PDPTE_PAE_RESERVED (BITS(2, 1) | BITS(8, 6))
#define PSE36_HIGH         BITS(20, 13) /* bits 39:32 of the address of a 4 MiB page */
#define PSE36_RESERVED     BIT(21)

#define LEVELS_MAX 5

struct walk {
    const struct walk_cpu *cpu;
    const struct walk_memory *memory;
    unsigned levels; /* tells the paging mode: 2 is 32-bit, 3 is PAE, 4 and 5 are what they say */
    unsigned index_bits;
    unsigned entry_size;
    bool access_user;
    uint32_t access;
    uint64_t at;
    uint64_t reserved;        /* in entries of all levels */
    uint64_t entry;           /* of the level walked last */
    uint64_t all, any;        /* bits of the entries so far: R/W and U/S count in all, NX in any */
    gpa_t places[LEVELS_MAX]; /* of the entries, by level - 1 */
    uint64_t entries[LEVELS_MAX];
};

static unsigned levels_of(const struct walk_cpu *cpu)
{
    if ((cpu->cr4 & CR4_PAE) == 0)
        return 2;
    if ((cpu->efer & EFER_LMA) == 0)
        return 3;
    return (cpu->cr4 & CR4_LA57) == 0 ? 4 : 5;
}

static bool canonical(uint64_t at, unsigned bits)
{
    unsigned unused = 64 - bits;
    return (uint64_t)((int64_t)(at << unused) >> unused) == at;
}

static unsigned shift_of(const struct walk *walk, unsigned level)
{
    return 12 + walk->index_bits * (level - 1);
}

/* The top level of PAE paging: its four entries have no rights. */
static bool is_pdpte(const struct walk *walk, unsigned level)
{
    return walk->levels == 3 && level == 3;
}

static bool is_large(const struct walk *walk, unsigned level)
{
    if ((walk->entry & ENTRY_PS) == 0 || (level == 3 && walk->levels == 3))
        return false;
    return level == 3 || (level == 2 && (walk->levels > 2 || (walk->cpu->cr4 & CR4_PSE) != 0));
}

/* Bits that must be 0 in entries of all levels. SDM Vol. 3A "Page-Fault Exceptions". */
static uint64_t reserved_everywhere(const struct walk *walk)
{
    const struct walk_cpu *cpu = walk->cpu;
    uint64_t reserved = ENTRY_ADDR & ~(BIT(cpu->phys_bits) - 1);
    if (walk->levels == 2)
        return 0;
    if (walk->levels == 3)
        reserved |= BITS(62, 52);
    return (cpu->efer & EFER_NXE) == 0 ? reserved | ENTRY_NX : reserved;
}

/* The others in the entry just read. */
static uint64_t reserved_here(const struct walk *walk, unsigned level, bool large)
{
    if (is_pdpte(walk, level))
        return PDPTE_PAE_RESERVED | ENTRY_NX;
    if (!large)
        return level > 3 ? ENTRY_PS : 0;
    if (walk->levels == 2)
        return PSE36_RESERVED | (PSE36_HIGH & ~(BIT(walk->cpu->phys_bits) - 1) >> 32 << 13);
    return BITS(29, 13) & (BIT(shift_of(walk, level)) - 1);
}

static enum walk_status page_fault(const struct walk *walk, uint32_t code, struct walk_result *out)
{
    const struct walk_cpu *cpu = walk->cpu;
    bool no_execute = (cpu->efer & EFER_NXE) != 0 && (cpu->cr4 & CR4_PAE) != 0;
    if ((walk->access & WALK_WRITE) != 0)
        code |= (uint32_t)PF_WRITE;
    if ((walk->access & WALK_FETCH) != 0 && (no_execute || (cpu->cr4 & CR4_SMEP) != 0))
        code |= (uint32_t)PF_FETCH;
    if (walk->access_user)
        code |= (uint32_t)PF_USER;
    out->error_code = code;
    return WALK_PAGE_FAULT;
}

/* SDM Vol. 3A "Determination of Access Rights", but for writing and protection keys. */
static bool permitted(const struct walk *walk)
{
    const struct walk_cpu *cpu = walk->cpu;
    bool fetch = (walk->access & WALK_FETCH) != 0;
    bool user = (walk->all & ENTRY_US) != 0;
    if (fetch && (walk->any & ENTRY_NX) != 0)
        return false;
    if (walk->access_user || !user)
        return user || !walk->access_user;
    if (fetch)
        return (cpu->cr4 & CR4_SMEP) == 0;
    return (cpu->cr4 & CR4_SMAP) == 0 ||
           ((walk->access & WALK_IMPLICIT) == 0 && (cpu->rflags & RFLAGS_AC) != 0);
}

/* Access disable (1) and write disable (2). SDM Vol. 3A "Protection Keys": data of user pages. */
static uint32_t key_rights(const struct walk *walk)
{
    const struct walk_cpu *cpu = walk->cpu;
    if (walk->levels < 4 || (cpu->cr4 & CR4_PKE) == 0 || (walk->all & ENTRY_US) == 0 ||
        (walk->access & WALK_FETCH) != 0)
        return 0;
    return cpu->pkru >> 2 * field_get(ENTRY_PKEY, walk->entry) & 3;
}

/* 0, or the error code of the page fault. */
static uint32_t denied(const struct walk *walk)
{
    bool protect = walk->access_user || (walk->cpu->cr0 & CR0_WP) != 0;
    bool guarded = (walk->access & WALK_WRITE) != 0 && protect;
    uint32_t key = key_rights(walk);
    if ((key & 1) != 0 || ((key & 2) != 0 && guarded))
        return (uint32_t)(PF_PRESENT | PF_PKEY);
    return permitted(walk) && ((walk->all & ENTRY_RW) != 0 || !guarded) ? 0 : (uint32_t)PF_PRESENT;
}

/* SDM Vol. 3A "Accessed and Dirty Flags"; PDPTEs of PAE paging have none. */
static bool mark(const struct walk *walk, unsigned leaf)
{
    const struct walk_memory *memory = walk->memory;
    for (unsigned i = walk->levels == 3 ? 2 : walk->levels; i-- >= leaf;) {
        uint64_t old = walk->entries[i];
        uint64_t value = old | ENTRY_A;
        if (i == leaf - 1 && (walk->access & WALK_WRITE) != 0)
            value |= ENTRY_D;
        if (value != old &&
            !memory->mark(memory->context, walk->places[i], walk->entry_size, old, value))
            return false;
    }
    return true;
}

static enum walk_status finish(const struct walk *walk, unsigned level, struct walk_result *out)
{
    uint64_t size = BIT(shift_of(walk, level));
    uint64_t base = walk->entry & ENTRY_ADDR;
    uint32_t code = denied(walk);
    if (walk->levels == 2 && level == 2)
        base |= field_get(PSE36_HIGH, walk->entry) << 32;
    out->gpa = gpa((base & ~(size - 1)) | (walk->at & (size - 1)));
    out->page_size = size;
    out->writable = (walk->all & ENTRY_RW) != 0;
    out->user = (walk->all & ENTRY_US) != 0;
    if (code != 0)
        return page_fault(walk, code, out);
    return walk->memory->mark == NULL || mark(walk, level) ? WALK_OK : WALK_CHANGED;
}

static enum walk_status walk_tables(struct walk *walk, struct walk_result *out)
{
    const struct walk_memory *memory = walk->memory;
    uint64_t table = walk->cpu->cr3 & (walk->levels > 3    ? CR3_ADDRESS
                                       : walk->levels == 3 ? CR3_ADDRESS_PAE
                                                           : CR3_ADDRESS_32);
    for (unsigned level = walk->levels;; level--) {
        uint64_t index = walk->at >> shift_of(walk, level) & (BIT(walk->index_bits) - 1);
        gpa_t at = gpa(table + index * walk->entry_size);
        out->gpa = at;
        if (!memory->read(memory->context, at, walk->entry_size, &walk->entry))
            return WALK_NO_TABLE;
        walk->places[level - 1] = at;
        walk->entries[level - 1] = walk->entry;
        if ((walk->entry & ENTRY_P) == 0)
            return page_fault(walk, 0, out);
        bool large = is_large(walk, level);
        if ((walk->entry & (walk->reserved | reserved_here(walk, level, large))) != 0)
            return page_fault(walk, (uint32_t)(PF_PRESENT | PF_RESERVED), out);
        if (!is_pdpte(walk, level)) {
            walk->all &= walk->entry;
            walk->any |= walk->entry;
        }
        if (large || level == 1)
            return finish(walk, level, out);
        table = walk->entry & ENTRY_ADDR;
    }
}

enum walk_status walk_translate(const struct walk_cpu *cpu, const struct walk_memory *memory,
                                gva_t at, uint32_t access, struct walk_result *out)
{
    unsigned levels = levels_of(cpu);
    struct walk walk = {
        .cpu = cpu,
        .memory = memory,
        .levels = levels,
        .index_bits = levels == 2 ? 10 : 9,
        .entry_size = levels == 2 ? 4 : 8,
        .at = at.raw,
        .all = ENTRY_RW | ENTRY_US,
        .access_user = cpu->cpl == 3 && (access & WALK_IMPLICIT) == 0,
        .access = access,
    };
    *out = (struct walk_result){.page_size = PAGE_4K, .writable = true, .user = true};
    if ((cpu->efer & EFER_LMA) == 0)
        walk.at &= UINT32_MAX;
    if ((cpu->cr0 & CR0_PG) == 0) {
        out->gpa = gpa(walk.at);
        return WALK_OK;
    }
    if (levels > 3 && !canonical(walk.at, 12 + 9 * levels))
        return WALK_NON_CANONICAL;
    walk.reserved = reserved_everywhere(&walk);
    return walk_tables(&walk, out);
}
