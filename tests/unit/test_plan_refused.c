/* SPDX-License-Identifier: MIT */
/* Configs that do not fit a machine, and machines that are not in order: the exact sentences. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/unit/plan_world.h"

static void refused(uint32_t line, uint32_t column, const char *message, const char *hint)
{
    assert_false(build());
    assert_string_equal(diag.message, message);
    assert_string_equal(diag.hint, hint);
    assert_int_equal(diag.line, line);
    assert_int_equal(diag.column, column);
}

static void test_too_many_processors(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 3, MIB(512));
    add_guest("rt", 2, GIB(1));
    add_guest("db", 1, GIB(1));
    refused(21, 8,
            "guest rt wants 2 processors, but only 1 of the machine's 4 is left for it (all guests "
            "together want 6)",
            "give the guests fewer processors, each needs one of its own");
}

static void test_one_guest_wants_more_than_there_are(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 64, MIB(512));
    refused(11, 8,
            "guest web wants 64 processors, but only 4 of the machine's 4 are left for it (all "
            "guests together want 64)",
            "give the guests fewer processors, each needs one of its own");
}

static void test_no_processor_left(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 4, MIB(512));
    add_guest("rt", 1, MIB(512));
    refused(21, 8,
            "guest rt wants 1 processor, but only 0 of the machine's 4 are left for it (all guests "
            "together want 5)",
            "give the guests fewer processors, each needs one of its own");
}

static void test_processors_beyond_the_table(void **state)
{
    (void)state;
    small_machine();
    machine.cpus_ignored = 128;
    add_guest("web", 5, MIB(512));
    refused(11, 8,
            "guest web wants 5 processors, but only 4 of the machine's 4 are left for it (all "
            "guests together want 5)",
            "128 more processors are there, but Bulkhead can use only 2048");
}

static void test_too_few_cores(void **state)
{
    (void)state;
    small_machine();
    machine.smt_shift = 1; /* four processors become two cores */
    add_guest("a", 1, MIB(512));
    add_guest("b", 2, MIB(512));
    refused(21, 8,
            "guest b wants 2 processors, but only 1 of the machine's 2 cores is left for it (all "
            "guests together want 3)",
            "cpus = 2 smt takes all threads of fewer cores");
}

static void test_too_few_threads(void **state)
{
    (void)state;
    small_machine();
    machine.smt_shift = 1;
    add_guest("a", 1, MIB(512))->smt = true;
    add_guest("b", 3, MIB(512))->smt = true;
    refused(21, 8,
            "guest b wants 3 processors, but only 2 of the machine's 4 threads are left for it "
            "(all guests together want 4)",
            "give the guests fewer processors, each needs one of its own");
}

static void test_what_lists_leave(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 3, MIB(512));
    add_listing("pinned", LIST(3, 0));
    refused(11, 8,
            "guest web wants 3 processors, but only 2 of the machine's 4 are left for it (all "
            "guests together want 5)",
            "give the guests fewer processors, each needs one of its own");
}

static void test_listed_processor_that_is_not_there(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 1, MIB(512));
    add_listing("pinned", LIST(3, 4));
    refused(21, 8, "guest pinned lists pCPU 4, but there is none",
            "the machine's pCPUs are 0 to 3");
}

static void test_processor_listed_twice(void **state)
{
    (void)state;
    small_machine();
    add_listing("a", LIST(1, 2, 1));
    refused(11, 8, "guest a lists pCPU 1, but it was listed before",
            "the machine's pCPUs are 0 to 3");
    small_machine();
    add_listing("a", LIST(1));
    add_listing("b", LIST(2, 1));
    refused(21, 8, "guest b lists pCPU 1, but it was listed before",
            "the machine's pCPUs are 0 to 3");
}

static void test_listed_siblings(void **state)
{
    (void)state;
    small_machine();
    machine.smt_shift = 1;
    add_listing("a", LIST(2, 3));
    refused(11, 8, "guest a lists pCPU 3, which shares a core with pCPU 2 of guest a",
            "write smt behind the list to use both");
    /* Of two guests the later one is told, whatever the order of the processors is. */
    small_machine();
    machine.smt_shift = 1;
    add_listing("a", LIST(3))->smt = true;
    add_listing("b", LIST(2, 0))->smt = true;
    refused(21, 8, "guest b lists pCPU 2, which shares a core with pCPU 3 of guest a",
            "a core serves one guest: list both there, or another pCPU here");
}

