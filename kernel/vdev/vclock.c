/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vclock.h"

/* In two parts, so that no product is too long. */
uint64_t vclock_ticks(struct vclock_rate rate, uint64_t ns)
{
    return ns / rate.ns * rate.ticks + ns % rate.ns * rate.ticks / rate.ns;
}

uint64_t vclock_ns(struct vclock_rate rate, uint64_t ticks)
{
    uint64_t whole = ticks / rate.ticks;

    if (whole >= VCLOCK_NEVER / rate.ns)
        return VCLOCK_NEVER;
    return whole * rate.ns + (ticks % rate.ticks * rate.ns + rate.ticks - 1) / rate.ticks;
}
