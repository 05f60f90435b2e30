/* SPDX-License-Identifier: MIT */
/*
 * What the drivers of IOMMUs need of the kernel, for tests that include a driver's source:
 * host memory is an array whose HPAs begin at HOST_BASE, time goes by
 * looking at it.
 */
#ifndef BULKHEAD_TESTS_UNIT_IOMMU_WORLD_H
#define BULKHEAD_TESTS_UNIT_IOMMU_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/lib/bits.h"
#include "kernel/lib/types.h"

/* In place of arch/io.h and of the parts of arch/cpu.h and arch/x86/cpu that wait or allocate. */
#define BULKHEAD_ARCH_IO_H
#define BULKHEAD_ARCH_CPU_H
#define BULKHEAD_ARCH_X86_CPU_MEMORY_H
#define BULKHEAD_ARCH_X86_CPU_TSC_H

#define HOST_BASE  UINT64_C(0x100000)
#define HOST_BYTES (64 * PAGE_4K)

static _Alignas(4096) uint8_t host_bytes[HOST_BYTES];
static uint64_t host_taken;
static uint64_t now; /* one tick is a microsecond, and each look takes ten */

static inline uint64_t cpu_rdtsc(void)
{
    return now += 10;
}

static inline void cpu_pause(void)
{
}

static inline void cpu_fence(void)
{
}

static inline void cpu_flush_line(const void *address)
{
    (void)address;
}

static inline void cpu_store_128(uint64_t *to, uint64_t low, uint64_t high)
{
    to[0] = low;
    to[1] = high;
}

static inline uint64_t tsc_from_us(uint64_t us)
{
    return us;
}

static inline void *host_alloc(uint64_t size, uint64_t align)
{
    uint64_t at = align_up(host_taken, align);

    assert_true(at + size <= HOST_BYTES);
    host_taken = at + size;
    memset(host_bytes + at, 0, size);
    return host_bytes + at;
}

static inline hpa_t host_hpa(const void *address)
{
    uint64_t at = (uint64_t)((const uint8_t *)address - host_bytes);

    assert_true(at < HOST_BYTES);
    return hpa(HOST_BASE + at);
}

/* What the unit sees at that HPA. */
static inline void *host_at(uint64_t at)
{
    assert_true(at >= HOST_BASE && at - HOST_BASE < HOST_BYTES);
    return host_bytes + (at - HOST_BASE);
}

static inline void *host_pointer(hpa_t at)
{
    return host_at(at.raw);
}

#endif
