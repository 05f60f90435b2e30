/* SPDX-License-Identifier: MIT */
/* Who gets which PCI functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/plan_devices.h"

/* ---- what is had ---- */

static void test_no_devices(void **state)
{
    (void)state;
    start();
    card(1);
    machine.iommu = HARDWARE_NO_IOMMU;
    good();
    assert_int_equal(plan.device_count, 0);
    assert_int_equal(plan.mmio_count, 0);
}

static void test_by_each_name(void **state)
{
    static const char *const names[] = {"01:00.0",     "0000:01:00.0", "01:00.*", "8086:10d3",
                                        "8086:10d3#1", "ethernet#1",   "class:02"};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        start();
        card(1);
        card(2);
        wish(1, names[i]);
        good();
        assert_int_equal(plan.device_count, 1);
        assert_int_equal(planned(1, 0, 0)->guest, 1);
        assert_int_equal(plan.guests[0].device_count, 0);
        assert_int_equal(plan.guests[1].device_count, 1);
    }
}

static void test_all_functions_of_a_device(void **state)
{
    (void)state;
    start();
    fake_multi(card(1));
    fake_endpoint(1, 0, 5);
    wish(0, "01:00.*");
    good();
    assert_int_equal(plan.guests[0].device_count, 2);
    assert_int_equal(planned(1, 0, 5)->guest, 0);
}

static void test_several_guests(void **state)
{
    (void)state;
    start();
    for (uint32_t bus = 1; bus <= 3; bus++)
        card(bus);
    wish(0, "ethernet#3");
    wish(0, "01:00.0");
    wish(1, "8086:10d3#2");
    good();
    assert_int_equal(plan.guests[0].device_count, 2);
    assert_int_equal(plan.guests[1].first_device, 2);
    assert_int_equal(plan.devices[0].function.address.raw, 0x300);
    assert_int_equal(plan.devices[0].bridge.raw, pci_address(0, 0, 3, 0).raw);
    assert_int_equal(plan.devices[0].requester_count, 1);
    assert_int_equal(plan.devices[2].line, 2);
    assert_int_equal(plan.mmio_count, 3);
}

/* As in the boot half, and in a report: not all sizes of BARs are known. */
static void test_unknown_sizes(void **state)
{
    struct plan_inputs inputs = {
        .config = &wishes, .hardware = &machine, .needs = &small_needs, .pci = &inventory};

    (void)state;
    start();
    card(1);
    wish(0, "01:00.0");
    fake_inventory();
    found(1, 0, 0)->bars[2] = (struct pci_bar){.base = MIB(64), .kind = PCI_BAR_UNKNOWN};
    assert_false(plan_build(&inputs, &plan, &diag));
    assert_string_equal(diag.message, "guest web wants 01:00.0, but the report does not know how "
                                      "large its BAR 2 is");
    inputs.sizes_open = true;
    assert_true(plan_build(&inputs, &plan, &diag));
    assert_int_equal(plan.mmio_count, 1);
    assert_int_equal(plan.devices[0].guest_bars[2], 0);
    assert_null(plan_broken_rule(&plan, &wishes, &machine, &small_needs));
}

/* ---- refusals of one function ---- */

static void test_no_iommu(void **state)
{
    (void)state;
    start();
    card(1);
    machine.iommu = HARDWARE_NO_IOMMU;
    wish(1, "01:00.0");
    refused(0, "guest rt wants PCI device 01:00.0, but the machine has no IOMMU",
            "nothing would keep it from others' memory: switch on VT-d, AMD-Vi or IOMMU in the "
            "firmware setup, or remove the line");
}

static void test_chipset_that_cannot_remap(void **state)
{
    (void)state;
    start();
    card(1);
    fake_put(fake_add(0, 0, 0, 0x80863405, 0x060000), PCI_REVISION, 1, 0x22);
    wish(1, "01:00.0");
    refused(0,
            "guest rt wants PCI device 01:00.0, but the chipset cannot remap interrupts (00:00.0 "
            "8086:3405, revision 22: an erratum)",
            "nothing would keep its interrupts from others' processors: use another machine, or "
            "remove the line");
    machine.iommu = HARDWARE_AMDVI;
    good();
}

static void test_missing(void **state)
{
    (void)state;
    start();
    card(1);
    card(2);
    wish(0, "02:00.1");
    refused(0, "guest web wants 02:00.1, but there is no such PCI device",
            "on that bus are 1 PCI functions, in the machine 4");

    start();
    card(1);
    card(2);
    wish(0, "ethernet#2");
    wish(0, "8086:10d3#3");
    refused(1, "guest web wants 8086:10d3#3, but there is no such PCI device",
            "the machine has 2 of that kind, and 4 PCI functions in all");
}

