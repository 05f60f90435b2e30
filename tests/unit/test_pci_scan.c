/* SPDX-License-Identifier: MIT */
/* Finding PCI functions: buses, bridges, devices of several functions, virtual functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/pci_machine.h"

#define ID 0x80861234u

static void expect_warning(pci_address_t at, enum pci_fault fault)
{
    assert_int_equal(inventory.warning_count, 1);
    assert_int_equal(inventory.warnings[0].at.raw, at.raw);
    assert_int_equal(inventory.warnings[0].fault, fault);
}

static void test_header(void **state)
{
    (void)state;
    fake_reset();
    struct fake *f = fake_add(0, 3, 0, 0x808610d3, 0x020000);
    fake_put(f, PCI_REVISION, 1, 7);
    fake_put(f, PCI_SUBVENDOR_ID, 2, 0x1af4);
    fake_put(f, PCI_SUBVENDOR_ID + 2, 2, 0x1100);
    fake_put(f, PCI_PIN, 1, 2);
    fake_put(f, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    fake_scan();

    const struct pci_function *function = found(0, 3, 0);
    assert_int_equal(inventory.count, 1);
    assert_int_equal(inventory.warning_count, 0);
    assert_int_equal(function->vendor, 0x8086);
    assert_int_equal(function->device, 0x10d3);
    assert_int_equal(function->class_code, 0x020000);
    assert_int_equal(function->revision, 7);
    assert_int_equal(function->subvendor, 0x1af4);
    assert_int_equal(function->subdevice, 0x1100);
    assert_int_equal(function->pin, 2);
    assert_int_equal(function->flags, PCI_WAS_MASTER);
    assert_int_equal(function->parent, PCI_NONE);
    assert_int_equal(function->physical, PCI_NONE);
    assert_int_equal(function->port, PCI_PORT_CONVENTIONAL);
    assert_int_equal(function->header, PCI_HEADER_DEVICE);
}

static void test_odd_headers(void **state)
{
    (void)state;
    fake_reset();
    struct fake *pin = fake_add(0, 1, 0, ID, 0);
    fake_put(pin, PCI_PIN, 1, 5);
    struct fake *odd = fake_add(0, 2, 0, ID, 0);
    odd->space[PCI_HEADER] = 0x33;
    fake_scan();
    assert_int_equal(found(0, 1, 0)->pin, 0);
    assert_int_equal(found(0, 2, 0)->header, 0x33);
    expect_warning(odd->at, PCI_FAULT_HEADER);
}

/* Functions 1 to 7 count only when function 0 says so, and function 0 must be there. */
static void test_multi_function(void **state)
{
    (void)state;
    fake_reset();
    fake_multi(fake_add(0, 1, 0, ID, 0));
    fake_add(0, 1, 2, ID, 0);
    fake_add(0, 1, 7, ID, 0);
    fake_add(0, 2, 0, ID, 0);
    fake_add(0, 2, 1, ID, 0);
    fake_add(0, 3, 1, ID, 0);
    fake_scan();
    assert_int_equal(inventory.count, 4);
    assert_int_equal(found(0, 1, 0)->flags, PCI_MULTI);
    assert_int_equal(found(0, 1, 2)->flags, PCI_MULTI);
    assert_int_equal(found(0, 1, 7)->flags, PCI_MULTI);
    assert_int_equal(found(0, 2, 0)->flags, 0);
}

static void test_bridges(void **state)
{
    (void)state;
    fake_reset();
    fake_bridge(0, 1, 0, 2, 5);
    fake_bridge(2, 0, 0, 5, 5);
    fake_add(5, 9, 0, ID, 0);
    fake_add(0x80, 4, 0, ID, 0); /* another root bus, which no table names */
    fake_scan();
    assert_int_equal(inventory.count, 4);
    assert_int_equal(inventory.warning_count, 0);
    assert_int_equal(found(5, 9, 0)->parent, pci_find(&inventory, pci_address(0, 2, 0, 0)));
    assert_int_equal(found(2, 0, 0)->parent, pci_find(&inventory, pci_address(0, 0, 1, 0)));
    assert_int_equal(found(0x80, 4, 0)->parent, PCI_NONE);
    assert_int_equal(found(2, 0, 0)->secondary, 5);
    assert_int_equal(found(0, 1, 0)->subordinate, 5);
}

