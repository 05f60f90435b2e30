/* SPDX-License-Identifier: MIT */
/* What VT-d units read and write: values made by hand from the specification's figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/iommu/vtd.h"
#include "kernel/lib/bits.h"

/* As QEMU's unit has them, with 48 bits, snooping and EIM. */
#define CAP  UINT64_C(0x00d2008c222f0686)
#define ECAP UINT64_C(0x0000000000f00f9a)

static void test_caps(void **state)
{
    struct vtd_caps caps;
    struct diag diag;

    (void)state;
    assert_true(vtd_caps_read(CAP, ECAP, true, &caps, &diag));
    assert_int_equal(vtd_levels(&caps), 4);
    assert_int_equal(caps.domain_bits, 16);
    assert_int_equal(caps.address_bits, 48);
    assert_true(caps.page_1g && caps.snoop && caps.x2apic);
    assert_false(caps.coherent || caps.write_buffer);
    assert_true(vtd_caps_read(CAP | BIT(4), ECAP | BIT(0), true, &caps, &diag));
    assert_true(caps.coherent && caps.write_buffer);
    assert_true(vtd_caps_read(CAP & ~BIT(10), ECAP & ~BIT(4), false, &caps, &diag));
    assert_int_equal(vtd_levels(&caps), 3);
    assert_false(caps.x2apic);
}

