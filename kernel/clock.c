/* SPDX-License-Identifier: MIT */
#include "kernel/clock.h"

#include "arch/x86/cpu/tsc.h"

static struct {
    uint64_t seconds;
    uint64_t tsc;
} origin;

void clock_init(uint64_t seconds, uint64_t tsc)
{
    origin.seconds = seconds;
    origin.tsc = tsc;
}

struct clock_time clock_at(uint64_t tsc)
{
    uint64_t hz = tsc_khz() * 1000, ticks = tsc - origin.tsc;
    uint64_t rest = ticks % hz;
    return (struct clock_time){
        .seconds = origin.seconds + ticks / hz,
        .nanoseconds = (uint32_t)(rest * 1000000 / tsc_khz()),
    };
}
