/* SPDX-License-Identifier: MIT */
/*
 * A ring of bytes between one producer and one consumer, which may run on different processors (or
 * one of them in an interrupt). No locks: each side writes its own position only. Nothing blocks.
 */
#ifndef BULKHEAD_KERNEL_LIB_RING_H
#define BULKHEAD_KERNEL_LIB_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The positions run on and on and wrap at 2^32; their difference is the number of bytes inside.
 * They stand on cache lines of their own, so that the two sides do not slow each other down.
 */
struct ring {
    _Alignas(64) _Atomic uint32_t head; /* written by the producer: bytes ever put */
    _Alignas(64) _Atomic uint32_t tail; /* written by the consumer: bytes ever taken */
    _Alignas(64) uint8_t *storage;
    uint32_t size;
};

/*
 * Make `ring` an empty one over `storage`, which has `size` bytes, a power of two from 1 to 2^31,
 * and lives as long as the ring. Returns false (and a ring that is always full and always empty)
 * when the size is another. Before either side uses it.
 */
bool ring_init(struct ring *ring, void *storage, uint32_t size);

/* Producer only. Returns false when the ring is full; the byte is then not taken. */
bool ring_put(struct ring *ring, uint8_t byte);

/* Producer only. Puts as many of the bytes as fit; returns how many. */
uint32_t ring_write(struct ring *ring, const void *from, uint32_t count);

/* Consumer only. Returns false when the ring is empty; *byte is then untouched. */
bool ring_get(struct ring *ring, uint8_t *byte);

/* Consumer only. Takes at most `count` bytes; returns how many. */
uint32_t ring_read(struct ring *ring, void *to, uint32_t count);

/* Consumer only. The byte that `offset` takes from now would get; false when there are fewer. */
bool ring_peek(const struct ring *ring, uint32_t offset, uint8_t *byte);

/* Bytes inside. The consumer can get at least that many, whatever the producer does meanwhile. */
uint32_t ring_count(const struct ring *ring);

/* Bytes free. The producer can put at least that many, whatever the consumer does meanwhile. */
uint32_t ring_space(const struct ring *ring);

#endif
