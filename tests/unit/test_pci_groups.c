/* SPDX-License-Identifier: MIT */
/* Isolation groups, requester ids and resets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/pci_machine.h"

static bool together(const struct pci_function *a, const struct pci_function *b)
{
    assert_non_null(a);
    assert_non_null(b);
    return a->group == b->group;
}

/* The first member of each group gives it its number. */
static void check_numbers(void)
{
    for (uint32_t i = 0; i < inventory.count; i++) {
        uint16_t group = inventory.functions[i].group;
        assert_true(group <= i);
        assert_int_equal(inventory.functions[group].group, group);
    }
}

static void make(void)
{
    fake_inventory();
    check_numbers();
}

/* ---- root buses ---- */

static void test_integrated(void **state)
{
    (void)state;
    fake_reset();
    fake_add(0, 2, 0, 0x80861234, 0x030000);
    fake_add(0, 3, 0, 0x80861234, 0x030000);
    fake_multi(fake_add(0, 4, 0, 0x80861234, 0));
    fake_add(0, 4, 3, 0x80861234, 0);
    make();
    assert_false(together(found(0, 2, 0), found(0, 3, 0)));
    assert_false(together(found(0, 2, 0), found(0, 4, 0)));
    assert_true(together(found(0, 4, 0), found(0, 4, 3)));
}

static void test_functions_with_acs(void **state)
{
    (void)state;
    for (uint32_t with = 0; with < 4; with++) {
        fake_reset();
        for (uint32_t i = 0; i < 3; i++) {
            struct fake *f = fake_endpoint(0, 5, i);
            fake_multi(f);
            if (i < with)
                fake_acs(f);
        }
        make();
        /* One without it reaches all others. */
        assert_int_equal(together(found(0, 5, 0), found(0, 5, 1)), with < 3);
        assert_int_equal(together(found(0, 5, 1), found(0, 5, 2)), with < 3);
    }
}

static void test_acs_is_turned_on(void **state)
{
    (void)state;
    fake_reset();
    struct fake *port = fake_port(0, 1, 1, 1, PCI_PORT_ROOT);
    uint32_t at = fake_acs(port);
    fake_put(port, at + PCI_ACS_CONTROL, 2, 0x60); /* egress control, direct translated */
    fake_let_write(port, at + PCI_ACS_CONTROL, 2, 0x7f);
    fake_endpoint(1, 0, 0);
    make();
    assert_int_equal(fake_get(port, at + PCI_ACS_CONTROL, 2), 0x1f);
    assert_false(together(found(0, 1, 0), found(1, 0, 0)));

    /* What it lacks it does not need; what does not stay on counts as off. */
    fake_put(port, at + PCI_ACS_CAPS, 2, PCI_ACS_SV);
    make();
    assert_int_equal(fake_get(port, at + PCI_ACS_CONTROL, 2), PCI_ACS_SV);
    assert_false(together(found(0, 1, 0), found(1, 0, 0)));
    fake_put(port, at + PCI_ACS_CAPS, 2, 0x1f);
    fake_let_write(port, at + PCI_ACS_CONTROL, 2, PCI_ACS_SV);
    make();
    assert_true(together(found(0, 1, 0), found(1, 0, 0)));
}

/* ---- root ports ---- */

static void test_root_ports(void **state)
{
    (void)state;
    fake_reset();
    struct fake *walled = fake_port(0, 1, 1, 1, PCI_PORT_ROOT);
    fake_acs(walled);
    fake_port(0, 2, 2, 2, PCI_PORT_ROOT);
    fake_port(0, 3, 3, 3, PCI_PORT_ROOT);
    for (uint32_t bus = 1; bus <= 3; bus++)
        fake_endpoint(bus, 0, 0);
    make();
    assert_false(together(found(0, 1, 0), found(1, 0, 0)));
    assert_true(together(found(0, 2, 0), found(2, 0, 0)));
    assert_true(together(found(0, 3, 0), found(3, 0, 0)));
    assert_false(together(found(2, 0, 0), found(3, 0, 0)));
}

/* Ports that are functions of one device. */
static void test_root_ports_of_one_device(void **state)
{
    (void)state;
    for (uint32_t with = 0; with < 3; with++) {
        fake_reset();
        for (uint32_t i = 0; i < 2; i++) {
            struct fake *port = fake_bridge(0, 0x1c, i, i + 1, i + 1);
            fake_pcie(port, PCI_PORT_ROOT);
            fake_multi(port);
            if (i < with)
                fake_acs(port);
            fake_endpoint(i + 1, 0, 0);
        }
        make();
        assert_int_equal(together(found(1, 0, 0), found(2, 0, 0)), with < 2);
        assert_int_equal(together(found(1, 0, 0), found(0, 0x1c, 0)), with < 2);
    }
}

/* ---- switches ---- */

static struct fake *switch_port[3];

