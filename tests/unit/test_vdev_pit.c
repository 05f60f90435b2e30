/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/vdev/vclock.h"
#include "kernel/vdev/vpit.h"

#define HZ 1193182 /* rounded; the guest sees 105/88 MHz */

static struct vpit v;
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    vpit_reset(&v);
    now = 1000000000;
    vpit_irq0_take(&v, now);
    return 0;
}

/* To the beginning of the tick that lies `ticks` ahead. */
static void pass(uint64_t ticks)
{
    now = vclock_ns(VCLOCK_PIT, vclock_ticks(VCLOCK_PIT, now) + ticks);
}

static void out(uint16_t port, uint8_t value)
{
    vpit_write(&v, port, value, now);
}

static uint8_t in(uint16_t port)
{
    return vpit_read(&v, port, now);
}

static void program(unsigned counter, unsigned mode, uint16_t count)
{
    out(0x43, (uint8_t)(counter << 6 | 3 << 4 | mode << 1));
    out((uint16_t)(0x40 + counter), (uint8_t)count);
    out((uint16_t)(0x40 + counter), (uint8_t)(count >> 8));
}

static unsigned word(unsigned counter)
{
    unsigned low = in((uint16_t)(0x40 + counter));

    return low | (unsigned)in((uint16_t)(0x40 + counter)) << 8;
}

static bool output_2(void)
{
    return (vpit_system_b_read(&v, now) & 0x20) != 0;
}

static unsigned status(unsigned counter)
{
    out(0x43, (uint8_t)(0xe0 | 2 << counter));
    return in((uint16_t)(0x40 + counter));
}

static void gate(bool high)
{
    vpit_system_b_write(&v, high ? 0x01 : 0x00, now);
}

static void test_clock(void **state)
{
    struct vclock_rate rates[] = {VCLOCK_PIT, VCLOCK_PM, VCLOCK_32KHZ};

    (void)state;
    assert_int_equal(vclock_ticks(VCLOCK_PIT, UINT64_C(88000000000)), 105000000);
    assert_int_equal(vclock_ticks(VCLOCK_PIT, 1000000000), 1193181);
    assert_int_equal(vclock_ticks(VCLOCK_PM, 1000000000), 3579545);
    assert_int_equal(vclock_ticks(VCLOCK_32KHZ, 1000000000), 32768);
    assert_int_equal(vclock_ns(VCLOCK_PIT, UINT64_MAX), VCLOCK_NEVER);
    assert_int_equal(vclock_ns(VCLOCK_PIT, 0), 0);
    srand(1);
    for (int i = 0; i < 100000; i++) {
        struct vclock_rate rate = rates[i % 3];
        uint64_t ticks = (uint64_t)rand() << (rand() % 15);
        uint64_t ns = vclock_ns(rate, ticks);

        assert_true(vclock_ticks(rate, ns) == ticks);
        assert_true(ns == 0 || vclock_ticks(rate, ns - 1) == ticks - 1);
    }
}

static void test_state_after_firmware(void **state)
{
    (void)state;
    assert_int_equal(status(0) & 0x7f, 0x36);
    assert_true(output_2()); /* the gate is low: a square wave stands high */
    assert_int_equal(in(0x43), 0xff);
    vpit_reset(&v);
    assert_int_equal(vpit_irq0_next(&v, 0), vclock_ns(VCLOCK_PIT, 65536));
    assert_false(vpit_irq0_take(&v, 0));
    assert_true(vpit_irq0_take(&v, 60000000));
}

/* Linux: pit_calibrate_tsc(). Count to be waited for at bit 5 of port 0x61. */
static void test_linux_calibrates(void **state)
{
    uint8_t b = vpit_system_b_read(&v, now);

    (void)state;
    vpit_system_b_write(&v, (uint8_t)((b & ~0x02) | 0x01), now);
    program(2, 0, HZ / 100);
    assert_false(output_2());
    pass(HZ / 100);
    assert_false(output_2());
    pass(1); /* count + 1 ticks after it was written */
    assert_true(output_2());
    pass(1000000);
    assert_true(output_2());
}

