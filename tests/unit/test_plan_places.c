/* SPDX-License-Identifier: MIT */
/* Where the BARs of PCI functions go in a guest, and how that is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/plan_devices.h"

/* ---- places ---- */

static void test_identity(void **state)
{
    (void)state;
    start();
    struct fake *f = card(1);
    fake_bar(f, BAR(1), 0xc040, 32, PCI_BAR_IS_IO);
    fake_bar(f, BAR(2), 0x8000000000, GIB(16), WIDE);
    fake_bar(f, PCI_ROM_BAR, 0xfc800000, KIB(64), 1);
    fake_let_write(f, PCI_ROM_BAR, 4, 0xffff0001);
    wish(0, "01:00.0");
    good();
    const struct plan_device *device = planned(1, 0, 0);
    assert_int_equal(device->guest_bars[0], 0xfcf00000);
    assert_int_equal(device->guest_bars[1], 0xc040);
    assert_int_equal(device->guest_bars[2], 0x8000000000);
    assert_int_equal(device->guest_bars[PCI_ROM], 0xfc800000);
    assert_int_equal(plan.guests[0].mmio_count, 3);
    assert_int_equal(plan.mmio[0].gpa.raw, 0xfc800000);
    assert_int_equal(plan.mmio[1].size, KIB(128));
    assert_int_equal(plan.mmio[2].size, GIB(16));
}

static void test_moved(void **state)
{
    (void)state;
    start();
    machine.ranges[4].size = GIB(16);
    wishes.guests[0].memory = GIB(5); /* up to 6 GiB */
    struct fake *f = card(1);
    fake_bar(f, BAR(0), 0x90000000, MIB(16), 0);    /* below the guest's window */
    fake_bar(f, BAR(1), 0x0800, 64, PCI_BAR_IS_IO); /* where virtual devices are */
    fake_bar(f, BAR(2), 0xfe800000, MIB(1), WIDE);  /* where the platform is, small */
    fake_bar(f, BAR(4), 0x140000000 + GIB(16), MIB(64), WIDE);
    wish(0, "01:00.0");
    good();
    const struct plan_device *device = planned(1, 0, 0);
    assert_int_equal(device->guest_bars[0], 0xc0000000);
    assert_int_equal(device->guest_bars[1], 0x1000);
    assert_int_equal(device->guest_bars[2], 0xc1000000);
    assert_int_equal(device->guest_bars[4], 0x140000000 + GIB(16));

    /* In the guest's memory, large: behind it. */
    machine.ranges[4].base = hpa(GIB(8));
    fake_bar(f, BAR(4), 0x140000000, MIB(64), WIDE);
    good();
    assert_int_equal(planned(1, 0, 0)->guest_bars[4], GIB(6));
}

/* A small BAR keeps its place in its page; two in one page get a page each. */
static void test_small_bars(void **state)
{
    (void)state;
    start();
    struct fake *f = card(1);
    fake_bar(f, BAR(1), 0xfb000400, 256, 0);
    fake_bar(f, BAR(2), 0xfb000800, 1024, 0);
    wish(0, "01:00.0");
    good();
    const struct plan_device *device = planned(1, 0, 0);
    assert_int_equal(device->guest_bars[1], 0xfb000400);
    assert_int_equal(device->guest_bars[2], 0xc0000800);
    assert_int_equal(plan.mmio[0].gpa.raw, 0xc0000000);
    assert_int_equal(plan.mmio[0].hpa.raw, 0xfb000000);
    assert_int_equal(plan.mmio[1].hpa.raw, 0xfb000000);
}

static void test_msix_table_is_left_out(void **state)
{
    struct plan_range pages;

    (void)state;
    start();
    struct fake *f = card(1);
    fake_msix(f, 300, 0x3000, 0x8000); /* 4,800 bytes: two pages */
    wish(0, "01:00.0");
    good();
    assert_true(plan_msix_pages(&plan.devices[0], &pages));
    assert_int_equal(pages.gpa.raw, 0xfcf03000);
    assert_int_equal(pages.hpa.raw, 0xfcf03000);
    assert_int_equal(pages.size, 2 * PAGE_4K);
    assert_int_equal(plan.mmio_count, 2);
    assert_int_equal(plan.mmio[0].size, 3 * PAGE_4K);
    assert_int_equal(plan.mmio[1].gpa.raw, 0xfcf05000);
    assert_int_equal(plan.mmio[1].size, KIB(128) - 5 * PAGE_4K);

    /* The whole BAR, and moved. */
    start();
    f = card(1);
    fake_bar(f, BAR(0), 0x90000000, PAGE_4K, 0);
    fake_msix(f, 3, 0, 0x800);
    wish(0, "01:00.0");
    good();
    assert_true(plan_msix_pages(&plan.devices[0], &pages));
    assert_int_equal(pages.gpa.raw, 0xc0000000);
    assert_int_equal(pages.hpa.raw, 0x90000000);
    assert_int_equal(plan.mmio_count, 0);
    plan.devices[0].function.caps.msix = 0;
    assert_false(plan_msix_pages(&plan.devices[0], &pages));
}

/* Without an address: ports and ROM, which a guest can do without. */
static void test_dispensable(void **state)
{
    (void)state;
    start();
    struct fake *f = card(1);
    fake_bar(f, BAR(1), 0, 32, PCI_BAR_IS_IO);
    fake_let_write(f, PCI_ROM_BAR, 4, 0xffff0001);
    wish(0, "01:00.0");
    good();
    assert_int_equal(plan.devices[0].guest_bars[1], 0);
    assert_int_equal(plan.devices[0].guest_bars[PCI_ROM], 0);
}

