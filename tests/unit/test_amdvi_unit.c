/* SPDX-License-Identifier: MIT */
/*
 * The driver of an AMD IOMMU against a model of one, which objects to registers that change while
 * they are in use. And units that stop at each step.
 */
#include "tests/unit/iommu_world.h"

#include "tests/unit/iommu_registers.h"

#include "drivers/amdvi_unit.c"

#define TABLE      (HOST_BASE + 0x8000)
#define TABLE_SIZE (2 * PAGE_4K)

static struct {
    uint64_t control, features, status;
    uint64_t device_table, exclusion, command_base, event_base;
    uint64_t command_head, command_tail, event_head, event_tail;
    bool buffer_stuck; /* commands are not executed */
    bool log_stuck;    /* it does not stop */
    bool mute;         /* its MSI does not arrive */
    bool erratum;      /* EventLogInt is set in the moment in which it is cleared */
    uint64_t nmis;
    uint32_t waits, all, entries, tables, domains, reads;
} unit;

static int setup(void **state)
{
    (void)state;
    memset(&unit, 0, sizeof(unit));
    unit.features = AMDVI_FEATURE_IA_SUP | AMDVI_FEATURE_GA_SUP;
    host_taken = 0;
    host_alloc(sizeof(struct amdvi_unit), 16); /* the first: see map() */
    return 0;
}

/* One for each time that the status bit is set. */
static void interrupt_of(uint64_t status, uint64_t enable)
{
    bool sent = (unit.control & enable) != 0 && (unit.status & status) == 0 && !unit.mute;

    unit.status |= (unit.control & enable) != 0 ? status : 0;
    unit.nmis += sent;
}

static void command_run(const struct amdvi_pair *what)
{
    switch (what->low >> 60) {
    case 1:
        if ((what->low & 2) != 0)
            interrupt_of(AMDVI_STATUS_COM_WAIT_INT, BIT(4));
        if ((what->low & 1) != 0) {
            *(uint64_t *)host_at(what->low & BITS(51, 3)) = what->high;
            unit.waits++;
        }
        break;
    case 2:
        unit.entries++;
        break;
    case 3:
        unit.domains++;
        break;
    case 5:
        unit.tables++;
        break;
    case 8:
        unit.all++;
        break;
    default:
        fail_msg("command %llx", (unsigned long long)what->low);
    }
}

static void commands_run(void)
{
    while ((unit.control & AMDVI_CONTROL_CMD_BUF_EN) != 0 && !unit.buffer_stuck &&
           unit.command_head != unit.command_tail) {
        command_run(host_at((unit.command_base & BITS(51, 12)) + unit.command_head));
        unit.command_head = (unit.command_head + 16) % PAGE_4K;
    }
}

static uint64_t unit_read(uint32_t reg, int size)
{
    assert_int_equal(size, 8);
    unit.reads++;
    switch (reg) {
    case AMDVI_EXTENDED_FEATURE:
        return unit.features;
    case AMDVI_STATUS:
        return unit.status |
               (unit.control & AMDVI_CONTROL_EVENT_LOG_EN || unit.log_stuck
                    ? AMDVI_STATUS_EVENT_LOG_RUN
                    : 0) |
               (unit.control & AMDVI_CONTROL_CMD_BUF_EN ? AMDVI_STATUS_CMD_BUF_RUN : 0);
    case AMDVI_EVENT_LOG_HEAD:
        return unit.event_head;
    case AMDVI_EVENT_LOG_TAIL:
        return unit.event_tail;
    default:
        fail_msg("read of register %x", reg);
        return 0;
    }
}

static void control(uint64_t value)
{
    uint64_t changed = value ^ unit.control;

    /* The kind of interrupt entries is known before anything runs. */
    if ((changed & (AMDVI_CONTROL_GA_EN | AMDVI_CONTROL_XT_EN)) != 0)
        assert_int_equal(value & RUNNING, 0);
    if ((changed & value & AMDVI_CONTROL_IOMMU_EN) != 0) {
        assert_int_equal(unit.device_table, TABLE | 1); /* two pages */
        assert_int_equal(unit.exclusion, 0);
    }
    unit.control = value;
}