/* Linux: quick_pit_calibrate(): the high byte falls every 256 ticks. */
static void test_linux_calibrates_quickly(void **state)
{
    (void)state;
    gate(true);
    program(2, 0, 0xffff);
    pass(1);
    in(0x42);
    assert_int_equal(in(0x42), 0xff);
    for (unsigned high = 0xff; high > 0; high--) {
        assert_int_equal(word(2) >> 8, high);
        pass(256);
    }
}

static void test_terminal_count(void **state)
{
    (void)state;
    program(0, 0, 1000);
    assert_int_equal(status(0), 0x70); /* null count: not loaded yet, output low */
    pass(1);
    assert_int_equal(status(0), 0x30);
    assert_int_equal(word(0), 1000);
    pass(600);
    assert_int_equal(word(0), 400);
    assert_int_equal(vclock_ticks(VCLOCK_PIT, vpit_irq0_next(&v, now)),
                     vclock_ticks(VCLOCK_PIT, now) + 400);
    pass(399);
    assert_false(vpit_irq0_take(&v, now));
    pass(1);
    assert_true(vpit_irq0_take(&v, now));
    assert_false(vpit_irq0_take(&v, now));
    assert_int_equal(vpit_irq0_next(&v, now), VCLOCK_NEVER);
    assert_int_equal(word(0), 0);
    pass(1);
    assert_int_equal(word(0), 0xffff); /* it goes on */
    out(0x40, 5);                      /* the first byte stops it */
    pass(100);
    assert_int_equal(status(0) & 0xc0, 0x40);
    out(0x40, 0);
    pass(6);
    assert_true(vpit_irq0_take(&v, now));
}

static void test_rate(void **state)
{
    (void)state;
    program(0, 2, 1000);
    vpit_irq0_take(&v, now);
    pass(1);
    assert_int_equal(word(0), 1000);
    assert_int_equal(status(0), 0xb4);
    pass(999);
    assert_int_equal(word(0), 1);
    assert_int_equal(status(0), 0x34); /* low for the last tick */
    assert_false(vpit_irq0_take(&v, now));
    pass(1);
    assert_true(vpit_irq0_take(&v, now));
    assert_int_equal(word(0), 1000);
    pass(1000000);
    assert_true(vpit_irq0_take(&v, now)); /* a thousand of them are one */
    assert_false(vpit_irq0_take(&v, now));
    /* A new count waits for the end of the period. */
    pass(400);
    out(0x40, 10);
    out(0x40, 0);
    assert_int_equal(status(0), 0xf4);
    assert_int_equal(word(0), 600);
    pass(599);
    assert_false(vpit_irq0_take(&v, now));
    pass(1);
    assert_true(vpit_irq0_take(&v, now));
    assert_int_equal(word(0), 10);
    pass(10);
    assert_true(vpit_irq0_take(&v, now));
}

static void test_square_wave(void **state)
{
    static const unsigned odd[] = {4, 2, 0, 4, 2, 4, 2, 0};

    (void)state;
    gate(true);
    program(2, 3, 5);
    pass(1);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        assert_int_equal(word(2), odd[i]);
        assert_int_equal(output_2(), i % 5 < 3);
        pass(1);
    }
    program(2, 3, 1000);
    pass(1 + 499);
    assert_int_equal(word(2), 2);
    assert_true(output_2());
    out(0x42, 100);
    out(0x42, 0); /* loaded with the half that ends now */
    pass(1);
    assert_false(output_2());
    assert_int_equal(word(2), 100);
    pass(49);
    assert_false(output_2());
    pass(1);
    assert_true(output_2());
    pass(50);
    assert_false(output_2());
}

