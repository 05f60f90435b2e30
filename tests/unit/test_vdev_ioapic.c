/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/vdev/vioapic.h"

#define MASKED     0x10000u
#define LEVEL      0x8000u
#define REMOTE_IRR 0x4000u
#define ACTIVE_LOW 0x2000u
#define LOGICAL    0x0800u

static struct vioapic v;

static int setup(void **state)
{
    (void)state;
    v = (struct vioapic){0};
    vioapic_reset(&v);
    return 0;
}

static uint32_t get(uint32_t reg)
{
    vioapic_write(&v, 0, 4, reg);
    return vioapic_read(&v, 0x10, 4);
}

static void set(uint32_t reg, uint32_t value)
{
    vioapic_write(&v, 0, 4, reg);
    vioapic_write(&v, 0x10, 4, value);
}

/* The one message that waits; a vector of 0: there was none. */
static struct vioapic_message taken(void)
{
    struct vioapic_message m = {0}, more;

    if (vioapic_take(&v, &m))
        assert_false(vioapic_take(&v, &more));
    return m;
}

static bool sent(void)
{
    return taken().vector != 0;
}

static bool set_sends(uint32_t reg, uint32_t value)
{
    set(reg, value);
    return sent();
}

static bool line_sends(uint32_t pin, bool high)
{
    vioapic_set_line(&v, pin, high);
    return sent();
}

static void test_registers(void **state)
{
    (void)state;
    assert_int_equal(get(0), 0);
    assert_int_equal(get(1), (VIOAPIC_PINS - 1) << 16 | 0x20);
    set(0, 0xffffffff);
    assert_int_equal(get(0), 0x0f000000);
    assert_int_equal(get(2), 0x0f000000);
    set(1, 0);
    set(2, 0);
    assert_int_equal(get(1), (VIOAPIC_PINS - 1) << 16 | 0x20);
    assert_int_equal(get(2), 0x0f000000);
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++) {
        assert_int_equal(get(0x10 + 2 * pin), MASKED);
        assert_int_equal(get(0x11 + 2 * pin), 0);
        set(0x11 + 2 * pin, 0xffffffff);
        set(0x10 + 2 * pin, 0xffffffff);
        assert_int_equal(get(0x10 + 2 * pin), 0x1afff); /* no delivery status, no remote IRR */
        assert_int_equal(get(0x11 + 2 * pin), 0xff000000);
    }
    set(0x40, 0xffffffff); /* a 25th pin */
    assert_int_equal(get(0x40), 0);
    assert_int_equal(get(0x03), 0);
    assert_int_equal(get(0xff), 0);
    vioapic_write(&v, 0, 4, 0xabcdef11);
    assert_int_equal(vioapic_read(&v, 0, 4), 0x11);
}

static void test_other_widths_and_offsets(void **state)
{
    (void)state;
    set(0x10, 0x31);
    vioapic_write(&v, 0x10, 1, 0x77);
    vioapic_write(&v, 0x10, 2, 0x77);
    vioapic_write(&v, 0x10, 8, 0x77);
    vioapic_write(&v, 0x14, 4, 0x77);
    vioapic_write(&v, 0, 1, 0);
    assert_int_equal(vioapic_read(&v, 0x10, 4), 0x31);
    assert_int_equal(vioapic_read(&v, 0x10, 1), 0xff);
    assert_int_equal(vioapic_read(&v, 0x10, 2), 0xffff);
    assert_int_equal(vioapic_read(&v, 0x10, 8), 0xffffffff);
    assert_int_equal(vioapic_read(&v, 0x14, 4), 0xffffffff);
    assert_int_equal(vioapic_read(&v, 0xfffffff0, 4), 0xffffffff);
}

