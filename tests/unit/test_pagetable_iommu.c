/* SPDX-License-Identifier: MIT */
/* The tables that IOMMUs walk, entry by entry from the root as the unit does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

#define POOL_BASE  MIB(32)
#define POOL_PAGES 16

static uint64_t pool[POOL_PAGES][512];
static uint32_t used;

static uint64_t *table_at(void *context, hpa_t table)
{
    uint64_t index = (table.raw - POOL_BASE) / PAGE_4K;

    (void)context;
    assert_true(index < used);
    return pool[index];
}

static bool take_page(void *context, hpa_t *page)
{
    (void)context;
    if (used == POOL_PAGES)
        return false;
    *page = hpa(POOL_BASE + PAGE_4K * used++);
    return true;
}

static struct pagetable new_table(const struct pagetable_format *format)
{
    struct pagetable table = {
        .format = format, .page_1g = true, .table_at = table_at, .take_page = take_page};

    memset(pool, 0, sizeof(pool));
    used = 0;
    assert_true(pagetable_init(&table));
    return table;
}

static void test_entries(void **state)
{
    const struct pagetable_format *vtd = &pagetable_vtd_4, *amdvi = &pagetable_amdvi;
    const struct {
        const struct pagetable_format *format;
        uint32_t flags;
        int level;
        uint64_t entry; /* 0: refused */
    } cases[] = {
        {vtd, MAP_READ, 1, 0x140000001},
        {vtd, MAP_READ | MAP_WRITE, 1, 0x140000003},
        {vtd, MAP_READ | MAP_WRITE, 2, 0x140000083},
        {vtd, MAP_READ | MAP_WRITE | MAP_SNOOP, 3, 0x140000883},
        {vtd, MAP_WRITE, 1, 0},
        {vtd, MAP_READ | MAP_EXEC, 1, 0},
        {vtd, MAP_READ | MAP_UNCACHED, 1, 0},
        {amdvi, MAP_READ, 1, 0x3000000140000001},
        {amdvi, MAP_READ | MAP_WRITE, 1, 0x7000000140000001},
        {amdvi, MAP_READ | MAP_WRITE, 3, 0x7000000140000001},
        {amdvi, MAP_WRITE, 1, 0},
        {amdvi, MAP_READ | MAP_SNOOP, 1, 0},
        {amdvi, MAP_READ | MAP_UNCACHED, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(cases[i].format->leaf(GIB(5), cases[i].flags, cases[i].level),
                         cases[i].entry);
    }
    assert_int_equal(vtd->link(0x5000, 4), 0x5003);
    assert_int_equal(amdvi->link(0x5000, 4), 0x6000000000005601);
    assert_int_equal(amdvi->link(0x5000, 2), 0x6000000000005201);
    assert_false(vtd->present(0x880));
    assert_false(amdvi->present(0x7000000140000000));
}

/* As the unit walks: the entry of each level, from the root on; NULL beyond a page. */
static const uint64_t *entry_at(uint64_t at, int levels, int level, uint64_t address_bits)
{
    const uint64_t *table = pool[0];

    for (int i = levels; i > level; i--) {
        uint64_t entry = table[(at >> (12 + 9 * (i - 1))) & 511];
        table = pool[((entry & address_bits) - POOL_BASE) / PAGE_4K];
    }
    return &table[(at >> (12 + 9 * (level - 1))) & 511];
}

static void test_vtd_walk(void **state)
{
    const struct pagetable_format *formats[] = {&pagetable_vtd_3, &pagetable_vtd_4};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct pagetable table = new_table(formats[i]);
        int levels = 3 + i;
        assert_true(
            pagetable_map(&table, 0, GIB(4), GIB(1) + PAGE_2M + PAGE_4K, MAP_READ | MAP_WRITE));
        assert_int_equal(used, levels);
        assert_int_equal(*entry_at(0, levels, 3, BITS(51, 12)), GIB(4) | 0x83);
        assert_int_equal(*entry_at(GIB(1), levels, 2, BITS(51, 12)), GIB(5) | 0x83);
        assert_int_equal(*entry_at(GIB(1) + PAGE_2M, levels, 1, BITS(51, 12)),
                         (GIB(5) + PAGE_2M) | 0x3);
        assert_int_equal(*entry_at(GIB(1) + PAGE_2M + PAGE_4K, levels, 1, BITS(51, 12)), 0);
    }
}

static void test_amdvi_walk(void **state)
{
    (void)state;
    struct pagetable table = new_table(&pagetable_amdvi);

    assert_true(
        pagetable_map(&table, GIB(1), GIB(4), GIB(1) + PAGE_2M + PAGE_4K, MAP_READ | MAP_WRITE));
    assert_int_equal(field_get(BITS(11, 9), pool[0][0]), 3);
    assert_int_equal(*entry_at(GIB(1), 4, 3, BITS(51, 12)), GIB(4) | 0x7000000000000001);
    assert_int_equal(field_get(BITS(11, 9), *entry_at(GIB(2), 4, 3, BITS(51, 12))), 2);
    assert_int_equal(*entry_at(GIB(2), 4, 2, BITS(51, 12)), GIB(5) | 0x7000000000000001);
    assert_int_equal(field_get(BITS(11, 9), *entry_at(GIB(2) + PAGE_2M, 4, 2, BITS(51, 12))), 1);
    assert_int_equal(*entry_at(GIB(2) + PAGE_2M, 4, 1, BITS(51, 12)),
                     (GIB(5) + PAGE_2M) | 0x7000000000000001);
}

static void test_reach(void **state)
{
    const struct {
        const struct pagetable_format *format;
        uint64_t from;
        bool mapped;
    } cases[] = {
        {&pagetable_vtd_3, BIT(39) - PAGE_4K, true}, {&pagetable_vtd_3, BIT(39), false},
        {&pagetable_vtd_4, BIT(48) - PAGE_4K, true}, {&pagetable_vtd_4, BIT(48), false},
        {&pagetable_amdvi, BIT(48) - PAGE_4K, true}, {&pagetable_amdvi, BIT(48), false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pagetable table = new_table(cases[i].format);
        uint64_t entry = 0;
        assert_int_equal(pagetable_map(&table, cases[i].from, 0, PAGE_4K, MAP_READ),
                         cases[i].mapped);
        assert_int_equal(pagetable_lookup(&table, cases[i].from, &entry), cases[i].mapped ? 1 : 0);
        if (cases[i].mapped)
            assert_false(pagetable_map(&table, cases[i].from, 0, PAGE_4K, MAP_READ));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_vtd_walk),
        cmocka_unit_test(test_amdvi_walk),
        cmocka_unit_test(test_reach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