static void test_no_room(void **state)
{
    (void)state;
    start();
    for (uint32_t bus = 1; bus <= 2; bus++)
        fake_bar(card(bus), BAR(0), (bus + 1) << 30, GIB(1), 0);
    machine.ranges[3].kind = MEMORY_RESERVED;
    wish(0, "01:00.0");
    refused(0, "guest web has no room in its address space for BAR 0 of 01:00.0 (1G at 0x80000000)",
            "give it fewer devices, or less memory");

    start();
    machine.phys_bits = 36;
    fake_bar(card(1), BAR(2), 0x8000000000, GIB(64), WIDE);
    wish(0, "01:00.0");
    assert_false(plan_with_pci());
    assert_non_null(strstr(diag.message, "no room in its address space for BAR 2"));
}

/* 36 bits of addresses: what lies beyond comes below them, a large one behind a larger one. */
static void test_high_window(void **state)
{
    (void)state;
    start();
    machine.phys_bits = 36;
    fake_bar(card(1), BAR(2), 0x8000000000, GIB(16), WIDE);
    fake_bar(card(2), BAR(2), 0x9000000000, GIB(32), WIDE);
    fake_bar(card(3), BAR(2), 0xa000000000, MIB(512), WIDE);
    wish(0, "01:00.0");
    wish(0, "02:00.0");
    wish(0, "03:00.0");
    good();
    assert_int_equal(planned(1, 0, 0)->guest_bars[2], GIB(16));
    assert_int_equal(planned(2, 0, 0)->guest_bars[2], GIB(32));
    assert_int_equal(planned(3, 0, 0)->guest_bars[2], GIB(4));
}

static void test_too_many_ranges(void **state)
{
    static char names[34][24];

    (void)state;
    start();
    /* Eight ranges each: six BARs, one with the MSI-X table in its middle, and the ROM. */
    for (uint32_t bus = 1; bus <= 33; bus++) {
        struct fake *f = card(bus);
        for (uint32_t bar = 0; bar < PCI_BARS; bar++)
            fake_bar(f, BAR(bar), 0xe0000000 + (bus * 8 + bar) * KIB(64), KIB(64), 0);
        fake_msix(f, 3, 0x4000, 0x8000);
        fake_bar(f, PCI_ROM_BAR, 0xe0000000 + (bus * 8 + 6) * KIB(64), KIB(64), 1);
        fake_let_write(f, PCI_ROM_BAR, 4, 0xffff0001);
        snprintf(names[bus], sizeof(names[bus]), "8086:10d3#%u", bus);
        if (bus < 33)
            wish(0, names[bus]);
    }
    good();
    assert_int_equal(plan.mmio_count, PLAN_MAX_MMIO);
    wish(0, names[33]);
    refused(32, "the guests' PCI functions have BARs in more than 256 pieces",
            "name fewer functions in all");
}

/* ---- words ---- */

static char printed[4096];

static void print(void *context, const char *text)
{
    (void)context;
    assert_true(strlen(text) < 100);
    strcat(printed, text);
    strcat(printed, "\n");
}

static void test_print(void **state)
{
    (void)state;
    start();
    struct fake *f = card(1);
    fake_bar(f, BAR(0), 0x90000000, KIB(128), 0);
    fake_bar(f, BAR(1), 0xc040, 32, PCI_BAR_IS_IO);
    fake_bar(f, BAR(2), 0, 32, PCI_BAR_IS_IO);
    fake_let_write(f, PCI_ROM_BAR, 4, 0xffff0001);
    fake_msix(f, 3, 0, 0x800);
    fake_add(0, 0x1d, 0, 0x80862930, 0x0c0320);
    wish(0, "01:00.0");
    wish(0, "ehci");
    good();
    printed[0] = '\0';
    plan_print(&plan, &wishes, &machine, print, NULL);
    static const char table[] =
        "guest            pCPUs                   memory                        devices\n"
        "web              0                           64 MiB at 0x2200000       01:00.0\n"
        "                                                                       00:1d.0\n"
        "rt               1                           ";
    assert_memory_equal(printed, table, sizeof(table) - 1);
    assert_non_null(strstr(
        printed,
        "web              01:00.0 8086:10d3 Ethernet controller, MSI-X, bus reset, group 2\n"
        "                 BAR 0: 128K at 0x90000000, for the guest at 0xc0000000, with the MSI-X "
        "table\n"
        "                 BAR 1: 32 ports at 0xc040, not for the guest\n"
        "                 BAR 2: 32 ports at 0, not for the guest\n"
        "                 ROM: 64K at 0, not for the guest\n"
        "web              00:1d.0 8086:2930 USB controller (EHCI), no interrupt, no reset, group "
        "1\n"
        "                 cannot be reset: a guest that starts again finds it as it left it\n"));
}

static void test_print_many(void **state)
{
    (void)state;
    start();
    fake_sriov(card(1), 12, 8, 8);
    for (uint32_t i = 1; i <= 12; i++) {
        static char names[13][24];
        snprintf(names[i], sizeof(names[i]), "8086:1520#%u", i);
        wish(0, names[i]);
    }
    good();
    printed[0] = '\0';
    plan_print(&plan, &wishes, &machine, print, NULL);
    assert_non_null(strstr(printed, " 01:01.0\n"));
    assert_non_null(strstr(printed, "                                                   ...\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),    cmocka_unit_test(test_moved),
        cmocka_unit_test(test_small_bars),  cmocka_unit_test(test_msix_table_is_left_out),
        cmocka_unit_test(test_dispensable), cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_high_window), cmocka_unit_test(test_too_many_ranges),
        cmocka_unit_test(test_print),       cmocka_unit_test(test_print_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