/* Below a port there is one device; what answers to each device number is there once. */
static void test_one_device_below_a_port(void **state)
{
    (void)state;
    fake_reset();
    fake_port(0, 1, 1, 1, PCI_PORT_ROOT);
    fake_endpoint(1, 0, 0);
    fake_endpoint(1, 5, 0);
    fake_scan();
    assert_int_equal(inventory.count, 2);
    assert_non_null(found(1, 0, 0));
}

static void test_nonsense_bridges(void **state)
{
    static const uint8_t buses[][2] = {{3, 9}, {1, 9}, {5, 4}};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(buses); i++) {
        fake_reset();
        fake_bridge(0, 1, 0, 3, 9);
        struct fake *bad = fake_bridge(3, 0, 0, buses[i][0], buses[i][1]); /* to itself, up, none */
        fake_add(5, 0, 0, ID, 0);
        fake_scan();
        assert_int_equal(inventory.count, 3);
        expect_warning(bad->at, PCI_FAULT_BUSES);
        assert_int_equal(found(5, 0, 0)->parent, PCI_NONE);
    }
}

static void test_bridge_without_buses(void **state)
{
    (void)state;
    fake_reset();
    fake_bridge(0, 1, 0, 0, 0);
    fake_scan();
    assert_int_equal(inventory.count, 1);
    assert_int_equal(inventory.warning_count, 0);
    assert_int_equal(pci_bridge_to(&inventory, pci_address(0, 0, 0, 0)), PCI_NONE);
}

static void test_two_bridges_to_one_bus(void **state)
{
    (void)state;
    fake_reset();
    fake_bridge(0, 1, 0, 4, 4);
    struct fake *second = fake_bridge(0, 2, 0, 4, 4);
    fake_add(4, 0, 0, ID, 0);
    fake_scan();
    expect_warning(second->at, PCI_FAULT_BUS_TWICE);
    assert_int_equal(found(4, 0, 0)->parent, 0);
}

static void test_cardbus(void **state)
{
    (void)state;
    fake_reset();
    struct fake *bridge = fake_bridge(0, 1, 0, 6, 6);
    bridge->space[PCI_HEADER] = PCI_HEADER_CARDBUS;
    fake_add(6, 0, 0, ID, 0);
    fake_scan();
    assert_int_equal(found(6, 0, 0)->parent, 0);
}

static void test_segments(void **state)
{
    (void)state;
    fake_reset();
    /* In any order, in two pieces, one of them twice. */
    fake_access.segment_count = 4;
    fake_access.segments[0] = (struct pci_segment){{0x1000}, 7, 0x80, 0xff};
    fake_access.segments[1] = (struct pci_segment){{0x1000}, 0, 0, 3};
    fake_access.segments[2] = (struct pci_segment){{0x1000}, 7, 0, 0x7f};
    fake_access.segments[3] = (struct pci_segment){{0x1000}, 7, 0, 0xff};
    fake_add_at(pci_address(7, 0x81, 0, 0), ID, 0);
    struct fake *bridge = fake_add_at(pci_address(7, 1, 0, 0), ID, 0x060400);
    bridge->space[PCI_HEADER] = PCI_HEADER_BRIDGE;
    fake_put(bridge, PCI_BUS_NUMBERS, 4, 0x818101);
    fake_add(3, 0, 0, ID, 0);
    fake_add(4, 0, 0, ID, 0); /* on a bus that the segment has not */
    fake_scan();
    assert_int_equal(inventory.count, 3);
    uint16_t below = pci_find(&inventory, pci_address(7, 0x81, 0, 0));
    assert_int_equal(inventory.functions[below].parent,
                     pci_find(&inventory, pci_address(7, 1, 0, 0)));
    assert_null(pci_segment_find(&fake_access, 0, 4));
    assert_null(pci_segment_find(&fake_access, 1, 0));
}

static void test_work_is_bounded(void **state)
{
    (void)state;
    fake_reset();
    fake_scan();
    assert_int_equal(inventory.count, 0);
    assert_int_equal(fake_reads, PCI_BUSES * PCI_DEVICES);
}

