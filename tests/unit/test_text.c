/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/lib/text.h"
#include "kernel/lib/types.h"

static void test_equal(void **state)
{
    (void)state;
    assert_true(text_equal("cpus = 1", 4, "cpus"));
    assert_true(text_equal("x", 0, ""));
    assert_false(text_equal("cpus", 3, "cpus"));
    assert_false(text_equal("cpus", 4, "cpu"));
    assert_false(text_equal("cpuS", 4, "cpus"));
    assert_false(text_equal("x", 0, "x"));
}

static void test_number(void **state)
{
    static const struct {
        const char *text;
        unsigned base;
        bool fits;
        uint64_t value;
        size_t used;
    } cases[] = {
        {"0", 10, true, 0, 1},
        {"512M", 10, true, 512, 3},
        {"007", 10, true, 7, 3},
        {"", 10, true, 0, 0},
        {"-1", 10, true, 0, 0},
        {"18446744073709551615", 10, true, UINT64_MAX, 20},
        {"18446744073709551616", 10, false, UINT64_MAX, 20},
        {"184467440737095516160x", 10, false, UINT64_MAX, 21},
        {"3fAg", 16, true, 0x3fa, 3},
        {"ffffffffffffffff", 16, true, UINT64_MAX, 16},
        {"10000000000000000", 16, false, UINT64_MAX, 17},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t value = 1;
        size_t used = 99;

        assert_int_equal(
            text_number(cases[i].text, strlen(cases[i].text), cases[i].base, &value, &used),
            cases[i].fits);
        assert_int_equal(value, cases[i].value);
        assert_int_equal(used, cases[i].used);
    }
}

static void test_distance(void **state)
{
    static const struct {
        const char *text;
        const char *word;
        unsigned distance;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "", 3},
        {"abc", "abc", 0},
        {"ABC", "abc", 0},
        {"abd", "abc", 1},
        {"ab", "abc", 1},
        {"abcd", "abc", 1},
        {"acb", "abc", 1},
        {"bca", "abc", 2},
        {"kitten", "sitting", 3},
        {"memroy", "memory", 1},
        {"abcdefghijklmnopqrstuvwxyzabcde", "a", 30},
        {"abcdefghijklmnopqrstuvwxyzabcdef", "a", TEXT_MAX_WORD + 1},
        {"a", "abcdefghijklmnopqrstuvwxyzabcdef", TEXT_MAX_WORD + 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(text_distance(cases[i].text, strlen(cases[i].text), cases[i].word),
                         cases[i].distance);
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"kernel", "memory", "cpus"};

    (void)state;
    assert_string_equal(text_nearest("kernle", 6, words, 3), "kernel");
    assert_string_equal(text_nearest("CPU", 3, words, 3), "cpus");
    assert_string_equal(text_nearest("mem ory!", 8, words, 3), "memory");
    assert_null(text_nearest("disk", 4, words, 3));
    assert_null(text_nearest("", 0, words, 3));
    assert_null(text_nearest("cpus", 4, words, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
