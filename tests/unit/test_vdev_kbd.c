/* SPDX-License-Identifier: MIT */
/* The keyboard controller, and the VGA's ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/vdev/vkbd.h"
#include "kernel/vdev/vtext.h"

static struct vkbd v;
static struct vtext text;

static int setup(void **state)
{
    (void)state;
    vkbd_reset(&v);
    vtext_reset(&text);
    return 0;
}

static void command(uint8_t value)
{
    assert_false(vkbd_write(&v, 0x64, value));
}

static void data(uint8_t value)
{
    assert_false(vkbd_write(&v, 0x60, value));
}

static uint8_t status(void)
{
    return vkbd_read(&v, 0x64);
}

/* The byte that waits; the status then says so, with these bits. */
static void check_answer(uint8_t value, uint8_t extra)
{
    assert_int_equal(status() & 0x61, 0x01 | extra);
    assert_int_equal(vkbd_read(&v, 0x60), value);
    assert_int_equal(status() & 0x61, 0);
}

/* Linux: i8042_controller_check(), _selftest(), _init(), i8042_check_aux(). */
static void test_linux_probes(void **state)
{
    (void)state;
    assert_int_equal(status(), 0x14); /* no data, ready, tested, not locked */
    command(0xaa);
    check_answer(0x55, 0);
    command(0x20);
    check_answer(0x34, 0);
    command(0x60);
    data(0x65);
    command(0x20);
    check_answer(0x65, 0);
    command(0xab);
    check_answer(0x00, 0);
    command(0xa9);
    check_answer(0x00, 0);
    command(0xd3); /* comes back as if a mouse had sent it */
    data(0x5a);
    check_answer(0x5a, 0x20);
    command(0xa7);
    command(0x20);
    assert_int_equal(vkbd_read(&v, 0x60) & 0x20, 0x20);
    command(0xa8);
    command(0x20);
    assert_int_equal(vkbd_read(&v, 0x60) & 0x20, 0);
    command(0xad);
    command(0x20);
    assert_int_equal(vkbd_read(&v, 0x60) & 0x10, 0x10);
    command(0xae);
    command(0x20);
    assert_int_equal(vkbd_read(&v, 0x60) & 0x10, 0);
}

static void test_nobody_is_attached(void **state)
{
    (void)state;
    data(0xff); /* reset, to the keyboard */
    assert_true(vkbd_irq(&v));
    assert_false(vkbd_mouse_irq(&v));
    check_answer(0xfe, 0x40);
    assert_false(vkbd_irq(&v));
    command(0x60);
    data(0x47);
    command(0xd4);
    data(0xff);
    assert_false(vkbd_irq(&v));
    assert_true(vkbd_mouse_irq(&v));
    check_answer(0xfe, 0x60);
    assert_false(vkbd_mouse_irq(&v));
    command(0xd2);
    data(0x1c);
    assert_true(vkbd_irq(&v));
    check_answer(0x1c, 0);
}

static void test_a20_and_ports(void **state)
{
    (void)state;
    assert_int_equal(vkbd_read(&v, 0x92), 0x02);
    command(0xd0);
    check_answer(0xc3, 0);
    command(0xd1);
    data(0xdd);
    assert_int_equal(vkbd_read(&v, 0x92), 0);
    command(0xdf);
    assert_int_equal(vkbd_read(&v, 0x92), 0x02);
    command(0xdd);
    assert_int_equal(vkbd_read(&v, 0x92), 0);
    assert_false(vkbd_write(&v, 0x92, 0x02));
    command(0xd0);
    command(0xd0); /* the byte that waits is the keyboard's interrupt */
    check_answer(0xd3, 0);
    command(0xc0);
    check_answer(0xa0, 0);
    command(0xe0);
    check_answer(0x00, 0);
    command(0xff); /* pulses nothing */
    command(0x01); /* there is no such command */
    assert_int_equal(status() & 0x09, 0x08);
}

static void test_resets(void **state)
{
    (void)state;
    assert_true(vkbd_write(&v, 0x64, 0xfe));
    assert_true(vkbd_write(&v, 0x64, 0xf0));
    assert_true(vkbd_write(&v, 0x92, 0x03));
    command(0xd1);
    assert_true(vkbd_write(&v, 0x60, 0x02));
}

