/* SPDX-License-Identifier: MIT */
/* A guest that is started in each of the ways that there are, and tells what it was given. */
#ifndef BULKHEAD_TESTS_GUESTS_KINDS_KINDS_H
#define BULKHEAD_TESTS_GUESTS_KINDS_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As entry.asm numbers them. */
enum kind { PVH = 1, MULTIBOOT, AOUT, MULTIBOOT2, FLAT16, FLAT32, FLAT64 };

/* entry.asm: what the registers held, and which kind this image is */
extern uint32_t seen_eax, seen_ebx, seen_cs, kind;
extern uint64_t seen_sp, seen_cr3;

struct range {
    uint64_t start, size;
    uint32_t type;
};

struct module {
    uint64_t start, size;
    const char *args;
};

/* What a loader tells, in whatever form. */
struct told {
    const char *cmdline, *loader;
    uint32_t module_count, range_count;
    struct module modules[8];
    struct range ranges[16];
    uint32_t memory_lower, memory_upper; /* KiB; 0: not told */
    uint32_t load_base;
    uint64_t rsdp; /* 0: not told */
};

/* told.c: take it out of the structure at EBX. False: a magic number or a size is wrong. */
bool told_read(struct told *told);

/* main.c: a line on COM1, and whether all was good so far */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void expect(bool good, const char *what);

/* tables.c: checksums of ACPI and MP tables; says what is in them */
void check_acpi(uint64_t told_rsdp);
uint32_t check_mp(void); /* how many processors */

/* xapic.c: the local APIC in xAPIC mode, by all of its registers' uses */
void check_xapic(uint32_t processors);

static inline uint32_t read32(uint64_t at)
{
    return *(const volatile uint32_t *)(uintptr_t)at;
}

static inline uint64_t read64(uint64_t at)
{
    return read32(at) | (uint64_t)read32(at + 4) << 32;
}

#endif
