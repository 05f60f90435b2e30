/* SPDX-License-Identifier: MIT */
/* The devices together: which line goes where, and when somebody has to look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/acpi/guest.h"
#include "kernel/vdev/vclock.h"
#include "kernel/vdev/vplatform.h"

#define MS UINT64_C(1000000)

static struct vplatform p;
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    vplatform_reset(&p, 1709164800 * VCLOCK_SECOND, UINT64_C(1) << 29);
    now = 1000 * MS;
    return 0;
}

static void out(uint16_t port, uint8_t value)
{
    assert_int_equal(vplatform_port_write(&p, port, 1, value, now), PLATFORM_NOTHING);
}

static uint8_t in(uint16_t port)
{
    return (uint8_t)vplatform_port_read(&p, port, 1, now);
}

static void ioapic(uint32_t reg, uint32_t value)
{
    vplatform_memory_write(&p, gpa(GUEST_IOAPIC_BASE), 4, reg, now);
    vplatform_memory_write(&p, gpa(GUEST_IOAPIC_BASE + 0x10), 4, value, now);
}

static void hpet(uint32_t offset, uint64_t value)
{
    vplatform_memory_write(&p, gpa(GUEST_HPET_BASE + offset), 8, value, now);
}

static uint64_t hpet_get(uint32_t offset)
{
    return vplatform_memory_read(&p, gpa(GUEST_HPET_BASE + offset), 8, now);
}

/* The vector of the one message that waits, 0: none. */
static uint8_t message(void)
{
    struct vioapic_message m, more;

    if (!vioapic_take(&p.ioapic, &m))
        return 0;
    assert_false(vioapic_take(&p.ioapic, &more));
    return m.vector;
}

static void pic_init(uint8_t mask, uint8_t second_mask)
{
    static const uint8_t words[][2] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 0x04}, {0x21, 0x01},
                                       {0xa0, 0x11}, {0xa1, 0x28}, {0xa1, 0x02}, {0xa1, 0x01}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        out(words[i][0], words[i][1]);
    out(0x21, mask);
    out(0xa1, second_mask);
}

static void pit(uint8_t control, uint16_t count)
{
    out(0x43, control);
    out(0x40, (uint8_t)count);
    out(0x40, (uint8_t)(count >> 8));
}

/* To the time when something is due. */
static void go(void)
{
    uint64_t next = vplatform_next(&p, now);

    assert_true(next != VCLOCK_NEVER);
    assert_true(next >= now);
    now = next;
    vplatform_advance(&p, now);
}

static void test_who_never_touches_them_never_pays(void **state)
{
    (void)state;
    assert_int_equal(vplatform_next(&p, 0), VCLOCK_NEVER);
    assert_int_equal(vplatform_next(&p, UINT64_MAX - 1), VCLOCK_NEVER);
    out(0x70, 0x0b);
    out(0x71, 0x72); /* the clock's interrupts, masked */
    pit(0x34, 11932);
    assert_int_equal(vplatform_next(&p, now), VCLOCK_NEVER);
    now += 5000 * MS;
    vplatform_advance(&p, now);
    assert_int_equal(message(), 0);
    assert_false(vpic_pending(&p.pic));
}

/* An old kernel: 8259 and 8254, 100 Hz. */
static void test_timer_by_8259(void **state)
{
    uint64_t begin;

    (void)state;
    pic_init(0xfe, 0xff);
    assert_true(vpic_pending(&p.pic) || vplatform_next(&p, now) > now);
    pit(0x34, 11932);
    while (vpic_pending(&p.pic)) {
        vplatform_acknowledge(&p);
        out(0x20, 0x20);
    }
    begin = now;
    for (unsigned i = 1; i <= 100; i++) {
        go();
        assert_true(vpic_pending(&p.pic));
        assert_int_equal(vplatform_next(&p, now), VCLOCK_NEVER); /* requested already */
        assert_int_equal(vplatform_acknowledge(&p), 0x20);
        assert_int_equal(in(0x20) & 1, 0);
        out(0x20, 0x20);
        assert_false(vpic_pending(&p.pic));
        assert_in_range(now - begin, i * 10 * MS - MS / 100, i * 10 * MS + MS / 10);
    }
    out(0x21, 0xff);
    assert_int_equal(vplatform_next(&p, now), VCLOCK_NEVER);
    now += 50 * MS;
    out(0x20, 0x0a);
    assert_int_equal(in(0x20), 0x01); /* found out when somebody looks */
}

/* Linux: check_timer() with the 8254 at pin 2. */
static void test_timer_by_ioapic(void **state)
{
    (void)state;
    pit(0x34, 4772);
    ioapic(0x14, 0x30);
    for (unsigned i = 0; i < 10; i++) {
        go();
        assert_int_equal(message(), 0x30);
    }
    ioapic(0x14, 0x10030);
    assert_int_equal(vplatform_next(&p, now), VCLOCK_NEVER);
    now += 100 * MS;
    ioapic(0x14, 0x30); /* what came behind the mask is lost */
    assert_int_equal(message(), 0);
    assert_true(vplatform_next(&p, now) != VCLOCK_NEVER);
    now += 1000 * MS;
    vplatform_advance(&p, now); /* late: one message for all of them */
    assert_int_equal(message(), 0x30);
}

