/* SPDX-License-Identifier: MIT */
/* Chipsets with known mistakes: which revisions, what is masked, what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/pci_machine.h"

#define MASK 0x1ac

static struct fake *chip(uint32_t id, uint8_t revision)
{
    struct fake *f = fake_add(0, 20, 0, id, 0x080000);

    fake_pcie(f, PCI_PORT_INTEGRATED);
    fake_put(f, PCI_REVISION, 1, revision);
    fake_put(f, MASK, 4, 0x000001ff);
    fake_let_write(f, MASK, 4, UINT32_MAX);
    return f;
}

static void test_remapping(void **state)
{
    static const struct {
        uint32_t id;
        uint8_t revision;
        bool bad;
    } cases[] = {
        {0x80863403, 0x12, true},  {0x80863403, 0x13, true},  {0x80863403, 0x22, false},
        {0x80863405, 0x13, true},  {0x80863405, 0x22, true},  {0x80863405, 0x23, false},
        {0x80863406, 0x13, true},  {0x80863406, 0x22, false}, {0x80863400, 0x13, false},
        {0x10223405, 0x13, false}, {0x8086342e, 0x13, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fake_reset();
        fake_endpoint(0, 2, 0);
        chip(cases[i].id, cases[i].revision);
        fake_scan();
        assert_int_equal(pci_bad_remapping(&inventory), cases[i].bad ? 1 : PCI_NONE);
        pci_find_errata(&inventory);
        if (!cases[i].bad)
            continue;
        assert_int_equal(inventory.warning_count, 1);
        assert_int_equal(inventory.warnings[0].at.raw, pci_address(0, 0, 20, 0).raw);
        assert_int_equal(inventory.warnings[0].fault, PCI_FAULT_REMAPPING);
        pci_mask_errors(&fake_access, &inventory);
        assert_int_equal(inventory.warning_count, 1);
    }
}

static void test_errors(void **state)
{
    static const uint32_t ids[] = {0x8086342e, 0x80863c28};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        fake_reset();
        struct fake *f = chip(ids[i], 0x22), *other = chip(0x80863c2a, 0x22);
        other->at = pci_address(0, 0, 21, 0);
        fake_scan();
        pci_find_errata(&inventory);
        assert_int_equal(fake_get(f, MASK, 4), 0x1ff); /* what is said before it is done */
        assert_int_equal(inventory.warning_count, 1);
        assert_int_equal(inventory.warnings[0].fault, PCI_FAULT_VTD_ERRORS);
        pci_mask_errors(&fake_access, &inventory);
        assert_int_equal(fake_get(f, MASK, 4), 0x800001ff);
        assert_int_equal(fake_get(other, MASK, 4), 0x1ff);
        assert_int_equal(inventory.warning_count, 1);
    }
}

static void test_errors_stay(void **state)
{
    (void)state;
    for (int out_of_reach = 0; out_of_reach < 2; out_of_reach++) {
        fake_reset();
        struct fake *f = chip(0x8086342e, 0x22);
        fake_let_write(f, MASK, 4, out_of_reach ? UINT32_MAX : 0);
        if (out_of_reach)
            fake_put(f, MASK, 4, UINT32_MAX);
        fake_scan();
        pci_find_errata(&inventory);
        pci_mask_errors(&fake_access, &inventory);
        assert_int_equal(inventory.warning_count, 2);
        assert_int_equal(inventory.warnings[1].fault, PCI_FAULT_VTD_UNMASKED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remapping),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_errors_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
