/* SPDX-License-Identifier: MIT */
/* The page table builder: entries bit by bit, page sizes, refusals, and the count of tables. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

#define POOL_BASE  MIB(16) /* what table addresses look like */
#define POOL_PAGES 2048

static uint64_t pool[POOL_PAGES][512];
static uint32_t pool_used;
static uint32_t pool_size;

static uint64_t *table_at(void *context, hpa_t table)
{
    uint64_t index = (table.raw - POOL_BASE) / PAGE_4K;

    assert_ptr_equal(context, pool);
    assert_true(index < pool_used);
    return pool[index];
}

static bool take_page(void *context, hpa_t *page)
{
    assert_ptr_equal(context, pool);
    if (pool_used == pool_size)
        return false;
    *page = hpa(POOL_BASE + PAGE_4K * pool_used++);
    return true;
}

static struct pagetable new_table(const struct pagetable_format *format, bool page_1g)
{
    struct pagetable table = {.format = format,
                              .page_1g = page_1g,
                              .table_at = table_at,
                              .take_page = take_page,
                              .context = pool};

    memset(pool, 0, pool_used * sizeof(pool[0])); /* what the last table left */
    pool_used = 0;
    pool_size = POOL_PAGES;
    assert_true(pagetable_init(&table));
    return table;
}

