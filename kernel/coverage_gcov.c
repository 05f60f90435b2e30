/* SPDX-License-Identifier: MIT */
/*
 * Counters of gcc -fprofile-arcs -ftest-coverage -fprofile-info-section, through libgcov's
 * __gcov_info_to_gcda(). GCC manual "Profiling and Test Coverage in Freestanding Environments".
 *
 * What goes out, for each source file:
 *
 *   "BHGC" version  name, ended by zero  { length, 4 bytes, little endian  data } ...  length 0
 *
 * The data together are the .gcda file of that name.
 */
#include <stddef.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "arch/io.h"
#include "kernel/coverage.h"
#include "kernel/lock.h"

#define DEBUG_PORT     0xe9
#define STREAM_MARK    "BHGC"
#define STREAM_VERSION 1

/* gcc's own type; only libgcov looks into it. */
struct gcov_info;

/* linker.ld: what -fprofile-info-section made, a pointer for each object file. */
extern const struct gcov_info *const gcov_info_start[];
extern const struct gcov_info *const gcov_info_end[];

/* libgcov; its own header is not for freestanding programs. */
extern void __gcov_info_to_gcda(const struct gcov_info *info,
                                void (*filename)(const char *name, void *context),
                                void (*dump)(const void *data, unsigned size, void *context),
                                void *(*allocate)(unsigned size, void *context), void *context);

/* What libgcov refers to, and does not need for counters of lines. */
void __gcov_merge_add(void *counters, unsigned count);
void abort(void);
void *mmap(void *at, size_t size, int protection, int flags, int file, long offset);

void __gcov_merge_add(void *counters, unsigned count)
{
    (void)counters;
    (void)count;
}

_Noreturn void abort(void)
{
    for (;;)
        cpu_halt();
}

/* It asks for memory for value profiles, which we do not make. */
void *mmap(void *at, size_t size, int protection, int flags, int file, long offset)
{
    (void)at;
    (void)size;
    (void)protection;
    (void)flags;
    (void)file;
    (void)offset;
    return (void *)UINTPTR_MAX;
}

static void put(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        io_out8(DEBUG_PORT, bytes[i]);
}

static void put_length(uint32_t length)
{
    const uint8_t bytes[4] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16),
                              (uint8_t)(length >> 24)};
    put(bytes, sizeof(bytes));
}

static void on_filename(const char *name, void *context)
{
    size_t length = 0;
    (void)context;
    while (name[length])
        length++;
    put(STREAM_MARK, sizeof(STREAM_MARK) - 1);
    io_out8(DEBUG_PORT, STREAM_VERSION);
    put(name, length + 1);
}

static void on_data(const void *data, unsigned size, void *context)
{
    (void)context;
    if (size == 0)
        return;
    put_length(size);
    put(data, size);
}

static void *on_allocate(unsigned size, void *context)
{
    (void)size;
    (void)context;
    return NULL;
}

void coverage_dump(void)
{
    static struct lock lock = LOCK_INIT;
    if (!lock_try(&lock))
        return;
    for (const struct gcov_info *const *at = gcov_info_start; at != gcov_info_end; at++) {
        __gcov_info_to_gcda(*at, on_filename, on_data, on_allocate, NULL);
        put_length(0);
    }
    lock_release(&lock);
}
