/* SPDX-License-Identifier: MIT */
/* Capabilities of PCI functions, good and broken lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/pci_machine.h"

static struct fake *plain(void)
{
    fake_reset();
    return fake_add(0, 1, 0, 0x80861234, 0x020000);
}

static const struct pci_function *read_it(void)
{
    fake_scan();
    assert_int_equal(inventory.count, 1);
    return &inventory.functions[0];
}

static void expect_fault(enum pci_fault fault)
{
    assert_int_equal(inventory.warning_count, 1);
    assert_int_equal(inventory.warnings[0].fault, fault);
}

static void test_none(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_cap(f, PCI_CAP_MSI, 24);
    fake_put(f, PCI_STATUS, 2, 0); /* the list does not count */
    const struct pci_function *function = read_it();
    assert_int_equal(function->caps.msi, 0);
    assert_int_equal(inventory.warning_count, 0);
}

static void test_pm(void **state)
{
    (void)state;
    struct fake *f = plain();
    uint32_t at = fake_cap(f, PCI_CAP_PM, 8);
    assert_int_equal(read_it()->flags, PCI_HAS_PM_RESET);
    assert_int_equal(inventory.functions[0].caps.pm, at);
    fake_put(f, at + PCI_PM_CONTROL, 2, PCI_PM_NO_SOFT_RESET);
    assert_int_equal(read_it()->flags, 0);
}

static void test_msi(void **state)
{
    (void)state;
    struct fake *f = plain();
    uint32_t at = fake_cap(f, PCI_CAP_MSI, 24);
    fake_put(f, at + PCI_MSI_CONTROL, 2, PCI_MSI_64 | PCI_MSI_MASKABLE | 3 << 1);
    const struct pci_function *function = read_it();
    assert_int_equal(function->caps.msi, at);
    assert_int_equal(function->caps.msi_vectors, 8);
    assert_int_equal(function->flags, PCI_MSI_WIDE | PCI_MSI_MASKS);
    fake_put(f, at + PCI_MSI_CONTROL, 2, 7 << 1); /* reserved */
    assert_int_equal(read_it()->caps.msi_vectors, 1);
    assert_int_equal(inventory.functions[0].flags, 0);
}

/* The last place where it fits; where it does not, it is none, and nothing else is lost. */
static void test_msi_beyond_the_end(void **state)
{
    static const struct {
        uint32_t at, control, found;
    } cases[] = {
        {0xf4, 0, 0xf4},
        {0xf4, PCI_MSI_64, 0},
        {0xf0, PCI_MSI_64, 0xf0},
        {0xf0, PCI_MSI_MASKABLE, 0},
        {0xec, PCI_MSI_MASKABLE, 0xec},
        {0xec, PCI_MSI_64 | PCI_MSI_MASKABLE, 0},
        {0xe8, PCI_MSI_64 | PCI_MSI_MASKABLE, 0xe8},
    };
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fake *f = plain();
        f->next_cap = (uint8_t)cases[i].at;
        uint32_t at = fake_cap(f, PCI_CAP_MSI, 10);
        fake_put(f, at + PCI_MSI_CONTROL, 2, cases[i].control);
        const struct pci_function *function = read_it();
        assert_int_equal(function->caps.msi, cases[i].found);
        assert_int_equal(function->caps.msi_vectors, cases[i].found ? 1 : 0);
    }
}

static void test_msix(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_msix(f, 2048, 0x2003, 0xa004);
    const struct pci_caps *caps = &read_it()->caps;
    assert_int_equal(caps->msix, PCI_CAP_FIRST);
    assert_int_equal(caps->msix_vectors, 2048);
    assert_int_equal(caps->msix_bar, 3);
    assert_int_equal(caps->msix_offset, 0x2000);
    assert_int_equal(caps->pba_bar, 4);
    assert_int_equal(caps->pba_offset, 0xa000);
}

