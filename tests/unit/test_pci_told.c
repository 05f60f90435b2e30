/* SPDX-License-Identifier: MIT */
/* The inventory without a write: the same as with writes where firmware tells the truth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/pci/told.h"
#include "tests/unit/pci_machine.h"

#define BAR(n) (PCI_BAR0 + 4 * (n))
#define WIDE   (PCI_BAR_TYPE_64 << 1)

static struct pci_inventory sized;

static void never_write(void *context, pci_address_t at, uint32_t reg, unsigned size,
                        uint32_t value)
{
    (void)context;
    fail_msg("%x: register %x, %u bytes, %x", at.raw, reg, size, value);
}

static void look(const struct pci_told *told, uint32_t count)
{
    fake_access.write = never_write;
    pci_scan(&fake_access, &inventory);
    pci_take_told(&fake_access, &inventory, told, count);
    pci_expect_isolation(&inventory);
    pci_group(&inventory);
    pci_find_resets(&inventory);
}

static void test_same_as_sized(void **state)
{
    (void)state;
    fake_reset();
    fake_acs(fake_port(0, 1, 1, 1, PCI_PORT_ROOT));
    struct fake *f = fake_endpoint(1, 0, 0);
    fake_bar(f, BAR(0), 0xfebc0000, KIB(128), 0);
    fake_bar(f, BAR(1), 0xc040, 32, PCI_BAR_IS_IO);
    fake_bar(f, BAR(2), 0x8000000000, GIB(16), WIDE | PCI_BAR_PREFETCH);
    fake_bar(f, PCI_ROM_BAR, 0xfeb80000, KIB(256), 0);
    fake_let_write(f, PCI_ROM_BAR, 4, 0xfffc0001);
    fake_msix(f, 16, 0x1000, 0x2000);
    pci_address_t at = f->at;
    const struct pci_told told[] = {
        {at, PCI_TOLD_MEMORY, 0x8000000000, GIB(16)},
        {at, PCI_TOLD_IO, 0xc040, 32},
        {at, PCI_TOLD_ROM, 0, KIB(200)}, /* of contents */
        {at, PCI_TOLD_MEMORY, 0xfebc0000, KIB(128)},
    };
    fake_inventory();
    sized = inventory;
    for (uint32_t i = 0; i < fake_count; i++)
        fake_put(&fakes[i], PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
    look(told, ARRAY_COUNT(told));
    assert_int_equal(inventory.warning_count, 0);
    assert_int_equal(inventory.count, sized.count);
    assert_memory_equal(inventory.functions, sized.functions,
                        sized.count * sizeof(sized.functions[0]));
}

static void test_what_nobody_told(void **state)
{
    (void)state;
    fake_reset();
    struct fake *f = fake_endpoint(0, 1, 0);
    fake_bar(f, BAR(0), 0xfebc0000, KIB(128), 0);
    fake_bar(f, BAR(2), 0xc040, 32, PCI_BAR_IS_IO);
    fake_bar(f, BAR(3), 0xfe000000, KIB(4), WIDE);
    fake_put(f, PCI_ROM_BAR, 4, 0xfeb80001);
    fake_msix(f, 16, 0, 0x800);
    look(NULL, 0);
    const struct pci_function *function = &inventory.functions[0];
    assert_int_equal(function->bars[0].kind, PCI_BAR_UNKNOWN);
    assert_int_equal(function->bars[0].base, 0xfebc0000);
    assert_int_equal(function->bars[1].kind, PCI_BAR_NONE);
    assert_int_equal(function->bars[2].kind, PCI_BAR_UNKNOWN);
    assert_int_equal(function->bars[3].kind, PCI_BAR_UNKNOWN);
    assert_int_equal(function->bars[4].kind, PCI_BAR_NONE);
    assert_int_equal(function->bars[PCI_ROM].kind, PCI_BAR_UNKNOWN);
    assert_int_equal(pci_bar_size(&function->bars[0]), 0);
    assert_false(function->flags & PCI_MSIX_BAD); /* that is unknown as well */
    assert_int_equal(inventory.warning_count, 0);
}