static void unit_write(uint32_t reg, uint64_t value, int size)
{
    assert_int_equal(size, 8);
    switch (reg) {
    case AMDVI_CONTROL:
        control(value);
        break;
    case AMDVI_DEVICE_TABLE_BASE:
        assert_int_equal(unit.control & AMDVI_CONTROL_IOMMU_EN, 0);
        unit.device_table = value;
        break;
    case AMDVI_COMMAND_BUFFER_BASE:
        assert_int_equal(unit.control & AMDVI_CONTROL_CMD_BUF_EN, 0);
        unit.command_base = value;
        break;
    case AMDVI_EVENT_LOG_BASE:
        assert_int_equal(unit.control & AMDVI_CONTROL_EVENT_LOG_EN, 0);
        unit.event_base = value;
        break;
    case AMDVI_EXCLUSION_BASE:
        unit.exclusion = value;
        break;
    case AMDVI_EXCLUSION_LIMIT:
        assert_int_equal(unit.exclusion & 1, 0);
        break;
    case AMDVI_STATUS:
        unit.status &= ~value;
        unit.status |= unit.erratum ? AMDVI_STATUS_EVENT_LOG_INT : 0;
        unit.erratum = false;
        break;
    case AMDVI_COMMAND_BUFFER_HEAD:
        assert_int_equal(unit.control & AMDVI_CONTROL_CMD_BUF_EN, 0);
        unit.command_head = value;
        break;
    case AMDVI_COMMAND_BUFFER_TAIL:
        unit.command_tail = value;
        commands_run();
        break;
    case AMDVI_EVENT_LOG_HEAD:
        unit.event_head = value;
        break;
    case AMDVI_EVENT_LOG_TAIL:
        assert_int_equal(unit.control & AMDVI_CONTROL_EVENT_LOG_EN, 0);
        unit.event_tail = value;
        break;
    default:
        fail_msg("write of register %x", reg);
    }
}

static const struct amdvi_caps wide = {.wide_irtes = true, .x2apic = true, .all = true};

static struct amdvi_unit *map(void)
{
    struct amdvi_unit *placed = (struct amdvi_unit *)(void *)host_bytes;
    const struct ivrs_unit from = {
        .base = 0xfd200000, .segment = 5, .flags = IVHD_HT_TUN_EN | IVHD_COHERENT};

    amdvi_unit_map(placed, &from);
    assert_int_equal(placed->segment, 5);
    assert_int_equal(placed->features, unit.features);
    return placed;
}

static struct amdvi_unit *start(void)
{
    struct amdvi_unit *placed = map();

    assert_true(amdvi_unit_start(placed, hpa(TABLE), TABLE_SIZE, &wide, false));
    return placed;
}

static void test_start(void **state)
{
    (void)state;
    start();
    assert_int_equal(unit.control, RUNNING | AMDVI_CONTROL_COHERENT | AMDVI_CONTROL_HT_TUN_EN |
                                       AMDVI_CONTROL_GA_EN);
    assert_int_equal(field_get(AMDVI_BUFFER_LENGTH, unit.command_base), 8);
    assert_int_equal(field_get(AMDVI_BUFFER_LENGTH, unit.event_base), 8);
    assert_int_equal(unit.all, 1);
}

static void test_x2apic(void **state)
{
    (void)state;
    assert_true(amdvi_unit_start(map(), hpa(TABLE), TABLE_SIZE, &wide, true));
    assert_int_not_equal(unit.control & AMDVI_CONTROL_XT_EN, 0);
}

/* Everything that firmware may have left on. */
static void test_takeover(void **state)
{
    (void)state;
    unit.control = ~UINT64_C(0);
    unit.device_table = 0x7000000;
    unit.exclusion = 0x7000001;
    unit.command_head = unit.event_head = 0x30;
    unit.command_tail = unit.event_tail = 0x50;
    unit.status = AMDVI_STATUS_EVENT_OVERFLOW;
    start();
    assert_int_equal(unit.control, RUNNING | AMDVI_CONTROL_COHERENT | AMDVI_CONTROL_HT_TUN_EN |
                                       AMDVI_CONTROL_GA_EN);
    assert_int_equal(unit.status, 0);
    assert_int_equal(unit.event_head, 0);
    assert_int_equal(unit.event_tail, 0);
}

