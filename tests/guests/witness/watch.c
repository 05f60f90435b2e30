/* SPDX-License-Identifier: MIT */
/* Timer ticks and memory of a guest, watched for as long as its neighbour does what it does. */
#include "tests/guests/witness/witness.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MIB       (UINT64_C(1) << 20)
#define NS_PER_US UINT64_C(1000)
#define NS_PER_S  UINT64_C(1000000000)

struct ticks {
    uint64_t woken;     /* wake-ups */
    uint64_t lost;      /* periods without one, as the kernel counts */
    uint64_t first_tsc; /* of the first wake-up */
    uint64_t last_tsc;
    uint64_t worst_tsc; /* longest time from one wake-up to the next */
};

uint64_t witness_number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (*end != '\0' || value == 0) {
        fprintf(stderr, "witness: '%s' is no number that it can use\n", text);
        exit(2);
    }
    return value;
}

/* A number for each index that no other index has (splitmix64). */
static uint64_t pattern(uint64_t index)
{
    uint64_t z = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 27);
}

static uint64_t changed_bytes(const volatile uint64_t *memory, uint64_t words)
{
    uint64_t changed = 0;
    for (uint64_t i = 0; i < words; i++)
        for (uint64_t bits = memory[i] ^ pattern(i); bits != 0; bits >>= 8)
            changed += (bits & 0xff) != 0;
    return changed;
}

static int timer_start(uint64_t period_us)
{
    uint64_t ns = period_us * NS_PER_US;
    struct timespec period = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    struct itimerspec wanted = {.it_interval = period, .it_value = period};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0 || timerfd_settime(timer, 0, &wanted, NULL) != 0) {
        perror("witness: no timer");
        exit(1);
    }
    return timer;
}

static void tick(int timer, struct ticks *ticks)
{
    uint64_t expired;
    if (read(timer, &expired, sizeof(expired)) != sizeof(expired)) {
        perror("witness: timer");
        exit(1);
    }
    uint64_t now = witness_tsc();
    if (ticks->woken == 0)
        ticks->first_tsc = now;
    else if (now - ticks->last_tsc > ticks->worst_tsc)
        ticks->worst_tsc = now - ticks->last_tsc;
    ticks->lost += ticks->woken == 0 ? 0 : expired - 1;
    ticks->last_tsc = now;
    ticks->woken++;
}

static void count_until_typed(int timer, struct ticks *ticks)
{
    struct pollfd wanted[] = {{.fd = timer, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    while (poll(wanted, 2, -1) > 0 && wanted[1].revents == 0)
        if (wanted[0].revents != 0)
            tick(timer, ticks);
}

int witness_watch(const char *mib, const char *period_us, const char *tsc_khz)
{
    uint64_t words = witness_number(mib) * MIB / sizeof(uint64_t);
    uint64_t period = witness_number(period_us), khz = witness_number(tsc_khz);
    uint64_t *memory = malloc(words * sizeof(*memory));
    if (memory == NULL) {
        perror("witness: memory");
        return 1;
    }
    for (uint64_t i = 0; i < words; i++)
        memory[i] = pattern(i);
    printf("witness: watching\n");
    fflush(stdout);

    struct ticks ticks = {0};
    count_until_typed(timer_start(period), &ticks);
    uint64_t period_tsc = khz * period / 1000, passed = ticks.last_tsc - ticks.first_tsc;
    uint64_t expected = (passed + period_tsc / 2) / period_tsc + 1;
    printf("witness: expected=%llu woken=%llu lost=%llu worst_us=%llu changed=%llu\n",
           (unsigned long long)expected, (unsigned long long)ticks.woken,
           (unsigned long long)ticks.lost, (unsigned long long)(ticks.worst_tsc * 1000 / khz),
           (unsigned long long)changed_bytes(memory, words));
    return 0;
}
