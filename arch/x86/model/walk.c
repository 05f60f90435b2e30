/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/walk.h"

#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "kernel/lib/bits.h"

/* The bits of an entry that all formats share. */
#define ENTRY_P    BIT(0)
#define ENTRY_RW   BIT(1)
#define ENTRY_US   BIT(2)
#define ENTRY_PS   BIT(7)
#define ENTRY_PKEY BITS(62, 59)
#define ENTRY_NX   BIT(63)
#define ENTRY_ADDR BITS(51, 12)

#define PDPTE_PAE_RESERVED (BITS(2, 1) | BITS(8, 5))
#define PSE36_HIGH         BITS(20, 13) /* bits 39:32 of the address of a 4 MiB page */
#define PSE36_RESERVED     BIT(21)

/* One of the paging modes: how deep, how wide. */
struct mode {
    unsigned levels;
    unsigned index_bits; /* 10 or 9 */
    unsigned entry_size; /* 4 or 8 */
    bool pae;            /* PAE paging: the top level is the four PDPTEs */
    bool wide;           /* 4-level or 5-level paging */
};

struct walk {
    const struct walk_cpu *cpu;
    const struct mode *mode;
    uint64_t at;
    uint64_t entry; /* of the level walked last */
    bool writable;
    bool user;
    bool no_execute;
    bool access_user;
    uint32_t access;
};

static const struct mode modes[] = {
    {2, 10, 4, false, false},
    {3, 9, 8, true, false},
    {4, 9, 8, false, true},
    {5, 9, 8, false, true},
};

static const struct mode *mode_of(const struct walk_cpu *cpu)
{
    if ((cpu->cr4 & CR4_PAE) == 0)
        return &modes[0];
    if ((cpu->efer & EFER_LMA) == 0)
        return &modes[1];
    return (cpu->cr4 & CR4_LA57) == 0 ? &modes[2] : &modes[3];
}

static bool canonical(uint64_t at, unsigned bits)
{
    uint64_t top = at >> (bits - 1);
    return top == 0 || top == ~UINT64_C(0) >> (bits - 1);
}

static unsigned shift_of(const struct mode *mode, unsigned level)
{
    return 12 + mode->index_bits * (level - 1);
}

static bool is_large(const struct walk *walk, unsigned level)
{
    if ((walk->entry & ENTRY_PS) == 0)
        return false;
    if (walk->mode->entry_size == 4)
        return level == 2 && (walk->cpu->cr4 & CR4_PSE) != 0;
    return level == 2 || (level == 3 && walk->mode->wide);
}

