/* SPDX-License-Identifier: MIT */
/* System calls of the benchmark's programs, which have no C library. */
#ifndef BULKHEAD_TESTS_BENCH_SYSCALL_H
#define BULKHEAD_TESTS_BENCH_SYSCALL_H

#include <stdint.h>

/* Linux system calls, x86-64. */
enum {
    SYS_READ = 0,
    SYS_WRITE = 1,
    SYS_CLOSE = 3,
    SYS_MMAP = 9,
    SYS_MUNMAP = 11,
    SYS_PIPE = 22,
    SYS_DUP2 = 33,
    SYS_NANOSLEEP = 35,
    SYS_FORK = 57,
    SYS_EXECVE = 59,
    SYS_EXIT = 60,
    SYS_WAIT4 = 61,
    SYS_KILL = 62,
    SYS_SYSLOG = 103,
    SYS_SCHED_SETAFFINITY = 203,
    SYS_CLOCK_GETTIME = 228,
};

#define SIGKILL       9
#define MAP_ANONYMOUS 0x22 /* and MAP_PRIVATE */

struct timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

static inline int64_t call(int64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t flags __asm__("r10") = MAP_ANONYMOUS; /* mmap: the rest is always the same */
    register uint64_t file __asm__("r8") = UINT64_MAX;
    register uint64_t offset __asm__("r9") = 0;
    int64_t result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(flags), "r"(file), "r"(offset)
                     : "rcx", "r11", "memory");
    return result;
}

static inline uint64_t pointer(const void *to)
{
    return (uint64_t)(uintptr_t)to;
}

static inline void sleep(int64_t seconds)
{
    struct timespec time = {seconds, 0};
    call(SYS_NANOSLEEP, pointer(&time), 0, 0);
}

#endif
