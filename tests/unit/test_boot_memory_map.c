/* SPDX-License-Identifier: MIT */
#include "boot/memory_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define WB UINT64_C(0xf) /* UC, WC, WT and WB, as most firmware says */

#define MAX_IN  8
#define MAX_OUT 8

struct convert_case {
    const char *name;
    struct memory_map_entry in[MAX_IN];
    struct memory_span ours[2];
    struct hardware_piece out[MAX_OUT];
};

static const struct convert_case convert_cases[] = {
    {.name = "every type has its kind",
     .in = {{.type = MEMORY_MAP_CONVENTIONAL, .base = 0x1000, .pages = 1, .attributes = WB},
            {.type = MEMORY_MAP_ACPI_RECLAIM, .base = 0x2000, .pages = 1, .attributes = WB},
            {.type = MEMORY_MAP_BOOT_CODE, .base = 0x3000, .pages = 1, .attributes = WB},
            {.type = MEMORY_MAP_ACPI_NVS, .base = 0x4000, .pages = 1, .attributes = WB},
            {.type = MEMORY_MAP_BOOT_DATA, .base = 0x5000, .pages = 1, .attributes = WB},
            {.type = 0, .base = 0x6000, .pages = 1, .attributes = WB},
            {.type = MEMORY_MAP_MMIO, .base = 0x8000, .pages = 1, .attributes = WB}},
     .out = {{0x1000, 0x1000, MEMORY_FREE, 0},
             {0x2000, 0x1000, MEMORY_RESERVED, 0},
             {0x3000, 0x1000, MEMORY_FREE, 0},
             {0x4000, 0x1000, MEMORY_RESERVED, 0},
             {0x5000, 0x1000, MEMORY_FREE, 0},
             {0x6000, 0x1000, MEMORY_RESERVED, 0},
             {0x8000, 0x1000, MEMORY_RESERVED, 0}}},
    {.name = "neighbours of one kind are one, also when the map is not sorted",
     .in = {{.type = MEMORY_MAP_BOOT_DATA, .base = 0x300000, .pages = 0x100, .attributes = WB},
            {.type = MEMORY_MAP_CONVENTIONAL, .base = 0x100000, .pages = 0x100, .attributes = WB},
            {.type = MEMORY_MAP_LOADER_CODE, .base = 0x200000, .pages = 0x100, .attributes = WB}},
     .out = {{0x100000, 0x300000, MEMORY_FREE, 0}}},
    {.name = "ours is the loader's, other loader memory is free",
     .in = {{.type = MEMORY_MAP_LOADER_DATA, .base = 0x100000, .pages = 0x10, .attributes = WB}},
     .ours = {{0x104000, 0x2000}, {0x108000, 0x8000}},
     .out = {{0x100000, 0x4000, MEMORY_FREE, 0},
             {0x104000, 0x2000, MEMORY_LOADER, 0},
             {0x106000, 0x2000, MEMORY_FREE, 0},
             {0x108000, 0x8000, MEMORY_LOADER, 0}}},
    {.name = "ours that the firmware forgot to list is there all the same",
     .in = {{.type = MEMORY_MAP_CONVENTIONAL, .base = 0x100000, .pages = 1, .attributes = WB}},
     .ours = {{0x200000, 0x1000}},
     .out = {{0x100000, 0x1000, MEMORY_FREE, 0}, {0x200000, 0x1000, MEMORY_LOADER, 0}}},
    {.name = "the most careful kind wins where descriptors overlap",
     .in = {{.type = MEMORY_MAP_CONVENTIONAL, .base = 0x100000, .pages = 0x100, .attributes = WB},
            {.type = MEMORY_MAP_RUNTIME_DATA, .base = 0x180000, .pages = 0x10, .attributes = WB},
            {.type = MEMORY_MAP_CONVENTIONAL, .base = 0x188000, .pages = 0x100, .attributes = WB}},
     .out = {{0x100000, 0x80000, MEMORY_FREE, 0},
             {0x180000, 0x10000, MEMORY_RESERVED, 0},
             {0x190000, 0xf8000, MEMORY_FREE, 0}}},
    {.name = "a descriptor twice counts once",
     .in = {{.type = MEMORY_MAP_CONVENTIONAL, .base = 0x100000, .pages = 0x10, .attributes = WB},
            {.type = MEMORY_MAP_CONVENTIONAL, .base = 0x100000, .pages = 0x10, .attributes = WB}},
     .out = {{0x100000, 0x10000, MEMORY_FREE, 0}}},
    {.name = "an empty descriptor is nothing",
     .in = {{.type = MEMORY_MAP_CONVENTIONAL, .base = 0x100000, .pages = 0, .attributes = WB},
            {.type = 0, .base = 0x200000, .pages = 0},
            {.type = MEMORY_MAP_CONVENTIONAL, .base = 0x300000, .pages = 1, .attributes = WB}},
     .out = {{0x300000, 0x1000, MEMORY_FREE, 0}}},
    {.name = "memory that cannot be cached, or is for something special, is not free",
     .in = {{.type = MEMORY_MAP_CONVENTIONAL, .base = 0x1000, .pages = 1, .attributes = 1},
            {.type = MEMORY_MAP_CONVENTIONAL,
             .base = 0x3000,
             .pages = 1,
             .attributes = WB | MEMORY_MAP_NV},
            {.type = MEMORY_MAP_CONVENTIONAL,
             .base = 0x5000,
             .pages = 1,
             .attributes = WB | MEMORY_MAP_SP},
            {.type = MEMORY_MAP_BOOT_DATA,
             .base = 0x7000,
             .pages = 1,
             .attributes = WB | MEMORY_MAP_RUNTIME}},
     .out = {{0x1000, 0x1000, MEMORY_RESERVED, 0},
             {0x3000, 0x1000, MEMORY_RESERVED, 0},
             {0x5000, 0x1000, MEMORY_RESERVED, 0},
             {0x7000, 0x1000, MEMORY_RESERVED, 0}}},
    {.name = "RP, WP, XP and RO are capabilities of the memory, not its state",
     .in = {{.type = MEMORY_MAP_CONVENTIONAL,
             .base = 0x1000,
             .pages = 1,
             .attributes = WB | 0x27000}},
     .out = {{0x1000, 0x1000, MEMORY_FREE, 0}}},
    {.name = "unknown types (persistent, unaccepted, of the manufacturer) are reserved",
     .in = {{.type = 14, .base = 0x1000, .pages = 1, .attributes = WB},
            {.type = 15, .base = 0x2000, .pages = 1, .attributes = WB},
            {.type = 0x70000001, .base = 0x3000, .pages = 1, .attributes = WB}},
     .out = {{0x1000, 0x3000, MEMORY_RESERVED, 0}}},
    {.name = "more pages than there are addresses",
     .in = {{.type = 0, .base = 0x1000, .pages = UINT64_MAX},
            {.type = MEMORY_MAP_CONVENTIONAL,
             .base = UINT64_MAX - 0xfff,
             .pages = 2,
             .attributes = WB},
            {.type = MEMORY_MAP_CONVENTIONAL, .base = 0, .pages = 1, .attributes = WB}},
     .out = {{0, 0x1000, MEMORY_FREE, 0},
             {0x1000, (UINT64_C(1) << 52) - 0x1000, MEMORY_RESERVED, 0}}},
    {.name = "partial pages: free memory loses them, reserved memory gains them",
     .in = {{.type = MEMORY_MAP_CONVENTIONAL, .base = 0x10800, .pages = 2, .attributes = WB},
            {.type = 0, .base = 0x20800, .pages = 2},
            {.type = MEMORY_MAP_CONVENTIONAL, .base = 0x30800, .pages = 1, .attributes = WB}},
     .out = {{0x11000, 0x1000, MEMORY_FREE, 0}, {0x20000, 0x3000, MEMORY_RESERVED, 0}}},
};

