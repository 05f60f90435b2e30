/* SPDX-License-Identifier: MIT */
/* The port map and the two devices behind it that have next to no state: vpci and vpm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/acpi/guest.h"
#include "kernel/vdev/ports.h"
#include "kernel/vdev/vpci.h"
#include "kernel/vdev/vpm.h"

static void test_map(void **state)
{
    static const struct {
        uint16_t port;
        int size;
        enum port_device device;
    } cases[] = {
        {0x3f8, 1, PORT_UART},
        {0x3ff, 1, PORT_UART},
        {0x3f7, 1, PORT_NOBODY},
        {0x400, 1, PORT_NOBODY},
        {0x3f8, 2, PORT_NOBODY}, /* byte-wide */
        {0x70, 1, PORT_RTC},
        {0x71, 1, PORT_RTC},
        {0x70, 2, PORT_NOBODY},
        {0x72, 1, PORT_NOBODY},
        {0xcf8, 4, PORT_PCI},
        {0xcf8, 1, PORT_NOBODY},
        {0xcf8, 2, PORT_NOBODY},
        {0xcf9, 4, PORT_NOBODY}, /* leaves the register */
        {0xcf9, 1, PORT_PM},
        {0xcfb, 1, PORT_NOBODY},
        {0xcfc, 1, PORT_PCI},
        {0xcfc, 4, PORT_PCI},
        {0xcfe, 2, PORT_PCI},
        {0xcff, 2, PORT_NOBODY},
        {0xcff, 1, PORT_PCI},
        {0x61, 1, PORT_SYSTEM_B},
        {0x61, 2, PORT_NOBODY},
        {0x40, 1, PORT_PIT},
        {0x43, 1, PORT_PIT},
        {0x44, 1, PORT_NOBODY},
        {0x20, 1, PORT_PIC},
        {0x21, 1, PORT_PIC},
        {0x22, 1, PORT_NOBODY},
        {0xa1, 1, PORT_PIC},
        {0x4d0, 1, PORT_PIC},
        {0x4d1, 1, PORT_PIC},
        {0x64, 1, PORT_KEYBOARD},
        {0x60, 1, PORT_KEYBOARD},
        {0x92, 1, PORT_KEYBOARD},
        {0x64, 2, PORT_NOBODY},
        {0x80, 1, PORT_DMA_PAGE},
        {0x8f, 1, PORT_DMA_PAGE},
        {0x90, 1, PORT_NOBODY},
        {0x3c0, 1, PORT_TEXT},
        {0x3d4, 2, PORT_TEXT},
        {0x3d4, 4, PORT_NOBODY},
        {0x3da, 1, PORT_TEXT},
        {0x3da, 2, PORT_NOBODY},
        {GUEST_PM_TIMER, 4, PORT_PM_TIMER},
        {GUEST_PM_TIMER + 3, 1, PORT_PM_TIMER},
        {GUEST_PM_TIMER + 1, 4, PORT_NOBODY},
        {GUEST_SLEEP_CONTROL, 1, PORT_PM},
        {GUEST_SLEEP_STATUS, 1, PORT_PM},
        {GUEST_RESET, 1, PORT_PM},
        {GUEST_SLEEP_CONTROL, 4, PORT_NOBODY},
        {0, 1, PORT_NOBODY},
        {0xffff, 4, PORT_NOBODY}, /* beyond the last port */
        {0xffff, 1, PORT_NOBODY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(ports_find(cases[i].port, cases[i].size), cases[i].device);
}

static void test_how_many_ports_are_answered(void **state)
{
    unsigned bytes = 0, words = 0, dwords = 0;

    (void)state;
    for (uint32_t port = 0; port <= 0xffff; port++) {
        bytes += ports_find((uint16_t)port, 1) != PORT_NOBODY;
        words += ports_find((uint16_t)port, 2) != PORT_NOBODY;
        dwords += ports_find((uint16_t)port, 4) != PORT_NOBODY;
    }
    assert_int_equal(bytes, 8 + 2 + 4 + 4 + 4 + 1 + 4 + 2 + 3 + 16 + 27 + 4);
    assert_int_equal(words, 3 + 26 + 3);
    assert_int_equal(dwords, 2 + 1);
    assert_int_equal(bytes_of_ones(1), 0xff);
    assert_int_equal(bytes_of_ones(2), 0xffff);
    assert_int_equal(bytes_of_ones(4), 0xffffffff);
}