static void test_caps_refused(void **state)
{
    const struct {
        uint64_t cap, ecap;
        const char *word;
    } cases[] = {
        {CAP & ~BITS(12, 8), ECAP, "SAGAW"},
        {(CAP & ~BITS(12, 8)) | BIT(11), ECAP, "SAGAW"}, /* five levels alone */
        {CAP & ~BIT(34), ECAP, "2 MiB"},
        {CAP, ECAP & ~BIT(1), "ECAP.QI"},
        {CAP, ECAP & ~BIT(3), "ECAP.IR"},
        {CAP, ECAP & ~BIT(4), "ECAP.EIM"},
        {~UINT64_C(0), ECAP, "not there"},
        {CAP, ~UINT64_C(0), "not there"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct vtd_caps caps;
        struct diag diag = {.message = ""};
        assert_false(vtd_caps_read(cases[i].cap, cases[i].ecap, true, &caps, &diag));
        assert_non_null(strstr(diag.message, cases[i].word));
    }
}

static void test_caps_of_several_units(void **state)
{
    struct vtd_caps all, other;
    struct diag diag;

    (void)state;
    assert_true(vtd_caps_read(CAP | BIT(4), ECAP | BIT(0), true, &all, &diag));
    assert_true(
        vtd_caps_read((CAP & ~(BITS(2, 0) | BITS(21, 16) | BIT(35))) | field_put(BITS(21, 16), 38),
                      ECAP & ~BIT(7), true, &other, &diag));
    vtd_caps_join(&all, &other);
    assert_int_equal(vtd_levels(&all), 4);
    assert_int_equal(all.domain_bits, 4);
    assert_int_equal(all.address_bits, 39);
    assert_false(all.page_1g || all.snoop || all.coherent);
    assert_true(all.x2apic && all.write_buffer);
    other.widths = BIT(1);
    all.widths = BIT(2); /* nothing in common */
    vtd_caps_join(&all, &other);
    assert_int_equal(vtd_levels(&all), 0);
}

static void assert_pair(struct vtd_pair pair, uint64_t low, uint64_t high)
{
    assert_int_equal(pair.low, low);
    assert_int_equal(pair.high, high);
}

static void test_dma_entries(void **state)
{
    (void)state;
    assert_pair(vtd_root_entry(hpa(0x12345000)), 0x12345001, 0);
    assert_pair(vtd_context_entry(hpa(0x12345000), 3, 7), 0x12345001, 0x701);
    assert_pair(vtd_context_entry(hpa(0x12345000), 4, 0xabcd), 0x12345001, 0xabcd02);
}

static void test_irtes(void **state)
{
    struct iommu_irq irq = {.apic_id = 0x12345678, .vector = 0x41};

    (void)state;
    assert_pair(vtd_irte(&irq, 0x00fa, 0, true), 0x1234567800410001, 0x400fa);
    irq.apic_id = 0x12;
    assert_pair(vtd_irte(&irq, 0x00fa, 0, false), 0x0000120000410001, 0x400fa);
    irq.level = true;
    assert_pair(vtd_irte(&irq, 0xffff, 0, false), 0x0000120000410011, 0x4ffff);
    irq = (struct iommu_irq){.apic_id = 1, .nmi = true};
    assert_pair(vtd_irte(&irq, 0xff00, 0, true), 0x0000000100000081, 0x4ff00);
    assert_pair(vtd_irte(&irq, 0x0208, 5, true), 0x0000000100000081, 0x80205); /* buses 2 to 5 */
}

static void test_nmi_message(void **state)
{
    struct iommu_message message = iommu_nmi_message(0x12345);

    (void)state;
    assert_int_equal(message.address, UINT64_C(0x12300) << 32 | 0xfee45000);
    assert_int_equal(message.data, 0x400); /* NMI */
}

static void test_messages(void **state)
{
    struct iommu_message message = vtd_message(0x1234, 3);

    (void)state;
    assert_int_equal(message.address, 0xfee00000 | 0x1234 << 5 | 0x18);
    assert_int_equal(message.data, 3);
    message = vtd_message(0x9234, 0);
    assert_int_equal(message.address, 0xfee00000 | 0x1234 << 5 | 0x1c);
    assert_int_equal(vtd_ioapic_entry(0x1234, 0x41), UINT64_C(0x1234) << 49 | BIT(48) | 0x41);
    assert_int_equal(vtd_ioapic_entry(0x9234, 0), UINT64_C(0x1234) << 49 | BIT(48) | BIT(11));
}

static void test_descriptors(void **state)
{
    (void)state;
    assert_pair(vtd_invalidate_contexts(), 0x11, 0);
    assert_pair(vtd_invalidate_context(7, 0x00fa), 0x000000fa00070031, 0);
    assert_pair(vtd_invalidate_tlb(), 0xd2, 0);
    assert_pair(vtd_invalidate_tlb_domain(7), 0x700e2, 0);
    assert_pair(vtd_invalidate_irtes(), 0x4, 0);
    assert_pair(vtd_invalidate_irte(0x1234), 0x0000123400000014, 0);
    assert_pair(vtd_invalidate_wait(hpa(0x2004), 0x89abcdef), 0x89abcdef00000065, 0x2004);
    assert_pair(vtd_invalidate_event(), 0x15, 0);
}

static void test_faults(void **state)
{
    const uint64_t read = BIT(62), address = 0x123456789000;
    const struct {
        uint8_t reason;
        uint64_t type;
        enum iommu_fault_kind kind;
    } cases[] = {
        {0x01, read, IOMMU_FAULT_BLOCKED}, {0x02, 0, IOMMU_FAULT_BLOCKED},
        {0x03, read, IOMMU_FAULT_TABLE},   {0x04, read, IOMMU_FAULT_READ},
        {0x04, 0, IOMMU_FAULT_WRITE},      {0x05, 0, IOMMU_FAULT_WRITE},
        {0x06, read, IOMMU_FAULT_READ},    {0x07, read, IOMMU_FAULT_TABLE},
        {0x20, 0, IOMMU_FAULT_INTERRUPT},  {0x21, 0, IOMMU_FAULT_INTERRUPT},
        {0x22, 0, IOMMU_FAULT_INTERRUPT},  {0x23, 0, IOMMU_FAULT_TABLE},
        {0x24, 0, IOMMU_FAULT_TABLE},      {0x25, 0, IOMMU_FAULT_INTERRUPT},
        {0x26, 0, IOMMU_FAULT_INTERRUPT},  {0xff, 0, IOMMU_FAULT_TABLE},
        {0x0c, read, IOMMU_FAULT_TABLE},   {0x0d, read, IOMMU_FAULT_BLOCKED},
        {0x0d, 0, IOMMU_FAULT_BLOCKED},    {0x30, read, IOMMU_FAULT_TABLE},
        {0x31, read, IOMMU_FAULT_BLOCKED}, {0x32, read, IOMMU_FAULT_BLOCKED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct vtd_pair record = {address | 0xabc, BIT(63) | cases[i].type |
                                                       (uint64_t)cases[i].reason << 32 | 0x00fa};
        struct iommu_fault fault = vtd_fault(record, 3);
        bool interrupt = cases[i].kind == IOMMU_FAULT_INTERRUPT;
        assert_int_equal(fault.kind, cases[i].kind);
        assert_int_equal(fault.reason, cases[i].reason);
        assert_int_equal(fault.source.segment, 3);
        assert_int_equal(fault.source.id, 0xfa);
        assert_int_equal(fault.write, cases[i].type == 0);
        assert_int_equal(fault.address, interrupt ? 0 : address);
    }
    assert_int_equal(
        vtd_fault((struct vtd_pair){UINT64_C(0x1234) << 48, BIT(63) | UINT64_C(0x22) << 32}, 0)
            .address,
        0x1234);
}

static void test_names(void **state)
{
    (void)state;
    for (int kind = 0; kind < IOMMU_FAULT_KINDS; kind++)
        assert_true(strlen(iommu_fault_name((enum iommu_fault_kind)kind)) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_caps_refused),
        cmocka_unit_test(test_caps_of_several_units),
        cmocka_unit_test(test_dma_entries),
        cmocka_unit_test(test_irtes),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_nmi_message),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
