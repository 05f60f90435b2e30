/* SPDX-License-Identifier: MIT */
/* Host memory for an IOMMU's driver: for each part one more unit, segment or client adds what it
 * will take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/iommu/needs.h"
#include "kernel/lib/bits.h"

static struct acpi_host host;
static struct iommu_demand demand;

static int setup(void **state)
{
    (void)state;
    memset(&host, 0, sizeof(host));
    demand = (struct iommu_demand){.clients = 1, .irqs = 24, .last_bus = 255};
    return 0;
}

static uint64_t bytes(void)
{
    return iommu_bytes(&host, &demand);
}

static void test_none(void **state)
{
    (void)state;
    assert_int_equal(bytes(), 0);
}

static void test_vtd_entries(void **state)
{
    (void)state;
    assert_int_equal(iommu_vtd_entries(0), 256);
    assert_int_equal(iommu_vtd_entries(256), 256);
    assert_int_equal(iommu_vtd_entries(257), 512);
    assert_int_equal(iommu_vtd_entries(65536), 65536);
    assert_int_equal(iommu_vtd_entries(UINT32_MAX), 65536);
}

static void test_vtd(void **state)
{
    (void)state;
    host.dmar.present = true;
    host.dmar.unit_count = 1;
    uint64_t one = bytes();
    assert_true(one >= 5 * PAGE_4K && one <= 10 * PAGE_4K);
    host.dmar.unit_count = 2; /* a queue */
    assert_int_equal(bytes(), one + PAGE_4K + IOMMU_UNIT_BYTES);
    host.dmar.units[1].segment = 1; /* and root table and entries */
    assert_int_equal(bytes(), one + 3 * PAGE_4K + IOMMU_UNIT_BYTES);
    host.dmar.units[1].segment = 0;
    host.dmar.unit_count = 1;
    demand.clients = 2; /* a context table */
    assert_int_equal(bytes(), one + PAGE_4K + IOMMU_CLIENT_BYTES);
    demand.irqs = 512;
    assert_int_equal(bytes(), one + 2 * PAGE_4K + IOMMU_CLIENT_BYTES);
}

static void range(uint32_t index, uint16_t first, uint16_t last)
{
    host.ivrs.ranges[index] = (struct ivrs_range){.first = first, .last = last};
    host.ivrs.range_count = index + 1;
}

static void test_device_table(void **state)
{
    const struct acpi_ivrs *ivrs = &host.ivrs;

    (void)state;
    host.ivrs.present = true;
    host.ivrs.unit_count = 1;
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 255), PAGE_4K);
    range(0, 0x0003, 0x007f);
    host.ivrs.units[0].range_count = 1;
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 255), PAGE_4K);
    range(0, 0x0003, 0x0080); /* 129 entries */
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 255), 2 * PAGE_4K);
    range(0, 0x0003, 0xffff);
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 255), MIB(2));
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 0), 2 * PAGE_4K);
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 4), 10 * PAGE_4K);
    host.ivrs.special_count = 1; /* an I/O APIC on a bus without devices */
    host.ivrs.specials[0] = (struct ivrs_special){.device_id = 0x80a0};
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 4), align_up(0x80a1 * 32, PAGE_4K));
    host.ivrs.units[0].segment = 1; /* another segment's */
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 255), PAGE_4K);
    host.ivrs.units[0].segment = 0;
    range(0, 3, 4);
    host.ivrs.special_count = 0;
    host.ivrs.ranges[0].has_alias = true;
    host.ivrs.ranges[0].alias = 0x0100;
    assert_int_equal(iommu_device_table_bytes(ivrs, 0, 255), 3 * PAGE_4K);
}

static void test_amdvi(void **state)
{
    (void)state;
    host.ivrs.present = true;
    host.ivrs.unit_count = 1;
    uint64_t one = bytes();
    assert_true(one >= 4 * PAGE_4K && one <= 10 * PAGE_4K);
    host.ivrs.unit_count = 2; /* commands and events */
    assert_int_equal(bytes(), one + 2 * PAGE_4K + IOMMU_UNIT_BYTES);
    host.ivrs.units[1].segment = 1; /* and a device table */
    assert_int_equal(bytes(), one + 3 * PAGE_4K + IOMMU_UNIT_BYTES);
    host.ivrs.unit_count = 1;
    range(0, 0, 0xffff);
    host.ivrs.units[0].range_count = 1;
    assert_int_equal(bytes(), one + MIB(2) - PAGE_4K);
    demand.last_bus = 1;
    assert_int_equal(bytes(), one + 3 * PAGE_4K);
    demand.irqs += 100;
    assert_int_equal(bytes(), one + 3 * PAGE_4K + 2 * 100 * 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_none, setup),  cmocka_unit_test_setup(test_vtd_entries, setup),
        cmocka_unit_test_setup(test_vtd, setup),   cmocka_unit_test_setup(test_device_table, setup),
        cmocka_unit_test_setup(test_amdvi, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