static uint32_t used_spans(const struct memory_span *spans, uint32_t max)
{
    uint32_t count = 0;
    while (count < max && spans[count].size)
        count++;
    return count;
}

static void run_convert(const struct convert_case *c, uint64_t stride)
{
    uint8_t bytes[MAX_IN * 64];
    struct hardware_piece out[MAX_OUT];
    struct memory_list list = {.ranges = out, .capacity = MAX_OUT, .count = 99, .dropped = 99};
    struct memory_map map = {bytes, MAX_IN * stride, stride};
    struct memory_spans ours = {c->ours, used_spans(c->ours, 2)};

    memset(bytes, 0xee, sizeof(bytes)); /* what lies between entries is noise */
    for (uint32_t i = 0; i < MAX_IN; i++)
        memcpy(bytes + i * stride, &c->in[i], sizeof(c->in[i]));

    memory_map_convert(&map, &ours, &list);

    uint32_t expected = 0;
    while (expected < MAX_OUT && c->out[expected].size)
        expected++;
    if (list.count != expected || memcmp(out, c->out, expected * sizeof(out[0])) != 0)
        for (uint32_t i = 0; i < list.count; i++)
            print_error("%s (stride %u): %#llx + %#llx kind %u\n", c->name, (unsigned)stride,
                        (unsigned long long)out[i].base, (unsigned long long)out[i].size,
                        out[i].kind);
    assert_int_equal(list.count, expected);
    assert_memory_equal(out, c->out, expected * sizeof(out[0]));
    assert_int_equal(list.dropped, 0);
}

