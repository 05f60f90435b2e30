/* SPDX-License-Identifier: MIT */
#include "kernel/lib/ring.h"

#include "kernel/lib/mem.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

bool ring_init(struct ring *ring, void *storage, uint32_t size)
{
    bool usable = size != 0 && (size & (size - 1)) == 0;

    ring->storage = storage;
    ring->size = usable ? size : 0;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    return usable;
}

uint32_t ring_count(const struct ring *ring)
{
    /* Tail first: a head that is newer than the tail makes the count larger than the truth of that
     * moment, never wrong for the consumer (its own tail) and corrected here for anybody else. */
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

    return smaller(head - tail, ring->size);
}

uint32_t ring_space(const struct ring *ring)
{
    return ring->size - ring_count(ring);
}

uint32_t ring_write(struct ring *ring, const void *from, uint32_t count)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t accepted = smaller(count, ring_space(ring));
    uint32_t offset, first;

    if (accepted == 0)
        return 0;
    offset = head & (ring->size - 1);
    first = smaller(accepted, ring->size - offset);
    memcpy(ring->storage + offset, from, first);
    memcpy(ring->storage, (const uint8_t *)from + first, accepted - first);
    atomic_store_explicit(&ring->head, head + accepted, memory_order_release);
    return accepted;
}

uint32_t ring_read(struct ring *ring, void *to, uint32_t count)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t taken = smaller(count, ring_count(ring));
    uint32_t offset, first;

    if (taken == 0)
        return 0;
    offset = tail & (ring->size - 1);
    first = smaller(taken, ring->size - offset);
    memcpy(to, ring->storage + offset, first);
    memcpy((uint8_t *)to + first, ring->storage, taken - first);
    atomic_store_explicit(&ring->tail, tail + taken, memory_order_release);
    return taken;
}

bool ring_put(struct ring *ring, uint8_t byte)
{
    return ring_write(ring, &byte, 1) == 1;
}

bool ring_get(struct ring *ring, uint8_t *byte)
{
    return ring_read(ring, byte, 1) == 1;
}

bool ring_peek(const struct ring *ring, uint32_t offset, uint8_t *byte)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (offset >= ring_count(ring))
        return false;
    *byte = ring->storage[(tail + offset) & (ring->size - 1)];
    return true;
}
