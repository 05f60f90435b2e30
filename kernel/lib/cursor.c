/* SPDX-License-Identifier: MIT */
#include "kernel/lib/cursor.h"

struct cursor cursor_over(const void *data, size_t size)
{
    return (struct cursor){.data = data, .size = size, .offset = 0, .failed = data == NULL};
}

bool cursor_ok(const struct cursor *cursor)
{
    return !cursor->failed;
}

size_t cursor_left(const struct cursor *cursor)
{
    return cursor->failed ? 0 : cursor->size - cursor->offset;
}

const uint8_t *cursor_bytes(struct cursor *cursor, size_t count)
{
    const uint8_t *bytes;

    if (cursor->failed || count > cursor_left(cursor)) {
        cursor->failed = true;
        return NULL;
    }
    bytes = cursor->data + cursor->offset;
    cursor->offset += count;
    return bytes;
}

static uint64_t little_endian(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;

    if (bytes == NULL)
        return 0;
    while (count > 0)
        value = value << 8 | bytes[--count];
    return value;
}

uint8_t cursor_u8(struct cursor *cursor)
{
    return (uint8_t)little_endian(cursor_bytes(cursor, 1), 1);
}

uint16_t cursor_u16(struct cursor *cursor)
{
    return (uint16_t)little_endian(cursor_bytes(cursor, 2), 2);
}

uint32_t cursor_u32(struct cursor *cursor)
{
    return (uint32_t)little_endian(cursor_bytes(cursor, 4), 4);
}

uint64_t cursor_u64(struct cursor *cursor)
{
    return little_endian(cursor_bytes(cursor, 8), 8);
}

/* `count` is small, so that `count > left - ahead` does not need to overflow. */
static uint64_t peek(struct cursor *cursor, size_t ahead, size_t count)
{
    size_t left = cursor_left(cursor);

    if (ahead > left || count > left - ahead) {
        cursor->failed = true;
        return 0;
    }
    return little_endian(cursor->data + cursor->offset + ahead, count);
}

uint8_t cursor_peek_u8(struct cursor *cursor, size_t ahead)
{
    return (uint8_t)peek(cursor, ahead, 1);
}

uint16_t cursor_peek_u16(struct cursor *cursor, size_t ahead)
{
    return (uint16_t)peek(cursor, ahead, 2);
}

bool cursor_skip(struct cursor *cursor, size_t count)
{
    return cursor_bytes(cursor, count) != NULL || (count == 0 && cursor_ok(cursor));
}

struct cursor cursor_sub(struct cursor *cursor, size_t count)
{
    const uint8_t *bytes = count > 0 ? cursor_bytes(cursor, count) : NULL;

    if (bytes == NULL) {
        cursor->failed = true;
        return (struct cursor){.failed = true};
    }
    return cursor_over(bytes, count);
}