static void test_edge(void **state)
{
    struct vioapic_message m;

    (void)state;
    set(0x19, 0x05000000);
    assert_false(vioapic_wants(&v, 4));
    set(0x18, 0x131);
    assert_true(vioapic_wants(&v, 4));
    vioapic_set_line(&v, 4, true);
    m = taken();
    assert_int_equal(m.vector, 0x31);
    assert_int_equal(m.delivery, VIOAPIC_LOWEST_PRIORITY);
    assert_int_equal(m.dest, 5);
    assert_false(m.logical);
    assert_false(line_sends(4, true));
    assert_false(line_sends(4, false));
    set(0x18, 0x40 | LOGICAL);
    vioapic_set_line(&v, 4, true);
    m = taken();
    assert_int_equal(m.vector, 0x40);
    assert_int_equal(m.delivery, VIOAPIC_FIXED);
    assert_true(m.logical);
    assert_false(line_sends(5, true)); /* another pin, masked */
}

static void test_edge_while_masked_is_lost(void **state)
{
    (void)state;
    set(0x18, 0x31 | MASKED);
    assert_false(line_sends(4, true));
    assert_false(set_sends(0x18, 0x31));
    vioapic_set_line(&v, 4, false);
    assert_true(line_sends(4, true));
}

static void test_messages_wait(void **state)
{
    struct vioapic_message m;

    (void)state;
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++) {
        set(0x10 + 2 * pin, 0x30 + pin);
        vioapic_set_line(&v, pin, true);
        vioapic_set_line(&v, pin, false);
        vioapic_set_line(&v, pin, true);
    }
    set(0x10 + 2 * 7, 0x37 | MASKED); /* is taken back */
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++) {
        if (pin == 7)
            continue;
        assert_true(vioapic_take(&v, &m));
        assert_int_equal(m.vector, 0x30 + pin);
    }
    assert_false(vioapic_take(&v, &m));
}

static void test_level(void **state)
{
    (void)state;
    set(0x18, 0x31 | LEVEL);
    assert_int_equal(get(0x18), 0x31 | LEVEL);
    assert_true(line_sends(4, true));
    assert_int_equal(get(0x18), 0x31 | LEVEL | REMOTE_IRR);
    assert_false(line_sends(4, true));
    assert_false(set_sends(0x18, 0x32 | LEVEL)); /* was sent already */
    assert_false(set_sends(0x19, 0x01000000));
    assert_false(set_sends(0x18, 0x32 | LEVEL | MASKED));
    assert_int_equal(get(0x18), 0x32 | LEVEL | MASKED); /* nobody waits for ever */
    assert_true(set_sends(0x18, 0x32 | LEVEL));         /* active when unmasked */
    vioapic_set_line(&v, 4, false);
    assert_int_equal(get(0x18), 0x32 | LEVEL);
    set(0x18, 0x32 | LEVEL | MASKED);
    assert_false(set_sends(0x18, 0x32 | LEVEL));
    assert_true(line_sends(4, true));
    set(0x18, 0x32); /* edge, line high: no edge */
    assert_false(sent());
    assert_int_equal(get(0x18), 0x32);
    assert_true(set_sends(0x18, 0x32 | LEVEL)); /* became level-triggered */
}

static void test_eoi_register(void **state)
{
    (void)state;
    set(0x18, 0x31 | LEVEL);
    assert_true(line_sends(4, true));
    vioapic_write(&v, 0x40, 4, 0x32); /* another vector */
    assert_false(sent());
    vioapic_write(&v, 0x40, 4, 0x31);
    assert_true(sent()); /* still active: once more */
    vioapic_set_line(&v, 4, false);
    vioapic_write(&v, 0x40, 4, 0x31);
    assert_false(sent());
    set(0x1a, 0x31); /* an edge has no EOI */
    assert_true(line_sends(5, true));
    vioapic_write(&v, 0x40, 4, 0x31);
    assert_false(sent());
}

static void test_active_low(void **state)
{
    (void)state;
    vioapic_set_line(&v, 4, true); /* idle */
    set(0x18, 0x31 | ACTIVE_LOW);
    assert_true(line_sends(4, false));
    assert_false(line_sends(4, true));
    assert_false(set_sends(0x18, 0x31 | ACTIVE_LOW | LEVEL));
    assert_true(set_sends(0x18, 0x31 | LEVEL)); /* the other way round the line is active */
}