/* The second port claims the first one's bus; the third one, buses whose numbers are too low. */
static void test_below_a_doubtful_bridge(void **state)
{
    static const char hint[] =
        "nobody knows what could reach it: use another slot, or update the firmware";

    (void)state;
    start();
    card(1);
    fake_port(0, 2, 1, 1, PCI_PORT_ROOT);
    wish(0, "01:00.0");
    refused(0,
            "guest web wants 01:00.0, but bridge 00:02.0 may be above it, whose bus numbers make "
            "no sense",
            hint);

    for (uint32_t bus = 2; bus <= 5; bus++) {
        char name[] = "02:00.0";
        name[1] = (char)('0' + bus);
        start();
        fake_bar(fake_endpoint(bus, 0, 0), BAR(0), 0xfd000000, KIB(128), 0);
        fake_port(6, 0, 3, 4, PCI_PORT_ROOT);
        fake_port(6, 1, 0, 0, PCI_PORT_ROOT); /* not set up: nothing is below it */
        wish(0, name);
        if (bus == 2 || bus == 5) {
            good();
            continue;
        }
        assert_false(plan_with_pci());
        assert_non_null(strstr(diag.message, "bridge 06:00.0 may be above it"));
        assert_string_equal(diag.hint, hint);
    }

    /* Below a good bridge that is below it. */
    start();
    fake_port(3, 0, 9, 9, PCI_PORT_ROOT);
    fake_bar(fake_endpoint(9, 0, 0), BAR(0), 0xfd000000, KIB(128), 0);
    wish(0, "09:00.0");
    good();
    fake_port(6, 0, 3, 2, PCI_PORT_ROOT);
    assert_false(plan_with_pci());
    assert_non_null(strstr(diag.message, "bridge 06:00.0 may be above it"));
}

static void test_more_functions_than_the_table(void **state)
{
    struct plan_inputs inputs = {
        .config = &wishes, .hardware = &machine, .needs = &small_needs, .pci = &inventory};

    (void)state;
    start();
    card(1);
    fake_inventory();
    inventory.lost = 1;
    assert_true(plan_build(&inputs, &plan, &diag));
    wish(1, "01:00.0");
    assert_false(plan_build(&inputs, &plan, &diag));
    assert_string_equal(diag.message, "guest rt wants PCI device 01:00.0, but the machine has more "
                                      "than 2048 PCI functions");
    assert_string_equal(diag.hint, "nobody knows what those beyond could reach: switch off virtual "
                                   "functions (SR-IOV) in the firmware setup, or remove the line");
    assert_int_equal(diag.line, 100);
    inventory.lost = 0;
    assert_true(plan_build(&inputs, &plan, &diag));
}

static void test_bridges(void **state)
{
    static const char hint[] = "name the devices behind it; bridges stay with the hypervisor";

    (void)state;
    start();
    card(1);
    fake_add(0, 0x1f, 0, 0x80862918, 0x060100);
    wish(0, "00:01.0");
    refused(0, "guest web wants 00:01.0, but it is a bridge", hint);
    wishes.device_count = wishes.guests[0].device_count = 0;
    wish(0, "00:1f.*");
    refused(0, "guest web wants 00:1f.0, but it is a bridge", hint);
}

static void test_unknown_header(void **state)
{
    (void)state;
    start();
    card(1)->space[PCI_HEADER] = 5;
    wish(0, "01:00.0");
    refused(0, "guest web wants 01:00.0, but its header is of an unknown type", "remove the line");
}

static void test_twice(void **state)
{
    (void)state;
    start();
    card(1);
    wish(0, "01:00.0");
    wish(1, "ethernet");
    refused(1, "guest rt wants 01:00.0, but line 100 gives it to guest web already",
            "remove one of the two lines, or name another device in it");
}

static void test_physical_and_virtual(void **state)
{
    static const char hint[] =
        "a reset of the physical function ends its virtual ones: give either away";

    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        start();
        fake_sriov(card(1), 2, 0x80, 1);
        wish(0, first == 0 ? "01:00.0" : "01:10.1");
        wish(1, first == 0 ? "01:10.1" : "01:00.0");
        assert_false(plan_with_pci());
        assert_non_null(strstr(diag.message, "it and the function of line 100 are physical and "
                                             "virtual function"));
        assert_string_equal(diag.hint, hint);
    }
    start();
    fake_sriov(card(1), 2, 0x80, 1);
    wish(0, "01:10.0");
    wish(1, "01:10.1");
    good();
}

