/* SPDX-License-Identifier: MIT */
/* \_S5 in all encodings that the ACPI Specification allows, and in ones that it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/acpi/parse.h"
#include "tests/unit/acpi_image.h"

#define AML_MAX 128

/* Found or not, and what. */
static void check(const char *digits, bool found, uint8_t expected_a, uint8_t expected_b)
{
    uint8_t bytes[AML_MAX];
    uint8_t *exact;
    size_t size = 0;
    uint8_t a = 0xee, b = 0xee;
    char *end;

    for (unsigned long byte = strtoul(digits, &end, 16); end != digits;
         byte = strtoul(digits, &end, 16)) {
        bytes[size++] = (uint8_t)byte;
        digits = end;
    }
    exact = malloc(size + 1); /* a read beyond the last byte but one is seen */
    memcpy(exact + 1, bytes, size);
    assert_int_equal(acpi_find_s5(exact + 1, size, &a, &b), found);
    free(exact);
    assert_int_equal(a, found ? expected_a : 0xee);
    assert_int_equal(b, found ? expected_b : 0xee);
}

#define NAME "08 5f 53 35 5f "

static void test_encodings(void **state)
{
    (void)state;
    check(NAME "12 06 02 0a 05 0a 03", true, 5, 3);
    check(NAME "12 04 02 00 01", true, 0, 1);
    check(NAME "12 06 04 00 00 00 00", true, 0, 0);
    check(NAME "12 08 02 0b 07 00 0b 02 00", true, 7, 2);
    check(NAME "12 0c 02 0c 06 00 00 00 0c 04 00 00 00", true, 6, 4);
    check(NAME "12 0c 02 0e 03 00 00 00 00 00 00 00 01", true, 3, 1);
    check(NAME "12 04 02 ff 00", true, 7, 0);
    check(NAME "12 05 01 0b 05 06", true, 5, 6);           /* both in one number */
    check("08 5c 5f 53 35 5f 12 04 02 01 00", true, 1, 0); /* \_S5 in full */
    check("5b 80 00 08 08 " NAME "12 04 02 01 00 ff", true, 1, 0);
    /* The length of a package in 2, 3 and 4 bytes. */
    check(NAME "12 45 00 02 01 00", true, 1, 0);
    check(NAME "12 86 00 00 02 01 00", true, 1, 0);
    check(NAME "12 c7 00 00 00 02 01 00", true, 1, 0);
}

static void test_not_s5(void **state)
{
    (void)state;
    check("", false, 0, 0);
    check("08", false, 0, 0);
    check("08 5c", false, 0, 0);
    check("08 5f 53 35", false, 0, 0);
    check("08 5f 53 34 5f 12 04 02 01 00", false, 0, 0); /* \_S4 */
    check("5f 53 35 5f 12 04 02 01 00", false, 0, 0);    /* a use, no definition */
    check(NAME, false, 0, 0);
    check(NAME "0a 05", false, 0, 0);                /* a number instead of a package */
    check(NAME "12", false, 0, 0);                   /* ends in the middle */
    check(NAME "12 06 02 0a 05 0a", false, 0, 0);    /* goes beyond the table */
    check(NAME "12 04 02 0a 05 0a 03", false, 0, 0); /* elements go beyond the package */
    check(NAME "12 00 02 0a 05 0a 03", false, 0, 0); /* shorter than its own length */
    check(NAME "12 01 02 0a 05 0a 03", false, 0, 0);
    check(NAME "12 c0 00 00", false, 0, 0);
    check(NAME "12 cf ff ff ff 02 01 00", false, 0, 0);
    check(NAME "12 02 00 00", false, 0, 0);                      /* no elements */
    check(NAME "12 0b 02 5f 46 4f 4f 5f 42 41 52", false, 0, 0); /* names instead of numbers */
}

static void test_goes_on_after_a_bad_one(void **state)
{
    (void)state;
    check(NAME "12 02 00 " NAME "12 04 02 01 01", true, 1, 1);
    check("08 " NAME "12 04 02 01 01", true, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_not_s5),
        cmocka_unit_test(test_goes_on_after_a_bad_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
