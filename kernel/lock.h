/* SPDX-License-Identifier: MIT */
/*
 * A spin lock between processors. Held for bounded work only, never while a guest runs, never taken
 * by an NMI handler.
 */
#ifndef BULKHEAD_KERNEL_LOCK_H
#define BULKHEAD_KERNEL_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "arch/cpu.h"

struct lock {
    atomic_flag taken;
};

#define LOCK_INIT                                                                                  \
    {                                                                                              \
        ATOMIC_FLAG_INIT                                                                           \
    }

/* True: the caller holds it now. */
static inline bool lock_try(struct lock *lock)
{
    return !atomic_flag_test_and_set_explicit(&lock->taken, memory_order_acquire);
}

static inline void lock_take(struct lock *lock)
{
    while (!lock_try(lock))
        cpu_pause();
}

static inline void lock_release(struct lock *lock)
{
    atomic_flag_clear_explicit(&lock->taken, memory_order_release);
}

#endif
