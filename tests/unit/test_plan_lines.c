/* SPDX-License-Identifier: MIT */
/* INTx: whose an input of an I/O APIC is, and which one it becomes in the guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/plan_devices.h"

static void add_line(uint32_t gsi, enum hardware_line_use use)
{
    machine.lines[machine.line_count++] = (struct hardware_line){gsi, use};
}

/* Cards on buses 1 to `cards` that have INTx alone; I/O APICs with GSIs 0..23 and 48..167. */
static void start_cards(uint32_t cards)
{
    start();
    for (uint32_t bus = 1; bus <= cards; bus++)
        fake_put(card(bus), PCI_PIN, 1, 1);
    machine.ioapics[machine.ioapic_count++] = (struct hardware_ioapic){0, 24};
    machine.ioapics[machine.ioapic_count++] = (struct hardware_ioapic){48, 120};
    add_line(9, LINE_SCI);
    add_line(20, LINE_CONSOLE);
    add_line(50, LINE_NMI);
    for (uint32_t irq = 0; irq < 16; irq++)
        add_line(irq == 0 ? 2 : irq, LINE_ISA);
}

static void wish_line(uint32_t guest, const char *name, uint32_t gsi)
{
    wish(guest, name);
    wishes.devices[wishes.device_count - 1].gsi = gsi;
}

static void test_same_number(void **state)
{
    (void)state;
    start_cards(2);
    wish_line(0, "01:00.0", 23);
    wish_line(1, "02:00.0", 16);
    good();
    assert_int_equal(planned(1, 0, 0)->gsi, 23);
    assert_int_equal(planned(1, 0, 0)->guest_gsi, 23);
    assert_int_equal(planned(2, 0, 0)->guest_gsi, 16);
}

/* Also when the one with the same number comes last. */
static void test_other_number(void **state)
{
    (void)state;
    start_cards(3);
    wish_line(0, "01:00.0", 48);
    wish_line(0, "02:00.0", 167);
    wish_line(0, "03:00.0", 16);
    good();
    assert_int_equal(planned(1, 0, 0)->guest_gsi, 17);
    assert_int_equal(planned(2, 0, 0)->guest_gsi, 18);
    assert_int_equal(planned(3, 0, 0)->guest_gsi, 16);
}

static void test_shared_in_one_guest(void **state)
{
    (void)state;
    start_cards(3);
    wish_line(0, "01:00.0", 60);
    wish_line(0, "02:00.0", 61);
    wish_line(0, "03:00.0", 60);
    good();
    assert_int_equal(planned(1, 0, 0)->guest_gsi, planned(3, 0, 0)->guest_gsi);
    assert_int_not_equal(planned(1, 0, 0)->guest_gsi, planned(2, 0, 0)->guest_gsi);
}

/* Other guests' inputs are others. */
static void test_same_pin_in_two_guests(void **state)
{
    (void)state;
    start_cards(2);
    wish_line(0, "01:00.0", 60);
    wish_line(1, "02:00.0", 61);
    good();
    assert_int_equal(planned(1, 0, 0)->guest_gsi, PLAN_FIRST_PIN);
    assert_int_equal(planned(2, 0, 0)->guest_gsi, PLAN_FIRST_PIN);
}

/* A function with messages may have its INTx as well. */
static void test_beside_messages(void **state)
{
    (void)state;
    start_cards(1);
    fake_cap(fake_find(pci_address(0, 1, 0, 0)), PCI_CAP_MSI, 24);
    wish_line(0, "01:00.0", 21);
    good();
    assert_int_equal(planned(1, 0, 0)->gsi, 21);
}

static void test_all_functions_of_a_device(void **state)
{
    (void)state;
    start_cards(0);
    fake_multi(card(1));
    fake_put(fake_endpoint(1, 0, 3), PCI_PIN, 1, 2);
    wish_line(0, "01:00.*", 21);
    good();
    assert_int_equal(planned(1, 0, 0)->gsi, 0); /* it has no pin */
    assert_int_equal(planned(1, 0, 3)->gsi, 21);
}

