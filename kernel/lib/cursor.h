/* SPDX-License-Identifier: MIT */
/*
 * A reader over bytes that firmware or a guest's image file left in memory. Nothing in them is
 * trusted: every read is checked against the end. The first read beyond it makes the cursor fail
 * for good: all later reads give zero, cursor_left() is 0 and cursor_ok() is false. So a parser may
 * read a whole structure and ask once.
 *
 * A walk over records must get on: cursor_sub() of length 0 is a failure, so that
 *
 *     while (cursor_left(&table) > 0) {
 *         struct cursor entry = cursor_sub(&table, cursor_peek_u8(&table, 1));
 *         ...
 *     }
 *     return cursor_ok(&table);
 *
 * ends for every table.
 */
#ifndef BULKHEAD_KERNEL_LIB_CURSOR_H
#define BULKHEAD_KERNEL_LIB_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *data;
    size_t size;   /* bytes at `data` */
    size_t offset; /* of the next read, at most `size` */
    bool failed;
};

/* A cursor at the first of `size` bytes, which must stay where they are; failed for NULL. */
struct cursor cursor_over(const void *data, size_t size);

/* False once any read or skip went beyond the end. */
bool cursor_ok(const struct cursor *cursor);

/* Bytes not read yet; 0 after a failure, so that loops end. */
size_t cursor_left(const struct cursor *cursor);

/* Read little-endian and go on behind it; 0 after a failure. Any alignment. */
uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);

/* Read at `ahead` bytes from here and stay here; beyond the end is a failure as above. */
uint8_t cursor_peek_u8(struct cursor *cursor, size_t ahead);
uint16_t cursor_peek_u16(struct cursor *cursor, size_t ahead);

/* Go on by `count` bytes. Returns cursor_ok(). */
bool cursor_skip(struct cursor *cursor, size_t count);

/* The next `count` bytes as they lie there, and go on behind them; NULL after a failure. */
const uint8_t *cursor_bytes(struct cursor *cursor, size_t count);

/*
 * A cursor over the next `count` bytes alone; this one goes on behind them. When they are not all
 * there, or are none, both fail.
 */
struct cursor cursor_sub(struct cursor *cursor, size_t count);

#endif
