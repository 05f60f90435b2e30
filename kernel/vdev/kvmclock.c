/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/kvmclock.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define FIRST_VERSION 2

/*
 * The factor 10^9/hz as mul * 2^(shift - 32) with the top bit of mul set, which is as exact as 32
 * bits can be. A shift to the left of the reading first brings a slow clock above 1 GHz; for a
 * faster one the division is carried on bit by bit, each bit moving the reading one to the right.
 */
static void scale(uint64_t hz, uint32_t *mul, int8_t *shift)
{
    uint64_t quotient, rest;

    *shift = 0;
    while (hz <= NS_PER_SECOND) {
        hz <<= 1;
        ++*shift;
    }
    quotient = (NS_PER_SECOND << 32) / hz;
    rest = (NS_PER_SECOND << 32) % hz;
    while (!(quotient >> 31)) {
        rest <<= 1;
        quotient = quotient << 1 | (rest >= hz);
        rest -= rest >= hz ? hz : 0;
        --*shift;
    }
    *mul = (uint32_t)quotient;
}

bool kvmclock_time(struct kvmclock_time *out, uint32_t tsc_khz, uint64_t tsc_base)
{
    struct kvmclock_time time = {
        .version = FIRST_VERSION,
        .tsc_timestamp = tsc_base,
        .flags = KVMCLOCK_TSC_STABLE,
    };

    if (tsc_khz == 0)
        return false;
    scale(tsc_khz * UINT64_C(1000), &time.tsc_to_system_mul, &time.tsc_shift);
    *out = time;
    return true;
}

void kvmclock_wall(struct kvmclock_wall *out, uint64_t sec, uint32_t nsec)
{
    *out = (struct kvmclock_wall){.version = FIRST_VERSION, .sec = (uint32_t)sec, .nsec = nsec};
}