/* A root port, a switch with two ports below, an endpoint below each. */
static void add_switch(void)
{
    fake_reset();
    fake_acs(fake_port(0, 1, 1, 4, PCI_PORT_ROOT));
    fake_port(1, 0, 2, 4, PCI_PORT_UPSTREAM);
    for (uint32_t i = 0; i < 2; i++) {
        switch_port[i] = fake_port(2, i, 3 + i, 3 + i, PCI_PORT_DOWNSTREAM);
        fake_endpoint(3 + i, 0, 0);
    }
}

static void test_switch(void **state)
{
    (void)state;
    for (uint32_t with = 0; with < 3; with++) {
        add_switch();
        for (uint32_t i = 0; i < with; i++)
            fake_acs(switch_port[i]);
        make();
        /* What comes in at a port without ACS can leave by the other one. */
        assert_int_equal(together(found(3, 0, 0), found(4, 0, 0)), with < 2);
        assert_int_equal(together(found(3, 0, 0), found(1, 0, 0)), with < 2);
        assert_false(together(found(3, 0, 0), found(0, 1, 0)));
    }
}

static void test_switch_below_open_port(void **state)
{
    (void)state;
    add_switch();
    fake_acs(switch_port[0]);
    fake_acs(switch_port[1]);
    fakes[0].last_ext = 0; /* the root port loses its ACS */
    fake_put(&fakes[0], PCI_EXT_FIRST, 4, 0);
    make();
    assert_true(together(found(3, 0, 0), found(4, 0, 0)));
    assert_true(together(found(3, 0, 0), found(0, 1, 0)));
}

/* A function that is part of the switch reaches its ports. */
static void test_switch_with_more(void **state)
{
    (void)state;
    add_switch();
    fake_acs(switch_port[0]);
    fake_acs(switch_port[1]);
    fake_multi(&fakes[1]);
    fake_endpoint(1, 0, 1);
    make();
    assert_true(together(found(1, 0, 1), found(3, 0, 0)));

    add_switch();
    fake_acs(switch_port[0]);
    fake_acs(switch_port[1]);
    fake_endpoint(2, 9, 0);
    make();
    assert_true(together(found(2, 9, 0), found(3, 0, 0)));
}

/* ---- conventional buses ---- */

static void test_conventional_bridge(void **state)
{
    uint16_t ids[PCI_MAX_REQUESTERS];

    (void)state;
    fake_reset();
    fake_bridge(0, 0x1e, 0, 5, 6);
    fake_add(5, 1, 0, 0x80861234, 0x020000);
    fake_add(5, 2, 0, 0x80861234, 0x020000);
    fake_bridge(5, 3, 0, 6, 6);
    fake_add(6, 0, 0, 0x80861234, 0x020000);
    make();
    assert_true(together(found(5, 1, 0), found(5, 2, 0)));
    assert_true(together(found(5, 1, 0), found(0, 0x1e, 0)));
    assert_true(together(found(5, 1, 0), found(6, 0, 0)));
    assert_int_equal(found(6, 0, 0)->alias, 0x00f0);
    assert_int_equal(found(0, 0x1e, 0)->alias, 0x00f0);
    assert_int_equal(pci_requesters(&inventory, pci_find(&inventory, pci_address(0, 6, 0, 0)), ids),
                     2);
    assert_int_equal(ids[0], 0x0600);
    assert_int_equal(ids[1], 0x00f0);
}

static void test_express_to_pci(void **state)
{
    uint16_t ids[PCI_MAX_REQUESTERS];

    (void)state;
    fake_reset();
    fake_acs(fake_port(0, 1, 1, 2, PCI_PORT_ROOT));
    fake_port(1, 0, 2, 2, PCI_PORT_TO_PCI);
    fake_add(2, 7, 0, 0x80861234, 0x020000);
    fake_add(2, 8, 0, 0x80861234, 0x020000);
    make();
    assert_true(together(found(2, 7, 0), found(2, 8, 0)));
    assert_true(together(found(2, 7, 0), found(1, 0, 0)));
    assert_false(together(found(2, 7, 0), found(0, 1, 0)));
    assert_int_equal(found(2, 7, 0)->alias, 0x0200);
    assert_int_equal(pci_requesters(&inventory, pci_find(&inventory, pci_address(0, 2, 7, 0)), ids),
                     3);
    assert_int_equal(ids[1], 0x0200);
    assert_int_equal(ids[2], 0x0100);
    assert_int_equal(pci_requesters(&inventory, 0, ids), 1);

    /* The one that has the bus' number itself. */
    fake_add(2, 0, 0, 0x80861234, 0);
    make();
    assert_int_equal(pci_requesters(&inventory, pci_find(&inventory, pci_address(0, 2, 0, 0)), ids),
                     2);
    assert_int_equal(ids[0], 0x0200);
    assert_int_equal(ids[1], 0x0100);
}

/* A bridge of a kind that bridges cannot be. */
static void test_strange_bridge(void **state)
{
    (void)state;
    fake_reset();
    fake_port(0, 1, 1, 1, PCI_PORT_ENDPOINT);
    fake_endpoint(1, 0, 0);
    struct fake *f = fake_port(0, 2, 2, 2, PCI_PORT_ROOT);
    fake_put(f, PCI_CAP_FIRST + PCI_PCIE_CAPS, 2, 2 | 15 << 4);
    fake_endpoint(2, 0, 0);
    make();
    assert_true(together(found(0, 1, 0), found(1, 0, 0)));
    assert_true(together(found(0, 2, 0), found(2, 0, 0)));
}

