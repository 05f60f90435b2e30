/* SPDX-License-Identifier: MIT */
/* A guest's RAM with page tables, for the tests of the page walk. */
#ifndef BULKHEAD_TESTS_UNIT_WALK_WORLD_H
#define BULKHEAD_TESTS_UNIT_WALK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/walk.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "kernel/lib/types.h"

#define RAM_SIZE 0x8000u

/* Tables lie at 0x1000 (root) .. 0x5000, one page a level; RAM ends at 0x8000. */
struct ram {
    uint8_t bytes[RAM_SIZE];
    unsigned reads;
};

static bool ram_read(void *context, gpa_t at, unsigned size, uint64_t *value)
{
    struct ram *ram = context;
    ram->reads++;
    assert_true(size == 4 || size == 8);
    assert_int_equal(at.raw % size, 0);
    if (at.raw > RAM_SIZE - size)
        return false;
    *value = 0;
    memcpy(value, ram->bytes + at.raw, size);
    return true;
}

static void put(struct ram *ram, uint64_t at, unsigned size, uint64_t value)
{
    memcpy(ram->bytes + at, &value, size);
}

enum paging { NONE, BITS32, PAE, LEVEL4, LEVEL5 };

#define LONG_EFER (EFER_LME | EFER_LMA | EFER_NXE)

static struct walk_cpu cpu_in(enum paging paging)
{
    static const struct walk_cpu cpus[] = {
        [NONE] = {.cr0 = CR0_PE},
        [BITS32] = {.cr0 = CR0_PE | CR0_PG | CR0_WP, .cr4 = CR4_PSE},
        [PAE] = {.cr0 = CR0_PE | CR0_PG | CR0_WP, .cr4 = CR4_PAE, .efer = EFER_NXE},
        [LEVEL4] = {.cr0 = CR0_PE | CR0_PG | CR0_WP, .cr4 = CR4_PAE, .efer = LONG_EFER},
        [LEVEL5] = {.cr0 = CR0_PE | CR0_PG | CR0_WP, .cr4 = CR4_PAE | CR4_LA57, .efer = LONG_EFER},
    };
    struct walk_cpu cpu = cpus[paging];
    cpu.cr3 = 0x1000;
    cpu.phys_bits = 40;
    return cpu;
}

#define P  1u
#define W  2u
#define U  4u
#define PS 0x80u
#define NX BIT(63)

/* Entries from the root down, for the address with these indexes. */
struct walk_case {
    const char *name;
    enum paging paging;
    uint64_t at;
    uint64_t entries[5];
    uint64_t set_cr4, clear_cr0; /* on top of the mode's own */
    uint32_t cpl, access;
    enum walk_status status;
    uint64_t want; /* GPA, or error code of a page fault */
    uint64_t page_size;
};

#define AT4    UINT64_C(0xffff888000201123) /* indexes 273, 0, 1, 1 */
#define TO(n)  (0x1000u * (n))
#define ALLOW  (P | W | U)
#define TABLES TO(2) | ALLOW, TO(3) | ALLOW, TO(4) | ALLOW

static const unsigned levels_of[] = {0, 2, 3, 4, 5};

static void fill(struct ram *ram, const struct walk_case *c)
{
    unsigned levels = levels_of[c->paging];
    unsigned size = c->paging == BITS32 ? 4 : 8;
    unsigned bits = c->paging == BITS32 ? 10 : 9;
    for (unsigned i = 0; i < levels; i++) {
        unsigned shift = 12 + bits * (levels - 1 - i);
        uint64_t index = c->at >> shift & (BIT(bits) - 1);
        if (c->paging == PAE && i == 0)
            index &= 3;
        put(ram, 0x1000 * (i + 1) + index * size, size, c->entries[i]);
    }
}

static inline void run_cases(const struct walk_case *cases, size_t count)
{
    static struct ram ram;
    for (size_t i = 0; i < count; i++) {
        const struct walk_case *c = &cases[i];
        struct walk_cpu cpu = cpu_in(c->paging);
        struct walk_memory memory = {ram_read, &ram, NULL};
        struct walk_result out;
        memset(&ram, 0, sizeof(ram));
        fill(&ram, c);
        cpu.cr4 |= c->set_cr4;
        cpu.cr0 &= ~c->clear_cr0;
        cpu.cpl = c->cpl;
        enum walk_status status = walk_translate(&cpu, &memory, gva(c->at), c->access, &out);
        if (status != c->status)
            fail_msg("%s: status %d, error code %#x", c->name, status, out.error_code);
        if (status == WALK_OK && (out.gpa.raw != c->want || out.page_size != c->page_size))
            fail_msg("%s: GPA %#llx, page %#llx", c->name, (unsigned long long)out.gpa.raw,
                     (unsigned long long)out.page_size);
        if (status == WALK_PAGE_FAULT && out.error_code != c->want)
            fail_msg("%s: error code %#x", c->name, out.error_code);
        if (status == WALK_NO_TABLE)
            assert_int_equal(out.gpa.raw & ~0xfffull, c->want);
        assert_true(ram.reads <= 5);
    }
}

#endif
