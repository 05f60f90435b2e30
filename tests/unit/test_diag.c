/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/lib/diag.h"

static void test_set_clears_what_was_there(void **state)
{
    struct diag diag;

    (void)state;
    memset(&diag, 0x5a, sizeof(diag));
    assert_false(diag_set(&diag, "%s has %u bytes", "it", 7));
    assert_string_equal(diag.message, "it has 7 bytes");
    assert_string_equal(diag.hint, "");
    assert_int_equal(diag.line, 0);
    assert_int_equal(diag.column, 0);
}

static void test_hint_and_place_leave_the_rest(void **state)
{
    struct diag diag;

    (void)state;
    diag_set(&diag, "no");
    assert_false(diag_hint(&diag, "say %s", "yes"));
    assert_false(diag_at(&diag, 3, 14));
    assert_string_equal(diag.message, "no");
    assert_string_equal(diag.hint, "say yes");
    assert_int_equal(diag.line, 3);
    assert_int_equal(diag.column, 14);
}

static void test_too_long_is_cut(void **state)
{
    struct diag diag;

    (void)state;
    diag_set(&diag, "%1000d", 1);
    diag_hint(&diag, "%1000d", 1);
    assert_int_equal(strlen(diag.message), sizeof(diag.message) - 1);
    assert_int_equal(strlen(diag.hint), sizeof(diag.hint) - 1);
    assert_int_equal(diag.line, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_clears_what_was_there),
        cmocka_unit_test(test_hint_and_place_leave_the_rest),
        cmocka_unit_test(test_too_long_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