static void test_what_is_never_sent(void **state)
{
    (void)state;
    for (uint32_t delivery = 0; delivery < 8; delivery++) {
        for (uint32_t vector = 0; vector < 256; vector++) {
            vioapic_set_line(&v, 4, false);
            set(0x18, vector | delivery << 8);
            assert_int_equal(line_sends(4, true), delivery < 2 && vector >= 16);
        }
    }
    assert_false(line_sends(VIOAPIC_PINS, true));
    assert_false(line_sends(UINT32_MAX, true));
    assert_false(vioapic_wants(&v, VIOAPIC_PINS));
}

static void test_random_traffic(void **state)
{
    static const int sizes[] = {1, 2, 4, 4, 4, 8};
    unsigned messages = 0;

    (void)state;
    srand(2);
    for (int i = 0; i < 300000; i++) {
        uint32_t value = (uint32_t)rand() ^ (uint32_t)rand() << 16;
        uint32_t offset = rand() % 8 ? (uint32_t)rand() % 2 * 0x10 : value >> 4;
        int size = sizes[rand() % 6];
        struct vioapic_message m = {0};

        if (rand() % 2)
            vioapic_write(&v, offset, size, value & (rand() % 4 ? ~MASKED : ~0u));
        else if (rand() % 2)
            vioapic_set_line(&v, value % 26, value >> 31);
        else
            vioapic_read(&v, offset, size);
        while (rand() % 2 && vioapic_take(&v, &m)) {
            messages++;
            assert_true(m.vector >= 16);
            assert_true(m.delivery <= 1);
            assert_true(m.dest <= 255);
        }
        for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++)
            assert_int_equal(v.rte[pin] & ~UINT64_C(0xff0000000001afff), 0);
        assert_int_equal((v.lines | v.waiting) >> VIOAPIC_PINS, 0);
    }
    assert_true(messages > 1000);
}

/* ---- pins of the machine's lines ---- */

#define WIRED 21
#define LOW   (0x10 + 2 * WIRED)

static void wire(void)
{
    vioapic_wire(&v, 1u << WIRED);
}

/* The line that was written; pin VIOAPIC_PINS: none. */
static struct vioapic_line written(void)
{
    struct vioapic_line line = {.pin = VIOAPIC_PINS}, more;

    if (vioapic_take_line(&v, &line))
        assert_false(vioapic_take_line(&v, &more));
    return line;
}

static void test_wired_entry_is_told(void **state)
{
    struct vioapic_line line;

    (void)state;
    wire();
    assert_int_equal(written().pin, VIOAPIC_PINS);
    set(LOW + 1, 0x03000000);
    line = written();
    assert_int_equal(line.pin, WIRED);
    assert_true(line.masked);
    assert_false(line.sends); /* vector 0 */
    assert_false(set_sends(LOW, 0x41 | LEVEL | ACTIVE_LOW | LOGICAL));
    line = written();
    assert_int_equal(line.pin, WIRED);
    assert_true(line.sends && line.level && line.active_low && !line.masked);
    assert_true(line.message.logical);
    assert_int_equal(line.message.vector, 0x41);
    assert_int_equal(line.message.dest, 3);
    set(LOW, 0x42 | MASKED | 0x100);
    line = written();
    assert_true(line.sends && line.masked && !line.level && !line.active_low);
    assert_int_equal(line.message.delivery, VIOAPIC_LOWEST_PRIORITY);
    for (uint32_t delivery = 2; delivery < 8; delivery++) {
        set(LOW, 0x41 | delivery << 8);
        assert_false(written().sends);
    }
    set(LOW - 2, 0x41);
    set(LOW + 2, 0x41);
    assert_int_equal(written().pin, VIOAPIC_PINS);
}