/* ---- virtual functions ---- */

static void test_virtual(void **state)
{
    (void)state;
    fake_reset();
    fake_acs(fake_port(0, 1, 1, 1, PCI_PORT_ROOT));
    fake_sriov(fake_endpoint(1, 0, 0), 3, 0x80, 1);
    make();
    assert_false(together(found(1, 0, 0), found(1, 16, 0)));
    assert_false(together(found(1, 16, 1), found(1, 16, 0)));
}

/* Of a device with several functions that does not keep them apart: what another function of it
 * sends may turn round inside and reach a virtual function, whatever this one redirects itself. */
static void test_virtual_of_several(void **state)
{
    (void)state;
    fake_reset();
    fake_acs(fake_port(0, 1, 1, 1, PCI_PORT_ROOT));
    struct fake *pf = fake_endpoint(1, 0, 0);
    fake_multi(pf);
    fake_sriov(pf, 3, 0x80, 1);
    fake_endpoint(1, 0, 1);
    fake_acs(fake_find(pci_address(0, 1, 16, 2)));
    make();
    assert_true(together(found(1, 0, 0), found(1, 0, 1)));
    assert_true(together(found(1, 0, 0), found(1, 16, 0)));
    assert_true(together(found(1, 0, 1), found(1, 16, 2)));
}

/* The bit in the header of function 0 is not needed: ARI names the others. */
static void test_ari_functions(void **state)
{
    (void)state;
    for (uint32_t multi = 0; multi < 2; multi++) {
        fake_reset();
        struct fake *port = fake_port(0, 1, 1, 1, PCI_PORT_ROOT);
        fake_put(port, PCI_CAP_FIRST + PCI_PCIE_CONTROL2, 2, PCI_PCIE_ARI_FORWARD);
        fake_acs(port);
        for (uint32_t i = 0; i < 2; i++) {
            struct fake *f = fake_endpoint(1, 2 * i, 0);
            uint32_t at = fake_ext(f, PCI_EXT_ARI, 8);
            fake_put(f, at + PCI_ARI_CAPS, 2, i == 0 ? 16 << 8 : 0);
            if (multi)
                fake_multi(f);
        }
        make();
        assert_true(together(found(1, 0, 0), found(1, 2, 0)));
    }
}

/* ---- resets ---- */

static void test_resets(void **state)
{
    (void)state;
    fake_reset();
    fake_port(0, 1, 1, 1, PCI_PORT_ROOT);
    struct fake *flr = fake_endpoint(1, 0, 0);
    fake_put(flr, PCI_CAP_FIRST + PCI_PCIE_DEVICE_CAPS, 4, (uint32_t)PCI_PCIE_FLR);
    struct fake *af = fake_add(0, 2, 0, 0x80861234, 0x0c0300);
    af->space[fake_cap(af, PCI_CAP_AF, 6) + PCI_AF_CAPS] = PCI_AF_FLR | PCI_AF_TP;
    fake_port(0, 3, 3, 3, PCI_PORT_ROOT);
    fake_cap(fake_endpoint(3, 0, 0), PCI_CAP_PM, 8);
    fake_cap(fake_add(0, 4, 0, 0x80861234, 0x0c0300), PCI_CAP_PM, 8);
    fake_add(0, 5, 0, 0x80861234, 0x0c0300);
    fake_port(0, 6, 6, 6, PCI_PORT_ROOT);
    fake_multi(fake_endpoint(6, 0, 0));
    fake_endpoint(6, 0, 1);
    make();
    assert_int_equal(found(1, 0, 0)->reset, PCI_RESET_FLR);
    assert_int_equal(found(0, 2, 0)->reset, PCI_RESET_AF_FLR);
    assert_int_equal(found(3, 0, 0)->reset, PCI_RESET_BUS);
    assert_int_equal(found(0, 4, 0)->reset, PCI_RESET_PM);
    assert_int_equal(found(0, 5, 0)->reset, PCI_RESET_NONE);
    assert_int_equal(found(6, 0, 1)->reset, PCI_RESET_NONE); /* not alone */
    assert_int_equal(found(0, 1, 0)->reset, PCI_RESET_NONE); /* a bridge */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integrated),
        cmocka_unit_test(test_functions_with_acs),
        cmocka_unit_test(test_acs_is_turned_on),
        cmocka_unit_test(test_root_ports),
        cmocka_unit_test(test_root_ports_of_one_device),
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_switch_below_open_port),
        cmocka_unit_test(test_switch_with_more),
        cmocka_unit_test(test_conventional_bridge),
        cmocka_unit_test(test_express_to_pci),
        cmocka_unit_test(test_strange_bridge),
        cmocka_unit_test(test_virtual),
        cmocka_unit_test(test_virtual_of_several),
        cmocka_unit_test(test_ari_functions),
        cmocka_unit_test(test_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
