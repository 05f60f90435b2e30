/* SPDX-License-Identifier: MIT */
/* Sizes of BARs, found out without disturbing what firmware set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/pci_machine.h"

#define BAR(n) (PCI_BAR0 + 4 * (n))
#define WIDE   (PCI_BAR_TYPE_64 << 1)

static struct fake *plain(void)
{
    fake_reset();
    return fake_endpoint(0, 1, 0);
}

static const struct pci_function *size_it(void)
{
    fake_scan();
    pci_size_bars(&fake_access, &inventory);
    return &inventory.functions[0];
}

static void expect_bar(const struct pci_bar *bar, enum pci_bar_kind kind, uint64_t base,
                       uint64_t size)
{
    assert_int_equal(bar->kind, kind);
    assert_int_equal(bar->base, base);
    assert_int_equal(pci_bar_size(bar), size);
}

static void test_kinds(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_bar(f, BAR(0), 0xfebc0000, KIB(128), 0);
    fake_bar(f, BAR(1), 0xc040, 32, PCI_BAR_IS_IO);
    fake_bar(f, BAR(2), 0x8000000000, GIB(16), WIDE | PCI_BAR_PREFETCH);
    fake_bar(f, BAR(4), 0xfe000000, KIB(16), WIDE);
    fake_bar(f, PCI_ROM_BAR, 0xfeb80000, KIB(256), 1);
    fake_let_write(f, PCI_ROM_BAR, 4, 0xfffc0001);
    uint8_t before[PCI_CONFIG_SIZE];
    memcpy(before, f->space, sizeof(before));
    const struct pci_function *function = size_it();

    expect_bar(&function->bars[0], PCI_BAR_32, 0xfebc0000, KIB(128));
    expect_bar(&function->bars[1], PCI_BAR_IO, 0xc040, 32);
    expect_bar(&function->bars[2], PCI_BAR_64, 0x8000000000, GIB(16));
    expect_bar(&function->bars[3], PCI_BAR_NONE, 0, 0);
    expect_bar(&function->bars[4], PCI_BAR_64, 0xfe000000, KIB(16));
    expect_bar(&function->bars[PCI_ROM], PCI_BAR_32, 0xfeb80000, KIB(256));
    assert_true(function->bars[2].prefetchable);
    assert_false(function->bars[0].prefetchable);
    assert_int_equal(inventory.warning_count, 0);
    assert_memory_equal(before, f->space, sizeof(before)); /* all is as it was */
    assert_false(fake_sized_while_decoding);
}

static void test_without_address(void **state)
{
    (void)state;
    fake_bar(plain(), BAR(0), 0, KIB(4), 0);
    expect_bar(&size_it()->bars[0], PCI_BAR_32, 0, KIB(4));
    assert_int_equal(inventory.warning_count, 0);
}

/* The upper 16 bits of an I/O BAR need not be there. */
static void test_narrow_io(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_bar(f, BAR(5), 0xe000, 256, PCI_BAR_IS_IO);
    fake_let_write(f, BAR(5), 4, 0xff00);
    expect_bar(&size_it()->bars[5], PCI_BAR_IO, 0xe000, 256);
}

/* A 64-bit BAR whose upper half cannot be written, as it stands for less than 4 GiB. */
static void test_narrow_64(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_bar(f, BAR(0), 0xe0000000, MIB(1), WIDE);
    fake_let_write(f, BAR(1), 4, 0);
    expect_bar(&size_it()->bars[0], PCI_BAR_64, 0xe0000000, MIB(1));
}

static void test_nonsense(void **state)
{
    static const struct {
        uint32_t bar, value, mask, high, high_mask;
    } cases[] = {
        {0, 0xfe000000, 0xff0ff000, 0, 0},       /* a hole in the mask */
        {0, 0x00000001, 0, 0, 0},                /* the same for ports */
        {0, 0x0001c001, 0xfffffff0, 0, 0},       /* a port beyond 64 Ki */
        {0, 0xfe000004, 0xfffff000, 0x100, ~0u}, /* beyond 40 bits */
        {0, 0xfe000004, 0, 0, ~0xfu},            /* 64 GiB, but the base is not a multiple */
        {5, 0xfe000004, 0xfffff000, 0, 0},       /* its upper half would be another register */
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fake *f = plain();
        fake_put(f, BAR(cases[i].bar), 4, cases[i].value);
        fake_let_write(f, BAR(cases[i].bar), 4, cases[i].mask);
        fake_put(f, BAR(cases[i].bar) + 4, 4, cases[i].high);
        fake_let_write(f, BAR(cases[i].bar) + 4, 4, cases[i].high_mask);
        const struct pci_bar *bar = &size_it()->bars[cases[i].bar];
        assert_int_equal(bar->kind, PCI_BAR_BROKEN);
        assert_int_equal(pci_bar_size(bar), 0);
        assert_true(inventory.warning_count >= 1);
        assert_int_equal(inventory.warnings[0].fault, PCI_FAULT_BAR);
        assert_int_equal(fake_get(f, BAR(cases[i].bar), 4), cases[i].value);
    }
}

/* Off, its address means nothing. */
static void test_rom_that_is_off(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_put(f, PCI_ROM_BAR, 4, 0xfeb80000);
    fake_let_write(f, PCI_ROM_BAR, 4, 0xffff0001);
    expect_bar(&size_it()->bars[PCI_ROM], PCI_BAR_32, 0, KIB(64));
    assert_int_equal(inventory.warning_count, 0);
}

