/* SPDX-License-Identifier: MIT */
/* The MP tables of a guest, entry by entry. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "kernel/acpi/guest.h"
#include "kernel/acpi/mptable.h"

static uint8_t bytes[8192];
static struct mptable_params params;
static size_t used;

static void good_params(uint32_t vcpus)
{
    params = (struct mptable_params){
        .base = gpa(0xf0000), .vcpu_count = vcpus, .signature = 0x306c3, .features = 0x1f8bfbff};
    memset(bytes, 0x5a, sizeof(bytes));
}

static uint32_t u16(size_t at)
{
    return (uint32_t)bytes[at] | (uint32_t)bytes[at + 1] << 8;
}

static uint32_t u32(size_t at)
{
    return u16(at) | u16(at + 2) << 16;
}

static uint8_t sum(size_t from, size_t size)
{
    uint8_t total = 0;

    for (size_t i = 0; i < size; i++)
        total = (uint8_t)(total + bytes[from + i]);
    return total;
}

static void test_two_processors(void **state)
{
    (void)state;
    good_params(2);
    assert_true(mptable_build(&params, bytes, sizeof(bytes), &used));
    assert_memory_equal(bytes, "_MP_\x10\0\x0f\0\x01\x04", 10);
    assert_int_equal(sum(0, 16), 0);
    assert_memory_equal(bytes + 11, "\0\0\0\0\0", 5);
    assert_memory_equal(bytes + 16, "PCMP", 4);
    assert_int_equal(u16(20), used - 16);
    assert_int_equal(bytes[22], 4);
    assert_int_equal(sum(16, used - 16), 0);
    assert_int_equal(u16(16 + 34), 2 + 1 + 1 + 15 + 2);
    assert_int_equal(u32(16 + 36), 0xfee00000);
    /* processors */
    assert_memory_equal(bytes + 60, "\0\0\x14\3\xc3\x06\x03\0\xff\xfb\x8b\x1f\0\0\0\0\0\0\0\0", 20);
    assert_memory_equal(bytes + 80, "\0\1\x14\1\xc3\x06\x03\0\xff\xfb\x8b\x1f\0\0\0\0\0\0\0\0", 20);
    /* bus, I/O APIC */
    assert_memory_equal(bytes + 100, "\1\0ISA   ", 8);
    assert_memory_equal(bytes + 108, "\2\0\x20\1\0\0\xc0\xfe", 8);
    /* the timer on pin 2, no line 2, COM1 on pin 4, the last line */
    assert_memory_equal(bytes + 116, "\3\0\0\0\0\0\0\2", 8);
    assert_memory_equal(bytes + 124, "\3\0\0\0\0\1\0\1", 8);
    assert_memory_equal(bytes + 132, "\3\0\0\0\0\3\0\3", 8);
    assert_memory_equal(bytes + 140, "\3\0\0\0\0\4\0\4", 8);
    assert_memory_equal(bytes + 116 + 14 * 8, "\3\0\0\0\0\xf\0\xf", 8);
    /* the 8259 on LINT0, NMI on LINT1 of all */
    assert_memory_equal(bytes + 236, "\4\3\0\0\0\0\xff\0", 8);
    assert_memory_equal(bytes + 244, "\4\1\0\0\0\0\xff\1", 8);
    assert_int_equal(used, 252);
    assert_int_equal(bytes[used], 0x5a);
}

static void test_sizes(void **state)
{
    (void)state;
    good_params(64);
    assert_true(mptable_build(&params, bytes, 1536, &used));
    good_params(MPTABLE_MAX_VCPUS);
    assert_true(mptable_build(&params, bytes, sizeof(bytes), &used));
    assert_int_equal(sum(16, used - 16), 0);
    assert_false(mptable_build(&params, bytes, used - 1, &used));
    assert_int_equal(used, 0);
}

static void test_refused(void **state)
{
    (void)state;
    good_params(0);
    assert_false(mptable_build(&params, bytes, sizeof(bytes), &used));
    good_params(MPTABLE_MAX_VCPUS + 1);
    assert_false(mptable_build(&params, bytes, sizeof(bytes), &used));
    good_params(UINT32_MAX);
    assert_false(mptable_build(&params, bytes, sizeof(bytes), &used));
    good_params(1);
    params.base = gpa(0xf0008);
    assert_false(mptable_build(&params, bytes, sizeof(bytes), &used));
    params.base = gpa(0xeff00);
    assert_false(mptable_build(&params, bytes, sizeof(bytes), &used));
    params.base = gpa(0xfff20);
    assert_false(mptable_build(&params, bytes, sizeof(bytes), &used));
    params.base = gpa(0xfff00);
    assert_true(mptable_build(&params, bytes, sizeof(bytes), &used));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_processors),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