static void test_used_by_the_hypervisor(void **state)
{
    static const char said[] = "guest web wants 01:00.0, but the hypervisor itself uses it (serial "
                               "port, screen, timer or IOMMU)";
    static const char hint[] =
        "choose another console with console = in [machine], or another device";

    (void)state;
    start();
    fake_bar(card(1), BAR(1), 0xe000, 32, PCI_BAR_IS_IO);
    wish(0, "01:00.0");
    assert_true(hardware_own(&machine, 0xe01f, 8, true));
    refused(0, said, hint);
    machine.owned_count = 0;
    assert_true(hardware_own(&machine, 0xe020, 8, true));
    assert_true(hardware_own(&machine, 0xe000, 8, false)); /* memory, not ports */
    good();
    assert_true(hardware_own(&machine, 0xfcf1fff0, 8, false)); /* the end of the BAR */
    refused(0, said, hint);

    start();
    fake_put(card(1), PCI_REVISION, 4, 0x08060000); /* as AMD-Vi shows itself */
    wish(0, "class:0806");
    assert_false(plan_with_pci());
    assert_string_equal(diag.message, said);
}

static void test_tied(void **state)
{
    (void)state;
    start();
    card(1);
    wish(0, "01:00.0");
    assert_true(hardware_tie(&machine, pci_address(1, 1, 0, 0)));
    good();
    assert_true(hardware_tie(&machine, pci_address(0, 1, 0, 0)));
    refused(0, "guest web wants 01:00.0, but firmware shares memory with it (RMRR)",
            "switch off what firmware uses it for in its setup (legacy USB, management), or name "
            "another device");
}

static void test_no_unit_serves_it(void **state)
{
    (void)state;
    start();
    card(1);
    card(2);
    wish(0, "02:00.0");
    fake_inventory();
    machine.services[pci_find(&inventory, pci_address(0, 1, 0, 0))] = SERVICE_NONE;
    good();
    machine.services[pci_find(&inventory, pci_address(0, 2, 0, 0))] = SERVICE_NONE;
    refused(0,
            "guest web wants 02:00.0, but by the DMAR or IVRS table no IOMMU serves it, or two do",
            "nothing would keep it from others' memory: use another slot or another device, or "
            "update the firmware");
    machine.services[pci_find(&inventory, pci_address(0, 2, 0, 0))] = SERVICE_OTHER_ID;
    refused(0,
            "guest web wants 02:00.0, but by the IVRS table it sends under the id of another "
            "device",
            "it would reach no memory: use another slot or another device, or update the "
            "firmware");
}

static void test_source_of_an_ioapic(void **state)
{
    static const char hint[] =
        "use another slot, or another device: the IOMMU could not tell the two apart";

    (void)state;
    start();
    card(1);
    wish(0, "01:00.0");
    assert_true(hardware_special(&machine, pci_address(1, 1, 0, 0)));
    assert_true(hardware_special(&machine, pci_address(0, 1, 0, 1)));
    good();
    assert_true(hardware_special(&machine, pci_address(0, 1, 0, 0)));
    refused(0, "guest web wants 01:00.0, but an I/O APIC or HPET has the same source id, 01:00.0",
            hint);

    /* The id under which a bridge passes on what it sends. */
    start();
    fake_port(0, 0x1c, 1, 2, PCI_PORT_ROOT);
    fake_port(1, 0, 2, 2, PCI_PORT_TO_PCI);
    fake_bar(fake_endpoint(2, 5, 0), BAR(0), 0xfd000000, KIB(4), 0);
    wish(0, "02:05.0");
    good();
    assert_true(hardware_special(&machine, pci_address(0, 2, 0, 0)));
    refused(0, "guest web wants 02:05.0, but an I/O APIC or HPET has the same source id, 02:00.0",
            hint);
}

