/* SPDX-License-Identifier: MIT */
/*
 * Address types. Each is a struct, so that mixing them does not compile; the only way from one to
 * another is a function that knows how to translate (DESIGN: gmem_translate() for GPA to HPA).
 */
#ifndef BULKHEAD_KERNEL_LIB_TYPES_H
#define BULKHEAD_KERNEL_LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Host-physical address: what the machine's memory controller sees. */
typedef struct {
    uint64_t raw;
} hpa_t;

/* Guest-physical address: what a guest believes to be physical. Never trusted. */
typedef struct {
    uint64_t raw;
} gpa_t;

/* Guest-virtual (linear) address. Never trusted. */
typedef struct {
    uint64_t raw;
} gva_t;

static inline hpa_t hpa(uint64_t raw)
{
    return (hpa_t){raw};
}

static inline gpa_t gpa(uint64_t raw)
{
    return (gpa_t){raw};
}

static inline gva_t gva(uint64_t raw)
{
    return (gva_t){raw};
}

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

#define PAGE_4K KIB(4)
#define PAGE_2M MIB(2)
#define PAGE_1G GIB(1)

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