static void test_square_wave_interrupts(void **state)
{
    unsigned count = 0;

    (void)state;
    program(0, 3, 1193); /* 1 kHz */
    vpit_irq0_take(&v, now);
    for (uint64_t end = now + 1000000000; now < end;) {
        now = vpit_irq0_next(&v, now);
        assert_true(vpit_irq0_take(&v, now));
        count++;
    }
    assert_in_range(count, 1000, 1001);
    /* In the high half: the next rise follows from the new count. */
    out(0x40, 200);
    out(0x40, 0);
    pass(596);
    assert_false(vpit_irq0_take(&v, now));
    pass(101);
    assert_true(vpit_irq0_take(&v, now));
}

static void test_reload_at_the_very_start(void **state)
{
    (void)state;
    vpit_reset(&v);
    now = 0;
    program(0, 3, 4);
    program(0, 3, 4);
    pass(2);
    out(0x40, 0);
    out(0x40, 0);
    pass(4);
    assert_in_range(word(0), 0xff00, 0xffff);
}

static void test_strobe(void **state)
{
    (void)state;
    program(0, 4, 100);
    vpit_irq0_take(&v, now);
    assert_int_equal(status(0) & 0x80, 0x80);
    pass(101);
    assert_int_equal(status(0) & 0x80, 0);
    pass(1);
    assert_int_equal(status(0) & 0x80, 0x80);
    assert_true(vpit_irq0_take(&v, now));
    assert_int_equal(vpit_irq0_next(&v, now), VCLOCK_NEVER);
}

static void test_gate_stops(void **state)
{
    (void)state;
    gate(true);
    program(2, 0, 1000);
    pass(301);
    gate(false);
    pass(5000);
    assert_int_equal(word(2), 700);
    assert_false(output_2());
    gate(true);
    pass(699);
    assert_false(output_2());
    pass(1);
    assert_true(output_2());
    program(2, 2, 1000);
    pass(301);
    gate(false);
    assert_true(output_2());
    pass(10);
    gate(true); /* begins anew */
    pass(1);
    assert_int_equal(word(2), 1000);
}

static void test_gate_triggers(void **state)
{
    (void)state;
    program(2, 1, 100);
    assert_true(output_2());
    pass(1000);
    assert_int_equal(status(2) & 0xc0, 0xc0);
    gate(true);
    pass(1);
    assert_false(output_2());
    pass(99);
    assert_false(output_2());
    gate(false); /* does not stop it */
    gate(true);  /* but starts it again */
    pass(100);
    assert_false(output_2());
    pass(1);
    assert_true(output_2());
    gate(false);
    program(2, 5, 10);
    gate(true);
    pass(10);
    assert_true(output_2());
    pass(1);
    assert_false(output_2());
    pass(1);
    assert_true(output_2());
}

static void test_latches(void **state)
{
    (void)state;
    program(0, 2, 5000);
    pass(1001);
    out(0x43, 0x00);
    pass(1000);
    out(0x43, 0x00); /* latched already */
    assert_int_equal(word(0), 4000);
    assert_int_equal(word(0), 3000);
    gate(true);
    program(2, 2, 5000);
    pass(1001);
    out(0x43, 0xc0 | 0x0a); /* status and count of counters 0 and 2 */
    pass(1000);
    assert_int_equal(in(0x42), 0xb4);
    assert_int_equal(word(2), 4000);
    assert_int_equal(in(0x40), 0xb4);
    out(0x43, 0x90); /* low byte only */
    out(0x42, 77);
    pass(1);
    assert_int_equal(in(0x42), 77);
    assert_int_equal(in(0x42), 77);
    out(0x43, 0xa0); /* high byte only */
    out(0x42, 0x12);
    pass(1);
    assert_int_equal(in(0x42), 0x12);
    out(0x43, 0x80);
    assert_int_equal(in(0x42), 0x12);
}

