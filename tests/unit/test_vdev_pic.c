/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/vdev/vpic.h"

static struct vpic v;

static void out(uint16_t port, uint8_t value)
{
    vpic_write(&v, port, value);
}

/* As PCs do it: vectors from 0x20 and 0x28 on, cascade on line 2. */
static void init(uint8_t icw4)
{
    out(0x20, 0x11);
    out(0x21, 0x20);
    out(0x21, 0x04);
    out(0x21, icw4);
    out(0xa0, 0x11);
    out(0xa1, 0x28);
    out(0xa1, 0x02);
    out(0xa1, icw4);
}

static int setup(void **state)
{
    (void)state;
    vpic_reset(&v);
    init(0x01);
    return 0;
}

static void pulse(unsigned line)
{
    vpic_pulse(&v, line);
}

static void check_interrupt(uint8_t vector)
{
    assert_true(vpic_pending(&v));
    assert_int_equal(vpic_acknowledge(&v), vector);
}

static uint8_t isr(uint16_t port)
{
    out(port, 0x0b);
    return vpic_read(&v, port);
}

static uint8_t irr(uint16_t port)
{
    out(port, 0x0a);
    return vpic_read(&v, port);
}

static void test_nobody_initialised_them(void **state)
{
    (void)state;
    vpic_reset(&v);
    assert_int_equal(vpic_read(&v, 0x21), 0xff);
    assert_int_equal(vpic_read(&v, 0xa1), 0xff);
    for (unsigned line = 0; line < 20; line++) {
        assert_false(vpic_wants(&v, line));
        pulse(line);
    }
    assert_false(vpic_pending(&v));
}

/* Linux: probe_8259A() and init_8259A(). */
static void test_linux_probes(void **state)
{
    (void)state;
    out(0xa1, 0xff);
    out(0x21, 0xfb);
    assert_int_equal(vpic_read(&v, 0x21), 0xfb);
    out(0x21, 0xff);
    init(0x01);
    assert_int_equal(vpic_read(&v, 0x21), 0); /* initialising clears the mask */
    out(0x21, 0xfb);
    out(0xa1, 0xff);
    assert_int_equal(vpic_read(&v, 0xa1), 0xff);
}

static void test_all_lines(void **state)
{
    (void)state;
    for (unsigned line = 0; line < 16; line++) {
        if (line == 2)
            continue;
        pulse(line);
        check_interrupt((uint8_t)(0x20 + line));
        assert_false(vpic_pending(&v));
        if (line >= 8)
            out(0xa0, 0x20);
        out(0x20, 0x20);
        assert_int_equal(isr(0x20) | isr(0xa0), 0);
    }
    pulse(2);  /* the cascade has no wire */
    pulse(16); /* nor has this one */
    assert_false(vpic_pending(&v));
}

static void test_priorities(void **state)
{
    (void)state;
    pulse(4);
    pulse(1);
    pulse(9);
    assert_int_equal(irr(0x20), 0x16);
    assert_int_equal(irr(0xa0), 0x02);
    check_interrupt(0x21);
    assert_int_equal(isr(0x20), 0x02);
    assert_false(vpic_pending(&v)); /* the others are lower */
    pulse(0);
    check_interrupt(0x20); /* this one is higher */
    out(0x20, 0x20);
    assert_int_equal(isr(0x20), 0x02);
    assert_false(vpic_pending(&v));
    out(0x20, 0x61); /* specific */
    check_interrupt(0x29);
    assert_int_equal(isr(0x20), 0x04);
    pulse(8); /* higher in the second, but the cascade is busy in the first */
    assert_false(vpic_pending(&v));
    out(0xa0, 0x20);
    out(0x20, 0x62);
    check_interrupt(0x28);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    check_interrupt(0x24);
}

static void test_special_fully_nested(void **state)
{
    (void)state;
    init(0x11);
    pulse(9);
    check_interrupt(0x29);
    pulse(8);
    check_interrupt(0x28);
    pulse(10);
    assert_false(vpic_pending(&v));
}

static void test_edges(void **state)
{
    (void)state;
    vpic_set_line(&v, 4, true);
    check_interrupt(0x24);
    out(0x20, 0x20);
    vpic_set_line(&v, 4, true);
    assert_false(vpic_pending(&v));
    vpic_set_line(&v, 4, false);
    vpic_set_line(&v, 4, true);
    assert_false(vpic_wants(&v, 4)); /* requested already */
    check_interrupt(0x24);
    assert_true(vpic_wants(&v, 4));
    out(0x20, 0x20);
    vpic_set_line(&v, 4, false);
    out(0x21, 0x10);
    assert_false(vpic_wants(&v, 4));
    pulse(4); /* behind the mask it is remembered */
    assert_false(vpic_pending(&v));
    out(0x21, 0);
    check_interrupt(0x24);
    out(0x20, 0x20);
    vpic_set_line(&v, 4, true);
    assert_true(vpic_pending(&v));
    vpic_set_line(&v, 4, false); /* before it was acknowledged */
    assert_false(vpic_pending(&v));
    vpic_set_line(&v, 5, true);
    init(0x01); /* forgets the edge */
    assert_false(vpic_pending(&v));
}