static void test_lies(void **state)
{
    static const uint64_t sizes[] = {0, 1, 8, KIB(96), MIB(1), UINT64_MAX, BIT(63)};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        fake_reset();
        struct fake *f = fake_endpoint(0, 1, 0);
        fake_bar(f, BAR(0), 0xfebc0000, KIB(128), 0);
        fake_put(f, PCI_ROM_BAR, 4, 0xfebc0001);
        const struct pci_told told[] = {
            {f->at, PCI_TOLD_IO, 0xfebc0000, KIB(128)},               /* of the wrong kind */
            {{f->at.raw + 1}, PCI_TOLD_MEMORY, 0xfebc0000, KIB(128)}, /* of another function */
            {f->at, PCI_TOLD_MEMORY, 0xfebc0000, sizes[i]},
        };
        look(told, ARRAY_COUNT(told));
        assert_int_equal(inventory.functions[0].bars[0].kind, PCI_BAR_UNKNOWN);
    }
}

static void test_msix_outside(void **state)
{
    (void)state;
    fake_reset();
    struct fake *f = fake_endpoint(0, 1, 0);
    fake_bar(f, BAR(0), 0xfebc0000, KIB(4), 0);
    fake_msix(f, 16, 0x1000, 0x800);
    const struct pci_told told[] = {{f->at, PCI_TOLD_MEMORY, 0xfebc0000, KIB(4)}};
    look(told, 1);
    assert_true(inventory.functions[0].flags & PCI_MSIX_BAD);
    assert_int_equal(inventory.warning_count, 1);
}

static void test_virtual_functions(void **state)
{
    (void)state;
    fake_reset();
    fake_port(0, 1, 1, 2, PCI_PORT_ROOT);
    struct fake *f = fake_endpoint(1, 0, 0);
    uint32_t sriov = fake_sriov(f, 2, 0x10, 1);
    fake_put(f, sriov + PCI_SRIOV_BAR0, 4, 0xfe000000 | WIDE);
    look(NULL, 0);
    assert_int_equal(inventory.count, 4);
    assert_int_equal(inventory.functions[2].bars[0].kind, PCI_BAR_UNKNOWN);
    assert_int_equal(inventory.functions[3].bars[0].kind, PCI_BAR_UNKNOWN);
    assert_int_equal(inventory.functions[3].bars[1].kind, PCI_BAR_NONE);
    assert_int_equal(inventory.functions[3].bars[2].kind, PCI_BAR_NONE);
}

static void test_windows(void **state)
{
    static const struct pci_segment windows[] = {{{0xb0000000}, 0, 0, 255},
                                                 {{GIB(4)}, 1, 0, 0},
                                                 {{0xf0000000}, 2, 0, 255},
                                                 {{0xf0000000}, 3, 0, 254},
                                                 {{0}, 4, 0, 1}};
    struct pci_access access = {.address_end = BIT(40)};

    (void)state;
    assert_int_equal(pci_use_windows(&access, windows, ARRAY_COUNT(windows), GIB(4)), 2);
    assert_int_equal(access.segment_count, 4);
    assert_int_equal(access.segments[0].ecam.raw, 0xb0000000);
    assert_int_equal(access.segments[1].number, 2);
    assert_int_equal(access.segments[2].number, 3);
    assert_int_equal(access.segments[3].ecam.raw, 0);
    assert_int_equal(access.segments[3].last_bus, 255);
}

/* Above 4 GiB, too, as far as there are addresses. */
static void test_high_windows(void **state)
{
    static const struct pci_segment windows[] = {{{GIB(4) - MIB(1)}, 0, 0, 255},
                                                 {{BIT(40) - MIB(256)}, 1, 0, 255},
                                                 {{BIT(40) - MIB(128)}, 2, 128, 255},
                                                 {{BIT(40)}, 3, 0, 0},
                                                 {{UINT64_MAX - MIB(1) + 1}, 4, 0, 255}};
    struct pci_access access = {.address_end = BIT(40)};

    (void)state;
    assert_int_equal(pci_use_windows(&access, windows, ARRAY_COUNT(windows), PCI_WINDOWS_END), 3);
    assert_int_equal(access.segments[0].ecam.raw, GIB(4) - MIB(1));
    assert_int_equal(access.segments[1].number, 1);
    assert_int_equal(access.segment_count, 3);
    assert_int_equal(access.segments[2].ecam.raw, 0);

    access = (struct pci_access){.address_end = BIT(52)};
    assert_int_equal(pci_use_windows(&access, windows, ARRAY_COUNT(windows), BIT(40)), 3);
    access.segment_count = 0;
    assert_int_equal(pci_use_windows(&access, windows, ARRAY_COUNT(windows), PCI_WINDOWS_END), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_sized),
        cmocka_unit_test(test_what_nobody_told),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_msix_outside),
        cmocka_unit_test(test_virtual_functions),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_high_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
