/* SPDX-License-Identifier: MIT */
/* Plans that come about: who gets what, and the table that shows it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/plan_check.h"

static void test_two_guests(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 1, MIB(512));
    add_guest("rt", 2, GIB(1) + MIB(512));
    build_and_check();
    print_plan();
    assert_string_equal(
        table, "guest            pCPUs                   memory                        devices\n"
               "web              2                          512 MiB at 0x160000000     none\n"
               "rt               0-1                       1536 MiB at 0x100000000     none\n"
               "(hypervisor)                                192 KiB at 0x2000000\n"
               "left over        3                         2142 MiB in 2 pieces\n");
}

static void test_same_input_same_plan(void **state)
{
    static struct plan first;

    (void)state;
    small_machine();
    add_guest("a", 2, MIB(512));
    add_guest("b", 1, MIB(2));
    build_and_check();
    first = plan;
    memset(&plan, 0, sizeof(plan));
    build_and_check();
    assert_memory_equal(&plan, &first, sizeof(plan));
}

/* ---- memory ---- */

static void test_hole_splits_memory(void **state)
{
    (void)state;
    small_machine();
    machine.ranges[4].size = GIB(8);
    add_guest("big", 1, GIB(5));
    build_and_check();
    assert_int_equal(plan.guests[0].range_count, 2);
    assert_int_equal(range_of(0, 0)->size, GIB(3));
    assert_int_equal(range_of(0, 1)->gpa.raw, GIB(4));
    assert_int_equal(range_of(0, 1)->hpa.raw, GIB(7));
    /* PML4 and PDPT, as all of it is in pages of 1 GiB. */
    assert_int_equal(plan.guests[0].table_pages, 2);
}

static void test_1g_alignment_skips_the_start(void **state)
{
    (void)state;
    small_machine();
    machine.ranges[4].base = hpa(GIB(4) + MIB(6));
    add_guest("big", 1, GIB(2));
    build_and_check();
    assert_int_equal(range_of(0, 0)->hpa.raw, GIB(5));
    assert_int_equal(plan.guests[0].table_pages, 2);
}

static void test_no_alignment_without_1g_pages(void **state)
{
    (void)state;
    small_machine();
    machine.ranges[4].base = hpa(GIB(4) + MIB(6));
    machine.page_1g = false;
    add_guest("big", 1, GIB(2));
    build_and_check();
    assert_int_equal(range_of(0, 0)->hpa.raw, GIB(4) + MIB(6));
    assert_int_equal(plan.guests[0].table_pages, 4);
}

static void test_few_ranges_beat_alignment(void **state)
{
    (void)state;
    small_machine();
    machine.ranges[4].base = hpa(GIB(4) + MIB(6));
    add_guest("big", 1, GIB(4));
    build_and_check();
    assert_int_equal(range_of(0, 0)->hpa.raw, GIB(4) + MIB(6));
    assert_int_equal(plan.guests[0].range_count, 2); /* because of the hole */
}

static void test_fragments(void **state)
{
    (void)state;
    small_machine();
    machine.range_count = 0;
    for (uint32_t i = 0; i < 10; i++)
        add_range_of(MEMORY_FREE, GIB(1) + i * MIB(100), MIB(10) + i * MIB(2), 0);
    add_guest("a", 1, MIB(100));
    add_guest("b", 1, MIB(60));
    build_and_check();
    /* Largest pieces first, and the rest from the smallest piece that holds it. */
    assert_int_equal(plan.guests[0].range_count, 4);
    assert_int_equal(range_of(0, 0)->size, MIB(28));
    assert_int_equal(range_of(0, 3)->size, MIB(22));
}

static void test_alignment_within_fragments(void **state)
{
    (void)state;
    /* No extent holds it all; the first can be aligned, as there is enough left elsewhere. */
    small_machine();
    machine.range_count = 0;
    add_range_of(MEMORY_FREE, GIB(4) - MIB(64), GIB(4) + MIB(64), 0);
    add_range_of(MEMORY_FREE, GIB(16), GIB(3), 0);
    add_guest("big", 1, GIB(6));
    build_and_check();
    assert_int_equal(range_of(0, 0)->hpa.raw, GIB(4));
    assert_int_equal(plan.guests[0].table_pages, 2);
}