static void test_pcie(void **state)
{
    (void)state;
    struct fake *f = plain();
    uint32_t at = fake_pcie(f, PCI_PORT_ENDPOINT);
    fake_put(f, at + PCI_PCIE_DEVICE_CAPS, 4, (uint32_t)PCI_PCIE_FLR);
    const struct pci_function *function = read_it();
    assert_int_equal(function->caps.pcie, at);
    assert_int_equal(function->port, PCI_PORT_ENDPOINT);
    assert_int_equal(function->flags, PCI_HAS_FLR);

    fake_reset();
    f = fake_bridge(0, 1, 0, 0, 0);
    at = fake_pcie(f, PCI_PORT_DOWNSTREAM);
    fake_put(f, at + PCI_PCIE_CAPS, 2, 2 | PCI_PORT_DOWNSTREAM << 4 | PCI_PCIE_SLOT);
    fake_put(f, at + PCI_PCIE_CONTROL2, 2, PCI_PCIE_ARI_FORWARD);
    assert_int_equal(read_it()->flags, PCI_HAS_SLOT | PCI_ARI_FORWARD | PCI_BRIDGE_BAD);
    fake_put(f, at + PCI_PCIE_CAPS, 2, 1 | PCI_PORT_DOWNSTREAM << 4); /* no such register yet */
    assert_int_equal(read_it()->flags, PCI_BRIDGE_BAD);
}

static void test_af(void **state)
{
    (void)state;
    struct fake *f = plain();
    uint32_t at = fake_cap(f, PCI_CAP_AF, 6);
    f->space[at + PCI_AF_CAPS] = PCI_AF_FLR;
    assert_int_equal(read_it()->flags, 0);
    f->space[at + PCI_AF_CAPS] = PCI_AF_FLR | PCI_AF_TP;
    assert_int_equal(read_it()->flags, PCI_HAS_AF_FLR);
    assert_int_equal(inventory.functions[0].caps.af, at);
}

/* The first of a kind counts. */
static void test_twice(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_cap(f, PCI_CAP_PM, 8);
    fake_cap(f, PCI_CAP_PM, 8);
    fake_cap(f, PCI_CAP_MSI, 10);
    uint32_t msi = fake_cap(f, PCI_CAP_MSI, 10);
    fake_put(f, msi + PCI_MSI_CONTROL, 2, PCI_MSI_64);
    fake_msix(f, 3, 0, 0);
    fake_msix(f, 5, 0, 0);
    fake_pcie(f, PCI_PORT_ENDPOINT);
    uint32_t pcie = fake_cap(f, PCI_CAP_PCIE, 20);
    fake_put(f, pcie + PCI_PCIE_DEVICE_CAPS, 4, (uint32_t)PCI_PCIE_FLR);
    const struct pci_function *function = read_it();
    assert_int_equal(inventory.warning_count, 0);
    assert_int_equal(function->caps.msix_vectors, 3);
    assert_int_equal(function->flags, PCI_HAS_PM_RESET);
    assert_int_equal(function->caps.pm, PCI_CAP_FIRST);
}

static void test_unknown_ones(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_cap(f, 0x09, 16);
    fake_cap(f, 0x00, 4);
    uint32_t at = fake_cap(f, PCI_CAP_PM, 8);
    assert_int_equal(read_it()->caps.pm, at);
    assert_int_equal(inventory.warning_count, 0);
}

/* The lower two bits of a pointer do not count, and the list may go backward. */
static void test_pointers(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_cap(f, PCI_CAP_PM, 8);
    f->space[PCI_CAPS] = 0x83;
    f->space[0x80] = 0x09;
    f->space[0x81] = PCI_CAP_FIRST | 1;
    assert_int_equal(read_it()->caps.pm, PCI_CAP_FIRST);
    assert_int_equal(inventory.warning_count, 0);
}

static void test_broken_lists(void **state)
{
    static const struct {
        uint8_t first, at, id, next;
    } cases[] = {
        {0x40, 0x40, 9, 0x40},         /* to itself */
        {0x10, 0x40, 9, 0},            /* begins in the header */
        {0x40, 0x40, 9, 0x30},         /* goes into the header */
        {0x40, 0x40, 0xff, 0xff},      /* all ones */
        {0xfc, 0xfc, PCI_CAP_PM, 0},   /* beyond the end */
        {0xf0, 0xf0, PCI_CAP_PCIE, 0}, /* in part */
        {0xf8, 0xf8, PCI_CAP_MSIX, 0},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fake *f = plain();
        fake_put(f, PCI_STATUS, 2, PCI_STATUS_CAPS);
        f->space[PCI_CAPS] = cases[i].first;
        f->space[cases[i].at] = cases[i].id;
        f->space[cases[i].at + 1] = cases[i].next;
        const struct pci_function *function = read_it();
        expect_fault(PCI_FAULT_CAPS);
        assert_int_equal(function->caps.pm | function->caps.pcie | function->caps.msix, 0);
    }
}

