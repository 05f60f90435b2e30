/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <threads.h>
#include <cmocka.h>

#include "kernel/lib/ring.h"

static void test_sizes(void **state)
{
    struct ring ring;
    uint8_t storage[8], byte = 0x77;

    (void)state;
    assert_true(ring_init(&ring, storage, 1));
    assert_true(ring_init(&ring, storage, 8));
    assert_true(ring_init(&ring, storage, UINT32_C(1) << 31));
    assert_int_equal(ring_space(&ring), UINT32_C(1) << 31);
    for (uint32_t size = 0; size < 8; size += 3) { /* 0, 3 and 6: no powers of two */
        assert_false(ring_init(&ring, storage, size));
        assert_int_equal(ring_space(&ring), 0);
        assert_int_equal(ring_count(&ring), 0);
        assert_false(ring_put(&ring, 1));
        assert_false(ring_get(&ring, &byte));
        assert_int_equal(byte, 0x77);
    }
}

static void test_first_in_first_out(void **state)
{
    struct ring ring;
    uint8_t storage[4], byte = 0;

    (void)state;
    assert_true(ring_init(&ring, storage, sizeof(storage)));
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(ring_count(&ring), i);
            assert_int_equal(ring_space(&ring), 4 - i);
            assert_true(ring_put(&ring, (uint8_t)(round * 4 + i)));
        }
        assert_false(ring_put(&ring, 0xff));
        for (unsigned i = 0; i < 4; i++) {
            assert_true(ring_get(&ring, &byte));
            assert_int_equal(byte, round * 4 + i);
        }
        assert_false(ring_get(&ring, &byte));
        assert_int_equal(ring_count(&ring), 0);
        ring_put(&ring, 0); /* begin the next round elsewhere */
        ring_get(&ring, &byte);
    }
}

static void test_blocks_wrap_and_stop_at_the_end(void **state)
{
    struct ring ring;
    uint8_t storage[8], out[8];

    (void)state;
    assert_true(ring_init(&ring, storage, sizeof(storage)));
    assert_int_equal(ring_write(&ring, "abcdef", 6), 6);
    assert_int_equal(ring_read(&ring, out, 4), 4);
    assert_memory_equal(out, "abcd", 4);
    assert_int_equal(ring_write(&ring, "ghijklm", 7), 6);
    assert_int_equal(ring_write(&ring, "n", 1), 0);
    assert_int_equal(ring_read(&ring, out, 100), 8);
    assert_memory_equal(out, "efghijkl", 8);
    assert_int_equal(ring_read(&ring, out, 1), 0);
}

/* The positions go through 2^32 as through any other number. */
static void test_positions_overflow(void **state)
{
    struct ring ring;
    uint8_t storage[8], out[8];

    (void)state;
    assert_true(ring_init(&ring, storage, sizeof(storage)));
    atomic_store(&ring.head, UINT32_MAX - 2);
    atomic_store(&ring.tail, UINT32_MAX - 2);
    assert_int_equal(ring_write(&ring, "abcdefghi", 9), 8);
    assert_int_equal(ring_count(&ring), 8);
    assert_int_equal(ring_read(&ring, out, 8), 8);
    assert_memory_equal(out, "abcdefgh", 8);
}

/* Who is neither producer nor consumer may see an old tail beside a new head. */
static void test_count_is_never_more_than_the_size(void **state)
{
    struct ring ring;
    uint8_t storage[8];

    (void)state;
    assert_true(ring_init(&ring, storage, sizeof(storage)));
    atomic_store(&ring.head, 9);
    assert_int_equal(ring_count(&ring), 8);
    assert_int_equal(ring_space(&ring), 0);
}

static void test_peek_takes_nothing(void **state)
{
    struct ring ring;
    uint8_t storage[4], byte = 0x77;

    (void)state;
    assert_true(ring_init(&ring, storage, sizeof(storage)));
    assert_false(ring_peek(&ring, 0, &byte));
    assert_int_equal(ring_write(&ring, "abc", 3), 3);
    assert_true(ring_get(&ring, &byte));
    assert_int_equal(ring_write(&ring, "de", 2), 2); /* one of them at the storage's start */
    for (unsigned i = 0; i < 4; i++) {
        assert_true(ring_peek(&ring, i, &byte));
        assert_int_equal(byte, "bcde"[i]);
    }
    byte = 0x77;
    assert_false(ring_peek(&ring, 4, &byte));
    assert_false(ring_peek(&ring, UINT32_MAX, &byte));
    assert_int_equal(byte, 0x77);
    assert_int_equal(ring_count(&ring), 4);
}

#define BYTES_SENT 200000

static int produce(void *argument)
{
    struct ring *ring = argument;
    uint32_t sent = 0;

    while (sent < BYTES_SENT) {
        uint8_t piece[7];
        uint32_t count = sizeof(piece) < BYTES_SENT - sent ? sizeof(piece) : BYTES_SENT - sent;

        for (uint32_t i = 0; i < count; i++)
            piece[i] = (uint8_t)((sent + i) * 37);
        count = ring_write(ring, piece, count);
        sent += count;
        if (count == 0)
            thrd_yield();
    }
    return 0;
}

static void test_two_threads(void **state)
{
    struct ring ring;
    uint8_t storage[16];
    uint32_t received = 0, wrong = 0;
    thrd_t producer;

    (void)state;
    assert_true(ring_init(&ring, storage, sizeof(storage)));
    assert_int_equal(thrd_create(&producer, produce, &ring), thrd_success);
    while (received < BYTES_SENT) {
        uint8_t byte;

        if (!ring_get(&ring, &byte)) {
            thrd_yield();
            continue;
        }
        wrong += byte != (uint8_t)(received * 37);
        received++;
    }
    thrd_join(producer, NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(ring_count(&ring), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_blocks_wrap_and_stop_at_the_end),
        cmocka_unit_test(test_positions_overflow),
        cmocka_unit_test(test_count_is_never_more_than_the_size),
        cmocka_unit_test(test_peek_takes_nothing),
        cmocka_unit_test(test_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