static void test_alignment_gives_way_to_ranges(void **state)
{
    (void)state;
    /* Aligned, 256 guests on 512 extents would need more ranges than there are. */
    uint32_t random = 1;
    uint64_t sum = 0;
    world_reset();
    add_cores(0, 256, 1);
    machine.page_1g = true;
    add_range_of(MEMORY_FREE, MIB(16), MIB(64), 0);
    for (uint64_t i = 0; i < 511; i++) {
        random = random * 1103515245 + 12345;
        uint64_t size = MIB(1742 + 2 * ((random >> 16) % 106));
        add_range_of(MEMORY_FREE, GIB(4 + 8 * i) + MIB(908), size, 0);
        sum += size;
    }
    for (uint32_t i = 0; i < 256; i++) {
        random = random * 1103515245 + 12345;
        add_guest("web", 1,
                  sum / 256 / PAGE_2M * PAGE_2M -
                      MIB(2 * ((random >> 16) % 2 * (random >> 20) % 64)));
    }
    build_and_check();
    assert_int_equal(range_of(0, 0)->hpa.raw % GIB(1), MIB(908));
}

static void test_every_piece_is_used(void **state)
{
    (void)state;
    small_machine();
    /* 4190 MiB remain beside the hypervisor's piece. */
    add_guest("all", 4, MIB(4190));
    build_and_check();
    assert_int_equal(plan.memory_left, 0);
    print_plan();
    assert_string_equal(
        table, "guest            pCPUs                   memory                        devices\n"
               "all              0-3                       3072 MiB at 0x100000000     none\n"
               "                                           1024 MiB at 0x1c0000000\n"
               "                                             94 MiB at 0x2200000\n"
               "(hypervisor)                                180 KiB at 0x2000000\n"
               "left over                                     0 MiB\n");
}

static void test_host_takes_the_smallest_piece(void **state)
{
    (void)state;
    small_machine();
    add_range_of(MEMORY_FREE, GIB(16), MIB(4), 0);
    add_guest("a", 1, MIB(2));
    build_and_check();
    assert_int_equal(plan.host_base.raw, GIB(16));
    assert_int_equal(plan.host_size, KIB(64) + 4 * KIB(16) + KIB(8) + KIB(8) + 3 * PAGE_4K);
}

static void test_host_gives_back_what_it_does_not_need(void **state)
{
    (void)state;
    /* Tables for 2 MiB pages would take 8 MiB; with 1 GiB pages two are enough. */
    small_machine();
    machine.ranges[4].size = GIB(2048);
    add_guest("huge", 1, GIB(2044));
    build_and_check();
    assert_int_equal(plan.guests[0].table_pages, 1 + 4);
    assert_true(plan.host_size < MIB(1));
    assert_int_equal(plan.memory_left, GIB(4) + MIB(94));
}

static void test_host_takes_a_whole_piece(void **state)
{
    (void)state;
    /* As large as the hypervisor could become: what it does not need becomes a piece again. */
    small_machine();
    machine.ranges[4].size = GIB(2048);
    add_range_of(MEMORY_FREE, GIB(4096), MIB(10), 0);
    add_guest("huge", 1, GIB(2044));
    build_and_check();
    assert_int_equal(plan.host_base.raw, GIB(4096));
    assert_int_equal(plan.free[plan.free_count - 1].base.raw, GIB(4096) + MIB(2));
    assert_int_equal(plan.free[plan.free_count - 1].size, MIB(8));
}

static void test_neighbouring_nodes_are_one_range(void **state)
{
    (void)state;
    small_machine();
    machine.ranges[2].size = MIB(2); /* for the hypervisor */
    machine.ranges[4].size = GIB(2);
    add_range_of(MEMORY_FREE, GIB(6), GIB(2), 1);
    add_guest("big", 1, GIB(3));
    build_and_check();
    assert_int_equal(plan.guests[0].range_count, 1);
    assert_int_equal(range_of(0, 0)->size, GIB(3));
}