/* Without INVALIDATE_IOMMU_ALL each entry is forgotten by itself. */
static void test_old_unit(void **state)
{
    const struct amdvi_caps none = {.wide_irtes = false};

    (void)state;
    unit.features = 0;
    assert_true(amdvi_unit_start(map(), hpa(TABLE), TABLE_SIZE, &none, false));
    assert_int_equal(unit.control & AMDVI_CONTROL_GA_EN, 0);
    assert_int_equal(unit.all, 0);
    assert_int_equal(unit.entries, TABLE_SIZE / 32);
    assert_int_equal(unit.tables, TABLE_SIZE / 32);
}

static void test_unit_that_does_not_obey(void **state)
{
    (void)state;
    unit.log_stuck = true;
    uint64_t before = now;
    assert_false(amdvi_unit_start(map(), hpa(TABLE), TABLE_SIZE, &wide, false));
    assert_true(now - before < 2 * IOMMU_PATIENCE_US);
    setup(state);
    unit.buffer_stuck = true;
    assert_false(amdvi_unit_start(map(), hpa(TABLE), TABLE_SIZE, &wide, false));
}

static void test_buffer_wraps(void **state)
{
    const struct amdvi_pair what[] = {amdvi_invalidate_dte(1), amdvi_invalidate_domain(1)};
    struct amdvi_unit *placed = start();

    (void)state;
    for (unsigned i = 1; i <= 1000; i++) {
        assert_true(amdvi_unit_execute(placed, what, 2));
        assert_int_equal(unit.entries, i);
        assert_int_equal(unit.domains, i);
    }
}

/* It waits once, and is dead from then on; that is told once. */
static void test_unit_that_dies(void **state)
{
    const struct amdvi_pair what[] = {amdvi_invalidate_dte(1)};
    struct amdvi_unit *placed = start();
    struct iommu_fault fault;

    (void)state;
    unit.buffer_stuck = true;
    uint64_t before = now;
    assert_false(amdvi_unit_execute(placed, what, 1));
    assert_true(now - before >= IOMMU_PATIENCE_US);
    before = now;
    assert_false(amdvi_unit_execute(placed, what, 1));
    assert_int_equal(now, before);
    assert_true(amdvi_unit_poll(placed, &fault));
    assert_int_equal(fault.kind, IOMMU_FAULT_UNIT);
    assert_int_equal(fault.source.segment, 5);
    assert_false(amdvi_unit_poll(placed, &fault));
}

static void event(uint64_t low, uint64_t address)
{
    struct amdvi_pair *log = host_at(unit.event_base & BITS(51, 12));

    log[unit.event_tail / 16] = (struct amdvi_pair){low, address};
    unit.event_tail = (unit.event_tail + 16) % PAGE_4K;
    interrupt_of(AMDVI_STATUS_EVENT_LOG_INT, BIT(3));
}

static void test_events(void **state)
{
    struct amdvi_unit *placed = start();
    struct iommu_fault fault;

    (void)state;
    unit.reads = 0;
    assert_false(amdvi_unit_poll(placed, &fault));
    assert_int_equal(unit.reads, 3);
    for (unsigned i = 0; i < 1000; i++) { /* the log wraps */
        event(UINT64_C(2) << 60 | AMDVI_EVENT_RW | (i & 0xffff), 0x1000 * i);
        event(UINT64_C(2) << 60 | 7, 0x1000);
        assert_true(amdvi_unit_poll(placed, &fault));
        assert_int_equal(fault.kind, IOMMU_FAULT_WRITE);
        assert_int_equal(fault.source.id, i);
        assert_int_equal(fault.address, 0x1000 * i);
        assert_true(amdvi_unit_poll(placed, &fault));
        assert_int_equal(fault.kind, IOMMU_FAULT_READ);
        assert_int_equal(fault.source.id, 7);
        assert_false(amdvi_unit_poll(placed, &fault));
    }
}

