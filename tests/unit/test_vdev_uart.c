/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/vdev/vuart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };
enum { OUT2 = 0x08, LOOP = 0x10, DLAB = 0x80 };

static struct vuart v;

static int setup(void **state)
{
    (void)state;
    vuart_reset(&v);
    return 0;
}

static void test_power_on(void **state)
{
    static const uint8_t expected[] = {0, 0, 0x01, 0, 0, 0x60, 0xb0, 0};

    (void)state;
    for (uint16_t reg = 0; reg < 8; reg++)
        assert_int_equal(vuart_read(&v, reg), expected[reg]);
    assert_false(vuart_irq(&v));
}

/* What Linux's 8250 driver does to find out what this is. */
static void test_linux_autoconfig(void **state)
{
    (void)state;
    vuart_write(&v, IER, 0);
    assert_int_equal(vuart_read(&v, IER), 0);
    vuart_write(&v, IER, 0x0f);
    assert_int_equal(vuart_read(&v, IER), 0x0f);
    vuart_write(&v, IER, 0);
    vuart_write(&v, MCR, LOOP | 0x0a);
    assert_int_equal(vuart_read(&v, MSR) & 0xf0, 0x90);
    vuart_write(&v, MCR, 0);
    vuart_write(&v, LCR, 0xbf); /* a chip with an EFR would answer 0 here */
    vuart_write(&v, FCR, 0);
    vuart_write(&v, LCR, 0);
    vuart_write(&v, FCR, 1);
    assert_int_equal(vuart_read(&v, IIR), 0xc1); /* FIFO works: 16550A */
    vuart_write(&v, LCR, DLAB);
    assert_int_not_equal(vuart_read(&v, IIR), 0); /* no EFR: not a 16650 */
    vuart_write(&v, LCR, 0xbf);
    assert_int_not_equal(vuart_read(&v, IIR), 0);
    vuart_write(&v, LCR, 0);
    vuart_write(&v, IER, 0x40); /* UUE of other chips */
    assert_int_equal(vuart_read(&v, IER), 0);
    vuart_write(&v, SCR, 0xa5);
    assert_int_equal(vuart_read(&v, SCR), 0xa5);
}

/* Linux decides by this whether it needs a polling timer. */
static void test_thre_interrupt_comes_again(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        vuart_write(&v, IER, 2);
        assert_int_equal(vuart_read(&v, IIR), 0x02);
        assert_int_equal(vuart_read(&v, IIR), 0x01);
        vuart_write(&v, IER, 0);
    }
    vuart_write(&v, IER, 2);
    vuart_read(&v, IIR);
    vuart_write(&v, IER, 2); /* on already: not raised again */
    assert_int_equal(vuart_read(&v, IIR), 0x01);
}

static void test_transmit(void **state)
{
    (void)state;
    vuart_write(&v, MCR, OUT2);
    vuart_write(&v, IER, 2);
    assert_true(vuart_irq(&v));
    vuart_read(&v, IIR);
    assert_false(vuart_irq(&v));
    assert_true(vuart_write(&v, DATA, 'x'));
    assert_true(vuart_irq(&v)); /* sent at once */
    vuart_write(&v, IER, 0);
    assert_false(vuart_irq(&v));
    vuart_write(&v, LCR, DLAB);
    assert_false(vuart_write(&v, DATA, 'x')); /* the divisor */
    for (uint16_t reg = 1; reg < 8; reg++)
        assert_false(vuart_write(&v, reg, 0x03));
}

static void test_no_room(void **state)
{
    (void)state;
    vuart_write(&v, MCR, OUT2);
    vuart_write(&v, IER, 2);
    vuart_room(&v, 15);
    assert_int_equal(vuart_read(&v, LSR), 0);
    assert_false(vuart_irq(&v));
    assert_true(vuart_write(&v, DATA, 'x')); /* the caller may still have room for some */
    assert_false(vuart_irq(&v));
    vuart_write(&v, IER, 0);
    vuart_write(&v, IER, 2);
    assert_false(vuart_irq(&v)); /* not empty: not raised */
    vuart_room(&v, 16);
    assert_int_equal(vuart_read(&v, LSR), 0x60);
    assert_int_equal(vuart_read(&v, IIR), 0x02);
    vuart_room(&v, 500);
    assert_int_equal(vuart_read(&v, IIR), 0x01); /* no news */
}

