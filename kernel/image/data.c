/* SPDX-License-Identifier: MIT */
#include "kernel/image/data.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

uint32_t data_here(const struct data *data)
{
    return (uint32_t)(data->base.raw + data->used);
}

uint8_t *data_take(struct data *data, size_t count)
{
    if (data->full || count > data->size - data->used) {
        data->full = true;
        return NULL;
    }
    uint8_t *bytes = data->bytes + data->used;
    memset(bytes, 0, count);
    data->used += count;
    return bytes;
}

void data_align(struct data *data, size_t align)
{
    data_take(data, (size_t)(align_up(data->used, align) - data->used));
}

static void put(uint8_t *bytes, uint64_t value, size_t width)
{
    for (size_t i = 0; bytes != NULL && i < width; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

void data_u32(struct data *data, uint32_t value)
{
    put(data_take(data, 4), value, 4);
}

void data_u64(struct data *data, uint64_t value)
{
    put(data_take(data, 8), value, 8);
}

uint32_t data_text(struct data *data, const struct image_text *text)
{
    uint32_t at = data_here(data);
    uint8_t *bytes = data_take(data, (size_t)text->length + 1);

    if (bytes != NULL && text->length > 0)
        memcpy(bytes, text->start, text->length);
    return at;
}

void data_set_u32(struct data *data, size_t offset, uint32_t value)
{
    if (!data->full)
        put(data->bytes + offset, value, 4);
}

void image_add(struct image *image, uint64_t from, uint64_t size, uint64_t to)
{
    if (size > 0) {
        image->pieces[image->piece_count++] =
            (struct image_piece){.from = from, .size = size, .to = gpa(to)};
    }
}
