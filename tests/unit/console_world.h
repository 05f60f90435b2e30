/* SPDX-License-Identifier: MIT */
/* A console with three guests and a log, what they say, and what is shown of it. */
#ifndef BULKHEAD_TESTS_UNIT_CONSOLE_WORLD_H
#define BULKHEAD_TESTS_UNIT_CONSOLE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/console/console.h"

#define GUESTS 3
#define LOG    GUESTS
#define RING   1024

static struct ring rings[GUESTS + 1];
static uint8_t storage[GUESTS + 1][RING];
static struct console_source sources[GUESTS + 1];
static struct console c;
static char shown[65536]; /* all that went to the sink since the last look */
static size_t shown_length;

static inline int setup(void **state)
{
    static const char *const names[] = {"web", "rt", "db", CONSOLE_LOG_NAME};

    (void)state;
    for (size_t i = 0; i <= GUESTS; i++) {
        ring_init(&rings[i], storage[i], RING);
        console_source(&sources[i], names[i], strlen(names[i]), &rings[i]);
    }
    console_init(&c, sources, GUESTS);
    shown_length = 0;
    return 0;
}

static inline void say_bytes(uint32_t source, const char *text, size_t length)
{
    assert_int_equal(ring_write(&rings[source], text, (uint32_t)length), length);
}

static inline void say(uint32_t source, const char *text)
{
    say_bytes(source, text, strlen(text));
}

/* Pump until nothing comes, in the smallest possible pieces. */
static inline void pump(void)
{
    char out[CONSOLE_MIN_OUT];
    size_t length;

    while ((length = console_pump(&c, out, sizeof(out))) != 0) {
        assert_true(length <= sizeof(out));
        assert_true(shown_length + length < sizeof(shown));
        memcpy(shown + shown_length, out, length);
        shown_length += length;
    }
    shown[shown_length] = 0;
}

/* What is shown now is exactly this. */
#define EXPECT(text)                                                                               \
    do {                                                                                           \
        pump();                                                                                    \
        assert_string_equal(shown, text);                                                          \
        shown_length = 0;                                                                          \
    } while (0)

static inline void settle(void)
{
    console_flush(&c);
    console_flush(&c);
}

static inline struct console_event type(const char *keys)
{
    struct console_event event = {0};

    while (*keys)
        event = console_key(&c, (uint8_t)*keys++);
    return event;
}

#endif