/* Written twice before somebody looks is one change; several pins come one by one. */
static void test_wired_entries_are_told_once(void **state)
{
    struct vioapic_line line;

    (void)state;
    vioapic_wire(&v, UINT32_MAX);
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++) {
        set(0x11 + 2 * pin, 0);
        set(0x10 + 2 * pin, 0x30 + pin);
    }
    for (uint32_t pin = 0; pin < VIOAPIC_PINS; pin++) {
        assert_true(vioapic_take_line(&v, &line));
        assert_int_equal(line.pin, pin);
        assert_int_equal(line.message.vector, 0x30 + pin);
    }
    assert_false(vioapic_take_line(&v, &line));
}

/* Remote IRR is the machine's, and polarity does not make a line of nobody active. */
static void test_wired_in_service(void **state)
{
    (void)state;
    wire();
    assert_false(set_sends(LOW, 0x41 | LEVEL | ACTIVE_LOW));
    assert_int_equal(vioapic_shown(&v), WIRED);
    assert_false(get(LOW) & REMOTE_IRR);
    vioapic_set_in_service(&v, WIRED, true);
    assert_true(get(LOW) & REMOTE_IRR);
    vioapic_set_in_service(&v, WIRED, false);
    assert_false(get(LOW) & REMOTE_IRR);
    vioapic_set_in_service(&v, WIRED + 1, true); /* not wired */
    vioapic_set_in_service(&v, VIOAPIC_PINS, true);
    assert_false(get(LOW + 2) & REMOTE_IRR);
    assert_int_equal(vioapic_shown(&v), VIOAPIC_PINS);
    get(LOW + 1);
    assert_int_equal(vioapic_shown(&v), VIOAPIC_PINS);
    get(1);
    assert_int_equal(vioapic_shown(&v), VIOAPIC_PINS);
}

static void test_wired_end(void **state)
{
    uint32_t pin;

    (void)state;
    wire();
    set(LOW, 0x41 | LEVEL | ACTIVE_LOW);
    set(LOW + 2, 0x41 | LEVEL);
    vioapic_write(&v, 0x40, 4, 0x40);
    assert_false(vioapic_take_end(&v, &pin));
    vioapic_write(&v, 0x40, 4, 0x41);
    assert_true(vioapic_take_end(&v, &pin));
    assert_int_equal(pin, WIRED);
    assert_false(vioapic_take_end(&v, &pin));
    assert_false(sent());
}

/* A timer of the HPET may be on the same pin. */
static void test_wired_and_virtual(void **state)
{
    (void)state;
    wire();
    set(LOW, 0x41 | LEVEL | ACTIVE_LOW);
    assert_true(line_sends(WIRED, true));
    assert_true(get(LOW) & REMOTE_IRR);
    assert_false(line_sends(WIRED, false));
    assert_false(get(LOW) & REMOTE_IRR);
}

static void test_wires_outlast_reset(void **state)
{
    (void)state;
    wire();
    set(LOW, 0x41);
    vioapic_write(&v, 0x40, 4, 0x41);
    vioapic_set_in_service(&v, WIRED, true);
    vioapic_reset(&v);
    assert_int_equal(written().pin, VIOAPIC_PINS);
    assert_int_equal(get(LOW), MASKED);
    set(LOW, 0x41);
    assert_int_equal(written().pin, WIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_registers, setup),
        cmocka_unit_test_setup(test_other_widths_and_offsets, setup),
        cmocka_unit_test_setup(test_edge, setup),
        cmocka_unit_test_setup(test_edge_while_masked_is_lost, setup),
        cmocka_unit_test_setup(test_messages_wait, setup),
        cmocka_unit_test_setup(test_level, setup),
        cmocka_unit_test_setup(test_eoi_register, setup),
        cmocka_unit_test_setup(test_active_low, setup),
        cmocka_unit_test_setup(test_what_is_never_sent, setup),
        cmocka_unit_test_setup(test_random_traffic, setup),
        cmocka_unit_test_setup(test_wired_entry_is_told, setup),
        cmocka_unit_test_setup(test_wired_entries_are_told_once, setup),
        cmocka_unit_test_setup(test_wired_in_service, setup),
        cmocka_unit_test_setup(test_wired_end, setup),
        cmocka_unit_test_setup(test_wired_and_virtual, setup),
        cmocka_unit_test_setup(test_wires_outlast_reset, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