static void test_not_too_often(void **state)
{
    unsigned count = 0;
    uint64_t end;

    (void)state;
    pit(0x34, 2); /* 600 kHz */
    ioapic(0x14, 0x30);
    for (end = now + 10 * MS; now < end; count++) {
        go();
        assert_int_equal(message(), 0x30);
    }
    assert_in_range(count, 39, 41);
}

static void test_clock(void **state)
{
    (void)state;
    ioapic(0x20, 0x38);
    out(0x70, 0x8b);
    out(0x71, 0x42);
    in(0x71);
    out(0x70, 0x0c);
    in(0x71);
    message();
    for (unsigned i = 0; i < 10; i++) {
        uint64_t before = now;

        go();
        assert_true(now - before < MS);
        assert_int_equal(message(), 0x38);
        assert_int_equal(vplatform_next(&p, now), VCLOCK_NEVER);
        out(0x70, 0x0c);
        assert_int_equal(in(0x71) & 0xc0, 0xc0);
    }
    pic_init(0xfb, 0xfe);
    go();
    assert_int_equal(message(), 0x38);
    assert_int_equal(vplatform_acknowledge(&p), 0x28);
}

static void test_hpet_lines(void **state)
{
    (void)state;
    ioapic(0x10 + 2 * 20, 0x50);
    ioapic(0x10 + 2 * 21, 0x51 | 0x8000);
    hpet(0x10, 1);
    hpet(0x100, 4 | 20 << 9);
    hpet(0x108, hpet_get(0xf0) + 100000);
    hpet(0x120, 4 | 2 | 21 << 9);
    hpet(0x128, hpet_get(0xf0) + 200000);
    hpet(0x140, 4 | 2 | 21 << 9);
    hpet(0x148, hpet_get(0xf0) + 300000);
    go();
    assert_int_equal(message(), 0x50);
    go();
    assert_int_equal(message(), 0x51);
    assert_int_equal(hpet_get(0x20), 2);
    go();
    assert_int_equal(message(), 0); /* the line is high already */
    assert_int_equal(hpet_get(0x20), 6);
    hpet(0x20, 2);
    assert_int_equal(message(), 0x51); /* the other one is told again */
    hpet(0x20, 4);
    assert_int_equal(message(), 0);
    assert_int_equal(p.hpet_high, 0);
    hpet(0x148, hpet_get(0xf0) + 10);
    go();
    assert_int_equal(message(), 0x51);
    hpet(0x10, 0);
    assert_int_equal(p.hpet_high, 0);
}

/* Linux: the HPET takes the place of the 8254. */
static void test_hpet_replaces_legacy(void **state)
{
    (void)state;
    pit(0x34, 1193);
    out(0x70, 0x0b);
    out(0x71, 0x42);
    ioapic(0x14, 0x30);
    ioapic(0x20, 0x38);
    pic_init(0xff, 0xff);
    hpet(0x10, 3);
    message();
    assert_int_equal(vplatform_next(&p, now), VCLOCK_NEVER);
    hpet(0x100, 4 | 8 | 0x40);
    hpet(0x108, hpet_get(0xf0) + 100000);
    hpet(0x108, 100000);
    for (unsigned i = 0; i < 5; i++) {
        go();
        assert_int_equal(message(), 0x30);
    }
    hpet(0x120, 4);
    hpet(0x128, hpet_get(0xf0) + 1000);
    go();
    assert_int_equal(message(), 0x38);
    hpet(0x120, 6);
    hpet(0x128, hpet_get(0xf0) + 1000);
    now += MS / 10;
    vplatform_advance(&p, now);
    assert_int_equal(message(), 0x38);
    vplatform_advance(&p, now);
    assert_int_equal(p.ioapic.lines >> 8 & 1, 1); /* a level stays */
    hpet(0x20, 2);
    assert_int_equal(p.ioapic.lines >> 8 & 1, 0);
}

static void test_serial_port(void **state)
{
    (void)state;
    pic_init(0xef, 0xff);
    ioapic(0x18, 0x34);
    out(0x3fc, 0x08);
    out(0x3f9, 0x01);
    assert_true(vuart_receive(&p.uart, 'x'));
    vplatform_uart_update(&p);
    assert_int_equal(message(), 0x34);
    assert_int_equal(vplatform_acknowledge(&p), 0x24);
    assert_int_equal(in(0x3f8), 'x');
    assert_int_equal(p.ioapic.lines, 0);
    assert_int_equal(vplatform_port_write(&p, 0x3f8, 1, 'y', now), PLATFORM_OUTPUT);
}