static void test_bcd(void **state)
{
    (void)state;
    out(0x43, 0x35);
    out(0x40, 0x34);
    out(0x40, 0x12);
    pass(1);
    assert_int_equal(word(0), 0x1234);
    pass(235);
    assert_int_equal(word(0), 0x0999);
    out(0x43, 0x31);
    out(0x40, 0);
    out(0x40, 0);
    pass(1);
    assert_int_equal(word(0), 0);
    pass(1);
    assert_int_equal(word(0), 0x9999);
    assert_int_equal(status(0) & 1, 1);
}

static void test_refresh(void **state)
{
    unsigned toggles = 0, before = 0;

    (void)state;
    for (unsigned us = 0; us < 1000; us++) {
        unsigned bit = vpit_system_b_read(&v, now + us * 1000) & 0x10;

        toggles += bit != before;
        before = bit;
    }
    assert_in_range(toggles, 64, 68); /* every 15 us */
    vpit_system_b_write(&v, 0xff, now);
    assert_int_equal(vpit_system_b_read(&v, now) & ~0x30, 0x0f);
}

/* A write that lets the output rise is an edge, too. */
static void test_edge_by_writing(void **state)
{
    (void)state;
    program(0, 0, 0);
    vpit_irq0_take(&v, now);
    out(0x43, 0x34);
    assert_int_equal(vpit_irq0_next(&v, now), now);
    assert_true(vpit_irq0_take(&v, now));
    assert_false(vpit_irq0_take(&v, now));
    assert_int_equal(vpit_irq0_next(&v, now), VCLOCK_NEVER); /* no count yet */
}

/* What next says is when take finds something, and not before. */
static void test_random_traffic(void **state)
{
    unsigned edges = 0;

    (void)state;
    srand(5);
    for (int i = 0; i < 300000; i++) {
        uint64_t next;
        int what = rand() % 8;

        if (what < 3)
            out((uint16_t)(0x40 + rand() % 4), (uint8_t)(rand() % 3 ? rand() : rand() % 8));
        else if (what < 5)
            in((uint16_t)(0x40 + rand() % 4));
        else if (what == 5)
            vpit_system_b_write(&v, (uint8_t)rand(), now);
        else
            now += (uint64_t)rand() >> (rand() % 30);
        next = vpit_irq0_next(&v, now);
        assert_true(next >= now);
        assert_int_equal(vpit_irq0_take(&v, now), next == now);
        if (next > now && next != VCLOCK_NEVER && rand() % 2) {
            now = next - 1;
            in((uint16_t)(0x40 + rand() % 2));
            assert_true(rand() % 2 || !vpit_irq0_take(&v, now));
            now = next;
            in((uint16_t)(0x40 + rand() % 2));
            vpit_system_b_read(&v, now);
            assert_true(vpit_irq0_take(&v, now));
            edges++;
        }
    }
    assert_true(edges > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_clock, setup),
        cmocka_unit_test_setup(test_state_after_firmware, setup),
        cmocka_unit_test_setup(test_linux_calibrates, setup),
        cmocka_unit_test_setup(test_linux_calibrates_quickly, setup),
        cmocka_unit_test_setup(test_terminal_count, setup),
        cmocka_unit_test_setup(test_rate, setup),
        cmocka_unit_test_setup(test_square_wave, setup),
        cmocka_unit_test_setup(test_square_wave_interrupts, setup),
        cmocka_unit_test_setup(test_reload_at_the_very_start, setup),
        cmocka_unit_test_setup(test_strobe, setup),
        cmocka_unit_test_setup(test_gate_stops, setup),
        cmocka_unit_test_setup(test_gate_triggers, setup),
        cmocka_unit_test_setup(test_latches, setup),
        cmocka_unit_test_setup(test_bcd, setup),
        cmocka_unit_test_setup(test_refresh, setup),
        cmocka_unit_test_setup(test_edge_by_writing, setup),
        cmocka_unit_test_setup(test_random_traffic, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
