/* SPDX-License-Identifier: MIT */
/* The machine's memory map from what firmware says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/plan/hardware.h"

static struct hardware machine;

static const char *map_text(void)
{
    static char text[4096];
    static const char *const names[] = {"free", "loader", "reserved"};
    size_t length = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < machine.range_count; i++) {
        const struct hardware_range *range = &machine.ranges[i];
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%lx-%lx %s %u",
                                   i == 0 ? "" : ", ", range->base.raw,
                                   range->base.raw + range->size, names[range->kind], range->node);
    }
    return text;
}

struct entry {
    uint64_t base, end;
    enum hardware_memory kind;
};

static void test_maps(void **state)
{
    const struct {
        struct entry entries[4]; /* up to the first with no address at all */
        const char *map;
    } cases[] = {
        {{{0x1000, 0x3000, MEMORY_FREE}}, "1000-3000 free 0"},
        /* unsorted, side by side */
        {{{0x3000, 0x4000, MEMORY_FREE}, {0x1000, 0x3000, MEMORY_FREE}}, "1000-4000 free 0"},
        {{{0x3000, 0x4000, MEMORY_FREE}, {0x1000, 0x2000, MEMORY_FREE}},
         "1000-2000 free 0, 3000-4000 free 0"},
        {{{0x1000, 0x2000, MEMORY_FREE},
          {0x3000, 0x4000, MEMORY_FREE},
          {0x2000, 0x3000, MEMORY_FREE}},
         "1000-4000 free 0"},
        /* the stronger kind wins, whatever comes first */
        {{{0x1000, 0x9000, MEMORY_FREE}, {0x3000, 0x5000, MEMORY_RESERVED}},
         "1000-3000 free 0, 3000-5000 reserved 0, 5000-9000 free 0"},
        {{{0x3000, 0x5000, MEMORY_RESERVED}, {0x1000, 0x9000, MEMORY_FREE}},
         "1000-3000 free 0, 3000-5000 reserved 0, 5000-9000 free 0"},
        {{{0x1000, 0x5000, MEMORY_RESERVED}, {0x3000, 0x9000, MEMORY_LOADER}},
         "1000-5000 reserved 0, 5000-9000 loader 0"},
        {{{0x3000, 0x9000, MEMORY_LOADER}, {0x1000, 0x5000, MEMORY_RESERVED}},
         "1000-5000 reserved 0, 5000-9000 loader 0"},
        {{{0x1000, 0x9000, MEMORY_FREE},
          {0x2000, 0x4000, MEMORY_LOADER},
          {0x3000, 0x6000, MEMORY_RESERVED}},
         "1000-2000 free 0, 2000-3000 loader 0, 3000-6000 reserved 0, 6000-9000 free 0"},
        {{{0x2000, 0x3000, MEMORY_FREE},
          {0x4000, 0x5000, MEMORY_LOADER},
          {0x6000, 0x7000, MEMORY_RESERVED},
          {0x1000, 0x8000, MEMORY_LOADER}},
         "1000-6000 loader 0, 6000-7000 reserved 0, 7000-8000 loader 0"},
        {{{0x2000, 0x3000, MEMORY_FREE}, {0x1000, 0x8000, MEMORY_RESERVED}},
         "1000-8000 reserved 0"},
        {{{0x1000, 0x8000, MEMORY_RESERVED}, {0x1000, 0x8000, MEMORY_FREE}},
         "1000-8000 reserved 0"},
        /* free shrinks to pages, everything else grows */
        {{{0x1001, 0x3fff, MEMORY_FREE}}, "2000-3000 free 0"},
        {{{0x1001, 0x1fff, MEMORY_FREE}}, ""},
        {{{0x1fff, 0x2001, MEMORY_RESERVED}}, "1000-3000 reserved 0"},
        {{{0x1000, 0x4000, MEMORY_FREE}, {0x2fff, 0x3000, MEMORY_LOADER}},
         "1000-2000 free 0, 2000-3000 loader 0, 3000-4000 free 0"},
        /* nothing, and the end of all addresses */
        {{{0x5000, 0x5000, MEMORY_RESERVED}}, ""},
        {{{0x1000, UINT64_MAX, MEMORY_FREE}}, "1000-10000000000000 free 0"},
        {{{0xffffffffff000, 0x10000000001000, MEMORY_RESERVED}},
         "ffffffffff000-10000000000000 reserved 0"},
        {{{0x10000000000000, UINT64_MAX, MEMORY_FREE}}, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        memset(&machine, 0, sizeof(machine));
        for (size_t e = 0; e < 4 && cases[i].entries[e].end != 0; e++) {
            const struct entry *entry = &cases[i].entries[e];
            assert_true(
                hardware_add_memory(&machine, entry->base, entry->end - entry->base, entry->kind));
        }
        assert_string_equal(map_text(), cases[i].map);
    }
}

