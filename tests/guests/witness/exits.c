/* SPDX-License-Identifier: MIT */
#include "tests/guests/witness/witness.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/guests/witness/counts.h"

static void idle(time_t seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) != 0)
        ;
}

static void busy(time_t seconds)
{
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    do {
        for (volatile unsigned i = 0; i < 10000; i++)
            ;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

int witness_exits(const char *how, const char *seconds)
{
    static struct counts before, after;
    time_t length = (time_t)witness_number(seconds);
    if (!counts_are_there()) {
        fprintf(stderr, "witness: these are not the CPUID leaves that it was built for\n");
        return 1;
    }
    counts_read_before(&before);
    if (strcmp(how, "busy") == 0)
        busy(length);
    else
        idle(length);
    counts_read_after(&after);

    printf("witness: exits %s seconds=%s", how, seconds);
    counts_print(&before, &after);
    printf("\n");
    return 0;
}
