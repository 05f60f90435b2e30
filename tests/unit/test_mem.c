/* SPDX-License-Identifier: MIT */
/* The kernel's own memory functions, under other names: this program needs the C library's too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

void *our_memcpy(void *restrict to, const void *restrict from, size_t size);
void *our_memmove(void *to, const void *from, size_t size);
void *our_memset(void *to, int byte, size_t size);
int our_memcmp(const void *a, const void *b, size_t size);

#define memcpy  our_memcpy
#define memmove our_memmove
#define memset  our_memset
#define memcmp  our_memcmp
#include "kernel/lib/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#define ROOM 64

/* 0, 1, 2, ... so that each byte tells where it came from. */
static void fill(uint8_t *bytes)
{
    for (unsigned i = 0; i < ROOM; i++)
        bytes[i] = (uint8_t)i;
}

static void test_memcpy(void **state)
{
    uint8_t from[ROOM], to[ROOM];
    unsigned at, size, i;

    (void)state;
    fill(from);
    for (at = 0; at < 9; at++) {
        for (size = 0; size < 40; size++) {
            for (i = 0; i < ROOM; i++)
                to[i] = 0xee;
            assert_ptr_equal(our_memcpy(to + 8, from + at, size), to + 8);
            for (i = 0; i < ROOM; i++)
                assert_int_equal(to[i], i >= 8 && i < 8 + size ? from[at + i - 8] : 0xee);
        }
    }
}

static void test_memmove_overlapping(void **state)
{
    uint8_t bytes[ROOM];
    unsigned from, to, size, i;

    (void)state;
    for (from = 0; from < 20; from++) {
        for (to = 0; to < 20; to++) {
            for (size = 0; size < 40; size++) {
                fill(bytes);
                assert_ptr_equal(our_memmove(bytes + to, bytes + from, size), bytes + to);
                for (i = 0; i < ROOM; i++)
                    assert_int_equal(bytes[i], i >= to && i < to + size ? from + i - to : i);
            }
        }
    }
}

static void test_memset(void **state)
{
    uint8_t bytes[ROOM];
    unsigned at, size, i;

    (void)state;
    for (at = 0; at < 9; at++) {
        for (size = 0; size < 40; size++) {
            fill(bytes);
            assert_ptr_equal(our_memset(bytes + at, 0x1fe, size), bytes + at);
            for (i = 0; i < ROOM; i++)
                assert_int_equal(bytes[i], i >= at && i < at + size ? 0xfe : i);
        }
    }
}

static void test_memcmp(void **state)
{
    uint8_t a[ROOM], b[ROOM];
    unsigned size, at;

    (void)state;
    fill(a);
    fill(b);
    for (size = 0; size < 40; size++) {
        assert_int_equal(our_memcmp(a + 1, b + 1, size), 0);
        for (at = 0; at < size; at++) {
            b[1 + at] = 0xff;
            assert_true(our_memcmp(a + 1, b + 1, size) < 0);
            assert_true(our_memcmp(b + 1, a + 1, size) > 0);
            b[1 + at] = a[1 + at];
        }
    }
    /* The first difference decides, also inside one word. */
    assert_true(our_memcmp("\1\0\0\0\0\0\0\2", "\2\0\0\0\0\0\0\1", 8) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memcpy),
        cmocka_unit_test(test_memmove_overlapping),
        cmocka_unit_test(test_memset),
        cmocka_unit_test(test_memcmp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