static void test_not_ready(void **state)
{
    (void)state;
    fake_reset();
    struct fake *f = fake_add(0, 1, 0, 0x0001ffff, 0);
    fake_scan();
    assert_int_equal(inventory.count, 0);
    expect_warning(f->at, PCI_FAULT_NOT_READY);
}

/* Gone after any number of reads: it is not there, or was read as a whole. */
static void test_vanishing(void **state)
{
    (void)state;
    for (uint32_t reads = 1; reads < 40; reads++) {
        fake_reset();
        struct fake *f = fake_endpoint(0, 1, 0);
        fake_multi(f);
        f->reads_left = reads + 1;
        fake_add(0, 2, 0, ID, 0);
        fake_scan();
        struct pci_function *function = found(0, 1, 0);
        assert_non_null(found(0, 2, 0));
        assert_true(inventory.count == (function ? 2 : 1));
        assert_true(function == NULL || function->class_code == 0x020000);
        assert_true(function != NULL || inventory.warning_count > 0);
    }
}

static void test_full(void **state)
{
    (void)state;
    fake_reset();
    for (uint32_t i = 0; i < PCI_MAX_FUNCTIONS + 3; i++) {
        struct fake *f = fake_add(i / 256, i / 8 % 32, i % 8, ID, 0);
        fake_multi(f);
    }
    fake_scan();
    assert_int_equal(inventory.count, PCI_MAX_FUNCTIONS);
    assert_int_equal(inventory.lost, 1); /* the other functions of its device are not looked for */
    expect_warning(pci_address(0, PCI_MAX_FUNCTIONS / 256, 0, 0), PCI_FAULT_FULL);
}

static void test_many_warnings(void **state)
{
    (void)state;
    fake_reset();
    for (uint32_t i = 0; i < 20; i++)
        fake_add(0, i, 0, 0x0001ffff, 0);
    fake_scan();
    assert_int_equal(inventory.warning_count, 20);
    assert_int_equal(inventory.warnings[PCI_MAX_WARNINGS - 1].at.raw,
                     pci_address(0, 0, PCI_MAX_WARNINGS - 1, 0).raw);
}

/* ---- virtual functions ---- */

static void test_virtual_functions(void **state)
{
    (void)state;
    fake_reset();
    fake_port(0, 1, 1, 2, PCI_PORT_ROOT);
    struct fake *pf = fake_endpoint(1, 0, 0);
    fake_sriov(pf, 3, 0xfe, 2); /* 1:1f.6, 2:00.0, 2:00.2: beyond the physical function's bus */
    fake_scan();
    assert_int_equal(inventory.count, 5);
    assert_int_equal(inventory.warning_count, 0);
    const struct pci_function *vf = found(2, 0, 2);
    assert_int_equal(vf->vendor, 0x8086);
    assert_int_equal(vf->device, 0x1520);
    assert_int_equal(vf->class_code, 0x020000);
    assert_int_equal(vf->physical, 1);
    assert_int_equal(vf->number, 2);
    assert_int_equal(vf->parent, 0);
    assert_int_equal(vf->flags, PCI_VIRTUAL | PCI_HAS_FLR);
    assert_int_equal(found(1, 0x1f, 6)->number, 0);
}

static void test_virtual_functions_off(void **state)
{
    (void)state;
    fake_reset();
    struct fake *pf = fake_endpoint(0, 1, 0);
    uint32_t at = fake_sriov(pf, 3, 1, 1);
    fake_put(pf, at + PCI_SRIOV_CONTROL, 2, 0);
    fake_scan();
    assert_int_equal(inventory.count, 1);
}

static void test_silent_virtual_functions(void **state)
{
    (void)state;
    fake_reset();
    struct fake *pf = fake_endpoint(1, 0, 0);
    uint32_t at = fake_sriov(pf, 0, 1, 1);
    fake_put(pf, at + PCI_SRIOV_NUM_VFS, 2, 4);
    fake_scan();
    assert_int_equal(inventory.count, 1);
    expect_warning(pf->at, PCI_FAULT_VFS);
}

