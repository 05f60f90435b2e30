/* SPDX-License-Identifier: MIT */
/* DMAR, IVRS and MCFG in hardware reports: what they mean for the planner is the same behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/iommu/needs.h"
#include "tests/unit/remapping_tables.h"
#include "tests/unit/report_text.h"

static struct diag diag;

static void round_trip(const char *signature, const char *digits)
{
    struct image *m = machine_new();
    bool good;

    memset(&written, 0, sizeof(written));
    machine_add_table(m, FREE_AT, signature, digits);
    good = image_parse(m, RSDP_AT, &written.acpi, &diag);
    image_free(m);
    assert_true(good);
    acpi_fill_hardware(&written.acpi, 0, &written.hardware);
    written.hardware.phys_bits = 46;
    write_to(text, &written);
    if (!report_read(text, length, &again, &diag))
        fail_msg("%u:%u: %s\n%s", diag.line, diag.column, diag.message, text);
    write_to(text_again, &again);
    assert_string_equal(text_again, text);
    assert_int_equal(again.hardware.iommu, written.hardware.iommu);
    for (uint32_t functions = 0; functions < 9; functions += 4) {
        struct iommu_demand demand = iommu_demand(functions, functions / 2, 7);
        assert_true(iommu_bytes(&written.acpi, &demand) > 0);
        assert_int_equal(iommu_bytes(&again.acpi, &demand), iommu_bytes(&written.acpi, &demand));
    }
}

static void test_dmar(void **state)
{
    const struct acpi_dmar *dmar = &again.acpi.dmar;

    (void)state;
    round_trip("DMAR", DMAR_SERVER);
    assert_int_equal(dmar->unit_count, 3);
    assert_int_equal(dmar->region_count, 1);
    assert_int_equal(dmar->scope_count, written.acpi.dmar.scope_count);
    assert_true(dmar->intr_remap && dmar->x2apic_opt_out && dmar->platform_opt_in);
    assert_non_null(strstr(text, "dmar-scope type=endpoint id=0 bus=0 path=1c.4/00.0/01.2\n"));
}

static void test_ivrs(void **state)
{
    const struct acpi_ivrs *ivrs = &again.acpi.ivrs;

    (void)state;
    round_trip("IVRS", IVRS_SERVER);
    assert_int_equal(ivrs->unit_count, 2);
    assert_memory_equal(ivrs->specials, written.acpi.ivrs.specials,
                        ivrs->special_count * sizeof(ivrs->specials[0]));
    assert_int_equal(ivrs->region_count, written.acpi.ivrs.region_count);
}

static void test_warnings(void **state)
{
    (void)state;
    memset(&written, 0, sizeof(written));
    written.hardware.phys_bits = 46;
    written.hardware.cpu_count = 1;
    written.acpi.warning_count = 1;
    diag_set(&written.acpi.warnings[0], "MADT at 0x1000: nonsense");
    written.pci.warning_count = 1;
    written.pci.warnings[0] = (struct pci_warning){pci_address(0, 3, 0, 0), PCI_FAULT_CAPS};
    strcpy(written.unfit, "this processor has no AMD-V");
    write_to(text, &written);
    assert_non_null(strstr(text, "\nwarning MADT at 0x1000: nonsense\n"
                                 "warning PCI: 03:00.0: its list of capabilities is broken\n"));
    assert_true(report_read(text, length, &again, &diag));
    assert_string_equal(again.unfit, written.unfit);
    assert_int_equal(again.unknown_lines, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dmar),
        cmocka_unit_test(test_ivrs),
        cmocka_unit_test(test_warnings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
