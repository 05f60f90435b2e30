/* SPDX-License-Identifier: MIT */
/*
 * A spin lock between processors. Held for bounded work only, never while a guest runs, never taken
 * by an NMI handler. Those who wait take turns: a guest whose exits take it again and again does
 * not keep the others out.
 */
#ifndef BULKHEAD_KERNEL_LOCK_H
#define BULKHEAD_KERNEL_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "arch/cpu.h"

struct lock {
    _Atomic uint32_t next;    /* ticket for who comes next */
    _Atomic uint32_t serving; /* ticket of who holds it, or may take it */
};

#define LOCK_INIT {0, 0}

/* True: the caller holds it now. */
static inline bool lock_try(struct lock *lock)
{
    uint32_t free = atomic_load_explicit(&lock->serving, memory_order_acquire);
    return atomic_compare_exchange_strong_explicit(&lock->next, &free, free + 1,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static inline void lock_take(struct lock *lock)
{
    uint32_t mine = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);
    while (atomic_load_explicit(&lock->serving, memory_order_acquire) != mine)
        cpu_pause();
}

static inline void lock_release(struct lock *lock)
{
    uint32_t mine = atomic_load_explicit(&lock->serving, memory_order_relaxed);
    atomic_store_explicit(&lock->serving, mine + 1, memory_order_release);
}

#endif