static void test_too_little_memory(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 1, GIB(3));
    add_guest("rt", 1, GIB(2));
    refused(22, 10,
            "guest rt wants 2048 MiB of memory, but only 1120 MiB of the 4192 MiB free in 2 MiB "
            "pieces are left for it (all guests together want 5120 MiB)",
            "the guests together want 928 MiB too much");
}

static void test_memory_that_the_hypervisor_needs(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 1, MIB(4192)); /* all that is free */
    refused(12, 10,
            "guest web wants 4192 MiB of memory, but only 4190 MiB of the 4190 MiB free in 2 MiB "
            "pieces are left for it (all guests together want 4192 MiB)",
            "the guests together want 2 MiB too much");
}

static void test_memory_beyond_all_bounds(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 1, UINT64_MAX - MIB(2) + 1);
    refused(12, 10,
            "guest web wants 17179869183 GiB of memory, but no guest can have more than 65536 GiB",
            "");
}

static void test_memory_of_many_beyond_all_bounds(void **state)
{
    (void)state;
    small_machine();
    for (int i = 0; i < 4; i++)
        add_guest("web", 1, PLAN_MAX_MEMORY);
    refused(12, 10,
            "guest web wants 67108864 MiB of memory, but only 4192 MiB of the 4192 MiB free in 2 "
            "MiB pieces are left for it (all guests together want 268435456 MiB)",
            "the guests together want 268431264 MiB too much");
}

static void test_memory_in_small_pieces_does_not_count(void **state)
{
    (void)state;
    small_machine();
    machine.range_count = 0;
    add_range_of(MEMORY_FREE, MIB(16), MIB(4), 0);
    for (uint32_t i = 0; i < 500; i++)
        add_range_of(MEMORY_FREE, GIB(1) + i * MIB(4) + KIB(4), MIB(2), 0);
    add_guest("web", 1, MIB(64));
    refused(
        12, 10,
        "guest web wants 64 MiB of memory, but only 4 MiB of the 4 MiB free in 2 MiB pieces are "
        "left for it (all guests together want 64 MiB)",
        "the guests together want 60 MiB too much");
}

static void test_no_piece_for_the_hypervisor(void **state)
{
    const struct plan_needs needs = {.fixed = MIB(3)};

    (void)state;
    small_machine();
    machine.range_count = 0;
    for (uint32_t i = 0; i < 8; i++)
        add_range_of(MEMORY_FREE, GIB(1) + i * MIB(4), MIB(2), 0);
    add_guest("web", 1, MIB(4));
    assert_false(build_with(&needs));
    assert_string_equal(diag.message,
                        "the hypervisor itself needs 4 MiB of memory in one piece, but the largest "
                        "free piece has 2 MiB");
    assert_string_equal(diag.hint, "the machine has too little memory, or firmware left it in many "
                                   "small pieces");
    assert_int_equal(diag.line, 0);
}

static void test_needs_that_overflow(void **state)
{
    const struct plan_needs cases[] = {
        {.fixed = UINT64_MAX},
        {.per_cpu = UINT64_MAX / 2},
        {.per_guest = UINT64_C(1) << 63},
        {.per_vcpu = UINT64_C(1) << 52},
        {.fixed = HARDWARE_ADDRESS_END, .per_cpu = 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        small_machine();
        add_guest("web", 1, MIB(512));
        assert_false(build_with(&cases[i]));
        assert_string_equal(diag.message,
                            "the hypervisor itself needs more memory than a machine can have");
    }
}

/* ---- input that its makers should never let through ---- */

static void test_guests_out_of_bounds(void **state)
{
    (void)state;
    small_machine();
    refused(0, 0, "0 guests are configured, but 1 to 256 are allowed", "");
    wishes.guest_count = CONFIG_MAX_GUESTS + 1;
    refused(0, 0, "257 guests are configured, but 1 to 256 are allowed", "");
}

static void test_guest_out_of_bounds(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 0, MIB(512));
    refused(11, 8, "guest web wants 0 processors, but 1 to 64 are allowed", "");
    wishes.guests[0].cpus = 65;
    refused(11, 8, "guest web wants 65 processors, but 1 to 64 are allowed", "");
    wishes.guests[0].cpus = 1;
    wishes.guests[0].memory = 0;
    refused(12, 10, "guest web wants 0 bytes of memory, which is not a multiple of 2 MiB", "");
    wishes.guests[0].memory = MIB(1);
    refused(12, 10, "guest web wants 1048576 bytes of memory, which is not a multiple of 2 MiB",
            "");
}

