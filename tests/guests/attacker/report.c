/* SPDX-License-Identifier: MIT */
/* Lines on COM1. */
#include "tests/guests/attacker/attacker.h"

#include "kernel/acpi/guest.h"
#include "kernel/lib/fmt.h"
#include "tests/guests/attacker/cpu.h"

#define UART_LSR      (GUEST_COM1 + 5)
#define UART_LSR_THRE 0x20
#define UART_PATIENCE 1000000 /* polls of a transmitter that does not get empty */
#define NOTES_MAX     6       /* failed checks of one attack that are told one by one */

static void put(char c)
{
    for (uint32_t i = 0; i < UART_PATIENCE && (in8(UART_LSR) & UART_LSR_THRE) == 0; i++)
        pause();
    out8(GUEST_COM1, (uint8_t)c);
}

static void put_line(const char *text)
{
    while (*text)
        put(*text++);
    put('\r');
    put('\n');
}

void print(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    fmt_vprint(line, sizeof(line), format, args);
    va_end(args);
    put_line(line);
}

void expect(struct report *report, bool good, const char *format, ...)
{
    char text[160];
    va_list args;
    report->checks++;
    if (good)
        return;
    report->failures++;
    va_start(args, format);
    fmt_vprint(text, sizeof(text), format, args);
    va_end(args);
    if (report->failures <= NOTES_MAX)
        print("attack %s: note %s", report->name, text);
}

void say(struct report *report, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fmt_vprint(report->detail, sizeof(report->detail), format, args);
    va_end(args);
}

uint64_t random_next(uint64_t *state)
{
    /* A linear congruential generator over 2^64; its upper bits are the better ones. */
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state ^ (*state >> 32);
}