static void test_entries(void **state)
{
    const struct pagetable_format *host = &pagetable_host, *ept = &pagetable_ept;
    const struct {
        const struct pagetable_format *format;
        uint32_t flags;
        int level;
        uint64_t entry;
    } cases[] = {
        /* XD, D, A, P; then what is asked for */
        {host, MAP_READ, 1, 0x8000000000000061},
        {host, MAP_READ | MAP_WRITE, 1, 0x8000000000000063},
        {host, MAP_READ | MAP_EXEC, 1, 0x61},
        {host, MAP_READ | MAP_WRITE, 2, 0x80000000000000e3},
        {host, MAP_READ | MAP_WRITE, 3, 0x80000000000000e3},
        {host, MAP_READ | MAP_WRITE | MAP_GLOBAL, 1, 0x8000000000000163},
        {host, MAP_READ | MAP_WRITE | MAP_UNCACHED, 1, 0x800000000000007b},
        {host, MAP_READ | MAP_WRITE | MAP_WRITE_COMBINE, 1, 0x800000000000006b},
        {host, MAP_READ | MAP_WRITE | MAP_EXEC | MAP_USER, 3, 0xe7},
        {host, MAP_READ | MAP_WRITE | MAP_EXEC, 1, 0},
        {host, MAP_WRITE, 1, 0},
        {host, 0, 1, 0},
        {host, MAP_READ | MAP_UNCACHED | MAP_WRITE_COMBINE, 1, 0},
        /* memory type in bits 5..3, IPAT (6) clear */
        {ept, MAP_READ | MAP_WRITE | MAP_EXEC, 1, 0x37},
        {ept, MAP_READ | MAP_WRITE | MAP_EXEC, 2, 0xb7},
        {ept, MAP_READ | MAP_WRITE | MAP_EXEC, 3, 0xb7},
        {ept, MAP_READ, 1, 0x31},
        {ept, MAP_READ | MAP_WRITE | MAP_UNCACHED, 1, 0x03},
        {ept, MAP_READ | MAP_WRITE | MAP_WRITE_COMBINE, 2, 0x8b},
        {ept, MAP_WRITE | MAP_EXEC, 1, 0},
        {ept, MAP_READ | MAP_UNCACHED | MAP_WRITE_COMBINE, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t address = cases[i].entry == 0 ? 0 : GIB(5);
        assert_int_equal(cases[i].format->leaf(GIB(5), cases[i].flags, cases[i].level),
                         address | cases[i].entry);
    }
    assert_int_equal(host->link(0x12345000, 4), 0x12345027);
    assert_int_equal(ept->link(0x12345000, 2), 0x12345007);
    assert_false(host->present(0));
    assert_false(ept->present(0x80));
    assert_true(ept->present(0x4));
}

/* Entry 1 is WC, the others are what they are at power-on. */
static void test_pat(void **state)
{
    (void)state;
    assert_int_equal(PAGETABLE_HOST_PAT ^ UINT64_C(0x0007040600070406), (4 ^ 1) << 8);
}

static void assert_maps(const struct pagetable *table, uint64_t from, int level, uint64_t address)
{
    uint64_t entry = 0;

    assert_int_equal(pagetable_lookup(table, from, &entry), level);
    assert_int_equal(entry & BITS(51, 13), address);
}

static void test_largest_pages(void **state)
{
    (void)state;
    struct pagetable table = new_table(&pagetable_ept, true);
    uint64_t from = GIB(1) - PAGE_2M - PAGE_4K;

    assert_true(pagetable_map(&table, from, GIB(8) + from, GIB(2) + 2 * (PAGE_2M + PAGE_4K),
                              MAP_READ | MAP_WRITE | MAP_EXEC));
    assert_maps(&table, from, 1, (GIB(8) + from) & BITS(51, 13));
    assert_maps(&table, GIB(1) - PAGE_2M, 2, GIB(9) - PAGE_2M);
    assert_maps(&table, GIB(1), 3, GIB(9));
    assert_maps(&table, GIB(2) + 12345, 3, GIB(10));
    assert_maps(&table, GIB(3), 2, GIB(11));
    assert_maps(&table, GIB(3) + PAGE_2M, 1, GIB(11) + PAGE_2M);

    uint64_t entry;
    assert_int_equal(pagetable_lookup(&table, from - 1, &entry), 0);
    assert_int_equal(pagetable_lookup(&table, GIB(3) + PAGE_2M + PAGE_4K, &entry), 0);
    assert_int_equal(pagetable_lookup(&table, GIB(512), &entry), 0);
    assert_int_equal(pagetable_lookup(&table, BIT(48), &entry), 0);
}

static void test_page_sizes_follow_alignment(void **state)
{
    const struct {
        uint64_t from, to, size;
        bool page_1g;
        int level;
    } cases[] = {
        {0, GIB(4), GIB(1), true, 3},           {0, GIB(4), GIB(1), false, 2},
        {0, GIB(4) + PAGE_2M, GIB(1), true, 2}, {0, GIB(4) + PAGE_4K, GIB(1), true, 1},
        {0, GIB(4), GIB(1) - PAGE_4K, true, 2}, {0, GIB(4), PAGE_2M - PAGE_4K, true, 1},
        {PAGE_2M, GIB(4), PAGE_2M, true, 2},    {PAGE_4K, GIB(4), PAGE_2M, true, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pagetable table = new_table(&pagetable_host, cases[i].page_1g);
        assert_true(pagetable_map(&table, cases[i].from, cases[i].to, cases[i].size, MAP_READ));
        assert_maps(&table, cases[i].from, cases[i].level, cases[i].to & BITS(51, 13));
    }
}

static void test_refusals(void **state)
{
    const struct pagetable_format *host = &pagetable_host, *ept = &pagetable_ept;
    const uint64_t upper = ~UINT64_C(0) << 47;
    const struct {
        const struct pagetable_format *format;
        uint64_t from, to, size;
        bool mapped;
    } cases[] = {
        {host, 0x1001, 0, 0x1000, false},
        {host, 0x1000, 1, 0x1000, false},
        {host, 0x1000, 0, 0x1001, false},
        {host, BIT(47), 0, 0x1000, false},
        {host, BIT(47) - PAGE_4K, 0, 0x1000, true},
        {host, BIT(47) - PAGE_4K, 0, 0x2000, false},
        {host, upper - PAGE_4K, 0, 0x1000, false},
        {host, upper, 0, 0x1000, true},
        {host, ~UINT64_C(0) << 12, 0, 0x1000, true},
        {host, ~UINT64_C(0) << 12, 0, 0x2000, false},
        {ept, BIT(47), 0, 0x1000, true},
        {ept, BIT(48) - PAGE_4K, 0, 0x1000, true},
        {ept, BIT(48), 0, 0x1000, false},
        {ept, BIT(48) - PAGE_4K, 0, 0x2000, false},
        {ept, upper, 0, 0x1000, false},
        {ept, 0, BIT(52), 0x1000, false},
        {ept, 0, BIT(52) - PAGE_4K, 0x1000, true},
        {ept, 0, BIT(52) - PAGE_4K, 0x2000, false},
        {ept, 0, 0, 0, true},
        {ept, 0, 0, UINT64_MAX - 0xfff, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pagetable table = new_table(cases[i].format, true);
        assert_int_equal(pagetable_map(&table, cases[i].from, cases[i].to, cases[i].size, MAP_READ),
                         cases[i].mapped);
    }
}

static void test_w_and_x_is_refused(void **state)
{
    (void)state;
    struct pagetable table = new_table(&pagetable_host, true);
    uint64_t entry;

    assert_false(pagetable_map(&table, 0, 0, PAGE_4K, MAP_READ | MAP_WRITE | MAP_EXEC));
    assert_int_equal(pagetable_lookup(&table, 0, &entry), 0);
    assert_true(pagetable_map(&table, 0, 0, PAGE_4K, MAP_READ | MAP_WRITE | MAP_EXEC | MAP_USER));
}

static void test_mapped_already(void **state)
{
    (void)state;
    struct pagetable table = new_table(&pagetable_host, true);

    assert_true(pagetable_map(&table, GIB(1), GIB(1), GIB(1), MAP_READ));
    assert_true(pagetable_map(&table, GIB(2) + PAGE_2M, 0, PAGE_2M, MAP_READ));
    assert_true(pagetable_map(&table, GIB(3) + PAGE_4K, 0, PAGE_4K, MAP_READ));
    /* the same again, a piece of it, more than it */
    assert_false(pagetable_map(&table, GIB(1), GIB(1), GIB(1), MAP_READ));
    assert_false(pagetable_map(&table, GIB(1) + PAGE_4K, 0, PAGE_4K, MAP_READ));
    assert_false(pagetable_map(&table, GIB(1) + PAGE_2M, 0, PAGE_2M, MAP_READ));
    assert_false(pagetable_map(&table, GIB(2), GIB(2), GIB(1), MAP_READ));
    assert_false(pagetable_map(&table, GIB(3), GIB(2), PAGE_2M, MAP_READ));
    /* The part before stays mapped. */
    assert_false(pagetable_map(&table, GIB(2), PAGE_4K, 2 * PAGE_2M, MAP_READ));
    assert_maps(&table, GIB(2), 1, 0);
    assert_maps(&table, GIB(2) + PAGE_2M, 2, 0);
}

static void test_empty_pool(void **state)
{
    (void)state;
    struct pagetable table = new_table(&pagetable_host, true);

    for (uint32_t pages = 1; pages < 4; pages++) {
        table = new_table(&pagetable_host, true);
        pool_size = pages;
        assert_false(pagetable_map(&table, 0, 0, PAGE_4K, MAP_READ));
    }
    table = new_table(&pagetable_host, true);
    pool_size = 4;
    assert_true(pagetable_map(&table, 0, 0, PAGE_4K, MAP_READ));
    pool_size = pool_used;
    assert_false(pagetable_init(&table));
}

static void assert_count(uint64_t from, uint64_t to, uint64_t size, bool page_1g)
{
    struct pagetable table = new_table(&pagetable_ept, page_1g);

    assert_true(pagetable_map(&table, from, to, size, MAP_READ));
    if (pagetable_pages_for(from, to, size, page_1g) != pool_used) {
        fail_msg("%#lx -> %#lx, %#lx bytes: %u tables, not %u", from, to, size, pool_used,
                 pagetable_pages_for(from, to, size, page_1g));
    }
}

static void test_count_of_tables(void **state)
{
    static const uint64_t units[] = {PAGE_4K, PAGE_2M, PAGE_1G};

    (void)state;
    assert_int_equal(pagetable_pages_for(0, 0, 0, true), 1);
    assert_int_equal(pagetable_pages_for(0, 0, PAGE_4K, true), 4);
    assert_int_equal(pagetable_pages_for(0, 0, PAGE_2M, true), 3);
    assert_int_equal(pagetable_pages_for(0, 0, GIB(1), true), 2);
    assert_int_equal(pagetable_pages_for(0, 0, GIB(1), false), 3);
    assert_int_equal(pagetable_pages_for(0, PAGE_4K, GIB(1), true), 515);
    assert_int_equal(pagetable_pages_for(GIB(511), GIB(511), GIB(2), true), 3);
    assert_int_equal(pagetable_pages_for(~UINT64_C(0) << 30, 0, GIB(1), true), 2);
    assert_int_equal(pagetable_pages_for(~UINT64_C(0) << 30, 0, GIB(1), false), 3);

    srand(1);
    for (int i = 0; i < 1000; i++) {
        uint64_t from_unit = units[rand() % 3], to_unit = units[rand() % 3];
        uint64_t size_unit = units[rand() % 3];
        uint64_t from = GIB(509) + (uint64_t)(rand() % 600) * from_unit % GIB(3);
        uint64_t to = (uint64_t)(rand() % 600) * to_unit;
        uint64_t size = (uint64_t)(1 + rand() % 600) * size_unit % GIB(2);
        assert_count(from, to, size, rand() % 2 == 0);
        /* The same offset inside of the large pages, so that those are possible. */
        assert_count(from, from % GIB(1) + GIB(7), size, rand() % 2 == 0);
    }
}

/* Everything that was asked for is mapped to the right place, and nothing around it. */
static void test_random_ranges(void **state)
{
    (void)state;
    srand(2);
    for (int i = 0; i < 100; i++) {
        struct pagetable table = new_table(&pagetable_host, rand() % 2 == 0);
        uint64_t from = GIB(510) + (uint64_t)(rand() % 4096) * PAGE_4K;
        uint64_t to = rand() % 2 == 0 ? from + GIB(2) : (uint64_t)(rand() % 9999) * PAGE_4K;
        uint64_t size = (uint64_t)(1 + rand() % 4096) * PAGE_4K;
        uint64_t entry;
        assert_true(pagetable_map(&table, from, to, size, MAP_READ));
        assert_int_equal(pagetable_lookup(&table, from - 1, &entry), 0);
        assert_int_equal(pagetable_lookup(&table, from + size, &entry), 0);
        for (uint64_t at = 0; at < size; at += PAGE_4K) {
            int level = pagetable_lookup(&table, from + at, &entry);
            assert_in_range(level, 1, 3);
            uint64_t page = PAGE_4K << (9 * (level - 1));
            uint64_t address = (entry & BITS(51, 12)) + (from + at) % page;
            assert_int_equal(address, to + at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),         cmocka_unit_test(test_pat),
        cmocka_unit_test(test_largest_pages),   cmocka_unit_test(test_page_sizes_follow_alignment),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_w_and_x_is_refused),
        cmocka_unit_test(test_mapped_already),  cmocka_unit_test(test_empty_pool),
        cmocka_unit_test(test_count_of_tables), cmocka_unit_test(test_random_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
