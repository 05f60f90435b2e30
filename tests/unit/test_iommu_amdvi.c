/* SPDX-License-Identifier: MIT */
/* What AMD's IOMMUs read and write: values made by hand from the specification's figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/iommu/amdvi.h"
#include "drivers/iommu/amdvi_regs.h"
#include "kernel/acpi/ivrs.h"
#include "kernel/lib/bits.h"

static void test_caps(void **state)
{
    struct amdvi_caps all, other;
    struct diag diag = {.message = ""};

    (void)state;
    assert_true(amdvi_caps_read(BIT(2) | BIT(6) | BIT(7), true, &all, &diag));
    assert_true(all.wide_irtes && all.x2apic && all.all);
    assert_true(amdvi_caps_read(0, false, &other, &diag));
    assert_false(other.wide_irtes || other.x2apic || other.all);
    amdvi_caps_join(&all, &other);
    assert_false(all.wide_irtes || all.x2apic || all.all);

    /* XTSup means nothing without the wide entries. */
    assert_false(amdvi_caps_read(BIT(2), true, &other, &diag));
    assert_non_null(strstr(diag.message, "XTSup"));
    assert_false(amdvi_caps_read(BIT(7), true, &other, &diag));
    assert_false(amdvi_caps_read(~UINT64_C(0), false, &other, &diag));
    assert_non_null(strstr(diag.message, "not there"));
}

static void test_control(void **state)
{
    (void)state;
    assert_int_equal(amdvi_control(0), BIT(10));
    assert_int_equal(amdvi_control(IVHD_HT_TUN_EN), BIT(10) | BIT(1));
    assert_int_equal(amdvi_control(IVHD_PASS_PW), BIT(10) | BIT(8));
    assert_int_equal(amdvi_control(IVHD_RES_PASS_PW), BIT(10) | BIT(9));
    assert_int_equal(amdvi_control(IVHD_ISOC), BIT(10) | BIT(11));
    assert_int_equal(amdvi_control(IVHD_IOTLB_SUP | IVHD_COHERENT | IVHD_PREF_SUP | IVHD_PPR_SUP),
                     BIT(10));
}

static void test_device_table_entries(void **state)
{
    struct amdvi_dte blocked = amdvi_dte_blocked();

    (void)state;
    assert_int_equal(sizeof(blocked), 32);
    assert_int_equal(blocked.words[0], 3); /* V, TV, mode 0, no right */
    assert_int_equal(blocked.words[1], 0);
    assert_int_equal(blocked.words[2], 1); /* IV, IntCtl 0 */
    assert_int_equal(blocked.words[3], 0);
    blocked = amdvi_dte_no_memory();
    assert_int_equal(blocked.words[0], 3);
    assert_int_equal(blocked.words[2], 0); /* IV 0: interrupts pass */
    assert_int_equal(amdvi_dte_tables(hpa(0x12345000)), 0x6000000012345803);
    assert_int_equal(amdvi_dte_domain(7), 7);
    assert_int_equal(amdvi_dte_messages(0), 0);
    assert_int_equal(amdvi_dte_messages(IVHD_INIT_PASS | IVHD_NMI_PASS | 0x10), BIT(40));
    assert_int_equal(amdvi_dte_messages(0xff), BIT(40) | BIT(41));
    assert_int_equal(amdvi_dte_irqs(hpa(0x12345080), 8, false), 0x2000000012345091);
    assert_int_equal(amdvi_dte_irqs(hpa(0x12345080), 0, true), 0x2400000012345081);
}

static void test_interrupts(void **state)
{
    struct iommu_irq irq = {.apic_id = 0x12, .vector = 0x41};
    struct amdvi_pair pair = amdvi_irte_128(&irq);

    (void)state;
    assert_int_equal(amdvi_irte_32(&irq), 0x411201);
    assert_int_equal(pair.low, 0x1201);
    assert_int_equal(pair.high, 0x41);
    irq.apic_id = 0x12345678;
    pair = amdvi_irte_128(&irq);
    assert_int_equal(pair.low, 0x34567801);
    assert_int_equal(pair.high, 0x1200000000000041);
    assert_int_equal(amdvi_message(5).address, 0xfee00000);
    assert_int_equal(amdvi_message(5).data, 5);
}