static void test_receive(void **state)
{
    (void)state;
    vuart_write(&v, MCR, OUT2);
    vuart_write(&v, IER, 1);
    assert_true(vuart_receive(&v, 'a'));
    assert_false(vuart_receive(&v, 'b')); /* no FIFO: one byte */
    assert_true(vuart_irq(&v));
    assert_int_equal(vuart_read(&v, IIR), 0x04);
    assert_int_equal(vuart_read(&v, LSR), 0x61);
    assert_int_equal(vuart_read(&v, DATA), 'a');
    assert_int_equal(vuart_read(&v, LSR), 0x60);
    assert_int_equal(vuart_read(&v, DATA), 0);
    assert_false(vuart_irq(&v));
    vuart_write(&v, FCR, 1);
    for (int round = 0; round < 3; round++) {
        for (uint8_t i = 0; i < 16; i++)
            assert_true(vuart_receive(&v, i));
        assert_false(vuart_receive(&v, 99));
        assert_int_equal(vuart_read(&v, IIR), 0xc4);
        for (uint8_t i = 0; i < 16; i++)
            assert_int_equal(vuart_read(&v, DATA), i);
        vuart_receive(&v, 1); /* begin the next round elsewhere */
        vuart_read(&v, DATA);
    }
}

static void test_fifo_resets(void **state)
{
    /* FCR values, whether the received byte survives */
    static const struct {
        uint8_t before, written;
        bool kept;
    } cases[] = {{1, 1, true},  {1, 3, false}, {1, 5, true},
                 {1, 0, false}, {0, 1, false}, {0, 2, true}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vuart_reset(&v);
        vuart_write(&v, FCR, cases[i].before);
        vuart_receive(&v, 'q');
        vuart_write(&v, FCR, cases[i].written);
        assert_int_equal(vuart_read(&v, LSR) & 1, cases[i].kept);
        assert_int_equal(vuart_read(&v, IIR), cases[i].written & 1 ? 0xc1 : 0x01);
    }
}

static void test_divisor(void **state)
{
    (void)state;
    vuart_write(&v, IER, 0x05);
    vuart_write(&v, LCR, DLAB | 3);
    assert_int_equal(vuart_read(&v, DATA), 1);
    vuart_write(&v, DATA, 0x34);
    vuart_write(&v, IER, 0x12);
    assert_int_equal(vuart_read(&v, DATA), 0x34);
    assert_int_equal(vuart_read(&v, IER), 0x12);
    vuart_write(&v, LCR, 3);
    assert_int_equal(vuart_read(&v, IER), 0x05);
    assert_int_equal(vuart_read(&v, LCR), 3);
}

static void test_loopback(void **state)
{
    (void)state;
    vuart_write(&v, IER, 5);
    vuart_write(&v, MCR, LOOP | OUT2);
    assert_int_equal(vuart_read(&v, MCR), LOOP | OUT2);
    assert_false(vuart_receive(&v, 'x')); /* its input is cut off */
    vuart_room(&v, 0);
    assert_int_equal(vuart_read(&v, LSR), 0x60); /* and the host does not matter */
    assert_false(vuart_write(&v, DATA, 'l'));
    assert_int_equal(vuart_read(&v, IIR), 0x04);
    assert_false(vuart_irq(&v)); /* OUT2 is off outside */
    vuart_write(&v, DATA, 'm');
    assert_int_equal(vuart_read(&v, IIR), 0x06); /* overrun */
    assert_int_equal(vuart_read(&v, LSR), 0x63);
    assert_int_equal(vuart_read(&v, LSR), 0x61); /* told once */
    assert_int_equal(vuart_read(&v, DATA), 'l');
}

static void test_modem_status(void **state)
{
    /* MCR in loopback, MSR read after it, then again */
    static const struct {
        uint8_t mcr, first;
    } cases[] = {
        {0x1f, 0xf0}, /* RI rises: no delta; the others stay */
        {0x1b, 0xb4}, /* RI falls: trailing edge */
        {0x13, 0x38}, /* OUT2: carrier */
        {0x11, 0x21}, /* RTS: clear to send */
        {0x10, 0x02}, /* DTR: data set ready */
        {0x00, 0xbb}, /* outside everything is on */
    };

    (void)state;
    vuart_write(&v, IER, 8);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool delta = (cases[i].first & 0x0f) != 0;

        vuart_write(&v, MCR, cases[i].mcr);
        assert_int_equal(vuart_read(&v, IIR), delta ? 0x00 : 0x01);
        assert_int_equal(vuart_read(&v, MSR), cases[i].first);
        assert_int_equal(vuart_read(&v, MSR), cases[i].first & 0xf0);
        assert_int_equal(vuart_read(&v, IIR), 0x01);
    }
}

