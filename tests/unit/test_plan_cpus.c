/* SPDX-License-Identifier: MIT */
/* Who gets which processors: cores, threads, nodes, lists. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/acpi_image.h"
#include "tests/unit/plan_check.h"

static void assert_cpus(uint32_t guest, const uint16_t *expected, uint32_t count)
{
    assert_int_equal(plan.guests[guest].cpu_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(cpu_of(guest, i), expected[i]);
}

static uint32_t threads_of(uint32_t guest)
{
    return plan.guests[guest].threads_per_core;
}

/* ---- whole cores, one thread or all ---- */

static void smt_machine(void)
{
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    add_cores(0, 4, 2);
    add_cores(1, 4, 2);
    add_range_of(MEMORY_FREE, GIB(8), GIB(4), 1);
}

static void test_one_thread_of_each_core(void **state)
{
    (void)state;
    smt_machine();
    add_guest("web", 3, MIB(64));
    build_and_check();
    print_plan();
    assert_cpus(0, LIST(0, 2, 4));
    assert_int_equal(threads_of(0), 1);
    assert_non_null(strstr(table, "web              0,2,4 "));
    assert_non_null(strstr(table, "left over        6-15 "));
    assert_non_null(strstr(table, "idle siblings    1,3,5\n"));
}

static void test_smt_takes_as_few_cores_as_possible(void **state)
{
    static const struct {
        uint32_t cpus, threads_per_core, left_over;
    } cases[] = {{1, 1, 14}, {2, 2, 14}, {3, 1, 12}, {4, 2, 12}, {7, 1, 8}, {8, 2, 8}, {16, 2, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char row[32];
        smt_machine();
        add_guest("web", cases[i].cpus, MIB(64))->smt = true;
        build_and_check();
        print_plan();
        assert_int_equal(threads_of(0), cases[i].threads_per_core);
        snprintf(row, sizeof(row), "left over        %u-15 ", 16 - cases[i].left_over);
        assert_true(cases[i].left_over == 0 || strstr(table, row) != NULL);
    }
}

static void test_cores_of_four_threads(void **state)
{
    (void)state;
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 2;
    add_cores(0, 5, 4);
    add_guest("two-cores", 8, MIB(2))->smt = true;
    add_guest("half-a-core", 2, MIB(2))->smt = true;
    add_guest("two-threads", 2, MIB(2));
    build_and_check();
    assert_int_equal(threads_of(0), 4);
    assert_int_equal(threads_of(1), 1);
    assert_int_equal(threads_of(2), 1);
    assert_int_equal(plan.cpus_used, 12);
}

static void test_cores_of_three_threads_are_not_shown(void **state)
{
    (void)state;
    /* Ids 0 to 2 and 4 to 6: topology by APIC ids knows powers of two only. */
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 2;
    add_cores(0, 2, 3);
    add_guest("a", 6, MIB(2))->smt = true;
    build_and_check();
    assert_int_equal(threads_of(0), 1);
}

static void test_small_cores_for_single_threads(void **state)
{
    (void)state;
    /* Two cores of two threads, two of one: what needs no siblings leaves them to others. */
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    add_cores(0, 2, 2);
    add_cores(0, 2, 1);
    add_guest("single", 2, MIB(2));
    add_guest("smt", 4, MIB(2))->smt = true;
    build_and_check();
    assert_cpus(0, LIST(4, 5));
    assert_cpus(1, LIST(0, 1, 2, 3));
    assert_int_equal(threads_of(1), 2);
}

static void test_mixed_cores_are_not_uniform(void **state)
{
    (void)state;
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    add_cores(0, 1, 2);
    add_cores(0, 2, 1);
    add_guest("a", 4, MIB(2))->smt = true;
    build_and_check();
    assert_int_equal(threads_of(0), 1);
}

static void test_single_threads_of_a_node(void **state)
{
    (void)state;
    smt_machine();
    add_guest("large", 4, MIB(512));
    add_guest("small", 3, MIB(64));
    add_guest("rest", 1, MIB(64));
    build_and_check();
    assert_cpus(0, LIST(0, 2, 4, 6));
    assert_cpus(1, LIST(8, 10, 12));
    assert_cpus(2, LIST(14));
}

static void test_smt_siblings_stay_together(void **state)
{
    (void)state;
    smt_machine();
    add_guest("web", 1, MIB(64));
    add_guest("rt", 3, GIB(3) + MIB(512))->smt = true;
    build_and_check();
    print_plan();
    assert_string_equal(
        table, "guest            pCPUs                   memory                        devices\n"
               "web              4                           64 MiB at 0x2200000       none\n"
               "rt               0-2                       3072 MiB at 0x100000000     none\n"
               "                                            512 MiB at 0x1c0000000\n"
               "(hypervisor)                                392 KiB at 0x2000000\n"
               "left over        6-15                      4638 MiB in 3 pieces\n"
               "idle siblings    3,5\n");
}

static void test_threads_listed_apart(void **state)
{
    (void)state;
    /* Firmware lists the first threads of all cores, then the second ones. */
    small_machine();
    machine.smt_shift = 1;
    for (uint32_t i = 0; i < 4; i++)
        machine.cpus[i].apic_id = (i % 2) * 2 + i / 2; /* cores 0 1 0 1 */
    add_guest("a", 2, MIB(2))->smt = true;
    add_guest("b", 2, MIB(2))->smt = true;
    build_and_check();
    assert_int_equal(cpu_of(0, 0), 0);
    assert_int_equal(cpu_of(0, 1), 2);
    assert_int_equal(cpu_of(1, 0), 1);
    assert_int_equal(cpu_of(1, 1), 3);
}

static void test_hybrid_machine_wastes_nothing(void **state)
{
    (void)state;
    /* Two cores with two threads, two with one: 6 processors, all of them asked for. */
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    add_cores(0, 2, 2);
    add_cores(0, 2, 1);
    add_guest("one", 1, MIB(2));
    add_guest("two", 2, MIB(2))->smt = true;
    add_guest("three", 3, MIB(2))->smt = true;
    build_and_check();
    assert_int_equal(plan.cpus_used, 6);
}

static void test_one_node_where_possible(void **state)
{
    (void)state;
    smt_machine();
    add_guest("small", 6, MIB(512))->smt = true;
    add_guest("large", 8, GIB(1))->smt = true;
    build_and_check();
    /* The large one first: it fills node 0, the other goes to node 1 with its memory. */
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(machine.cpus[cpu_of(1, i)].node, 0);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(machine.cpus[cpu_of(0, i)].node, 1);
    assert_int_equal(range_of(0, 0)->hpa.raw, GIB(8));
    assert_int_equal(range_of(1, 0)->hpa.raw, GIB(4));
}

static void test_node_with_memory_is_preferred(void **state)
{
    (void)state;
    smt_machine();
    machine.ranges[machine.range_count - 1].size = GIB(64);
    add_guest("db", 2, GIB(32));
    build_and_check();
    assert_int_equal(machine.cpus[cpu_of(0, 0)].node, 1);
    assert_int_equal(range_of(0, 0)->hpa.raw, GIB(8));
}

static void test_guest_larger_than_a_node(void **state)
{
    (void)state;
    smt_machine();
    add_guest("small", 2, MIB(512));
    add_guest("large", 10, GIB(6))->smt = true;
    build_and_check();
    assert_int_equal(plan.guests[1].cpu_count, 10);
    /* All of its own node first, then the other's. */
    assert_int_equal(range_of(1, 0)->hpa.raw, GIB(4));
    assert_int_equal(range_of(1, 1)->gpa.raw, GIB(4));
}

static void test_nodes_give_way_to_cores(void **state)
{
    (void)state;
    /* Node 0 has cores of two threads, node 1 of one. Served node by node, c would go without. */
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    add_cores(0, 3, 2);
    add_cores(1, 3, 1);
    add_guest("a", 3, MIB(2))->smt = true;
    add_guest("b", 3, MIB(2))->smt = true;
    add_guest("c", 3, MIB(2))->smt = true;
    build_and_check();
    assert_int_equal(plan.cpus_used, 9);
}

static void test_bogus_core_of_many_threads(void **state)
{
    (void)state;
    small_machine();
    machine.cpu_count = 0;
    add_cores(0, 20, 1);
    machine.smt_shift = 31;
    add_guest("a", 8, MIB(2))->smt = true;
    build_and_check();
    print_plan();
    assert_non_null(strstr(table, "left over                "));
    assert_non_null(strstr(table, "idle siblings    8-19\n"));
}

/* ---- lists ---- */

static void test_list_as_it_is(void **state)
{
    (void)state;
    smt_machine();
    add_guest("first", 2, MIB(64));
    add_listing("pinned", LIST(9, 2, 4));
    build_and_check();
    print_plan();
    assert_cpus(1, LIST(9, 2, 4));
    assert_cpus(0, LIST(0, 6)); /* on the fuller node */
    assert_non_null(strstr(table, "pinned           9,2,4 "));
    assert_non_null(strstr(table, "idle siblings    1,3,5,7-8\n"));
}

static void test_memory_is_near_the_first_listed(void **state)
{
    (void)state;
    smt_machine();
    add_guest("large", 2, GIB(2));
    add_listing("far", LIST(8));
    add_listing("near", LIST(0));
    build_and_check();
    assert_int_equal(range_of(1, 0)->hpa.raw, GIB(8));
    assert_true(range_of(2, 0)->hpa.raw < GIB(8));
}

static void test_siblings_on_a_list(void **state)
{
    static const struct {
        uint16_t list[4];
        uint32_t count, threads_per_core;
    } cases[] = {
        {{2, 3}, 2, 2},       {{3, 2}, 2, 2},       {{2, 3, 8, 9}, 4, 2}, {{9, 8, 2, 3}, 4, 2},
        {{2, 8, 3, 9}, 4, 1}, {{2, 3, 8}, 3, 1},    {{2, 4}, 2, 1},       {{5}, 1, 1},
        {{2, 4, 5, 3}, 4, 1}, {{0, 1, 4, 6}, 4, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        smt_machine();
        add_listing("pinned", cases[i].list, cases[i].count)->smt = true;
        build_and_check();
        assert_int_equal(threads_of(0), cases[i].threads_per_core);
    }
}

static void test_lists_of_all_processors(void **state)
{
    (void)state;
    smt_machine();
    add_listing("a", LIST(15, 14, 13, 12, 11, 10, 9, 8))->smt = true;
    add_listing("b", LIST(0, 1, 2, 3, 4, 5, 6, 7))->smt = true;
    build_and_check();
    assert_int_equal(plan.cpus_used, 16);
    assert_int_equal(threads_of(0), 2);
    assert_int_equal(threads_of(1), 2);
}

static void test_others_around_lists(void **state)
{
    (void)state;
    /* Served node by node, c would go without; the second try keeps the list. */
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    add_cores(0, 4, 2);
    add_cores(1, 3, 1);
    add_guest("a", 3, MIB(2))->smt = true;
    add_guest("b", 3, MIB(2))->smt = true;
    add_guest("c", 3, MIB(2))->smt = true;
    add_listing("pinned", LIST(7));
    build_and_check();
    assert_cpus(3, LIST(7));
    assert_int_equal(plan.cpus_used, 10);
}

/* ---- machines as firmware describes them ---- */

static void test_numbers_count_what_can_be_used(void **state)
{
    static struct acpi_host host;
    struct image *image = machine_new();

    (void)state;
    /* Ids 0, 2, 300 on nodes 0, 0x201, 7; id 3, a sibling of 2, may be plugged in later. */
    assert_true(image_parse(image, RSDP_AT, &host, &diag));
    image_free(image);
    small_machine();
    machine.smt_shift = 1;
    acpi_fill_hardware(&host, 300, &machine);
    add_listing("a", LIST(2, 0));
    add_guest("b", 1, MIB(2));
    build_and_check();
    assert_int_equal(machine.cpus[cpu_of(0, 0)].apic_id, 2);
    assert_int_equal(machine.cpus[cpu_of(0, 1)].apic_id, 300);
    assert_int_equal(machine.cpus[cpu_of(1, 0)].apic_id, 0);
    wishes.guests[0].first_listed = 2;
    wishes.listed[2] = 3;
    wishes.listed[3] = 1;
    assert_false(build());
    assert_string_equal(diag.message, "guest a lists pCPU 3, but there is none");
}

/* Four sockets whose ids begin at multiples of 256, each core's at a multiple of 2. */
static void socket_machine(void)
{
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    for (uint32_t i = 0; i < 4 * 160; i++) {
        uint32_t socket = i % 4; /* firmware goes round the sockets, second threads last */
        uint32_t core = i / 4 % 80;
        uint32_t id = socket << 8 | core << 1 | (i / 320);
        machine.cpus[machine.cpu_count++] = (struct hardware_cpu){.apic_id = id, .node = socket};
    }
}

static void test_sockets_with_gaps_between_ids(void **state)
{
    (void)state;
    socket_machine();
    add_guest("half-a-socket", 64, MIB(2))->smt = true;
    add_guest("single", 40, MIB(2));
    add_listing("pinned", LIST(639, 319, 3))->smt = true;
    build_and_check();
    assert_int_equal(machine.cpus[639].apic_id, 3 << 8 | 79 << 1 | 1);
    assert_int_equal(threads_of(0), 2);
    assert_int_equal(machine.cpus[cpu_of(0, 1)].apic_id, machine.cpus[cpu_of(0, 0)].apic_id + 1);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(machine.cpus[cpu_of(0, i)].node, machine.cpus[cpu_of(0, 0)].node);
}

static void test_sibling_that_is_disabled(void **state)
{
    (void)state;
    /* Every other core lost its second thread. */
    small_machine();
    machine.cpu_count = 0;
    machine.smt_shift = 1;
    for (uint32_t core = 0; core < 4; core++) {
        machine.cpus[machine.cpu_count++] = (struct hardware_cpu){.apic_id = core << 5};
        if (core % 2 == 0)
            machine.cpus[machine.cpu_count++] = (struct hardware_cpu){.apic_id = core << 5 | 1};
    }
    add_guest("smt", 4, MIB(2))->smt = true;
    add_guest("single", 2, MIB(2));
    build_and_check();
    assert_cpus(0, LIST(0, 1, 3, 4));
    assert_cpus(1, LIST(2, 5));
    assert_int_equal(threads_of(0), 2);
}

static void test_same_ids_on_two_nodes(void **state)
{
    (void)state;
    /* A broken SRAT splits a core: its halves count as cores of their own. */
    small_machine();
    machine.smt_shift = 1;
    machine.cpus[1].node = 1;
    add_listing("a", LIST(0));
    add_listing("b", LIST(1));
    build_and_check();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thread_of_each_core),
        cmocka_unit_test(test_smt_takes_as_few_cores_as_possible),
        cmocka_unit_test(test_cores_of_four_threads),
        cmocka_unit_test(test_cores_of_three_threads_are_not_shown),
        cmocka_unit_test(test_small_cores_for_single_threads),
        cmocka_unit_test(test_mixed_cores_are_not_uniform),
        cmocka_unit_test(test_single_threads_of_a_node),
        cmocka_unit_test(test_smt_siblings_stay_together),
        cmocka_unit_test(test_threads_listed_apart),
        cmocka_unit_test(test_hybrid_machine_wastes_nothing),
        cmocka_unit_test(test_one_node_where_possible),
        cmocka_unit_test(test_node_with_memory_is_preferred),
        cmocka_unit_test(test_guest_larger_than_a_node),
        cmocka_unit_test(test_nodes_give_way_to_cores),
        cmocka_unit_test(test_bogus_core_of_many_threads),
        cmocka_unit_test(test_list_as_it_is),
        cmocka_unit_test(test_memory_is_near_the_first_listed),
        cmocka_unit_test(test_siblings_on_a_list),
        cmocka_unit_test(test_lists_of_all_processors),
        cmocka_unit_test(test_others_around_lists),
        cmocka_unit_test(test_numbers_count_what_can_be_used),
        cmocka_unit_test(test_sockets_with_gaps_between_ids),
        cmocka_unit_test(test_sibling_that_is_disabled),
        cmocka_unit_test(test_same_ids_on_two_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
