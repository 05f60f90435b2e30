/* SPDX-License-Identifier: MIT */
/* The driver of the machine's UART, run against the guests' UART: each checks the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/vdev/vuart.h"

/* In place of arch/io.h. */
#define BULKHEAD_ARCH_IO_H

#define PORT 0x2f8

enum machine { NOTHING, FLOATING, STUCK, ALWAYS_DATA, ALWAYS_MODEM, WITHOUT_FIFO, FULL };

static enum machine machine;
static struct vuart v;
static char sent[256];
static size_t sent_count, accesses;
static unsigned busy; /* times that the line status is read until all was sent */
static uint8_t late;  /* arrives after the line status was read the next time */

static uint8_t read_full(uint16_t port)
{
    uint8_t value = vuart_read(&v, port);

    if (port == PORT + 5 && busy != 0) {
        busy--;
        value &= 0xbf; /* not empty */
    }
    if (port == PORT + 5 && late != 0) {
        vuart_receive(&v, late);
        late = 0;
    }
    return value;
}

static uint8_t io_in8(uint16_t port)
{
    accesses++;
    switch (machine) {
    case NOTHING:
        return 0xff;
    case FLOATING: /* memory-like: the scratch register works, nothing else does */
        return port == PORT + 7 ? v.scr : 0;
    case STUCK:
        return 0x33;
    case ALWAYS_DATA: /* says so, but there is none */
        return port == PORT + 2 ? 0xc4 : 0;
    case ALWAYS_MODEM:
        return port == PORT + 2 ? 0xc0 : 0;
    case WITHOUT_FIFO:
        return port == PORT + 2 ? vuart_read(&v, port) & 0x0f : vuart_read(&v, port);
    case FULL:
        break;
    }
    return read_full(port);
}

static void io_out8(uint16_t port, uint8_t value)
{
    accesses++;
    assert_in_range(port, PORT, PORT + 7);
    if (vuart_write(&v, port, value) && sent_count < sizeof(sent))
        sent[sent_count++] = (char)value;
}

#include "drivers/uart.c"

static struct uart uart;

static void start(enum machine kind)
{
    machine = kind;
    vuart_reset(&v);
    sent_count = accesses = 0;
    busy = 0;
}

static int setup(void **state)
{
    (void)state;
    start(FULL);
    assert_true(uart_init(&uart, PORT, 115200));
    accesses = 0;
    return 0;
}

static void test_probe(void **state)
{
    (void)state;
    assert_int_equal(uart.depth, 16);
    start(WITHOUT_FIFO);
    assert_true(uart_init(&uart, PORT, 0));
    assert_int_equal(uart.depth, 1);
    for (enum machine kind = NOTHING; kind <= STUCK; kind++) {
        uint8_t byte = 0;

        start(kind);
        assert_false(uart_init(&uart, PORT, 9600));
        sent_count = accesses = 0;
        uart_put(&uart, 'x'); /* and nothing is done to a port that is none */
        assert_int_equal(uart_fill(&uart, "x", 1), 0);
        assert_false(uart_poll_input(&uart, &byte));
        uart_interrupts_on(&uart);
        assert_int_equal(accesses, 0);
    }
}

static void test_baud(void **state)
{
    static const struct {
        uint32_t baud;
        uint8_t high, low;
    } cases[] = {{115200, 0, 1},  {9600, 0, 12},   {50, 0x09, 0x00},
                 {1, 0xff, 0xff}, {4000000, 0, 1}, {0, 0x12, 0x34}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(FULL);
        v.dlm = 0x12;
        v.dll = 0x34;
        assert_true(uart_init(&uart, PORT, cases[i].baud));
        assert_int_equal(v.dlm, cases[i].high);
        assert_int_equal(v.dll, cases[i].low);
        assert_int_equal(v.lcr, 0x03);
        assert_int_equal(v.ier, 0);
    }
}

static void test_loopback_is_left(void **state)
{
    (void)state;
    v.mcr = 0x1f; /* as a careless firmware might leave it */
    assert_true(uart_init(&uart, PORT, 0));
    assert_int_equal(v.mcr, 0x03);
    assert_int_equal(sent_count, 0);
}

static void test_put(void **state)
{
    (void)state;
    for (const char *at = "panic"; *at; at++)
        uart_put(&uart, (uint8_t)*at);
    assert_int_equal(sent_count, 5);
    assert_memory_equal(sent, "panic", 5);
    vuart_room(&v, 0); /* the other end has stopped */
    accesses = 0;
    uart_put(&uart, 'x');
    assert_int_equal(sent_count, 5);
    assert_in_range(accesses, 100000, 2000000); /* waited, not for ever */
    accesses = 0;
    uart_put(&uart, 'x');
    assert_int_equal(accesses, 1); /* and not a second time */
    vuart_room(&v, VUART_FIFO);
    uart_put(&uart, 'y');
    assert_int_equal(sent_count, 6);
}