/* Linux: pci_check_type1() and pci_sanity_check(). */
static void test_linux_finds_the_mechanism(void **state)
{
    struct vpci v = {0};

    (void)state;
    vpci_reset(&v);
    assert_int_equal(vpci_read(&v, 0xcf8, 4), 0);
    vpci_write(&v, 0xcf8, 4, 0x80000000);
    assert_int_equal(vpci_read(&v, 0xcf8, 4), 0x80000000);
    assert_int_equal(vpci_read(&v, 0xcfc, 4), 0xffffffff); /* vendor id: nobody */
    vpci_write(&v, 0xcf8, 4, 0x80000008);
    assert_int_equal(vpci_read(&v, 0xcfe, 2), 0x0600); /* class: host bridge */
    assert_int_equal(vpci_read(&v, 0xcfc, 4), 0x06000000);
    assert_int_equal(vpci_read(&v, 0xcff, 1), 0x06);
    assert_int_equal(vpci_read(&v, 0xcfc, 1), 0);
}

static void test_empty_bus(void **state)
{
    struct vpci v = {0};

    (void)state;
    vpci_reset(&v);
    for (uint32_t function = 0; function < 0x10000; function++) {
        vpci_write(&v, 0xcf8, 4, 0x80000000 | function << 8);
        assert_int_equal(vpci_read(&v, 0xcfc, 4), 0xffffffff);
        assert_int_equal(vpci_read(&v, 0xcfc, 2), 0xffff);
        assert_int_equal(vpci_read(&v, 0xcff, 1), 0xff);
    }
    vpci_write(&v, 0xcf8, 4, 0x00000008); /* not enabled */
    assert_int_equal(vpci_read(&v, 0xcfc, 4), 0xffffffff);
    vpci_write(&v, 0xcf8, 4, 0xffffffff);
    assert_int_equal(vpci_read(&v, 0xcf8, 4), 0x80fffffc); /* reserved bits */
}

static void test_pci_random_traffic(void **state)
{
    static const int sizes[] = {1, 2, 4};
    struct vpci v = {0};

    (void)state;
    vpci_reset(&v);
    srand(4);
    for (int i = 0; i < 100000; i++) {
        uint16_t port = (uint16_t)(0xcf4 + rand() % 16);
        int size = sizes[rand() % 3];
        uint32_t value = rand() % 8 ? (uint32_t)rand() << 1 : 0x80000008;
        uint32_t before = v.address, read;

        vpci_write(&v, port, size, value);
        if (port != 0xcf8 || size != 4)
            assert_int_equal(v.address, before);
        read = vpci_read(&v, port, size);
        assert_true((read & ~bytes_of_ones((unsigned)size)) == 0);
        if (port != 0xcf8 && v.address != 0x80000008)
            assert_int_equal(read, bytes_of_ones((unsigned)size));
    }
}

static void test_power(void **state)
{
    static const struct {
        uint16_t port;
        uint8_t value;
        enum vpm_action action;
    } cases[] = {
        {GUEST_SLEEP_CONTROL, 0x20 | GUEST_SLEEP_TYPE_S5 << 2, PM_POWEROFF},
        {GUEST_SLEEP_CONTROL, GUEST_SLEEP_TYPE_S5 << 2, PM_NOTHING}, /* not enabled */
        {GUEST_SLEEP_CONTROL, 0x20 | ((GUEST_SLEEP_TYPE_S5 + 1) % 8) << 2, PM_NOTHING},
        {GUEST_SLEEP_CONTROL, 0xc3 | 0x20 | GUEST_SLEEP_TYPE_S5 << 2, PM_POWEROFF},
        {GUEST_SLEEP_STATUS, 0xff, PM_NOTHING},
        {GUEST_RESET, GUEST_RESET_VALUE, PM_REBOOT},
        {GUEST_RESET, 0, PM_NOTHING},
        {0xcf9, 0x02, PM_NOTHING},
        {0xcf9, 0x06, PM_REBOOT},
        {0xcf9, 0x0e, PM_REBOOT},
        {0x64, 0xfe, PM_NOTHING}, /* vkbd's */
        {0x1234, 0xfe, PM_NOTHING},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(vpm_write(cases[i].port, cases[i].value), cases[i].action);
    assert_int_equal(vpm_timer(0), 0);
    assert_int_equal(vpm_timer(1000000000), 3579545);
    assert_int_equal(vpm_timer(UINT64_C(1200000000000)), (uint32_t)UINT64_C(4295454545));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_how_many_ports_are_answered),
        cmocka_unit_test(test_linux_finds_the_mechanism),
        cmocka_unit_test(test_empty_bus),
        cmocka_unit_test(test_pci_random_traffic),
        cmocka_unit_test(test_power),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