static void test_loop_through_two(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_cap(f, PCI_CAP_PM, 8);
    uint32_t at = fake_cap(f, PCI_CAP_MSI, 10);
    f->space[at + 1] = PCI_CAP_FIRST;
    const struct pci_function *function = read_it();
    expect_fault(PCI_FAULT_CAPS);
    assert_int_equal(function->caps.msi, at); /* what came before counts */
}

static void test_cardbus_list(void **state)
{
    (void)state;
    fake_reset();
    struct fake *f = fake_bridge(0, 1, 0, 0, 0);
    f->space[PCI_HEADER] = PCI_HEADER_CARDBUS;
    fake_put(f, PCI_STATUS, 2, PCI_STATUS_CAPS);
    f->space[PCI_CARDBUS_CAPS] = 0xa0;
    f->space[0xa0] = PCI_CAP_PM;
    assert_int_equal(read_it()->caps.pm, 0xa0);
}

/* ---- extended ---- */

static void test_extended(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_pcie(f, PCI_PORT_ENDPOINT);
    fake_ext(f, 1, 0x48);
    uint32_t acs = fake_ext(f, PCI_EXT_ACS, 8);
    uint32_t ari = fake_ext(f, PCI_EXT_ARI, 8);
    uint32_t sriov = fake_ext(f, PCI_EXT_SRIOV, 0x40);
    const struct pci_caps *caps = &read_it()->caps;
    assert_int_equal(caps->acs, acs);
    assert_int_equal(caps->ari, ari);
    assert_int_equal(caps->sriov, sriov);
    assert_int_equal(inventory.warning_count, 0);
}

/* Not without PCI Express, not by configuration mechanism #1, and not when there are none. */
static void test_no_extended(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_ext(f, PCI_EXT_ACS, 8);
    assert_int_equal(read_it()->caps.acs, 0);
    fake_pcie(f, PCI_PORT_ENDPOINT);
    assert_int_equal(read_it()->caps.acs, PCI_EXT_FIRST);
    fake_access.segments[0].ecam.raw = 0;
    assert_int_equal(read_it()->caps.acs, 0);
    fake_access.segments[0].ecam.raw = 0x1000;
    fake_put(f, PCI_EXT_FIRST, 4, 0);
    assert_int_equal(read_it()->caps.acs, 0);
    fake_put(f, PCI_EXT_FIRST, 4, UINT32_MAX);
    assert_int_equal(read_it()->caps.acs, 0);
    assert_int_equal(inventory.warning_count, 0);
}

static void test_broken_extended(void **state)
{
    static const struct {
        uint32_t header, second_at, second;
    } cases[] = {
        {1 | 0x100u << 20, 0, 0},                    /* to itself */
        {1 | 0x80u << 20, 0, 0},                     /* into the header */
        {1 | 0x800u << 20, 0x800, UINT32_MAX},       /* all ones */
        {1 | 0xffcu << 20, 0xffc, PCI_EXT_ACS},      /* in part */
        {1 | 0x200u << 20, 0x200, 1 | 0x100u << 20}, /* a loop */
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fake *f = plain();
        fake_pcie(f, PCI_PORT_ENDPOINT);
        fake_put(f, PCI_EXT_FIRST, 4, cases[i].header);
        if (cases[i].second_at)
            fake_put(f, cases[i].second_at, 4, cases[i].second);
        assert_int_equal(read_it()->caps.acs, 0);
        expect_fault(PCI_FAULT_EXT_CAPS);
        assert_true(fake_reads < PCI_BUSES * PCI_DEVICES + 600);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),         cmocka_unit_test(test_pm),
        cmocka_unit_test(test_msi),          cmocka_unit_test(test_msi_beyond_the_end),
        cmocka_unit_test(test_msix),         cmocka_unit_test(test_pcie),
        cmocka_unit_test(test_af),           cmocka_unit_test(test_twice),
        cmocka_unit_test(test_unknown_ones), cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_broken_lists), cmocka_unit_test(test_loop_through_two),
        cmocka_unit_test(test_cardbus_list), cmocka_unit_test(test_extended),
        cmocka_unit_test(test_no_extended),  cmocka_unit_test(test_broken_extended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
