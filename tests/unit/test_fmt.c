/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/lib/fmt.h"

/* Through pointers, so that the compilers do not check formats that are wrong on purpose. */
static size_t (*const volatile print)(char *, size_t, const char *, ...) = fmt_print;
static int (*const volatile print_theirs)(char *, size_t, const char *, ...) = snprintf;

/* Print the same with both and compare text and length with the C library's. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        char ours[128], theirs[128];                                                               \
        size_t length = print(ours, sizeof(ours), __VA_ARGS__);                                    \
        assert_int_equal(length, print_theirs(theirs, sizeof(theirs), __VA_ARGS__));               \
        assert_string_equal(ours, theirs);                                                         \
    } while (0)

static void test_numbers(void **state)
{
    (void)state;
    SAME("%d %i %u", 0, -1, 4294967295U);
    SAME("%d %d", INT_MIN, INT_MAX);
    SAME("%ld %lld", LONG_MIN, LLONG_MAX);
    SAME("%lld", LLONG_MIN);
    SAME("%lu %llu", ULONG_MAX, ULLONG_MAX);
    SAME("%zu %zx", SIZE_MAX, SIZE_MAX);
    SAME("%hhd %hhu %hd %hu", -129, 257, 40000, 65537);
    SAME("%hhx %hx", 0x1ff, 0x1ffff);
    SAME("%x %lx %llx", 0xdeadbeef, 0x123456789abcdefUL, 0ULL);
    SAME("%#x %#x %#lx", 0, 255, 0x1000UL);
    SAME("%p", (void *)0x1234);
}

static void test_width_and_flags(void **state)
{
    (void)state;
    SAME("[%5d][%-5d][%05d]", 42, 42, 42);
    SAME("[%5d][%-5d][%05d]", -42, -42, -42);
    SAME("[%08x][%#010x][%-#8x][%#8x]", 0xbeef, 0xbeef, 0xbeef, 0xbeef);
    SAME("[%016lx]", 0x1fUL);
    SAME("[%1d]", 123456);
    SAME("[%*d][%*d][%-*d]", 6, 7, -6, 7, 6, 7);
    SAME("[%10s][%-10s][%2s]", "abc", "abc", "abc");
    SAME("[%3c][%-3c]", 'x', 'y');
    SAME("[%.2s][%.9s][%.0s][%.s]", "abc", "abc", "abc", "abc");
    SAME("[%.*s][%.*s][%5.*s]", 2, "abc", -1, "abc", 1, "abc");
    SAME("100%% of %s%c", "it", '!');
    SAME("%s", "");
    SAME("plain text");
}

static void test_precision_bounds_the_reading(void **state)
{
    const char not_ended[3] = {'a', 'b', 'c'};
    char out[16];

    (void)state;
    assert_int_equal(print(out, sizeof(out), "<%.*s>", 3, not_ended), 5);
    assert_string_equal(out, "<abc>");
}

static void test_null_string(void **state)
{
    const char *volatile nothing = NULL;
    char out[16];

    (void)state;
    assert_int_equal(print(out, sizeof(out), "%s", nothing), 6);
    assert_string_equal(out, "(null)");
}

static void test_cut_off(void **state)
{
    char out[8];
    size_t size;

    (void)state;
    for (size = 1; size <= sizeof(out); size++) {
        memset(out, '#', sizeof(out));
        assert_int_equal(print(out, size, "%s-%5d-%04x", "abc", 12, 0xf), 14);
        assert_memory_equal(out, "abc-   12-000f", size - 1);
        assert_int_equal(out[size - 1], '\0');
        if (size < sizeof(out))
            assert_int_equal(out[size], '#');
    }
    out[0] = '#';
    assert_int_equal(print(out, 0, "%d", 1234), 4);
    assert_int_equal(out[0], '#');
    assert_int_equal(print(NULL, 0, "%s", "abc"), 3);
}

/* A width costs nothing where it does not fit. */
static void test_huge_width(void **state)
{
    char out[4];

    (void)state;
    assert_int_equal(print(out, sizeof(out), "%*d", INT_MAX, 1), INT_MAX);
    assert_string_equal(out, "   ");
    assert_int_equal(print(out, sizeof(out), "%*d", INT_MIN, 1), (size_t)INT_MAX + 1);
    assert_string_equal(out, "1  ");
}

static void test_unknown_prints_itself(void **state)
{
    static const struct {
        const char *format;
        const char *text;
    } cases[] = {
        {"%q-%d", "%q-7"},     {"%f %d", "%f 7"},
        {"%-5lq%d", "%-5lq7"}, {"%", "%"},
        {"a%5", "a%5"},        {"%.3", "%.3"},
        {"%l", "%l"},          {"%X%d", "%X7"},
        {"%n%d", "%n7"},       {"%100000000000000000d", NULL},
    };
    char out[32];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = print(out, sizeof(out), cases[i].format, 7);

        if (cases[i].text == NULL) {
            assert_true(length >= 100000);
            continue;
        }
        assert_string_equal(out, cases[i].text);
        assert_int_equal(length, strlen(cases[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_width_and_flags),
        cmocka_unit_test(test_precision_bounds_the_reading),
        cmocka_unit_test(test_null_string),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_huge_width),
        cmocka_unit_test(test_unknown_prints_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
