/* SPDX-License-Identifier: MIT */
/* BARs that a guest must not get, and those that it does without: firmware may be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/plan_devices.h"

static const char wrong[] = "remove the line; firmware has set it up wrongly";
static const char page[] =
    "remove the line; pages of 4 KiB are the smallest part of memory that can be given away";

static void refused_for(const char *why, const char *hint)
{
    char message[160];

    snprintf(message, sizeof(message), "guest web wants 01:00.0, but %s", why);
    refused(0, message, hint);
}

/* A card with a second BAR at 0xfce00000 is on bus 2. */
static void test_bad_bars(void **state)
{
    static const struct {
        uint32_t bar;
        uint64_t base, size;
        const char *why, *hint;
    } cases[] = {
        {0, 0xf0000000, 0, "its BAR 0 makes no sense",
         "remove the line; the device may be defective"},
        {2, 0, KIB(4), "firmware gave its BAR 2 no address",
         "allow memory above 4G for PCI devices in the firmware setup"},
        {0, MIB(64), KIB(4), "its BAR 0 lies in the machine's memory", wrong},
        {1, 0xfce00400, 256, "its BAR 1 shares a page with a BAR of 02:00.0", page},
        {1, 0xfcf10000, KIB(64), "its BARs 0 and 1 overlap", wrong},
        {1, 0xa0000, KIB(128), "its BAR 1 lies where a PC has its BIOS, APICs and firmware", wrong},
        {1, 0xfec00000, KIB(4), "its BAR 1 lies where a PC has its BIOS, APICs and firmware",
         wrong},
        {1, 0xff000000, MIB(16), "its BAR 1 lies where a PC has its BIOS, APICs and firmware",
         wrong},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        start();
        struct fake *f = card(1);
        fake_bar(card(2), BAR(0), 0xfce00000, 256, 0);
        if (cases[i].size > 0)
            fake_bar(f, BAR(cases[i].bar), cases[i].base, cases[i].size, 0);
        else
            fake_let_write(f, BAR(cases[i].bar), 4, 0xf0ff0000);
        wish(0, "01:00.0");
        refused_for(cases[i].why, cases[i].hint);
    }
}

/* Up to the last byte before what is fixed. */
static void test_good_neighbourhood(void **state)
{
    (void)state;
    start();
    struct fake *f = card(1);
    fake_bar(f, BAR(1), 0xfebff000, KIB(4), 0);
    fake_bar(f, BAR(2), 0xfcf20000, 256, 0); /* two in one page, of one guest */
    fake_bar(f, BAR(3), 0xfcf20100, 256, 0);
    wish(0, "01:00.0");
    good();
    assert_int_equal(plan.mmio_count, 4);
}

static void test_bad_msix(void **state)
{
    (void)state;
    start();
    fake_msix(card(1), 64, KIB(128) - 16, 0);
    wish(0, "01:00.0");
    refused_for("its MSI-X table lies outside of its BARs",
                "remove the line; the device may be defective");
}

/* A second BAR would show the guest the page that the hypervisor keeps. */
static void test_second_view_of_the_msix_table(void **state)
{
    for (uint32_t bar = 0; bar < 2; bar++) {
        (void)state;
        start();
        struct fake *f = card(1);
        fake_bar(f, BAR(bar), 0xfcf20000, 256, 0);
        fake_bar(f, BAR(1 - bar), 0xfcf20800, 2048, 0);
        fake_msix(f, 4, bar, 1 - bar);
        wish(0, "01:00.0");
        refused_for(bar == 0 ? "its BAR 1 shares a page with its MSI-X table"
                             : "its BAR 0 shares a page with its MSI-X table",
                    page);
    }
}

/* ---- windows of bridges ---- */

static const char blocked[] = "bridge 00:01.0 above it does not pass its BAR 0 on";

static void test_windows(void **state)
{
    (void)state;
    start();
    card(1);
    struct fake *port = fake_find(pci_address(0, 0, 1, 0));
    wish(0, "01:00.0");
    fake_windows(port, 0xf, 0, 0xfcf, 0xfcf); /* the one MiB in which the BAR is */
    fake_prefetch(port, 1, 0);
    good();
    fake_windows(port, 0xf, 0, 0xfd0, 0xfd0);
    refused_for(blocked, wrong);
    fake_prefetch(port, 0xfcf, 0xfcf);
    good();
    fake_put(port, PCI_COMMAND, 2, PCI_COMMAND_IO);
    refused_for(blocked, wrong);
    fake_put(port, PCI_REVISION, 4, PCI_BRIDGE_SUBTRACTIVE << 8);
    good();
}

