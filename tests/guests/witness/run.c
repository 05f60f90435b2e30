/* SPDX-License-Identifier: MIT */
/* What a command costs: time, interrupts, and exits where there is a hypervisor. */
#include "tests/guests/witness/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/guests/witness/counts.h"

struct interrupts {
    uint64_t messages; /* of PCI functions */
    uint64_t timer;    /* of the local APICs */
};

/* The columns behind the colon, one for each processor. */
static uint64_t columns(const char *at)
{
    uint64_t sum = 0;
    char *end;

    for (;;) {
        uint64_t value = strtoull(at, &end, 10);
        if (end == at)
            return sum;
        sum += value;
        at = end;
    }
}

static struct interrupts read_interrupts(void)
{
    struct interrupts found = {0, 0};
    char line[1024];
    FILE *file = fopen("/proc/interrupts", "r");

    if (!file) {
        perror("witness: /proc/interrupts");
        exit(1);
    }
    while (fgets(line, sizeof(line), file)) {
        const char *colon = strchr(line, ':');
        if (!colon)
            continue;
        if (strstr(colon, "PCI-MSI"))
            found.messages += columns(colon + 1);
        else if (strncmp(line + strspn(line, " "), "LOC:", 4) == 0)
            found.timer += columns(colon + 1);
    }
    fclose(file);
    return found;
}

/* Nanoseconds in which the processors had nothing to do, or nothing until a device was done. */
static uint64_t read_idle(void)
{
    unsigned long long value;
    uint64_t sum = 0;
    char line[256];
    FILE *file = fopen("/proc/timer_list", "r");

    if (!file) {
        perror("witness: /proc/timer_list");
        exit(1);
    }
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, " .idle_sleeptime : %llu nsecs", &value) == 1 ||
            sscanf(line, " .iowait_sleeptime: %llu nsecs", &value) == 1)
            sum += value;
    fclose(file);
    return sum;
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Runs to its end; returns whether it ended well. */
static bool run(char **command)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int witness_run(char **command)
{
    static struct counts before, after;
    bool counted = counts_are_there();
    struct interrupts early = read_interrupts();
    uint64_t early_idle = read_idle();
    uint64_t start = now_us();

    if (counted)
        counts_read_before(&before);
    bool good = run(command);
    if (counted)
        counts_read_after(&after);
    uint64_t end = now_us();
    uint64_t idle = (read_idle() - early_idle) / 1000;
    struct interrupts late = read_interrupts();

    printf("witness: run us=%llu idle=%llu messages=%llu timer=%llu",
           (unsigned long long)(end - start), (unsigned long long)idle,
           (unsigned long long)(late.messages - early.messages),
           (unsigned long long)(late.timer - early.timer));
    if (counted)
        counts_print(&before, &after);
    printf("\n");
    return good ? 0 : 1;
}
