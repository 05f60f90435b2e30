/* SPDX-License-Identifier: MIT */
/*
 * Any page tables, registers and addresses: the walk ends, within the guest's memory, says the same
 * each time, and nothing but accessed and dirty bits of entries it has read changes.
 *
 * Input: struct fixed, then the tables' bytes, which repeat over a small RAM.
 */
#include <string.h>

#include "arch/x86/model/walk.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "tests/fuzz/fuzz.h"

#define RAM_SIZE 0x4000u
#define A_D      UINT64_C(0x60)

struct fixed {
    uint64_t at;
    uint16_t cr3; /* in steps of 32 bytes */
    uint8_t modes, rights, access, cpl, phys_bits, marks;
    uint32_t pkru;
};

struct ram {
    uint8_t bytes[RAM_SIZE];
    unsigned reads, marks;
    bool refuse;
};

static bool ram_read(void *context, gpa_t at, unsigned size, uint64_t *value)
{
    struct ram *ram = context;
    ram->reads++;
    PROMISE(size == 4 || size == 8);
    PROMISE(at.raw % size == 0);
    *value = 0;
    if (at.raw > RAM_SIZE - size)
        return false;
    memcpy(value, ram->bytes + at.raw, size);
    return true;
}

static bool ram_mark(void *context, gpa_t at, unsigned size, uint64_t old, uint64_t value)
{
    struct ram *ram = context;
    uint64_t now = 0;
    PROMISE(at.raw <= RAM_SIZE - size);
    memcpy(&now, ram->bytes + at.raw, size);
    PROMISE(value != old && (value & ~A_D) == (old & ~A_D) && (value & old) == old);
    /* The same entry may serve on two levels; then it has changed since it was read. */
    if (ram->refuse || now != old)
        return false;
    memcpy(ram->bytes + at.raw, &value, size);
    ram->marks++;
    return true;
}

static struct walk_cpu cpu_of(const struct fixed *fixed)
{
    static const uint64_t cr4_modes[] = {0, CR4_PSE, CR4_PAE, CR4_PAE, CR4_PAE | CR4_LA57};
    unsigned mode = fixed->modes % 6;
    return (struct walk_cpu){
        .cr0 = CR0_PE | (mode < 5 ? CR0_PG : 0) | ((fixed->rights & 1) != 0 ? CR0_WP : 0),
        .cr3 = (uint64_t)fixed->cr3 * 32 % RAM_SIZE,
        .cr4 = cr4_modes[mode % 5] | ((fixed->rights & 2) != 0 ? CR4_SMEP : 0) |
               ((fixed->rights & 4) != 0 ? CR4_SMAP : 0) | ((fixed->rights & 8) != 0 ? CR4_PKE : 0),
        .efer = (mode == 3 || mode == 4 ? EFER_LMA | EFER_LME : 0) |
                ((fixed->rights & 16) != 0 ? EFER_NXE : 0),
        .rflags = (fixed->rights & 32) != 0 ? RFLAGS_AC : 0,
        .cpl = fixed->cpl & 3,
        .pkru = fixed->pkru,
        .phys_bits = 32 + fixed->phys_bits % 21,
    };
}

static void check_fault(const struct walk_cpu *cpu, uint32_t access, uint32_t code)
{
    bool user = cpu->cpl == 3 && (access & WALK_IMPLICIT) == 0;
    PROMISE((code & ~(uint32_t)0x3f) == 0);
    PROMISE(((code & PF_WRITE) != 0) == ((access & WALK_WRITE) != 0));
    PROMISE(((code & PF_USER) != 0) == user);
    PROMISE((code & PF_FETCH) == 0 || (access & WALK_FETCH) != 0);
    PROMISE((code & (PF_RESERVED | PF_PKEY)) == 0 || (code & PF_PRESENT) != 0);
    PROMISE((code & PF_PKEY) == 0 || (cpu->cr4 & CR4_PKE) != 0);
}

static void check(const struct walk_cpu *cpu, const struct fixed *fixed, uint32_t access,
                  enum walk_status status, const struct walk_result *out)
{
    bool user = cpu->cpl == 3 && (access & WALK_IMPLICIT) == 0;
    uint64_t size = out->page_size;
    if (status == WALK_PAGE_FAULT)
        check_fault(cpu, access, out->error_code);
    if (status == WALK_NON_CANONICAL)
        PROMISE((cpu->efer & EFER_LMA) != 0);
    if (status != WALK_OK)
        return;
    PROMISE(size == PAGE_4K || size == MIB(4) || size == PAGE_2M || size == PAGE_1G);
    PROMISE(out->gpa.raw >> cpu->phys_bits == 0);
    PROMISE((out->gpa.raw & (PAGE_4K - 1)) == (fixed->at & (PAGE_4K - 1)));
    PROMISE((out->gpa.raw & (size - 1)) == (fixed->at & (size - 1)) || (cpu->cr0 & CR0_PG) == 0);
    PROMISE(!user || out->user);
    PROMISE((access & WALK_WRITE) == 0 || out->writable || (!user && (cpu->cr0 & CR0_WP) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ram ram;
    static uint8_t before[RAM_SIZE];
    struct fixed fixed;
    if (size <= sizeof(fixed))
        return 0;
    memcpy(&fixed, data, sizeof(fixed));
    data += sizeof(fixed);
    size -= sizeof(fixed);
    for (size_t i = 0; i < RAM_SIZE; i += size)
        memcpy(ram.bytes + i, data, size < RAM_SIZE - i ? size : RAM_SIZE - i);
    ram.reads = ram.marks = 0;
    ram.refuse = (fixed.marks & 2) != 0;
    struct walk_cpu cpu = cpu_of(&fixed);
    uint32_t access = fixed.access & (WALK_WRITE | WALK_FETCH | WALK_IMPLICIT);
    if ((access & WALK_WRITE) != 0)
        access &= ~(uint32_t)WALK_FETCH;
    struct walk_memory memory = {ram_read, &ram, NULL};
    struct walk_result out, again;
    enum walk_status status = walk_translate(&cpu, &memory, gva(fixed.at), access, &out);
    PROMISE(ram.reads <= 5);
    PROMISE(status != WALK_CHANGED);
    check(&cpu, &fixed, access, status, &out);
    /* Once more, now with marks: the same answer, and the third time there is nothing to mark. */
    memory.mark = ram_mark;
    memcpy(before, ram.bytes, RAM_SIZE);
    enum walk_status marked = walk_translate(&cpu, &memory, gva(fixed.at), access, &again);
    PROMISE(marked == status || (status == WALK_OK && marked == WALK_CHANGED));
    PROMISE(again.gpa.raw == out.gpa.raw && again.error_code == out.error_code);
    PROMISE(status == WALK_OK || ram.marks == 0);
    PROMISE(ram.marks > 0 || memcmp(ram.bytes, before, RAM_SIZE) == 0);
    return 0;
}