/* One interrupt, then the log is read, and the next event is told again. */
static void test_event_interrupt(void **state)
{
    struct amdvi_unit *placed = start();
    struct iommu_fault fault;

    (void)state;
    event(UINT64_C(2) << 60, 0x1000);
    assert_int_equal(unit.nmis, 0);
    assert_true(amdvi_unit_listen(placed, true)); /* of this no interrupt tells */
    assert_false(amdvi_unit_listen(placed, false));
    assert_true(amdvi_unit_poll(placed, &fault));
    for (uint64_t i = 1; i < 4; i++) {
        assert_false(amdvi_unit_listen(placed, true));
        event(UINT64_C(2) << 60, 0x2000);
        event(UINT64_C(2) << 60, 0x3000);
        assert_int_equal(unit.nmis, i);
        assert_false(amdvi_unit_listen(placed, false));
        event(UINT64_C(2) << 60, 0x4000);
        for (int n = 0; n < 3; n++)
            assert_true(amdvi_unit_poll(placed, &fault));
        assert_false(amdvi_unit_poll(placed, &fault));
        assert_int_equal(unit.nmis, i);
    }
    unit.erratum = true;
    assert_true(amdvi_unit_listen(placed, true));
    unit.status = AMDVI_STATUS_EVENT_OVERFLOW;
    assert_true(amdvi_unit_listen(placed, true));
}

/* COMPLETION_WAIT sends the same MSI. */
static void test_try(void **state)
{
    struct amdvi_unit *placed = start();

    (void)state;
    unit.status = AMDVI_STATUS_COM_WAIT_INT; /* firmware's */
    uint64_t control = unit.control;
    assert_true(amdvi_unit_try(placed, &unit.nmis));
    assert_true(amdvi_unit_try(placed, &unit.nmis));
    assert_int_equal(unit.control, control);
    unit.mute = true;
    uint64_t before = now;
    assert_false(amdvi_unit_try(placed, &unit.nmis));
    assert_in_range(now - before, IOMMU_NMI_US, 2 * IOMMU_NMI_US);
    assert_int_equal(unit.control, control);
}

/* It is waited for, shortly and once. */
static void test_log_that_does_not_stop(void **state)
{
    struct amdvi_unit *placed = start();
    struct iommu_fault fault;

    (void)state;
    unit.log_stuck = true;
    unit.status = AMDVI_STATUS_EVENT_OVERFLOW;
    uint64_t before = now;
    assert_true(amdvi_unit_poll(placed, &fault));
    assert_int_equal(fault.kind, IOMMU_FAULT_LOST);
    assert_true(now - before <= LOG_PATIENCE_US + 20);
    unit.status = AMDVI_STATUS_EVENT_OVERFLOW;
    before = now;
    assert_false(amdvi_unit_poll(placed, &fault));
    assert_int_equal(now, before);
}

static void test_overflow(void **state)
{
    struct amdvi_unit *placed = start();
    struct iommu_fault fault;

    (void)state;
    event(UINT64_C(2) << 60, 0x1000);
    unit.status = AMDVI_STATUS_EVENT_OVERFLOW;
    assert_true(amdvi_unit_poll(placed, &fault)); /* first what was kept */
    assert_int_equal(fault.kind, IOMMU_FAULT_READ);
    assert_true(amdvi_unit_poll(placed, &fault));
    assert_int_equal(fault.kind, IOMMU_FAULT_LOST);
    assert_int_equal(unit.status, 0);
    assert_int_not_equal(unit.control & AMDVI_CONTROL_EVENT_LOG_EN, 0);
    assert_false(amdvi_unit_poll(placed, &fault));
    event(UINT64_C(2) << 60, 0x2000);
    assert_true(amdvi_unit_poll(placed, &fault));
    assert_int_equal(fault.address, 0x2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_start, setup),
        cmocka_unit_test_setup(test_x2apic, setup),
        cmocka_unit_test_setup(test_takeover, setup),
        cmocka_unit_test_setup(test_old_unit, setup),
        cmocka_unit_test_setup(test_unit_that_does_not_obey, setup),
        cmocka_unit_test_setup(test_buffer_wraps, setup),
        cmocka_unit_test_setup(test_unit_that_dies, setup),
        cmocka_unit_test_setup(test_events, setup),
        cmocka_unit_test_setup(test_overflow, setup),
        cmocka_unit_test_setup(test_event_interrupt, setup),
        cmocka_unit_test_setup(test_try, setup),
        cmocka_unit_test_setup(test_log_that_does_not_stop, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