static void test_convert(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(convert_cases); i++) {
        run_convert(&convert_cases[i], sizeof(struct memory_map_entry));
        run_convert(&convert_cases[i], sizeof(struct memory_map_entry) + 8);
        run_convert(&convert_cases[i], sizeof(struct memory_map_entry) + 3);
    }
}

static void test_no_room_drops_the_highest(void **state)
{
    (void)state;
    struct memory_map_entry in[] = {
        {.type = MEMORY_MAP_CONVENTIONAL, .base = 0x5000, .pages = 1, .attributes = WB},
        {.type = MEMORY_MAP_CONVENTIONAL, .base = 0x3000, .pages = 1, .attributes = WB},
        {.type = MEMORY_MAP_CONVENTIONAL, .base = 0x1000, .pages = 1, .attributes = WB},
    };
    struct hardware_piece out[2];
    struct memory_list list = {.ranges = out, .capacity = 2};
    struct memory_map map = {in, sizeof(in), sizeof(in[0])};
    struct memory_spans none = {NULL, 0};

    memory_map_convert(&map, &none, &list);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.dropped, 1);
    assert_int_equal(out[0].base, 0x1000);
    assert_int_equal(out[1].base, 0x3000);
}

static void test_form_that_makes_no_sense_is_an_empty_map(void **state)
{
    (void)state;
    struct memory_map_entry in = {.type = 7, .base = 0x1000, .pages = 1, .attributes = WB};
    struct hardware_piece out[1];
    struct memory_list list = {.ranges = out, .capacity = 1};
    struct memory_spans none = {NULL, 0};
    struct memory_map maps[] = {
        {&in, sizeof(in), 0},
        {&in, sizeof(in), sizeof(in) - 1},
        {&in, sizeof(in) - 1, sizeof(in)},
        {&in, 0, sizeof(in)},
    };

    for (size_t i = 0; i < ARRAY_COUNT(maps); i++) {
        memory_map_convert(&maps[i], &none, &list);
        assert_int_equal(list.count, 0);
    }
}

static void test_walk_through_ram(void **state)
{
    (void)state;
    static const struct memory_map_entry in[] = {
        {.type = MEMORY_MAP_CONVENTIONAL, .base = GIB(6), .pages = 1, .attributes = WB},
        {.type = MEMORY_MAP_CONVENTIONAL, .base = 0, .pages = 0x140000, .attributes = WB},
        {.type = MEMORY_MAP_ACPI_RECLAIM, .base = GIB(5) + MIB(3), .pages = 1, .attributes = WB},
        {.type = MEMORY_MAP_MMIO, .base = GIB(64), .pages = 1, .attributes = 1},
        {.type = 0, .base = GIB(80), .pages = 1, .attributes = WB},
        {.type = MEMORY_MAP_RUNTIME_CODE, .base = GIB(96), .pages = 0x200, .attributes = WB},
    };
    static const struct memory_span large[] = {
        {GIB(4), GIB(1)}, {GIB(5), GIB(1)}, {GIB(6), GIB(1)}, {GIB(96), GIB(1)}, {0, 0}};
    static const struct memory_span small[] = {
        {GIB(4), GIB(1)}, {GIB(5) + MIB(2), MIB(2)}, {GIB(6), MIB(2)}, {GIB(96), MIB(2)}, {0, 0}};
    struct memory_map map = {in, sizeof(in), sizeof(in[0])};

    for (int pass = 0; pass < 2; pass++) {
        const struct memory_span *expected = pass ? small : large;
        struct memory_span span = {0, GIB(4)};
        while (memory_map_next_ram(&map, span.base + span.size, pass ? MIB(2) : GIB(1), &span)) {
            assert_int_equal(span.base, expected->base);
            assert_int_equal(span.size, expected->size);
            expected++;
        }
        assert_int_equal(expected->size, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convert),
        cmocka_unit_test(test_no_room_drops_the_highest),
        cmocka_unit_test(test_form_that_makes_no_sense_is_an_empty_map),
        cmocka_unit_test(test_walk_through_ram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