static void test_levels(void **state)
{
    (void)state;
    out(0x4d0, 0xff);
    out(0x4d1, 0xff);
    assert_int_equal(vpic_read(&v, 0x4d0), 0xf8);
    assert_int_equal(vpic_read(&v, 0x4d1), 0xde);
    vpic_set_line(&v, 5, true);
    check_interrupt(0x25);
    assert_false(vpic_pending(&v));
    out(0x20, 0x20);
    check_interrupt(0x25); /* still high */
    vpic_set_line(&v, 5, false);
    out(0x20, 0x20);
    assert_false(vpic_pending(&v));
    vpic_set_line(&v, 10, true);
    vpic_set_line(&v, 10, false);
    assert_false(vpic_pending(&v));
    assert_int_equal(vpic_acknowledge(&v), 0x27); /* spurious */
    assert_int_equal(isr(0x20), 0);
    out(0x20, 0x19); /* all lines by level */
    out(0x21, 0x40);
    out(0x21, 0x04);
    out(0x21, 0x01);
    vpic_set_line(&v, 1, true);
    check_interrupt(0x41);
}

static void test_automatic_eoi(void **state)
{
    (void)state;
    init(0x03);
    pulse(3);
    pulse(12);
    check_interrupt(0x2c);
    assert_int_equal(isr(0x20) | isr(0xa0), 0);
    check_interrupt(0x23);
    out(0x20, 0x80); /* rotate */
    pulse(0);
    check_interrupt(0x20);
    pulse(0);
    pulse(7);
    check_interrupt(0x27);
    out(0x20, 0x00); /* no longer */
    pulse(7);
    check_interrupt(0x20);
}

static void test_rotation(void **state)
{
    (void)state;
    out(0x20, 0xc4); /* line 4 is the lowest, 5 the highest */
    pulse(0);
    pulse(5);
    pulse(4);
    check_interrupt(0x25);
    out(0x20, 0xa0); /* rotate on EOI: 6 is the highest */
    pulse(5);
    check_interrupt(0x20);
    out(0x20, 0xe0); /* rotate on specific EOI: 1 is the highest */
    check_interrupt(0x24);
    out(0x20, 0x40); /* nothing */
    out(0x20, 0xa0);
    out(0x20, 0xa0); /* nothing in service */
    check_interrupt(0x25);
}

static void test_special_mask(void **state)
{
    (void)state;
    pulse(1);
    check_interrupt(0x21);
    pulse(6);
    assert_false(vpic_pending(&v));
    out(0x21, 0x02);
    out(0x20, 0x68);
    check_interrupt(0x26);
    out(0x20, 0x20); /* takes what is not masked */
    assert_int_equal(isr(0x20), 0x02);
    out(0x20, 0x48);
    pulse(6);
    assert_false(vpic_pending(&v));
}

static void test_poll(void **state)
{
    (void)state;
    pulse(13);
    out(0x20, 0x0c);
    assert_int_equal(vpic_read(&v, 0x20), 0x82);
    out(0xa0, 0x0c);
    assert_int_equal(vpic_read(&v, 0xa1), 0x85);
    assert_int_equal(isr(0x20), 0x04);
    assert_int_equal(isr(0xa0), 0x20);
    out(0xa0, 0x0c);
    assert_int_equal(vpic_read(&v, 0xa0), 0);
}

static void test_short_initialisation(void **state)
{
    (void)state;
    pulse(3);
    out(0x20, 0x12); /* alone, without ICW4 */
    assert_false(vpic_pending(&v));
    out(0x21, 0x6f);
    pulse(3);
    check_interrupt(0x6b);
    out(0x20, 0x11);
    pulse(3);
    assert_false(vpic_pending(&v)); /* not before all words came */
}

static void test_random_traffic(void **state)
{
    static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1};
    unsigned interrupts = 0;

    (void)state;
    srand(6);
    for (int i = 0; i < 500000; i++) {
        uint16_t port = ports[rand() % 6];
        int what = rand() % 10;

        if (what == 0)
            out(port, (uint8_t)rand());
        else if (what < 3)
            out(port & ~1, 0x20);
        else if (what < 4)
            vpic_read(&v, port);
        else if (what < 5)
            vpic_pulse(&v, (unsigned)rand() % 18);
        else if (what < 7)
            vpic_set_line(&v, (unsigned)rand() % 18, rand() % 2);
        else if (vpic_pending(&v)) {
            uint8_t vector = vpic_acknowledge(&v);

            assert_true((vector & 0xf8) == v.chip[0].base || (vector & 0xf8) == v.chip[1].base);
            interrupts++;
        }
        if (i % 1000 == 0)
            init(0x01);
        assert_true(v.chip[0].lowest < 8 && v.chip[1].lowest < 8);
        assert_int_equal(v.chip[0].level & 0x07, 0);
        assert_int_equal(v.chip[1].level & 0x21, 0);
    }
    assert_true(interrupts > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nobody_initialised_them, setup),
        cmocka_unit_test_setup(test_linux_probes, setup),
        cmocka_unit_test_setup(test_all_lines, setup),
        cmocka_unit_test_setup(test_priorities, setup),
        cmocka_unit_test_setup(test_special_fully_nested, setup),
        cmocka_unit_test_setup(test_edges, setup),
        cmocka_unit_test_setup(test_levels, setup),
        cmocka_unit_test_setup(test_automatic_eoi, setup),
        cmocka_unit_test_setup(test_rotation, setup),
        cmocka_unit_test_setup(test_special_mask, setup),
        cmocka_unit_test_setup(test_poll, setup),
        cmocka_unit_test_setup(test_short_initialisation, setup),
        cmocka_unit_test_setup(test_random_traffic, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