static void test_neighbouring_ranges_are_one(void **state)
{
    (void)state;
    small_machine();
    machine.range_count = 0;
    add_range_of(MEMORY_FREE, MIB(16), KIB(4), 0);
    add_range_of(MEMORY_FREE, MIB(16) + KIB(4), MIB(63) + KIB(1020), 0);
    add_guest("a", 1, MIB(62));
    build_and_check();
    assert_int_equal(plan.guests[0].range_count, 1);
}

/* ---- the table ---- */

static void test_long_lists_are_cut(void **state)
{
    (void)state;
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    add_cores(0, 64, 2);
    machine.range_count = 0;
    add_range_of(MEMORY_FREE, MIB(16), MIB(8), 0);
    for (uint32_t i = 0; i < 12; i++)
        add_range_of(MEMORY_FREE, GIB(1) + i * MIB(100), MIB(10), 0);
    for (uint32_t i = 0; i < 40; i++) {
        static char names[40][8];
        snprintf(names[i], sizeof(names[i]), "g%u", i);
        add_guest(names[i], 1, i == 0 ? MIB(40) : MIB(2));
    }
    build_and_check();
    print_plan();
    assert_non_null(strstr(table, "left over        80-127 "));
    assert_non_null(strstr(table, "idle siblings    1,3,5,7,9,11,13,15,\n"
                                  "                 17,19,21,23,25,27,\n"
                                  "                 29,31,33,35,37,39,\n"
                                  "                 41,43,45,47,49,51,\n"
                                  "                 53,55,57,59,61,63,\n"
                                  "                 65,67,69,71,73,75,\n"
                                  "                 77,79\n"));
    /* One guest with all the fragments. */
    wishes.guest_count = 0;
    add_guest("a-name-as-long-", 64, MIB(120))->smt = true;
    build_and_check();
    print_plan();
    assert_string_equal(
        table, "guest            pCPUs                   memory                        devices\n"
               "a-name-as-long-  0-63                        10 MiB at 0x40000000      none\n"
               "                                             10 MiB at 0x46400000\n"
               "                                             10 MiB at 0x4c800000\n"
               "                                             10 MiB at 0x52c00000\n"
               "                                             10 MiB at 0x59000000\n"
               "                                             10 MiB at 0x5f400000\n"
               "                                             10 MiB at 0x65800000\n"
               "                                             10 MiB at 0x6bc00000\n"
               "                                             40 MiB in 4 more\n"
               "(hypervisor)                               2644 KiB at 0x1000000\n"
               "left over        64-127                       4 MiB\n");
}

static void test_scattered_processors_are_cut(void **state)
{
    (void)state;
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    add_cores(0, 256, 2);
    for (uint32_t i = 0; i < 200; i++)
        add_guest("g", 1, MIB(2));
    build_and_check();
    print_plan();
    const char *idle = strstr(table, "idle siblings    1,3,5");
    assert_non_null(idle);
    assert_non_null(strstr(idle, "\n                 ...\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_guests),
        cmocka_unit_test(test_same_input_same_plan),
        cmocka_unit_test(test_hole_splits_memory),
        cmocka_unit_test(test_1g_alignment_skips_the_start),
        cmocka_unit_test(test_no_alignment_without_1g_pages),
        cmocka_unit_test(test_few_ranges_beat_alignment),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_alignment_within_fragments),
        cmocka_unit_test(test_alignment_gives_way_to_ranges),
        cmocka_unit_test(test_every_piece_is_used),
        cmocka_unit_test(test_host_takes_the_smallest_piece),
        cmocka_unit_test(test_host_gives_back_what_it_does_not_need),
        cmocka_unit_test(test_host_takes_a_whole_piece),
        cmocka_unit_test(test_neighbouring_nodes_are_one_range),
        cmocka_unit_test(test_neighbouring_ranges_are_one),
        cmocka_unit_test(test_long_lists_are_cut),
        cmocka_unit_test(test_scattered_processors_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
