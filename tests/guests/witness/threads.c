/* SPDX-License-Identifier: MIT */
/*
 * Do the processors of this guest work together? Threads, one bound to each, wake each other, agree
 * on the time, and see it when a page is taken away from under all of them.
 */
#define _GNU_SOURCE
#include "tests/guests/witness/witness.h"

#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE      4096
#define NS_PER_S  UINT64_C(1000000000)
#define MAX_CPUS  64
#define EVERYBODY INT_MAX

static struct {
    uint64_t turns, wrong_cpu, backwards, stale;
} found;

static _Atomic uint32_t turn; /* ping-pong: whose; the others: which round */
static _Atomic uint32_t done;
static _Atomic uint64_t handed;   /* CLOCK_MONOTONIC of who had the turn before, ns */
static volatile uint32_t *shared; /* the page */

struct seat {
    pthread_t thread;
    uint32_t cpu, number, rounds;
    uint64_t wrong_cpu, backwards, stale;
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void wait_while(_Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load(word) == value)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, EVERYBODY, NULL, NULL, 0);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void bind_to(uint32_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        fail("witness: sched_setaffinity");
}

static void look_around(struct seat *seat)
{
    seat->wrong_cpu += (uint32_t)sched_getcpu() != seat->cpu;
}

/* Two of them: each waits for its turn, looks at the clock, and hands the turn on. */
static void *ping_pong(void *argument)
{
    struct seat *seat = argument;
    bind_to(seat->cpu);
    for (uint32_t i = 0; i < seat->rounds; i++) {
        wait_while(&turn, 1 - seat->number);
        seat->backwards += now_ns() < atomic_load(&handed);
        look_around(seat);
        atomic_store(&handed, now_ns());
        atomic_store(&turn, 1 - seat->number);
        wake(&turn);
    }
    return NULL;
}

/* All of them, round by round: touch the page, so that the processor knows where it is; then look
 * whether it is gone. */
static void *page_reader(void *argument)
{
    struct seat *seat = argument;
    bind_to(seat->cpu);
    for (uint32_t i = 0; i < 2 * seat->rounds; i++) {
        wait_while(&turn, i);
        seat->stale += *shared != (i % 2 ? 0 : i + 1);
        look_around(seat);
        atomic_fetch_add(&done, 1);
        wake(&done);
    }
    return NULL;
}

static void start(struct seat *seat, void *(*what)(void *))
{
    if (pthread_create(&seat->thread, NULL, what, seat) != 0)
        fail("witness: pthread_create");
}

static void finish(struct seat *seat)
{
    pthread_join(seat->thread, NULL);
    found.wrong_cpu += seat->wrong_cpu;
    found.backwards += seat->backwards;
    found.stale += seat->stale;
}

static void every_pair(uint32_t cpus, uint32_t rounds)
{
    for (uint32_t a = 0; a < cpus; a++)
        for (uint32_t b = a + 1; b < cpus; b++) {
            struct seat seats[2] = {{.cpu = a, .number = 0, .rounds = rounds},
                                    {.cpu = b, .number = 1, .rounds = rounds}};
            atomic_store(&turn, 0);
            for (int i = 0; i < 2; i++)
                start(&seats[i], ping_pong);
            for (int i = 0; i < 2; i++)
                finish(&seats[i]);
            found.turns += 2 * rounds;
        }
}

static void everybody(uint32_t cpus, uint32_t i)
{
    atomic_store(&done, 0);
    atomic_store(&turn, i + 1);
    wake(&turn);
    for (uint32_t seen; (seen = atomic_load(&done)) < cpus;)
        wait_while(&done, seen);
}

static void page_taken(uint32_t cpus, uint32_t rounds)
{
    static struct seat seats[MAX_CPUS];
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("witness: mmap");
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    atomic_store(&turn, 0);
    for (uint32_t i = 0; i < cpus; i++) {
        seats[i] = (struct seat){.cpu = i, .number = i, .rounds = rounds};
        start(&seats[i], page_reader);
    }
    for (uint32_t i = 0; i < 2 * rounds; i += 2) {
        *shared = i + 1;
        everybody(cpus, i);
        if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
            fail("witness: membarrier");
        if (madvise((void *)(uintptr_t)shared, PAGE, MADV_DONTNEED) != 0)
            fail("witness: madvise");
        everybody(cpus, i + 1);
    }
    for (uint32_t i = 0; i < cpus; i++)
        finish(&seats[i]);
}

int witness_threads(const char *rounds)
{
    uint32_t count = (uint32_t)witness_number(rounds);
    uint32_t cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    if (cpus > MAX_CPUS)
        cpus = MAX_CPUS;
    every_pair(cpus, count);
    page_taken(cpus, count);
    printf("witness: threads cpus=%u turns=%llu wrong_cpu=%llu backwards=%llu stale=%llu\n", cpus,
           (unsigned long long)found.turns, (unsigned long long)found.wrong_cpu,
           (unsigned long long)found.backwards, (unsigned long long)found.stale);
    return found.wrong_cpu + found.backwards + found.stale != 0;
}
