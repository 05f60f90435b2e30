/* SPDX-License-Identifier: MIT */
/*
 * The bytes that are made for a guest, as they fill up: tables, texts, structures full of
 * addresses. Written from front to back; what is to be pointed at comes first.
 */
#ifndef BULKHEAD_KERNEL_IMAGE_DATA_H
#define BULKHEAD_KERNEL_IMAGE_DATA_H

#include "kernel/image/image.h"

struct data {
    uint8_t *bytes;
    size_t size;
    size_t used;
    gpa_t base; /* where bytes[0] will lie in the guest */
    bool full;  /* something did not fit; nothing is written from then on */
};

/* Where in the guest the next byte will lie. */
uint32_t data_here(const struct data *data);

/* `count` zero bytes. NULL when they do not fit. */
uint8_t *data_take(struct data *data, size_t count);

/* Zero bytes up to a multiple of `align`, a power of two; data->base is one. */
void data_align(struct data *data, size_t align);

void data_u32(struct data *data, uint32_t value);
void data_u64(struct data *data, uint64_t value);

/* The text and a zero byte; where it begins. */
uint32_t data_text(struct data *data, const struct image_text *text);

/* Change four bytes that are there already. */
void data_set_u32(struct data *data, size_t offset, uint32_t value);

/* Add a piece to the image, if it has any bytes. The caller knows that there is room for it. */
void image_add(struct image *image, uint64_t from, uint64_t size, uint64_t to);

#endif
