/* SPDX-License-Identifier: MIT */
/*
 * The machine's own serial port: a 16550 (or an older relative without FIFO) at an I/O port, as
 * National's PC16550D data sheet describes it. Nothing here waits without bound: a port that is
 * not there, or whose other end does not take bytes, costs time but never stops the machine.
 */
#ifndef BULKHEAD_DRIVERS_UART_H
#define BULKHEAD_DRIVERS_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uart {
    uint16_t port; /* first of its 8 I/O ports */
    uint8_t depth; /* bytes that the transmitter takes at once: 16 with FIFO, else 1; 0: no UART */
    bool stuck;    /* it once took nothing for very long: do not wait that long again */
};

/*
 * Is there a UART at `port`? If so: 8 bits, no parity, FIFO on, interrupts off, divisor for `baud`
 * (0: as the firmware left it). False: none; all other functions then do nothing.
 */
bool uart_init(struct uart *uart, uint16_t port, uint32_t baud);

/* Send one byte, waiting for the transmitter. One that takes nothing for about a second is given
 * up: the byte is lost, and so are later ones for which it is not ready at once. For boot and
 * panic. */
void uart_put(struct uart *uart, uint8_t byte);

/* Send as many of the bytes as the transmitter takes at once, without waiting; returns how many. */
size_t uart_fill(const struct uart *uart, const void *bytes, size_t count);

/* Wait until all that was sent has left the UART, at most about a second. Before the machine goes
 * off, which takes what is left in the FIFO with it. */
void uart_drain(const struct uart *uart);

/*
 * A byte that was received. False: none, and no interrupt is pending any more: its line is low, so
 * that the next cause makes an edge. Calling this until it says false, then uart_fill() with what
 * there is to send (the transmitter's interrupt may have been acknowledged, too), is therefore all
 * that an interrupt handler has to do.
 */
bool uart_poll_input(const struct uart *uart, uint8_t *byte);

/* Interrupt when a byte was received and when the transmitter became empty. The latter comes once:
 * after a pause the caller starts the next burst itself with uart_fill(). */
void uart_interrupts_on(const struct uart *uart);

#endif
