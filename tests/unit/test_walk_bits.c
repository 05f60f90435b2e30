/* SPDX-License-Identifier: MIT */
/* Each bit of each kind of entry: reserved or not. And which entries get accessed and dirty bits.
 */
#include "tests/unit/walk_world.h"

#define AT(n) (0x1000u * (n))
#define A     0x20u
#define D     0x40u

/* ---- reserved bits ---- */

/* The entry `depth` steps below the root is the one that is tried; those above it lead there. */
struct kind {
    const char *name;
    enum paging paging;
    unsigned depth;
    bool large;
    uint32_t phys_bits;
    uint64_t clear_cr4, clear_efer;
    uint64_t reserved; /* SDM Vol. 3A, figures "Formats of CR3 and Paging-Structure Entries" */
};

static const struct kind kinds[] = {
    {"32-bit PDE", BITS32, 0, false, 40, 0, 0, 0},
    {"32-bit PTE", BITS32, 1, false, 40, 0, 0, 0},
    {"32-bit 4M, 40 bits", BITS32, 0, true, 40, 0, 0, BIT(21)},
    {"32-bit 4M, 46 bits", BITS32, 0, true, 46, 0, 0, BIT(21)},
    {"32-bit 4M, 36 bits", BITS32, 0, true, 36, 0, 0, BITS(21, 17)},
    {"32-bit 4M, 32 bits", BITS32, 0, true, 32, 0, 0, BITS(21, 13)},
    {"32-bit PDE with PS but no PSE", BITS32, 0, true, 40, CR4_PSE, 0, 0},
    {"PAE PDPTE", PAE, 0, false, 40, 0, 0, BITS(63, 40) | BITS(8, 6) | BITS(2, 1)},
    {"PAE PDE", PAE, 1, false, 40, 0, 0, BITS(62, 40)},
    {"PAE 2M", PAE, 1, true, 40, 0, 0, BITS(62, 40) | BITS(20, 13)},
    {"PAE PTE", PAE, 2, false, 40, 0, 0, BITS(62, 40)},
    {"PAE PTE, no NXE", PAE, 2, false, 36, 0, EFER_NXE, BITS(63, 36)},
    {"PML4E", LEVEL4, 0, false, 40, 0, 0, BITS(51, 40) | BIT(7)},
    {"PDPTE", LEVEL4, 1, false, 40, 0, 0, BITS(51, 40)},
    {"1G", LEVEL4, 1, true, 40, 0, 0, BITS(51, 40) | BITS(29, 13)},
    {"PDE", LEVEL4, 2, false, 46, 0, 0, BITS(51, 46)},
    {"2M", LEVEL4, 2, true, 40, 0, 0, BITS(51, 40) | BITS(20, 13)},
    {"PTE", LEVEL4, 3, false, 52, 0, 0, 0},
    {"PTE, 36 bits", LEVEL4, 3, false, 36, 0, 0, BITS(51, 36)},
    {"PTE, no NXE", LEVEL4, 3, false, 40, 0, EFER_NXE, BITS(51, 40) | BIT(63)},
    {"PML5E", LEVEL5, 0, false, 40, 0, 0, BITS(51, 40) | BIT(7)},
    {"PML4E of five", LEVEL5, 1, false, 40, 0, 0, BITS(51, 40) | BIT(7)},
    {"1G of five", LEVEL5, 2, true, 40, 0, 0, BITS(51, 40) | BITS(29, 13)},
    {"PTE of five", LEVEL5, 4, false, 40, 0, 0, BITS(51, 40)},
};

/* The linear address does not matter: it is 0, and all tables are used at their first entry. */
static enum walk_status try_entry(const struct kind *kind, uint64_t bit, struct walk_result *out)
{
    static struct ram ram;
    struct walk_memory memory = {ram_read, &ram, NULL};
    struct walk_cpu cpu = cpu_in(kind->paging);
    unsigned size = kind->paging == BITS32 ? 4 : 8;
    memset(&ram, 0, sizeof(ram));
    for (unsigned i = 0; i <= kind->depth; i++) {
        bool pdpte = kind->paging == PAE && i == 0;
        put(&ram, AT(i + 1), size, AT(i + 2) | (pdpte ? P : ALLOW));
    }
    uint64_t entry = kind->large ? ALLOW | PS : AT(kind->depth + 2);
    entry |= kind->paging == PAE && kind->depth == 0 ? P : ALLOW;
    put(&ram, AT(kind->depth + 1), size, entry ^ bit);
    cpu.phys_bits = kind->phys_bits;
    cpu.cr4 &= ~kind->clear_cr4;
    cpu.efer &= ~kind->clear_efer;
    return walk_translate(&cpu, &memory, gva(0), WALK_READ, out);
}

