/* SPDX-License-Identifier: MIT */
/* What a VT-d unit tells by an NMI, and that it can. Behind the model of test_vtd_unit.c. */
#ifndef BULKHEAD_TESTS_UNIT_VTD_EVENTS_H
#define BULKHEAD_TESTS_UNIT_VTD_EVENTS_H

/* After an error of the queue a unit tells its faults as before: nothing in FSTS keeps it from
 * that, not even an error that comes late. But for one whose queue does not go off: it goes on
 * looking at the same descriptor; its records are there for who asks. */
static void test_dead_unit_tells(void **state)
{
    const struct vtd_pair what[] = {vtd_invalidate_irte(3)};

    for (int stuck = 0; stuck < 2; stuck++) {
        setup(state);
        struct vtd_unit *placed = map();
        struct iommu_fault fault;
        uint32_t left = stuck ? (uint32_t)VTD_FSTS_IQE : 0;
        assert_true(vtd_unit_start(placed, &roots));
        unit.queue_error = true;
        unit.stuck = stuck ? VTD_GCMD_QIE : 0;
        uint64_t before = now;
        assert_false(vtd_unit_invalidate(placed, what, 1));
        assert_true(now - before < 2 * IOMMU_PATIENCE_US);
        assert_int_equal(unit.status & VTD_GCMD_QIE, unit.stuck);
        assert_int_equal(fault_status(), left);
        assert_true(vtd_unit_poll(placed, &fault));
        assert_int_equal(fault.kind, IOMMU_FAULT_UNIT);
        unit.faults = (uint32_t)VTD_FSTS_ITE;
        before = now;
        assert_false(vtd_unit_poll(placed, &fault));
        assert_int_equal(now, before);
        assert_int_equal(fault_status(), left);
        unit.records[0] = (struct vtd_pair){0x1000, VTD_FRCD_F | UINT64_C(2) << 32 | 9};
        assert_true(vtd_unit_poll(placed, &fault));
        assert_int_equal(fault.source.id, 9);
    }
}

static void test_fault_events(void **state)
{
    const struct iommu_message message = {.address = UINT64_C(0x12300fee45000), .data = 0x400};
    struct vtd_unit *placed = map();

    (void)state;
    assert_true(vtd_unit_start(placed, &roots));
    vtd_unit_alert(placed, &message);
    assert_int_equal(unit.fectl, VTD_FECTL_IM);
    assert_int_equal(unit.fedata, 0x400);
    assert_int_equal(unit.feaddr, 0xfee45000);
    assert_int_equal(unit.feuaddr, 0x12300);
    vtd_unit_listen(placed, true);
    assert_int_equal(unit.fectl, 0);
    vtd_unit_listen(placed, false);
    assert_int_equal(unit.fectl, VTD_FECTL_IM);
}

/* The same message by another event, before anybody relies on it. */
static void test_try(void **state)
{
    const struct iommu_message message = {.address = UINT64_C(0x12300fee45000), .data = 0x400};
    struct vtd_unit *placed = map();

    (void)state;
    assert_true(vtd_unit_start(placed, &roots));
    unit.ics = 1; /* firmware's */
    for (int i = 0; i < 2; i++) {
        assert_true(vtd_unit_try(placed, &message, &nmis));
        assert_int_equal(unit.iectl, VTD_FECTL_IM);
        assert_int_equal(unit.ics, 0);
    }
    unit.fixed_only = true;
    uint64_t before = now;
    assert_false(vtd_unit_try(placed, &message, &nmis));
    assert_in_range(now - before, IOMMU_NMI_US, 2 * IOMMU_NMI_US);
    assert_int_equal(unit.iectl, VTD_FECTL_IM);
    unit.queue_stuck = true;
    assert_false(vtd_unit_try(placed, &message, &nmis));
}

#define EVENT_TESTS                                                                                \
    cmocka_unit_test_setup(test_dead_unit_tells, setup),                                           \
        cmocka_unit_test_setup(test_fault_events, setup), cmocka_unit_test_setup(test_try, setup)

#endif