/* One onto another, onto the physical function, beyond all addresses, beyond the segment. */
static void test_impossible_virtual_functions(void **state)
{
    static const struct {
        uint16_t count, first, stride, good;
    } cases[] = {{2, 1, 0, 1}, {1, 0, 1, 0}, {1, 0xff00, 0, 0}, {2, 0x300, 1, 0}};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fake_reset();
        fake_access.segments[0].last_bus = i == 3 ? 2 : 255;
        struct fake *pf = fake_endpoint(1, 0, 0);
        fake_sriov(pf, cases[i].count, cases[i].first, cases[i].stride);
        fake_scan();
        assert_int_equal(inventory.count, 1 + cases[i].good);
        expect_warning(pf->at, PCI_FAULT_VFS);
    }
}

static void test_too_many_virtual_functions(void **state)
{
    (void)state;
    fake_reset();
    struct fake *pf = fake_endpoint(0, 1, 0);
    fake_sriov(pf, PCI_MAX_FUNCTIONS + 9, 0x100, 1);
    fake_add(0, 2, 0, ID, 0);
    fake_scan();
    assert_int_equal(inventory.count, PCI_MAX_FUNCTIONS);
    assert_int_equal(inventory.lost, 11); /* ten of them, and the one behind */
}

/* ---- ARI ---- */

static struct fake *ari_endpoint(uint32_t number, uint32_t next)
{
    struct fake *f = fake_endpoint(1, number / 8, number % 8);
    uint32_t at = fake_ext(f, PCI_EXT_ARI, 8);

    fake_put(f, at + PCI_ARI_CAPS, 2, next << 8);
    return f;
}

static struct fake *ari_port(bool forward)
{
    struct fake *port = fake_port(0, 1, 1, 1, PCI_PORT_ROOT);

    fake_put(port, PCI_CAP_FIRST + PCI_PCIE_CONTROL2, 2, forward ? PCI_PCIE_ARI_FORWARD : 0);
    return port;
}

static void test_ari(void **state)
{
    (void)state;
    fake_reset();
    ari_port(true);
    ari_endpoint(0, 9);
    ari_endpoint(9, 200);
    ari_endpoint(200, 0);
    ari_endpoint(1, 0); /* nobody names it */
    fake_scan();
    assert_int_equal(inventory.count, 4);
    assert_int_equal(inventory.warning_count, 0);
    assert_non_null(found(1, 1, 1));
    assert_non_null(found(1, 25, 0));
    assert_int_equal(found(1, 25, 0)->flags, PCI_MULTI);
    assert_int_equal(found(1, 0, 0)->flags, PCI_MULTI); /* though its header does not say so */

    fake_reset();
    ari_port(true);
    ari_endpoint(0, 0);
    fake_scan();
    assert_int_equal(found(1, 0, 0)->flags, 0);
}

static void test_ari_not_forwarded(void **state)
{
    (void)state;
    fake_reset();
    ari_port(false);
    ari_endpoint(0, 9);
    ari_endpoint(9, 0);
    fake_scan();
    assert_int_equal(inventory.count, 2);
}

static void test_ari_nonsense(void **state)
{
    (void)state;
    fake_reset();
    ari_port(true);
    ari_endpoint(0, 9);
    ari_endpoint(9, 9); /* itself */
    fake_scan();
    assert_int_equal(inventory.count, 3);
    expect_warning(pci_address(0, 1, 1, 1), PCI_FAULT_ARI);

    fake_reset();
    ari_port(true);
    ari_endpoint(0, 9); /* nobody there */
    fake_scan();
    assert_int_equal(inventory.count, 2);
    assert_int_equal(found(1, 0, 0)->flags, PCI_MULTI); /* somebody may be there */
    expect_warning(pci_address(0, 1, 1, 1), PCI_FAULT_ARI);
}

/* ---- silence ---- */