static void test_keyboard(void **state)
{
    (void)state;
    pic_init(0xf9, 0xef);
    out(0x60, 0xed);
    assert_int_equal(vplatform_acknowledge(&p), 0x21);
    out(0x20, 0x20);
    in(0x60);
    out(0x64, 0x60);
    out(0x60, 0x47);
    out(0x64, 0xd4);
    out(0x60, 0xff);
    assert_int_equal(vplatform_acknowledge(&p), 0x2c);
    assert_int_equal(vplatform_port_write(&p, 0x64, 1, 0xfe, now), PLATFORM_REBOOT);
    assert_int_equal(vplatform_port_write(&p, 0x92, 1, 0x01, now), PLATFORM_REBOOT);
}

static void test_other_ports(void **state)
{
    (void)state;
    now = 1200000 * MS;
    assert_int_equal(vplatform_port_read(&p, GUEST_PM_TIMER, 4, now),
                     (uint32_t)vclock_ticks(VCLOCK_PM, now));
    assert_int_equal(vplatform_port_read(&p, GUEST_PM_TIMER + 1, 1, now),
                     vclock_ticks(VCLOCK_PM, now) >> 8 & 0xff);
    vplatform_port_write(&p, GUEST_PM_TIMER, 4, 0, now);
    vplatform_port_write(&p, 0x3d4, 2, 0x120e, now); /* index and data at once */
    assert_int_equal(vplatform_port_read(&p, 0x3d4, 2, now), 0x120e);
    out(0x80, 0x5a);
    out(0x87, 0xa5);
    assert_int_equal(in(0x80), 0x5a);
    assert_int_equal(in(0x87), 0xa5);
    assert_int_equal(in(0x1234), 0xff);
    out(0x1234, 0);
    out(0x61, 0x03);
    assert_int_equal(in(0x61) & 0x0f, 0x03);
    in(0x40);
    vplatform_port_write(&p, 0xcf8, 4, 0x80000008, now);
    assert_int_equal(vplatform_port_read(&p, 0xcfe, 2, now), 0x0600);
    assert_int_equal(in(GUEST_SLEEP_STATUS), 0);
    assert_int_equal(vplatform_port_write(&p, GUEST_RESET, 1, GUEST_RESET_VALUE, now),
                     PLATFORM_REBOOT);
    assert_int_equal(vplatform_port_write(&p, GUEST_SLEEP_CONTROL, 1, 0x34, now),
                     PLATFORM_POWEROFF);
    assert_int_equal(vplatform_port_write(&p, GUEST_SLEEP_CONTROL, 1, 0, now), PLATFORM_NOTHING);
}

static void test_memory(void **state)
{
    (void)state;
    assert_int_equal(hpet_get(0) >> 32, 10000000);
    assert_int_equal(vplatform_memory_read(&p, gpa(GUEST_IOAPIC_BASE), 8, now), UINT64_MAX);
    assert_int_equal(vplatform_memory_read(&p, gpa(GUEST_IOAPIC_BASE), 4, now), 0);
    assert_int_equal(vplatform_memory_read(&p, gpa(0xfed00400), 4, now), 0xffffffff);
    assert_int_equal(vplatform_memory_read(&p, gpa(0xc0000000), 2, now), 0xffff);
    assert_int_equal(vplatform_memory_read(&p, gpa(UINT64_MAX), 1, now), 0xff);
    vplatform_memory_write(&p, gpa(0xc0000000), 8, 0, now);
}

/* A caller on another processor may be a moment late. */
static void test_time_does_not_go_back(void **state)
{
    (void)state;
    pit(0x34, 1193);
    ioapic(0x14, 0x30);
    hpet(0x10, 1);
    now += 100 * MS;
    vplatform_advance(&p, now);
    message();
    now -= 50 * MS;
    vplatform_advance(&p, now);
    hpet(0x100, 4);
    assert_int_equal(hpet_get(0xf0), 100 * MS / 10);
    assert_int_equal(message(), 0);
    assert_true(vplatform_next(&p, now) > now + 50 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_who_never_touches_them_never_pays, setup),
        cmocka_unit_test_setup(test_timer_by_8259, setup),
        cmocka_unit_test_setup(test_timer_by_ioapic, setup),
        cmocka_unit_test_setup(test_not_too_often, setup),
        cmocka_unit_test_setup(test_clock, setup),
        cmocka_unit_test_setup(test_hpet_lines, setup),
        cmocka_unit_test_setup(test_hpet_replaces_legacy, setup),
        cmocka_unit_test_setup(test_serial_port, setup),
        cmocka_unit_test_setup(test_keyboard, setup),
        cmocka_unit_test_setup(test_other_ports, setup),
        cmocka_unit_test_setup(test_memory, setup),
        cmocka_unit_test_setup(test_time_does_not_go_back, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