static void assert_command(struct amdvi_pair pair, uint64_t low, uint64_t high)
{
    assert_int_equal(pair.low, low);
    assert_int_equal(pair.high, high);
}

static void test_commands(void **state)
{
    (void)state;
    assert_command(amdvi_completion_wait(hpa(0x12348), 9), 0x1000000000012349, 9);
    assert_command(amdvi_completion_interrupt(), 0x1000000000000002, 0);
    assert_command(amdvi_invalidate_dte(0xa0), 0x20000000000000a0, 0);
    assert_command(amdvi_invalidate_domain(7), 0x3000000700000000, 0x7ffffffffffff003);
    assert_command(amdvi_invalidate_irqs(0xa0), 0x50000000000000a0, 0);
    assert_command(amdvi_invalidate_all(), 0x8000000000000000, 0);
}

static void test_events(void **state)
{
    const struct {
        uint8_t code;
        uint64_t flags, address;
        enum iommu_fault_kind kind;
    } cases[] = {
        {0, 0, 0, IOMMU_FAULT_LOST},
        {1, BIT(53), 0x1000, IOMMU_FAULT_BLOCKED},
        {2, 0, 0x1000, IOMMU_FAULT_READ},
        {2, BIT(53), 0x1000, IOMMU_FAULT_WRITE},
        {2, BIT(51) | BIT(53), 0xfee00005, IOMMU_FAULT_INTERRUPT},
        {2, BIT(51) | BIT(53), 0x1000, IOMMU_FAULT_WRITE}, /* QEMU's always have I */
        {2, BIT(53), 0xfee00005, IOMMU_FAULT_WRITE},
        {2, BIT(51) | BIT(53), 0xfef00000, IOMMU_FAULT_WRITE},
        /* As hardware has them: Linux' logs have this address with flags 0x0008. */
        {2, BIT(51), 0xfffffffdf8000000, IOMMU_FAULT_INTERRUPT},
        {2, BIT(51), 0xfdf8ffffff, IOMMU_FAULT_INTERRUPT},
        {2, BIT(51), 0xfdf7ffffff, IOMMU_FAULT_READ},
        {2, BIT(51), 0xfdf9000000, IOMMU_FAULT_READ},
        {2, 0, 0xfdf8000000, IOMMU_FAULT_READ},
        {3, 0, 0x1000, IOMMU_FAULT_TABLE},
        {4, 0, 0x1000, IOMMU_FAULT_TABLE},
        {5, 0, 0x1000, IOMMU_FAULT_UNIT},
        {6, 0, 0x1000, IOMMU_FAULT_UNIT},
        {7, 0, 0x1000, IOMMU_FAULT_UNIT},
        {8, BIT(51), 0xfee00000, IOMMU_FAULT_INTERRUPT},
        {8, UINT64_C(5) << 57, 0xfffffffdf8000000, IOMMU_FAULT_INTERRUPT}, /* flags 0x0a00 */
        {8, UINT64_C(6) << 57, 0xfdf8000000, IOMMU_FAULT_INTERRUPT},
        {8, UINT64_C(4) << 57, 0xfdf8000000, IOMMU_FAULT_READ},
        {8, UINT64_C(5) << 57 | BIT(56), 0xfdf8000000, IOMMU_FAULT_READ}, /* reserved */
        {15, 0, 0, IOMMU_FAULT_TABLE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct amdvi_pair event = {(uint64_t)cases[i].code << 60 | cases[i].flags | 0xa1,
                                   cases[i].address};
        struct iommu_fault fault = amdvi_fault(event, 2);
        assert_int_equal(fault.kind, cases[i].kind);
        assert_int_equal(fault.source.segment, 2);
        assert_int_equal(fault.source.id, 0xa1);
        assert_int_equal(fault.address, cases[i].address);
        assert_int_equal(fault.reason, cases[i].code);
        assert_int_equal(fault.write, (cases[i].flags & BIT(53)) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_device_table_entries),
        cmocka_unit_test(test_interrupts),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