/* Bits that must be 0 in the entry just read. SDM Vol. 3A "Page-Fault Exceptions". */
static uint64_t reserved_bits(const struct walk *walk, unsigned level, bool large)
{
    const struct walk_cpu *cpu = walk->cpu;
    uint64_t reserved = 0;
    if (walk->mode->entry_size == 4) {
        if (!large)
            return 0;
        reserved = PSE36_RESERVED;
        if (cpu->phys_bits < 40)
            reserved |= PSE36_HIGH & ~(BITS(20, 13) >> (40 - cpu->phys_bits));
        return reserved;
    }
    if (cpu->phys_bits < 52)
        reserved |= BITS(51, 12) & ~(BIT(cpu->phys_bits) - 1);
    if (walk->mode->pae)
        reserved |= BITS(62, 52);
    if (walk->mode->pae && level == 3)
        return reserved | PDPTE_PAE_RESERVED | ENTRY_NX;
    if ((cpu->efer & EFER_NXE) == 0)
        reserved |= ENTRY_NX;
    if (large)
        reserved |= BITS(29, 13) & (BIT(shift_of(walk->mode, level)) - 1);
    else if (level > 3)
        reserved |= ENTRY_PS;
    return reserved;
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

/* SDM Vol. 3A "Determination of Access Rights", but for protection keys. */
static bool permitted(const struct walk *walk)
{
    const struct walk_cpu *cpu = walk->cpu;
    bool fetch = (walk->access & WALK_FETCH) != 0;
    bool write_protect = walk->access_user || (cpu->cr0 & CR0_WP) != 0;
    if (walk->access_user && !walk->user)
        return false;
    if (fetch && walk->no_execute)
        return false;
    if (!walk->access_user && walk->user) {
        bool allowed = (walk->access & WALK_IMPLICIT) == 0 && (cpu->rflags & RFLAGS_AC) != 0;
        if (fetch && (cpu->cr4 & CR4_SMEP) != 0)
            return false;
        if (!fetch && (cpu->cr4 & CR4_SMAP) != 0 && !allowed)
            return false;
    }
    return (walk->access & WALK_WRITE) == 0 || walk->writable || !write_protect;
}

/* SDM Vol. 3A "Protection Keys": data accesses to user pages only. */
static bool key_permits(const struct walk *walk)
{
    const struct walk_cpu *cpu = walk->cpu;
    if (!walk->mode->wide || (cpu->cr4 & CR4_PKE) == 0 || !walk->user ||
        (walk->access & WALK_FETCH) != 0)
        return true;
    uint32_t rights = cpu->pkru >> 2 * field_get(ENTRY_PKEY, walk->entry) & 3;
    bool write_protect = walk->access_user || (cpu->cr0 & CR0_WP) != 0;
    if ((rights & 1) != 0)
        return false;
    return (rights & 2) == 0 || (walk->access & WALK_WRITE) == 0 || !write_protect;
}

static enum walk_status finish(const struct walk *walk, unsigned level, struct walk_result *out)
{
    uint64_t size = BIT(shift_of(walk->mode, level));
    uint64_t base = walk->entry & ENTRY_ADDR & ~(size - 1);
    if (walk->mode->entry_size == 4) {
        base = walk->entry & BITS(31, 12) & ~(size - 1);
        if (level == 2)
            base |= field_get(PSE36_HIGH, walk->entry) << 32;
    }
    out->gpa = gpa(base | (walk->at & (size - 1)));
    out->page_size = size;
    out->writable = walk->writable;
    out->user = walk->user;
    if (!permitted(walk))
        return page_fault(walk, (uint32_t)PF_PRESENT, out);
    if (!key_permits(walk))
        return page_fault(walk, (uint32_t)(PF_PRESENT | PF_PKEY), out);
    return WALK_OK;
}

static uint64_t root_of(const struct walk *walk)
{
    if (walk->mode->wide)
        return walk->cpu->cr3 & CR3_ADDRESS;
    return walk->cpu->cr3 & (walk->mode->pae ? CR3_ADDRESS_PAE : CR3_ADDRESS_32);
}

static enum walk_status walk_tables(struct walk *walk, const struct walk_memory *memory,
                                    struct walk_result *out)
{
    const struct mode *mode = walk->mode;
    uint64_t table = root_of(walk);
    for (unsigned level = mode->levels;; level--) {
        uint64_t index = walk->at >> shift_of(mode, level) & (BIT(mode->index_bits) - 1);
        gpa_t at = gpa(table + index * mode->entry_size);
        out->gpa = at;
        if (!memory->read(memory->context, at, mode->entry_size, &walk->entry))
            return WALK_NO_TABLE;
        if ((walk->entry & ENTRY_P) == 0)
            return page_fault(walk, 0, out);
        bool large = is_large(walk, level);
        if ((walk->entry & reserved_bits(walk, level, large)) != 0)
            return page_fault(walk, (uint32_t)(PF_PRESENT | PF_RESERVED), out);
        if (!(mode->pae && level == 3)) {
            walk->writable = walk->writable && (walk->entry & ENTRY_RW) != 0;
            walk->user = walk->user && (walk->entry & ENTRY_US) != 0;
            if (mode->entry_size == 8 && (walk->entry & ENTRY_NX) != 0)
                walk->no_execute = true;
        }
        if (large || level == 1)
            return finish(walk, level, out);
        table = walk->entry & (mode->entry_size == 4 ? BITS(31, 12) : ENTRY_ADDR);
    }
}

enum walk_status walk_translate(const struct walk_cpu *cpu, const struct walk_memory *memory,
                                gva_t at, uint32_t access, struct walk_result *out)
{
    struct walk walk = {
        .cpu = cpu,
        .mode = mode_of(cpu),
        .at = at.raw,
        .writable = true,
        .user = true,
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
    if (walk.mode->wide && !canonical(walk.at, 12 + 9 * walk.mode->levels))
        return WALK_NON_CANONICAL;
    return walk_tables(&walk, memory, out);
}