static void test_broken_rom(void **state)
{
    (void)state;
    struct fake *f = plain();
    fake_put(f, PCI_ROM_BAR, 4, 0xfeb80000);
    fake_let_write(f, PCI_ROM_BAR, 4, 0xfff0f000);
    assert_int_equal(size_it()->bars[PCI_ROM].kind, PCI_BAR_BROKEN);
    assert_int_equal(inventory.warning_count, 1);
}

/* A bridge has two BARs; the bus numbers behind them are not written. */
static void test_bridges(void **state)
{
    (void)state;
    fake_reset();
    struct fake *f = fake_bridge(0, 1, 0, 2, 3);
    memset(&f->writable[BAR(2)], 0xff, 4);
    fake_bar(f, BAR(0), 0xfe000000, KIB(4), 0);
    fake_put(f, BAR(1), 4, 0xfd000004);
    const struct pci_function *function = size_it();
    expect_bar(&function->bars[0], PCI_BAR_32, 0xfe000000, KIB(4));
    assert_int_equal(function->bars[1].kind, PCI_BAR_BROKEN);
    assert_int_equal(fake_get(f, PCI_BUS_NUMBERS, 4), 0x030200);
}

static void test_host_bridge_is_left_alone(void **state)
{
    (void)state;
    fake_reset();
    struct fake *f = fake_add(0, 0, 0, 0x808629c0, 0x060000);
    fake_bar(f, BAR(0), 0xfe000000, KIB(4), 0);
    expect_bar(&size_it()->bars[0], PCI_BAR_NONE, 0, 0);
}

/* ---- of virtual functions ---- */

static uint32_t with_virtual(struct fake **pf)
{
    fake_reset();
    *pf = fake_endpoint(0, 1, 0);
    uint32_t at = fake_sriov(*pf, 3, 0x80, 2);
    fake_bar(*pf, at + PCI_SRIOV_BAR0, 0x9000000000, KIB(16), WIDE);
    fake_bar(*pf, at + PCI_SRIOV_BAR0 + 12, 0, KIB(4), 0);
    return at;
}

static void test_virtual(void **state)
{
    struct fake *pf;

    (void)state;
    uint32_t at = with_virtual(&pf);
    size_it();
    assert_int_equal(inventory.count, 4);
    for (uint32_t i = 0; i < 3; i++) {
        const struct pci_function *vf = &inventory.functions[1 + i];
        expect_bar(&vf->bars[0], PCI_BAR_64, 0x9000000000 + i * KIB(16), KIB(16));
        expect_bar(&vf->bars[3], PCI_BAR_32, 0, KIB(4));
        expect_bar(&vf->bars[PCI_ROM], PCI_BAR_NONE, 0, 0);
    }
    expect_bar(&inventory.functions[0].bars[0], PCI_BAR_NONE, 0, 0);
    assert_int_equal(fake_get(pf, at + PCI_SRIOV_CONTROL, 2), PCI_SRIOV_ENABLE | PCI_SRIOV_MEMORY);
}

static void test_virtual_nonsense(void **state)
{
    struct fake *pf;

    (void)state;
    uint32_t at = with_virtual(&pf);
    fake_bar(pf, at + PCI_SRIOV_BAR0, (UINT64_C(1) << 40) - KIB(32), KIB(16), WIDE);
    fake_bar(pf, at + PCI_SRIOV_BAR0 + 12, 0xc000, 32, PCI_BAR_IS_IO);
    size_it();
    assert_int_equal(inventory.functions[2].bars[0].kind, PCI_BAR_64);
    assert_int_equal(inventory.functions[3].bars[0].kind, PCI_BAR_BROKEN); /* beyond the end */
    assert_int_equal(inventory.functions[1].bars[3].kind, PCI_BAR_BROKEN); /* ports */
}

/* ---- where the MSI-X table is ---- */

static void test_msix_place(void **state)
{
    static const struct {
        uint32_t table, pba;
        bool bad;
    } cases[] = {
        {0x0000, 0x0800, false}, {0x07c0, 0x0ff8, false}, {0x0fc8, 0x0800, true},
        {0x0001, 0x0800, true},  {0x0002, 0x0800, true},  {0x0000, 0x0805, true},
        {0x0007, 0x0800, true},  {0x0000, 0x1000, true},  {0xfffffff8, 0x800, true},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fake *f = plain();
        fake_bar(f, BAR(0), 0xfe000000, KIB(4), 0);
        fake_bar(f, BAR(2), 0xc000, 256, PCI_BAR_IS_IO);
        fake_msix(f, 4, cases[i].table, cases[i].pba);
        assert_int_equal((size_it()->flags & PCI_MSIX_BAD) != 0, cases[i].bad);
        assert_int_equal(inventory.warning_count, cases[i].bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_without_address),
        cmocka_unit_test(test_narrow_io),
        cmocka_unit_test(test_narrow_64),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_rom_that_is_off),
        cmocka_unit_test(test_broken_rom),
        cmocka_unit_test(test_bridges),
        cmocka_unit_test(test_host_bridge_is_left_alone),
        cmocka_unit_test(test_virtual),
        cmocka_unit_test(test_virtual_nonsense),
        cmocka_unit_test(test_msix_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