static void every_bit_of_every_entry(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(kinds); i++) {
        unsigned bits = kinds[i].paging == BITS32 ? 32 : 64;
        for (unsigned bit = 1; bit < bits; bit++) { /* bit 0 says whether there is an entry */
            struct walk_result out;
            enum walk_status status = try_entry(&kinds[i], BIT(bit), &out);
            bool refused =
                status == WALK_PAGE_FAULT && out.error_code == (PF_PRESENT | PF_RESERVED);
            bool want = (kinds[i].reserved >> bit & 1) != 0;
            bool another_kind = bit == 7 && !want; /* of entry: PS */
            if (!another_kind && refused != want)
                fail_msg("%s, bit %u: status %d, code %#x", kinds[i].name, bit, status,
                         out.error_code);
        }
    }
}

/* ---- accessed and dirty ---- */

struct marks {
    struct ram ram;
    unsigned count;
    bool refuse;
};

static bool marks_read(void *context, gpa_t at, unsigned size, uint64_t *value)
{
    return ram_read(&((struct marks *)context)->ram, at, size, value);
}

static bool marks_mark(void *context, gpa_t at, unsigned size, uint64_t old, uint64_t value)
{
    struct marks *marks = context;
    uint64_t now = 0;
    memcpy(&now, marks->ram.bytes + at.raw, size);
    assert_int_equal(now, old);
    assert_int_equal((value ^ old) & ~(uint64_t)(A | D), 0);
    if (marks->refuse)
        return false;
    marks->count++;
    put(&marks->ram, at.raw, size, value);
    return true;
}

static enum walk_status walk_marks(struct marks *marks, const struct walk_case *c)
{
    struct walk_memory memory = {marks_read, marks, marks_mark};
    struct walk_cpu cpu = cpu_in(c->paging);
    struct walk_result out;
    cpu.cpl = c->cpl;
    return walk_translate(&cpu, &memory, gva(c->at), c->access, &out);
}

static const struct marks_case {
    struct walk_case walk; /* want: how many entries are marked */
    unsigned leaf;         /* depth of the last one */
    uint64_t leaf_bits;
} marks_cases[] = {
    {{"read, 4-level", LEVEL4, 0, {TABLES, 0x7000 | ALLOW}, 0, 0, 0, WALK_READ, WALK_OK, 4, 0},
     3,
     A},
    {{"write, 4-level", LEVEL4, 0, {TABLES, 0x7000 | ALLOW}, 0, 0, 0, WALK_WRITE, WALK_OK, 4, 0},
     3,
     A | D},
    {{"write, all there but D",
      LEVEL4,
      0,
      {TO(2) | ALLOW | A, TO(3) | ALLOW | A, TO(4) | ALLOW | A, 0x7000 | ALLOW | A},
      0,
      0,
      0,
      WALK_WRITE,
      WALK_OK,
      1,
      0},
     3,
     A | D},
    {{"write, 2M",
      LEVEL4,
      0,
      {TO(2) | ALLOW, TO(3) | ALLOW, ALLOW | PS},
      0,
      0,
      0,
      WALK_WRITE,
      WALK_OK,
      3,
      0},
     2,
     A | D},
    {{"write, PAE: not the PDPTE",
      PAE,
      0,
      {TO(2) | P, TO(3) | ALLOW, 0x7000 | ALLOW},
      0,
      0,
      0,
      WALK_WRITE,
      WALK_OK,
      2,
      0},
     2,
     A | D},
    {{"write, 32-bit",
      BITS32,
      0,
      {TO(2) | ALLOW, 0x7000 | ALLOW},
      0,
      0,
      3,
      WALK_WRITE,
      WALK_OK,
      2,
      0},
     1,
     A | D},
    {{"five levels",
      LEVEL5,
      0,
      {TABLES, TO(5) | ALLOW, 0x7000 | ALLOW},
      0,
      0,
      0,
      WALK_FETCH,
      WALK_OK,
      5,
      0},
     4,
     A},
    {{"refused: nothing",
      LEVEL4,
      0,
      {TABLES, 0x7000 | P},
      0,
      0,
      0,
      WALK_WRITE,
      WALK_PAGE_FAULT,
      0,
      0},
     3,
     0},
};

static void accessed_and_dirty(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(marks_cases); i++) {
        const struct marks_case *c = &marks_cases[i];
        static struct marks marks;
        memset(&marks, 0, sizeof(marks));
        fill(&marks.ram, &c->walk);
        if (walk_marks(&marks, &c->walk) != c->walk.status || marks.count != c->walk.want)
            fail_msg("%s: %u marks", c->walk.name, marks.count);
        uint64_t leaf = 0;
        memcpy(&leaf, marks.ram.bytes + AT(c->leaf + 1), c->walk.paging == BITS32 ? 4 : 8);
        assert_int_equal(leaf, c->walk.entries[c->leaf] | c->leaf_bits);
        /* What is marked is not marked again. */
        marks.count = 0;
        marks.refuse = true;
        assert_int_equal(walk_marks(&marks, &c->walk), c->walk.status);
        assert_int_equal(marks.count, 0);
    }
}

static void an_entry_that_changed(void **state)
{
    (void)state;
    static struct marks marks;
    marks.refuse = true;
    fill(&marks.ram, &marks_cases[0].walk);
    assert_int_equal(walk_marks(&marks, &marks_cases[0].walk), WALK_CHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_every_entry),
        cmocka_unit_test(accessed_and_dirty),
        cmocka_unit_test(an_entry_that_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