static void test_fill(void **state)
{
    (void)state;
    assert_int_equal(uart_fill(&uart, "0123456789abcdefXYZ", 19), 16);
    assert_memory_equal(sent, "0123456789abcdef", 16);
    assert_int_equal(uart_fill(&uart, "XYZ", 3), 3);
    assert_int_equal(uart_fill(&uart, "", 0), 0);
    vuart_room(&v, 0);
    assert_int_equal(uart_fill(&uart, "no", 2), 0);
    assert_int_equal(sent_count, 19);
    start(WITHOUT_FIFO);
    assert_true(uart_init(&uart, PORT, 0));
    assert_int_equal(uart_fill(&uart, "abc", 3), 1);
}

static void test_input(void **state)
{
    uint8_t byte = 0;

    (void)state;
    assert_false(uart_poll_input(&uart, &byte));
    vuart_receive(&v, 'k');
    vuart_receive(&v, 'l');
    assert_true(uart_poll_input(&uart, &byte));
    assert_int_equal(byte, 'k');
    assert_true(uart_poll_input(&uart, &byte));
    assert_int_equal(byte, 'l');
    assert_false(uart_poll_input(&uart, &byte));
    machine = NOTHING; /* taken away: 0xff says that there is always a byte */
    assert_false(uart_poll_input(&uart, &byte));
}

static void test_interrupts(void **state)
{
    uint8_t byte;

    (void)state;
    uart_interrupts_on(&uart);
    assert_true(vuart_irq(&v)); /* the transmitter is empty */
    assert_false(uart_poll_input(&uart, &byte));
    assert_false(vuart_irq(&v));
    uart_fill(&uart, "x", 1);
    assert_true(vuart_irq(&v));
    vuart_receive(&v, 'k');
    assert_true(uart_poll_input(&uart, &byte));
    assert_int_equal(byte, 'k');
    assert_true(vuart_irq(&v)); /* the transmitter's cause, hidden behind the data till now */
    assert_false(uart_poll_input(&uart, &byte));
    assert_false(vuart_irq(&v)); /* so that the next one makes an edge */
    vuart_receive(&v, 'l');
    assert_true(vuart_irq(&v));
}

/* A byte comes in after the line status was read: it must not be left behind with the line high. */
static void test_byte_between_status_and_cause(void **state)
{
    uint8_t byte;

    (void)state;
    uart_interrupts_on(&uart);
    late = 'z';
    assert_true(uart_poll_input(&uart, &byte));
    assert_int_equal(byte, 'z');
    assert_false(uart_poll_input(&uart, &byte));
    assert_false(vuart_irq(&v));
}

/* The last bytes are still in the FIFO when it has room for more. */
static void test_drain(void **state)
{
    (void)state;
    assert_int_equal(uart_fill(&uart, "bye", 3), 3);
    busy = 5;
    accesses = 0;
    uart_drain(&uart);
    assert_int_equal(accesses, 6);
    uart_drain(&uart);
    assert_int_equal(accesses, 7);
    start(NOTHING);
    uart_init(&uart, PORT, 0);
    accesses = 0;
    uart_drain(&uart);
    assert_int_equal(accesses, 0);
}

static void test_stuck_port_does_not_stop_us(void **state)
{
    uint8_t byte;

    (void)state;
    uart_interrupts_on(&uart);
    machine = ALWAYS_DATA;
    accesses = 0;
    assert_false(uart_poll_input(&uart, &byte));
    machine = ALWAYS_MODEM;
    assert_false(uart_poll_input(&uart, &byte));
    assert_true(accesses < 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_probe, setup),
        cmocka_unit_test_setup(test_baud, setup),
        cmocka_unit_test_setup(test_loopback_is_left, setup),
        cmocka_unit_test_setup(test_put, setup),
        cmocka_unit_test_setup(test_fill, setup),
        cmocka_unit_test_setup(test_input, setup),
        cmocka_unit_test_setup(test_interrupts, setup),
        cmocka_unit_test_setup(test_byte_between_status_and_cause, setup),
        cmocka_unit_test_setup(test_drain, setup),
        cmocka_unit_test_setup(test_stuck_port_does_not_stop_us, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