static void test_full_tables(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 0; i < HARDWARE_MAX_TIED; i++)
        assert_true(hardware_tie(&machine, pci_address(0, i, 0, 0)));
    assert_false(hardware_tie(&machine, pci_address(0, 1, 0, 0)));
    for (uint32_t i = 0; i < HARDWARE_MAX_OWNED; i++)
        assert_true(hardware_own(&machine, i, 1, true));
    assert_false(hardware_own(&machine, 0, 1, true));
    for (uint32_t i = 0; i < HARDWARE_MAX_SPECIALS; i++)
        assert_true(hardware_special(&machine, pci_address(0, i, 0, 0)));
    assert_false(hardware_special(&machine, pci_address(1, 1, 0, 0)));
    assert_true(hardware_special(&machine, pci_address(0, 1, 0, 0))); /* is there */
}

static void test_no_messages(void **state)
{
    (void)state;
    start();
    fake_put(card(1), PCI_PIN, 1, 1);
    wish(0, "01:00.0");
    refused(0, "guest web wants 01:00.0, but it has neither MSI nor MSI-X",
            "add the input of the I/O APIC to which its INTx is wired, such as intx=21; a Linux on "
            "this "
            "machine tells: /proc/interrupts, lspci -v");
}

static void test_too_many(void **state)
{
    (void)state;
    start();
    fake_sriov(card(1), PLAN_MAX_DEVICES + 1, 8, 8);
    for (uint32_t i = 1; i <= PLAN_MAX_DEVICES; i++) {
        static char names[PLAN_MAX_DEVICES + 1][24];
        snprintf(names[i], sizeof(names[i]), "8086:1520#%u", i);
        if (i < PLAN_MAX_DEVICES)
            wish(0, names[i]);
    }
    /* The last line selects two. */
    fake_multi(card(9));
    fake_endpoint(9, 0, 1);
    wish(0, "09:00.*");
    refused(PLAN_MAX_DEVICES - 1,
            "guest web wants 09:00.1, but the guests have as many PCI functions as can be planned "
            "for",
            "name fewer functions in all");
}

/* ---- groups ---- */

static void test_functions_of_one_device(void **state)
{
    (void)state;
    start();
    fake_multi(card(1));
    fake_endpoint(1, 0, 1);
    wish(0, "01:00.0");
    wish(1, "01:00.1");
    refused(1,
            "guest rt wants 01:00.1, but nothing keeps it apart from 01:00.0 of guest web "
            "(isolation group 1)",
            "they are functions of one device without access control services (ACS): give both to "
            "one guest");
}

static void test_behind_a_bridge(void **state)
{
    (void)state;
    start();
    fake_bridge(0, 0x1e, 0, 5, 5);
    fake_add(5, 1, 0, 0x80861234, 0x020000);
    fake_add(5, 2, 0, 0x80861234, 0x020000);
    wish(0, "05:01.0");
    wish(1, "05:02.0");
    refused(1,
            "guest rt wants 05:02.0, but nothing keeps it apart from 05:01.0 of guest web "
            "(isolation group 0)",
            "bridge 00:1e.0 above them has no access control services (ACS): give both to one "
            "guest, or use another slot");
    wishes.guests[0].device_count = 2;
    wishes.guests[1].device_count = 0;
    good();
    assert_int_equal(plan.devices[0].requester_count, 2);
    assert_int_equal(plan.devices[0].requesters[1], 0x00f0);
    assert_int_equal(plan_messenger(&plan.devices[0]), 0x00f0);
    assert_true(plan_same_source(&plan.devices[0], &plan.devices[1]));
    assert_true(plan_same_source(&plan.devices[0], &plan.devices[0]));
}

/* Who is one with whom for an IOMMU, and under which id messages arrive. */
static void test_sources_behind_bridges(void **state)
{
    (void)state;
    start();
    fake_port(0, 0x1c, 1, 3, PCI_PORT_ROOT);
    fake_port(1, 0, 2, 3, PCI_PORT_TO_PCI);
    fake_add(2, 0, 0, 0x80861234, 0x020000);
    fake_add(2, 5, 0, 0x80861234, 0x020000);
    fake_bridge(2, 6, 0, 3, 3);
    fake_add(3, 5, 0, 0x80861234, 0x020000);
    card(9);
    wish(0, "02:00.0");
    wish(0, "02:05.0");
    wish(0, "03:05.0");
    wish(0, "09:00.0");
    good();
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(plan_messenger(&plan.devices[i]), 0x0200);
        for (uint32_t j = 0; j < 3; j++)
            assert_true(plan_same_source(&plan.devices[i], &plan.devices[j]));
        assert_false(plan_same_source(&plan.devices[i], &plan.devices[3]));
        assert_false(plan_same_source(&plan.devices[3], &plan.devices[i]));
    }
    assert_int_equal(plan_messenger(&plan.devices[3]), 0x0900);
    struct plan_device elsewhere = plan.devices[0];
    elsewhere.function.address = pci_address(1, 2, 0, 0);
    assert_false(plan_same_source(&plan.devices[0], &elsewhere));
}