static void test_size_that_wraps_around(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof(machine));
    assert_true(hardware_add_memory(&machine, 0x1000, UINT64_MAX, MEMORY_RESERVED));
    assert_string_equal(map_text(), "1000-10000000000000 reserved 0");
}

static void test_nodes(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof(machine));
    assert_true(hardware_add_memory(&machine, 0x1000, 0x8000, MEMORY_FREE));
    assert_true(hardware_add_memory(&machine, 0x4000, 0x1000, MEMORY_RESERVED));
    assert_true(hardware_set_node(&machine, 0x2800, 0x4800, 3));
    assert_string_equal(map_text(), "1000-3000 free 0, 3000-4000 free 3, 4000-5000 reserved 3, "
                                    "5000-7000 free 3, 7000-9000 free 0");
    assert_true(hardware_set_node(&machine, 0, UINT64_MAX, 1));
    assert_string_equal(map_text(), "1000-4000 free 1, 4000-5000 reserved 1, 5000-9000 free 1");
    assert_true(hardware_set_node(&machine, 0x1000, 0, 7));
    assert_string_equal(map_text(), "1000-4000 free 1, 4000-5000 reserved 1, 5000-9000 free 1");
}

static void test_full_table(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof(machine));
    for (uint64_t i = 0; i < HARDWARE_MAX_RANGES; i++)
        assert_true(hardware_add_memory(&machine, i * 0x4000, 0x3000, MEMORY_FREE));
    assert_false(hardware_add_memory(&machine, 0x1000, 0x1000, MEMORY_RESERVED));
    assert_false(hardware_add_memory(&machine, 0x10000000, 0x1000, MEMORY_RESERVED));
    assert_false(hardware_set_node(&machine, 0x1000, 0x1000, 1));
    /* What joins two ranges has room. */
    assert_int_equal(machine.range_count, HARDWARE_MAX_RANGES);
    assert_true(hardware_set_node(&machine, 0, UINT64_MAX, 1));
}

/* Random maps against a table of pages. */
static void test_against_pages(void **state)
{
    enum { PAGES = 64 };

    (void)state;
    srand(1);
    for (int round = 0; round < 2000; round++) {
        int kinds[PAGES];
        memset(kinds, -1, sizeof(kinds));
        memset(&machine, 0, sizeof(machine));
        for (int piece = 0; piece < 12; piece++) {
            uint32_t first = (uint32_t)rand() % PAGES;
            uint32_t count = (uint32_t)rand() % (PAGES - first);
            int kind = rand() % 3;
            assert_true(hardware_add_memory(&machine, first * PAGE_4K, count * PAGE_4K,
                                            (enum hardware_memory)kind));
            for (uint32_t page = first; page < first + count; page++)
                kinds[page] = kind > kinds[page] ? kind : kinds[page];
        }
        for (uint32_t i = 0; i < machine.range_count; i++) {
            const struct hardware_range *range = &machine.ranges[i];
            assert_true(range->size > 0);
            for (uint64_t page = 0; page < range->size / PAGE_4K; page++) {
                assert_int_equal(kinds[range->base.raw / PAGE_4K + page], range->kind);
                kinds[range->base.raw / PAGE_4K + page] = -1; /* found, and once only */
            }
            if (i > 0) {
                const struct hardware_range *before = range - 1;
                assert_true(before->base.raw + before->size <= range->base.raw);
                assert_true(before->base.raw + before->size < range->base.raw ||
                            before->kind != range->kind);
            }
        }
        for (uint32_t page = 0; page < PAGES; page++)
            assert_int_equal(kinds[page], -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps),          cmocka_unit_test(test_size_that_wraps_around),
        cmocka_unit_test(test_nodes),         cmocka_unit_test(test_full_table),
        cmocka_unit_test(test_against_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
