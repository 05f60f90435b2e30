/* SPDX-License-Identifier: MIT */
#include "tests/bench/load.h"

#include "tests/bench/syscall.h"

#define GROUPS 2
#define PAIRS                                                                                      \
    4 /* senders of a group, and receivers: each of the ones writes to each of the others */
#define MESSAGE 100

static void close_end(int end)
{
    call(SYS_CLOSE, (uint64_t)end, 0, 0);
}

/* Until all senders are gone; then tell the number through `result`. */
static _Noreturn void receive(int from, int result)
{
    static char message[MESSAGE];
    uint64_t bytes = 0;
    for (int64_t got; (got = call(SYS_READ, (uint64_t)from, pointer(message), MESSAGE)) > 0;)
        bytes += (uint64_t)got;
    uint64_t messages = bytes / MESSAGE;
    call(SYS_WRITE, (uint64_t)result, pointer(&messages), sizeof(messages));
    call(SYS_EXIT, 0, 0, 0);
    __builtin_unreachable();
}

static _Noreturn void send(int pipes[PAIRS][2])
{
    static char message[MESSAGE];
    for (unsigned i = 0;; i = (i + 1) % PAIRS)
        call(SYS_WRITE, (uint64_t)pipes[i][1], pointer(message), MESSAGE);
}

/* A pipe ends for its reader when nobody else has its writing end. */
static void group(int64_t senders[PAIRS], int result)
{
    int pipes[PAIRS][2];
    for (unsigned i = 0; i < PAIRS; i++)
        call(SYS_PIPE, pointer(pipes[i]), 0, 0);
    for (unsigned i = 0; i < PAIRS; i++)
        if (call(SYS_FORK, 0, 0, 0) == 0) {
            for (unsigned j = 0; j < PAIRS; j++)
                close_end(pipes[j][1]);
            receive(pipes[i][0], result);
        }
    for (unsigned i = 0; i < PAIRS; i++)
        if ((senders[i] = call(SYS_FORK, 0, 0, 0)) == 0)
            send(pipes);
    for (unsigned i = 0; i < PAIRS; i++) {
        close_end(pipes[i][0]);
        close_end(pipes[i][1]);
    }
}

uint64_t load_messages(int64_t seconds)
{
    int64_t senders[GROUPS][PAIRS];
    int results[2];
    uint64_t sum = 0, messages;
    call(SYS_PIPE, pointer(results), 0, 0);
    for (unsigned i = 0; i < GROUPS; i++)
        group(senders[i], results[1]);
    close_end(results[1]);
    sleep(seconds);
    for (unsigned i = 0; i < GROUPS * PAIRS; i++)
        call(SYS_KILL, (uint64_t)senders[i / PAIRS][i % PAIRS], SIGKILL, 0);
    while (call(SYS_READ, (uint64_t)results[0], pointer(&messages), sizeof(messages)) > 0)
        sum += messages;
    close_end(results[0]);
    for (unsigned i = 0; i < 2 * GROUPS * PAIRS; i++)
        call(SYS_WAIT4, UINT64_MAX, 0, 0);
    return sum;
}
