/* SPDX-License-Identifier: MIT */
#include "drivers/uart.h"

#include "arch/io.h"
#include "kernel/vdev/ns16550.h"

/* In loopback RTS and OUT2 come back as CTS and DCD. */
enum { MCR_LOOP_TEST = 0x1a, MSR_LINES = 0xf0, MSR_LOOP_ANSWER = 0x90 };

#define BAUD_BASE  115200
#define FIFO_DEPTH 16

/*
 * A read of a port on an old bus takes about a microsecond: a second in all. On an emulated machine
 * it may take a few nanoseconds, and that must be enough for a full FIFO at 115200 baud (1.4 ms).
 */
#define WAIT_READS 1000000

#define MAX_CAUSES 16

static uint8_t get(const struct uart *uart, uint16_t reg)
{
    return io_in8((uint16_t)(uart->port + reg));
}

static void set(const struct uart *uart, uint16_t reg, uint8_t value)
{
    io_out8((uint16_t)(uart->port + reg), value);
}

/* Where nothing answers, reads give the same whatever was written (mostly 0xff). */
static bool is_there(const struct uart *uart)
{
    uint8_t mcr, lines;

    if (get(uart, REG_LSR) == 0xff)
        return false;
    set(uart, REG_SCR, 0x5a);
    if (get(uart, REG_SCR) != 0x5a)
        return false;
    set(uart, REG_SCR, 0xa5);
    if (get(uart, REG_SCR) != 0xa5)
        return false;
    mcr = get(uart, REG_MCR);
    set(uart, REG_MCR, MCR_LOOP_TEST);
    lines = get(uart, REG_MSR) & MSR_LINES;
    set(uart, REG_MCR, mcr & (uint8_t)~MCR_LOOP);
    return lines == MSR_LOOP_ANSWER;
}

static void set_baud(const struct uart *uart, uint32_t baud)
{
    uint32_t divisor = BAUD_BASE / baud;

    if (divisor == 0)
        divisor = 1;
    if (divisor > UINT16_MAX)
        divisor = UINT16_MAX;
    set(uart, REG_LCR, LCR_8_BITS | LCR_DLAB);
    set(uart, REG_DATA, (uint8_t)divisor);
    set(uart, REG_IER, (uint8_t)(divisor >> 8));
}

bool uart_init(struct uart *uart, uint16_t port, uint32_t baud)
{
    *uart = (struct uart){.port = port};
    if (!is_there(uart))
        return false;
    if (baud != 0)
        set_baud(uart, baud);
    set(uart, REG_LCR, LCR_8_BITS);
    set(uart, REG_IER, 0);
    set(uart, REG_IIR, FCR_ENABLE | FCR_CLEAR_BOTH | FCR_TRIGGER_8);
    set(uart, REG_MCR, MCR_DTR | MCR_RTS);
    uart->depth = (get(uart, REG_IIR) & IIR_FIFO_ON) == IIR_FIFO_ON ? FIFO_DEPTH : 1;
    return true;
}

void uart_put(struct uart *uart, uint8_t byte)
{
    if (uart->depth == 0)
        return;
    int reads = uart->stuck ? 1 : WAIT_READS;
    while (!(get(uart, REG_LSR) & LSR_THRE)) {
        if (--reads == 0) {
            uart->stuck = true;
            return;
        }
    }
    uart->stuck = false;
    set(uart, REG_DATA, byte);
}

size_t uart_fill(const struct uart *uart, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;

    if (uart->depth == 0 || count == 0 || !(get(uart, REG_LSR) & LSR_THRE))
        return 0;
    if (count > uart->depth)
        count = uart->depth;
    for (size_t i = 0; i < count; i++)
        set(uart, REG_DATA, from[i]);
    return count;
}

void uart_drain(const struct uart *uart)
{
    if (uart->depth == 0 || uart->stuck)
        return;
    for (int reads = WAIT_READS; reads > 0 && !(get(uart, REG_LSR) & LSR_TEMT); reads--)
        ;
}

/* Acknowledge causes until none is left or one is received data. Returns true when it is data. */
static bool acknowledge(const struct uart *uart)
{
    for (int i = 0; i < MAX_CAUSES; i++) {
        uint8_t cause = get(uart, REG_IIR) & IIR_CAUSE;

        if (cause & IIR_NONE)
            return false;
        if (cause == IIR_DATA || cause == IIR_TIMEOUT)
            return true;
        (void)get(uart, REG_LSR);
        (void)get(uart, REG_MSR);
    }
    return false;
}

bool uart_poll_input(const struct uart *uart, uint8_t *byte)
{
    if (uart->depth == 0)
        return false;
    for (int i = 0; i < MAX_CAUSES; i++) {
        uint8_t lsr = get(uart, REG_LSR);

        if (lsr == 0xff) /* the port was taken away */
            return false;
        if (lsr & LSR_DR) {
            *byte = get(uart, REG_DATA);
            return true;
        }
        if (!acknowledge(uart)) /* else a byte has just come in */
            return false;
    }
    return false;
}

void uart_interrupts_on(const struct uart *uart)
{
    if (uart->depth == 0)
        return;
    set(uart, REG_MCR, MCR_DTR | MCR_RTS | MCR_OUT2); /* OUT2 connects the interrupt on a PC */
    set(uart, REG_IER, IER_ERBFI | IER_ETBEI);
}