static void test_no_pin(void **state)
{
    (void)state;
    start_cards(0);
    card(1);
    wish_line(0, "01:00.0", 21);
    refused(0, "guest web wants 01:00.0, but it has no INTx", "remove intx= from the line");
}

static void test_outside_of_all(void **state)
{
    static const uint32_t outside[] = {24, 47, 168, 65535};
    char said[100];

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(outside); i++) {
        start_cards(1);
        wish_line(0, "01:00.0", outside[i]);
        snprintf(said, sizeof(said),
                 "guest web wants 01:00.0 with INTx %u, but no I/O APIC of the machine has that "
                 "input",
                 outside[i]);
        refused(0, said, "a Linux on this machine tells which it is: /proc/interrupts, lspci -v");
    }
}

static void test_used_lines(void **state)
{
    static const char hint[] =
        "boot Linux with its I/O APIC in use (no noapic), and take the number that it has then";

    (void)state;
    start_cards(1);
    wish_line(0, "01:00.0", 4);
    refused(0,
            "guest web wants 01:00.0 with INTx 4, but that is a line of ISA, with a timer, a "
            "serial port or their like",
            hint);
    wishes.devices[0].gsi = 9;
    refused(0, "guest web wants 01:00.0 with INTx 9, but that is ACPI's own interrupt (SCI)", hint);
    wishes.devices[0].gsi = 50;
    refused(0, "guest web wants 01:00.0 with INTx 50, but that is an NMI", hint);
    wishes.devices[0].gsi = 20;
    refused(0,
            "guest web wants 01:00.0 with INTx 20, but that is the line of firmware's console "
            "(SPCR)",
            hint);
}

static void test_two_guests(void **state)
{
    (void)state;
    start_cards(2);
    wish_line(0, "01:00.0", 21);
    wish_line(1, "02:00.0", 21);
    refused(1, "guest rt wants 02:00.0 with INTx 21, but line 100 gives that to guest web",
            "devices on one line go to one guest: use another slot, or a device with MSI");
}

static void test_more_than_pins(void **state)
{
    static const char *const names[] = {"01:00.0", "02:00.0", "03:00.0", "04:00.0", "05:00.0",
                                        "06:00.0", "07:00.0", "08:00.0", "09:00.0"};

    (void)state;
    start_cards(9);
    for (uint32_t i = 0; i < 8; i++)
        wish_line(0, names[i], 100 + i);
    good();
    assert_int_equal(planned(8, 0, 0)->guest_gsi, PLAN_LAST_PIN);
    wish_line(0, names[8], 108);
    refused(8,
            "guest web wants 09:00.0 with INTx 108, but the guest's I/O APIC has no more inputs "
            "for PCI",
            "give it fewer devices with intx=");
}

static char table[1000];

static void keep(void *context, const char *text)
{
    (void)context;
    snprintf(table + strlen(table), sizeof(table) - strlen(table), "%s\n", text);
}

static void test_printed(void **state)
{
    (void)state;
    start_cards(2);
    wish_line(0, "01:00.0", 21);
    wish_line(1, "02:00.0", 60);
    good();
    plan_print(&plan, &wishes, &machine, keep, NULL);
    assert_non_null(strstr(table, "\n                 INTx 21\n"));
    assert_non_null(strstr(table, "\n                 INTx 60, for the guest 16\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_number),
        cmocka_unit_test(test_other_number),
        cmocka_unit_test(test_shared_in_one_guest),
        cmocka_unit_test(test_same_pin_in_two_guests),
        cmocka_unit_test(test_beside_messages),
        cmocka_unit_test(test_all_functions_of_a_device),
        cmocka_unit_test(test_no_pin),
        cmocka_unit_test(test_outside_of_all),
        cmocka_unit_test(test_used_lines),
        cmocka_unit_test(test_two_guests),
        cmocka_unit_test(test_more_than_pins),
        cmocka_unit_test(test_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