/* Every bridge on the way, and the whole BAR. */
static void test_windows_above_windows(void **state)
{
    (void)state;
    start();
    struct fake *root = fake_port(0, 1, 1, 2, PCI_PORT_ROOT);
    struct fake *port = fake_bridge(1, 0, 0, 2, 2);
    struct fake *f = fake_endpoint(2, 0, 0);
    fake_bar(f, BAR(0), 0x8000000000, GIB(1), WIDE | PCI_BAR_PREFETCH);
    wish(0, "02:00.0");
    fake_prefetch(root, 0x8000000000 >> 20, 0x803fffffff >> 20);
    fake_prefetch(port, 0x8000000000 >> 20, 0x803fffffff >> 20);
    good();
    fake_prefetch(root, 0x8000000000 >> 20, 0x803fefffff >> 20);
    refused(0, "guest web wants 02:00.0, but bridge 00:01.0 above it does not pass its BAR 0 on",
            wrong);
    fake_prefetch(root, 0x8000000000 >> 20, 0x803fffffff >> 20);
    fake_prefetch(port, 0x8000100000 >> 20, 0x803fffffff >> 20);
    refused(0, "guest web wants 02:00.0, but bridge 01:00.0 above it does not pass its BAR 0 on",
            wrong);
}

/* A guest can do without ports, but has all of a function's or none. */
static void test_ports_out_of_reach(void **state)
{
    (void)state;
    start();
    struct fake *f = card(1);
    fake_bar(f, BAR(1), 0xc040, 32, PCI_BAR_IS_IO);
    fake_bar(f, BAR(2), 0xd040, 32, PCI_BAR_IS_IO);
    wish(0, "01:00.0");
    fake_windows(fake_find(pci_address(0, 0, 1, 0)), 0xc, 0xd, 0, 0xfff);
    good();
    assert_int_equal(plan.devices[0].guest_bars[1], 0xc040);
    assert_int_equal(plan.devices[0].guest_bars[2], 0xd040);
    fake_windows(fake_find(pci_address(0, 0, 1, 0)), 0xc, 0xc, 0, 0xfff);
    good();
    assert_int_equal(plan.devices[0].guest_bars[1], 0);
    assert_int_equal(plan.devices[0].guest_bars[2], 0);
    assert_int_equal(plan.devices[0].function.bars[1].base, 0xc040);
    /* The same in the second 64 KiB is no place that a processor reaches. */
    struct fake *port = fake_find(pci_address(0, 0, 1, 0));
    fake_put(port, PCI_BRIDGE_IO, 2, 0xc0 | 1 | (0xd0 | 1) << 8);
    fake_put(port, PCI_BRIDGE_IO_UPPER, 4, 0x10001);
    good();
    assert_int_equal(plan.devices[0].guest_bars[1], 0);
    fake_put(port, PCI_BRIDGE_IO_UPPER, 4, 0);
    good();
    assert_int_equal(plan.devices[0].guest_bars[1], 0xc040);
}

/* Ports of the main board are owned, but no address is none of them. */
static void test_ports_of_the_board(void **state)
{
    (void)state;
    start();
    struct fake *f = card(1);
    fake_bar(f, BAR(1), 0xc0, 32, PCI_BAR_IS_IO);
    assert_true(hardware_own(&machine, 0, 0x100, true));
    wish(0, "01:00.0");
    refused_for("the hypervisor itself uses it (serial port, screen, timer or IOMMU)",
                "choose another console with console = in [machine], or another device");
    fake_bar(f, BAR(1), 0, 32, PCI_BAR_IS_IO);
    good();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_bars),
        cmocka_unit_test(test_good_neighbourhood),
        cmocka_unit_test(test_bad_msix),
        cmocka_unit_test(test_second_view_of_the_msix_table),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_windows_above_windows),
        cmocka_unit_test(test_ports_out_of_reach),
        cmocka_unit_test(test_ports_of_the_board),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
