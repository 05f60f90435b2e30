/* SPDX-License-Identifier: MIT */
/* Bit fields of hardware registers: one mask, one name, as in `field_get(VTD_CAP_SAGAW, cap)`. */
#ifndef BULKHEAD_KERNEL_LIB_BITS_H
#define BULKHEAD_KERNEL_LIB_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define BIT(n) (UINT64_C(1) << (n))

/* The bits hi..lo, both included, as the manuals write them: BITS(7, 0) is 0xff. */
#define BITS(hi, lo) ((~UINT64_C(0) >> (63 - (hi))) & (~UINT64_C(0) << (lo)))

/* The value of the field `mask` in `reg`, shifted down. `mask` is not zero. */
static inline uint64_t field_get(uint64_t mask, uint64_t reg)
{
    return (reg & mask) / (mask & (~mask + 1));
}

/* `value` placed in the field `mask`; what does not fit is cut off. `mask` is not zero. */
static inline uint64_t field_put(uint64_t mask, uint64_t value)
{
    return (value * (mask & (~mask + 1))) & mask;
}

/* What an access of `size` bytes (1, 2 or 4) reads where nobody answers. */
static inline uint32_t bytes_of_ones(unsigned size)
{
    return size >= 4 ? UINT32_MAX : (UINT32_C(1) << 8 * size) - 1;
}

/* `align` is a power of two. */
static inline bool is_aligned(uint64_t value, uint64_t align)
{
    return (value & (align - 1)) == 0;
}

static inline uint64_t align_down(uint64_t value, uint64_t align)
{
    return value & ~(align - 1);
}

/* Rounds up; the caller knows that `value + align` does not overflow. */
static inline uint64_t align_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

#endif