/* Joined by more than what lies above them: a device with its virtual functions. */
static void test_other_group(void **state)
{
    (void)state;
    start();
    struct fake *pf = card(1);
    fake_multi(pf);
    fake_sriov(pf, 2, 0x80, 1);
    wish(0, "01:10.0");
    wish(1, "01:10.1");
    assert_false(plan_with_pci());
    assert_non_null(strstr(diag.message, "nothing keeps it apart from 01:10.0 of guest web"));
}

/* A part of a group goes to one guest when the rest can be shut up. */
static void test_part_of_a_group(void **state)
{
    (void)state;
    start();
    fake_multi(fake_add(0, 0x1f, 0, 0x80862918, 0x060100));
    fake_add(0, 0x1f, 2, 0x80862922, 0x010601);
    fake_add(0, 0x1f, 3, 0x80862930, 0x0c0500);
    card(1);
    wish(0, "ahci");
    good();
    assert_false(plan_must_be_deaf(&plan, found(0, 0x1f, 0))); /* ISA: the serial port is behind */
    assert_true(plan_must_be_deaf(&plan, found(0, 0x1f, 3)));
    assert_false(plan_must_be_deaf(&plan, found(0, 0x1f, 2))); /* a guest's */
    assert_false(plan_must_be_deaf(&plan, found(1, 0, 0)));    /* another group */
}

static void test_rest_cannot_be_shut_up(void **state)
{
    (void)state;
    start();
    fake_multi(fake_add(0, 0x1f, 2, 0x80862922, 0x010601));
    fake_multi(fake_add(0, 0x1f, 0, 0x80862922, 0x010601));
    struct fake *uart = fake_add(0, 0x1f, 3, 0x80861234, 0x070002);
    fake_bar(uart, BAR(0), 0x3f8, 8, PCI_BAR_IS_IO);
    wish(0, "00:1f.2");
    assert_true(hardware_own(&machine, 0x3f8, 8, true));
    refused(0,
            "guest web wants 00:1f.2, but nothing keeps it apart from 00:1f.3, which the "
            "hypervisor uses (isolation group 0)",
            "use another slot, or another device");

    start();
    struct fake *isa = fake_add(0, 0x1f, 0, 0x80862918, 0x060100);
    fake_multi(isa);
    fake_bar(isa, BAR(0), 0xfe000000, KIB(4), 0);
    fake_add(0, 0x1f, 2, 0x80862922, 0x010601);
    wish(0, "ahci");
    assert_false(plan_with_pci());
    assert_non_null(strstr(diag.message, "apart from 00:1f.0, a bridge with registers"));

    start();
    struct fake *port = fake_port(0, 1, 1, 1, PCI_PORT_ROOT);
    fake_bar(port, BAR(0), 0xfe000000, KIB(4), 0);
    fake_endpoint(1, 0, 0);
    wish(0, "01:00.0");
    refused(0,
            "guest web wants 01:00.0, but nothing keeps it apart from 00:01.0, a bridge with "
            "registers of its own (isolation group 0)",
            "use another slot, or another device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_devices),
        cmocka_unit_test(test_by_each_name),
        cmocka_unit_test(test_all_functions_of_a_device),
        cmocka_unit_test(test_several_guests),
        cmocka_unit_test(test_unknown_sizes),
        cmocka_unit_test(test_no_iommu),
        cmocka_unit_test(test_chipset_that_cannot_remap),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_below_a_doubtful_bridge),
        cmocka_unit_test(test_more_functions_than_the_table),
        cmocka_unit_test(test_bridges),
        cmocka_unit_test(test_unknown_header),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_physical_and_virtual),
        cmocka_unit_test(test_used_by_the_hypervisor),
        cmocka_unit_test(test_tied),
        cmocka_unit_test(test_no_unit_serves_it),
        cmocka_unit_test(test_source_of_an_ioapic),
        cmocka_unit_test(test_full_tables),
        cmocka_unit_test(test_no_messages),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_functions_of_one_device),
        cmocka_unit_test(test_behind_a_bridge),
        cmocka_unit_test(test_sources_behind_bridges),
        cmocka_unit_test(test_other_group),
        cmocka_unit_test(test_part_of_a_group),
        cmocka_unit_test(test_rest_cannot_be_shut_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