static void test_processors_out_of_bounds(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 1, MIB(512));
    machine.cpu_count = 0;
    refused(0, 0, "the machine has 0 usable processors, but 1 to 2048 can be planned", "");
    machine.cpu_count = 2049;
    refused(0, 0, "the machine has 2049 usable processors, but 1 to 2048 can be planned", "");
}

static void test_memory_map_out_of_bounds(void **state)
{
    (void)state;
    small_machine();
    add_guest("web", 1, MIB(512));
    machine.range_count = 0;
    refused(0, 0, "the machine's memory map has 0 ranges, but 1 to 512 can be planned", "");
    machine.range_count = 513;
    refused(0, 0, "the machine's memory map has 513 ranges, but 1 to 512 can be planned", "");
}

static void test_memory_map_out_of_order(void **state)
{
    const struct {
        uint64_t base, size;
        const char *message;
    } cases[] = {
        {MIB(1), MIB(2),
         "the machine's memory map is not in order at range 3 (0x100000, 0x200000 bytes)"},
        {MIB(64), MIB(2),
         "the machine's memory map is not in order at range 3 (0x4000000, 0x200000 bytes)"},
        {GIB(3), 0, "the machine's memory map is not in order at range 3 (0xc0000000, 0 bytes)"},
        {GIB(3), UINT64_MAX - 4095,
         "the machine's memory map is not in order at range 3 (0xc0000000, 0xfffffffffffff000 "
         "bytes)"},
        {UINT64_C(1) << 52, KIB(4),
         "the machine's memory map is not in order at range 3 (0x10000000000000, 0x1000 bytes)"},
        {GIB(3) + 1, KIB(4),
         "the machine's memory map is not in order at range 3 (0xc0000001, 0x1000 bytes)"},
        {GIB(3), 4095,
         "the machine's memory map is not in order at range 3 (0xc0000000, 0xfff "
         "bytes)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        small_machine();
        add_guest("web", 1, MIB(512));
        machine.ranges[3].base = hpa(cases[i].base);
        machine.ranges[3].size = cases[i].size;
        refused(0, 0, cases[i].message, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_many_processors),
        cmocka_unit_test(test_one_guest_wants_more_than_there_are),
        cmocka_unit_test(test_no_processor_left),
        cmocka_unit_test(test_processors_beyond_the_table),
        cmocka_unit_test(test_too_few_cores),
        cmocka_unit_test(test_too_few_threads),
        cmocka_unit_test(test_what_lists_leave),
        cmocka_unit_test(test_listed_processor_that_is_not_there),
        cmocka_unit_test(test_processor_listed_twice),
        cmocka_unit_test(test_listed_siblings),
        cmocka_unit_test(test_too_little_memory),
        cmocka_unit_test(test_memory_that_the_hypervisor_needs),
        cmocka_unit_test(test_memory_beyond_all_bounds),
        cmocka_unit_test(test_memory_of_many_beyond_all_bounds),
        cmocka_unit_test(test_memory_in_small_pieces_does_not_count),
        cmocka_unit_test(test_no_piece_for_the_hypervisor),
        cmocka_unit_test(test_needs_that_overflow),
        cmocka_unit_test(test_guests_out_of_bounds),
        cmocka_unit_test(test_guest_out_of_bounds),
        cmocka_unit_test(test_processors_out_of_bounds),
        cmocka_unit_test(test_memory_map_out_of_bounds),
        cmocka_unit_test(test_memory_map_out_of_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
