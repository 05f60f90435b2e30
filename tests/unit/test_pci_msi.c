/* SPDX-License-Identifier: MIT */
/* MSIs of functions that the hypervisor itself uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/pci_machine.h"

#define ADDRESS 0xfee03000u
#define DATA    0x400

static struct fake *function;
static uint32_t cap;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    function = fake_add(0, 0, 2, 0x10221481, 0x080600);
    fake_cap(function, 0x0f, 24);
    cap = fake_cap(function, PCI_CAP_MSI, 24);
    fake_let_write(function, cap + 2, 2, 0x71);
    for (uint32_t reg = 4; reg < 24; reg += 4) {
        fake_let_write(function, cap + reg, 4, UINT32_MAX);
        fake_put(function, cap + reg, 4, 0x5a5a5a5a);
    }
    return 0;
}

static bool sent(uint64_t address)
{
    return pci_msi_send(&fake_access, pci_address(0, 0, 0, 2), address, DATA);
}

/* Each layout of the capability; of firmware's settings nothing stays. */
static void test_layouts(void **state)
{
    static const struct {
        uint16_t control;
        uint32_t data, mask; /* where they are; 0: nowhere */
    } cases[] = {
        {0x0077, 8, 0}, {0x00f7, 12, 0}, {0x0177, 8, 12}, {0x01f7, 12, 16}, {0x0000, 8, 0}};

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        setup(state);
        fake_put(function, cap + 2, 2, cases[i].control);
        assert_true(sent(ADDRESS));
        assert_int_equal(fake_get(function, cap + 2, 2), (cases[i].control & ~0x70) | 1);
        assert_int_equal(fake_get(function, cap + 4, 4), ADDRESS);
        assert_int_equal(fake_get(function, cap + cases[i].data, 2), DATA);
        if (cases[i].data == 12)
            assert_int_equal(fake_get(function, cap + 8, 4), 0);
        if (cases[i].mask != 0)
            assert_int_equal(fake_get(function, cap + cases[i].mask, 4), 0);
        assert_true(fake_get(function, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
    }
}

static void test_without(void **state)
{
    (void)state;
    assert_false(sent(UINT64_C(0x100fee03000))); /* it has 32 bits */
    fake_let_write(function, cap + 2, 2, 0);
    assert_false(sent(ADDRESS)); /* it does not go on */
    fake_put(function, cap, 1, 0x05 + 1);
    assert_false(sent(ADDRESS));
    assert_int_equal(fake_get(function, cap + 4, 4), ADDRESS); /* from before */
    fake_put(function, cap + 1, 1, cap);
    fake_reads = 0;
    assert_false(sent(ADDRESS)); /* a list without end */
    assert_true(fake_reads < 60);
    fake_put(function, 0xfc, 1, PCI_CAP_MSI);
    fake_put(function, cap + 1, 1, 0xfc);
    assert_false(sent(ADDRESS)); /* beyond the space */
    fake_put(function, PCI_STATUS, 2, 0);
    assert_false(sent(ADDRESS));
    fake_count = 0;
    assert_false(sent(ADDRESS)); /* nobody there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_layouts, setup),
        cmocka_unit_test_setup(test_without, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