static void test_memory(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < VKBD_RAM; i++) {
        command((uint8_t)(0x60 + i));
        data((uint8_t)(i * 7));
    }
    for (uint8_t i = 0; i < VKBD_RAM; i++) {
        command((uint8_t)(0x20 + i));
        check_answer((uint8_t)(i * 7), 0);
    }
}

static void test_keyboard_random_traffic(void **state)
{
    static const uint16_t ports[] = {0x60, 0x64, 0x92};

    (void)state;
    srand(8);
    for (int i = 0; i < 300000; i++) {
        uint16_t port = ports[rand() % 3];

        if (rand() % 2)
            vkbd_write(&v, port, (uint8_t)rand());
        else
            vkbd_read(&v, port);
        assert_false(vkbd_irq(&v) && vkbd_mouse_irq(&v));
        if (vkbd_irq(&v) || vkbd_mouse_irq(&v))
            assert_int_equal(status() & 1, 1);
        assert_int_equal(status() & 0x82, 0); /* never busy */
    }
}

static uint8_t crtc(uint8_t index)
{
    vtext_write(&text, 0x3d4, index);
    return vtext_read(&text, 0x3d5);
}

static void test_cursor(void **state)
{
    (void)state;
    assert_int_equal(crtc(0x01), 0x4f); /* 80 columns */
    assert_int_equal(crtc(0x0e) | crtc(0x0f), 0);
    vtext_write(&text, 0x3d4, 0x0e);
    vtext_write(&text, 0x3d5, 0x07);
    vtext_write(&text, 0x3d4, 0x0f);
    vtext_write(&text, 0x3d5, 0xcf);
    assert_int_equal(crtc(0x0e), 0x07);
    assert_int_equal(vtext_read(&text, 0x3d4), 0x0e);
    assert_int_equal(crtc(0x0f), 0xcf);
    assert_int_equal(crtc(0x0c) | crtc(0x0d), 0);
}

static void test_other_vga_registers(void **state)
{
    (void)state;
    assert_int_equal(vtext_read(&text, 0x3cc) & 1, 1); /* colour: the CRTC is at 0x3d4 */
    vtext_write(&text, 0x3c2, 0xe3);
    assert_int_equal(vtext_read(&text, 0x3cc), 0xe3);
    vtext_write(&text, 0x3c4, 2);
    vtext_write(&text, 0x3c5, 3);
    vtext_write(&text, 0x3ce, 6);
    vtext_write(&text, 0x3cf, 0x0e);
    assert_int_equal(vtext_read(&text, 0x3c5), 3);
    assert_int_equal(vtext_read(&text, 0x3cf), 0x0e);
    vtext_read(&text, 0x3da); /* the next write is an index */
    vtext_write(&text, 0x3c0, 0x30);
    vtext_write(&text, 0x3c0, 0x0c);
    vtext_write(&text, 0x3c0, 0x31);
    vtext_read(&text, 0x3da);
    vtext_write(&text, 0x3c0, 0x30);
    assert_int_equal(vtext_read(&text, 0x3c0), 0x30);
    assert_int_equal(vtext_read(&text, 0x3c1), 0x0c);
    assert_int_not_equal(vtext_read(&text, 0x3da), vtext_read(&text, 0x3da));
    assert_int_equal(vtext_read(&text, 0x3c9), 0);
}

static void test_vga_random_traffic(void **state)
{
    (void)state;
    srand(9);
    for (int i = 0; i < 300000; i++) {
        uint16_t port = (uint16_t)(VTEXT_FIRST + rand() % (VTEXT_LAST - VTEXT_FIRST + 1));

        if (rand() % 2)
            vtext_write(&text, port, (uint8_t)rand());
        else
            vtext_read(&text, port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_linux_probes, setup),
        cmocka_unit_test_setup(test_nobody_is_attached, setup),
        cmocka_unit_test_setup(test_a20_and_ports, setup),
        cmocka_unit_test_setup(test_resets, setup),
        cmocka_unit_test_setup(test_memory, setup),
        cmocka_unit_test_setup(test_keyboard_random_traffic, setup),
        cmocka_unit_test_setup(test_cursor, setup),
        cmocka_unit_test_setup(test_other_vga_registers, setup),
        cmocka_unit_test_setup(test_vga_random_traffic, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
