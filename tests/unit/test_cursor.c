/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/lib/cursor.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void test_reads_little_endian(void **state)
{
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(cursor_u8(&cursor), 1);
    assert_int_equal(cursor_u16(&cursor), 0x0302);
    assert_int_equal(cursor_u32(&cursor), 0x07060504);
    assert_int_equal(cursor_left(&cursor), 8);
    assert_int_equal(cursor_u64(&cursor), 0x0f0e0d0c0b0a0908);
    assert_int_equal(cursor_left(&cursor), 0);
    assert_true(cursor_ok(&cursor));
}

static void test_beyond_the_end_fails_for_good(void **state)
{
    static const struct {
        size_t size;
        unsigned width;
    } cases[] = {{0, 1}, {1, 2}, {3, 4}, {7, 8}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cursor cursor = cursor_over(bytes, cases[i].size);
        uint64_t value = cases[i].width == 1   ? cursor_u8(&cursor)
                         : cases[i].width == 2 ? cursor_u16(&cursor)
                         : cases[i].width == 4 ? cursor_u32(&cursor)
                                               : cursor_u64(&cursor);

        assert_int_equal(value, 0);
        assert_false(cursor_ok(&cursor));
        assert_int_equal(cursor_left(&cursor), 0);
        assert_int_equal(cursor_u8(&cursor), 0); /* although a byte may be there */
        assert_false(cursor_skip(&cursor, 0));
        assert_null(cursor_bytes(&cursor, 0));
        assert_int_equal(cursor_peek_u8(&cursor, 0), 0);
    }
}

static void test_peek_stays(void **state)
{
    struct cursor cursor = cursor_over(bytes, 4);

    (void)state;
    assert_int_equal(cursor_u8(&cursor), 1);
    assert_int_equal(cursor_peek_u8(&cursor, 0), 2);
    assert_int_equal(cursor_peek_u8(&cursor, 2), 4);
    assert_int_equal(cursor_peek_u16(&cursor, 1), 0x0403);
    assert_int_equal(cursor_left(&cursor), 3);
    assert_true(cursor_ok(&cursor));
    assert_int_equal(cursor_peek_u16(&cursor, 2), 0);
    assert_false(cursor_ok(&cursor));
    cursor = cursor_over(bytes, 4);
    assert_int_equal(cursor_peek_u8(&cursor, SIZE_MAX), 0);
    assert_false(cursor_ok(&cursor));
}

static void test_skip_and_bytes(void **state)
{
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));

    (void)state;
    assert_true(cursor_skip(&cursor, 3));
    assert_true(cursor_skip(&cursor, 0));
    assert_ptr_equal(cursor_bytes(&cursor, 2), bytes + 3);
    assert_int_equal(cursor_u8(&cursor), 6);
    assert_false(cursor_skip(&cursor, SIZE_MAX));
    assert_false(cursor_ok(&cursor));
}

static void test_sub(void **state)
{
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    struct cursor part = cursor_sub(&cursor, 2);

    (void)state;
    assert_int_equal(cursor_u16(&part), 0x0201);
    assert_int_equal(cursor_u8(&part), 0); /* its end, not the whole's */
    assert_false(cursor_ok(&part));
    assert_true(cursor_ok(&cursor));
    assert_int_equal(cursor_u8(&cursor), 3);
    part = cursor_sub(&cursor, 13);
    assert_false(cursor_ok(&part));
    assert_false(cursor_ok(&cursor));
}

/* The loop that the header recommends. Returns the number of entries, -1 for a bad table. */
static int count_entries(const uint8_t *table, size_t size)
{
    struct cursor cursor = cursor_over(table, size);
    int count = 0;

    while (cursor_left(&cursor) > 0) {
        struct cursor entry = cursor_sub(&cursor, cursor_peek_u8(&cursor, 1));

        count += cursor_ok(&entry);
    }
    return cursor_ok(&cursor) ? count : -1;
}

static void test_walks_end(void **state)
{
    (void)state;
    assert_int_equal(count_entries((const uint8_t[]){0, 2, 1, 4, 0, 0}, 6), 2);
    assert_int_equal(count_entries((const uint8_t[]){0, 2, 1, 0, 0, 0}, 6), -1); /* length 0 */
    assert_int_equal(count_entries((const uint8_t[]){0, 2, 1, 5, 0, 0}, 6), -1); /* too long */
    assert_int_equal(count_entries((const uint8_t[]){0, 2, 1}, 3), -1);          /* no length */
    assert_int_equal(count_entries(NULL, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_little_endian),
        cmocka_unit_test(test_beyond_the_end_fails_for_good),
        cmocka_unit_test(test_peek_stays),
        cmocka_unit_test(test_skip_and_bytes),
        cmocka_unit_test(test_sub),
        cmocka_unit_test(test_walks_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