static void test_silence(void **state)
{
    (void)state;
    fake_reset();
    struct fake *bridge = fake_bridge(0, 1, 0, 1, 1);
    struct fake *master = fake_add(1, 0, 0, ID, 0);
    struct fake *quiet = fake_add(1, 1, 0, ID, 0);
    fake_put(bridge, PCI_COMMAND, 2, 7);
    fake_put(master, PCI_COMMAND, 2, 7);
    fake_scan();
    assert_int_equal(pci_silence(&fake_access, &inventory), 1);
    assert_int_equal(fake_get(bridge, PCI_COMMAND, 2), 7 | PCI_COMMAND_NO_INTX);
    assert_int_equal(fake_get(master, PCI_COMMAND, 2), 3 | PCI_COMMAND_NO_INTX);
    assert_int_equal(fake_get(quiet, PCI_COMMAND, 2), 3 | PCI_COMMAND_NO_INTX);

    pci_deafen(&fake_access, found(1, 0, 0));
    pci_deafen(&fake_access, found(0, 1, 0));
    assert_int_equal(fake_get(master, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX);
    assert_int_equal(fake_get(bridge, PCI_COMMAND, 2), 7 | PCI_COMMAND_NO_INTX);
}

/* It goes on forwarding, but firmware may have wanted to hear of hot plug, power and errors. */
static void test_silence_of_bridges(void **state)
{
    struct fake *f[2];
    uint32_t msi[2], msix = 0;

    (void)state;
    fake_reset();
    for (uint32_t i = 0; i < ARRAY_COUNT(f); i++) {
        f[i] = fake_port(0, 1 + i, 1 + i, 1 + i, PCI_PORT_ROOT);
        fake_put(f[i], PCI_COMMAND, 2, 7);
        msi[i] = fake_cap(f[i], PCI_CAP_MSI, 16);
        fake_put(f[i], msi[i] + PCI_MSI_CONTROL, 2, i == 0 ? PCI_MSI_64 | 1 : 0xffff);
        fake_let_write(f[i], msi[i] + PCI_MSI_CONTROL, 2, 0x71);
    }
    fake_msix(f[0], 2, 0, 0x800);
    msix = f[0]->last_cap;
    fake_put(f[0], msix + PCI_MSIX_CONTROL, 2, 0x8001);
    fake_let_write(f[0], msix + PCI_MSIX_CONTROL, 2, 0xc000);
    fake_scan();
    assert_int_equal(pci_silence(&fake_access, &inventory), 0);
    assert_int_equal(fake_get(f[0], PCI_COMMAND, 2), 7 | PCI_COMMAND_NO_INTX);
    assert_int_equal(fake_get(f[0], msi[0] + PCI_MSI_CONTROL, 2), PCI_MSI_64);
    assert_int_equal(fake_get(f[0], msix + PCI_MSIX_CONTROL, 2), 1);
    assert_int_equal(fake_get(f[1], msi[1] + PCI_MSI_CONTROL, 2) & 1, 0);
}

/* Virtual functions have no such bit of their own: their physical one's is theirs. */
static void test_no_snoop_of_virtual_functions(void **state)
{
    struct fake *f[3];
    uint32_t at = 0;

    (void)state;
    fake_reset();
    for (uint32_t i = 0; i < ARRAY_COUNT(f); i++) {
        f[i] = fake_endpoint(0, 1 + i, 0);
        at = f[i]->last_cap + 8u;
        fake_put(f[i], at, 2, i == 2 ? 0xffff : 0x2810);
        fake_let_write(f[i], at, 2, 0xffff);
    }
    fake_ext(f[1], PCI_EXT_SRIOV, 0x40);
    fake_ext(f[2], PCI_EXT_SRIOV, 0x40);
    fake_scan();
    pci_silence(&fake_access, &inventory);
    assert_int_equal(fake_get(f[0], at, 2), 0x2810);
    assert_int_equal(fake_get(f[1], at, 2), 0x2010);
    assert_int_equal(fake_get(f[2], at, 2), 0xffff); /* it does not answer */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_odd_headers),
        cmocka_unit_test(test_multi_function),
        cmocka_unit_test(test_bridges),
        cmocka_unit_test(test_one_device_below_a_port),
        cmocka_unit_test(test_nonsense_bridges),
        cmocka_unit_test(test_bridge_without_buses),
        cmocka_unit_test(test_two_bridges_to_one_bus),
        cmocka_unit_test(test_cardbus),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_work_is_bounded),
        cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_vanishing),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_many_warnings),
        cmocka_unit_test(test_virtual_functions),
        cmocka_unit_test(test_virtual_functions_off),
        cmocka_unit_test(test_silent_virtual_functions),
        cmocka_unit_test(test_impossible_virtual_functions),
        cmocka_unit_test(test_too_many_virtual_functions),
        cmocka_unit_test(test_ari),
        cmocka_unit_test(test_ari_not_forwarded),
        cmocka_unit_test(test_ari_nonsense),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_silence_of_bridges),
        cmocka_unit_test(test_no_snoop_of_virtual_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