static void test_priority(void **state)
{
    (void)state;
    vuart_write(&v, MCR, LOOP | 0x01);
    vuart_write(&v, DATA, 'a');
    vuart_write(&v, DATA, 'b');
    vuart_write(&v, IER, 0x0f);
    assert_int_equal(vuart_read(&v, IIR), 0x06);
    vuart_read(&v, LSR);
    assert_int_equal(vuart_read(&v, IIR), 0x04);
    assert_int_equal(vuart_read(&v, IIR), 0x04); /* reading IIR clears THRE alone */
    vuart_read(&v, DATA);
    assert_int_equal(vuart_read(&v, IIR), 0x02);
    assert_int_equal(vuart_read(&v, IIR), 0x00);
    vuart_read(&v, MSR);
    assert_int_equal(vuart_read(&v, IIR), 0x01);
}

static void test_out2_gates_the_line(void **state)
{
    (void)state;
    vuart_write(&v, IER, 2);
    assert_false(vuart_irq(&v));
    vuart_write(&v, MCR, OUT2);
    assert_true(vuart_irq(&v)); /* the cause waited: here is the edge */
}

/* A driver that polls, as the kernel's printk does, never loses a byte to a ring of any size. */
static void test_flow_control_loses_nothing(void **state)
{
    uint32_t space = 64, sent = 0, lost = 0;

    (void)state;
    srand(7);
    for (int i = 0; i < 20000; i++) {
        if (rand() % 3 == 0)
            space = 64;
        vuart_room(&v, space);
        if (!(vuart_read(&v, LSR) & 0x20))
            continue;
        for (int n = 0; n < 16; n++) { /* a whole FIFO without looking */
            assert_true(vuart_write(&v, DATA, 'x'));
            if (space == 0)
                lost++;
            else
                space--;
            sent++;
            vuart_room(&v, space);
        }
    }
    assert_true(sent > 1000);
    assert_int_equal(lost, 0);
}

static void check_invariants(void)
{
    struct vuart copy = v;
    uint8_t iir = vuart_read(&copy, IIR);

    assert_true(v.rx_count <= (v.fifo_on ? 16 : 1));
    assert_true(v.rx_first < 16);
    assert_int_equal(v.ier & 0xf0, 0);
    assert_int_equal(v.mcr & 0xe0, 0);
    assert_int_equal(v.msr_delta & 0xf0, 0);
    assert_true((iir & 0x30) == 0);
    assert_int_equal(vuart_irq(&v), (iir & 1) == 0 && (v.mcr & 0x18) == 0x08);
}

static void test_random_traffic(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 300000; i++) {
        uint16_t reg = (uint16_t)rand();
        uint8_t value = (uint8_t)(rand() >> 8);

        switch (rand() % 4) {
        case 0:
            vuart_read(&v, reg);
            break;
        case 1:
            vuart_write(&v, reg, value);
            break;
        case 2:
            vuart_receive(&v, value);
            break;
        default:
            vuart_room(&v, value % 32);
            break;
        }
        check_invariants();
    }
    /* Whatever was done to it: a driver that sets it up anew has a working port. */
    vuart_write(&v, LCR, 3);
    vuart_write(&v, IER, 0);
    vuart_write(&v, FCR, 7);
    vuart_write(&v, MCR, 0x0b);
    vuart_room(&v, 100);
    vuart_read(&v, LSR);
    vuart_read(&v, MSR);
    vuart_write(&v, IER, 0x05);
    assert_false(vuart_irq(&v));
    assert_true(vuart_receive(&v, 'k'));
    assert_true(vuart_irq(&v));
    assert_int_equal(vuart_read(&v, DATA), 'k');
    assert_false(vuart_irq(&v));
    assert_true(vuart_write(&v, DATA, 'x'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_power_on, setup),
        cmocka_unit_test_setup(test_linux_autoconfig, setup),
        cmocka_unit_test_setup(test_thre_interrupt_comes_again, setup),
        cmocka_unit_test_setup(test_transmit, setup),
        cmocka_unit_test_setup(test_no_room, setup),
        cmocka_unit_test_setup(test_receive, setup),
        cmocka_unit_test_setup(test_fifo_resets, setup),
        cmocka_unit_test_setup(test_divisor, setup),
        cmocka_unit_test_setup(test_loopback, setup),
        cmocka_unit_test_setup(test_modem_status, setup),
        cmocka_unit_test_setup(test_priority, setup),
        cmocka_unit_test_setup(test_out2_gates_the_line, setup),
        cmocka_unit_test_setup(test_flow_control_loses_nothing, setup),
        cmocka_unit_test_setup(test_random_traffic, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
