/* SPDX-License-Identifier: MIT */
/*
 * Lines of guests in the driver of I/O APICs, against a model of one: what is raised is in service
 * until it is ended, and then raised again while its line is asserted.
 */
#include "tests/unit/iommu_world.h"

#include "tests/unit/iommu_registers.h"

static inline void io_out8(uint16_t port, uint8_t value)
{
    (void)port;
    (void)value;
}

#include "drivers/ioapic.c"

#define GSI_BASE 24
#define PIN      5
#define GSI      (GSI_BASE + PIN)

static struct {
    uint32_t select;
    uint64_t rte[24];
    bool asserted;   /* the line of PIN */
    uint32_t raised; /* by PIN */
    bool dead;       /* the IOMMU */
    bool routed;
    struct iommu_irq irq; /* its entry for PIN */
    uint64_t at_change;   /* PIN's entry when that was written last */
} model;

static struct iommu_client client;
static struct ioapic_line line;

static void raise(void)
{
    uint64_t *rte = &model.rte[PIN];

    if (!model.asserted || *rte & (RTE_MASKED | RTE_REMOTE_IRR))
        return;
    model.raised++;
    if (*rte & RTE_LEVEL)
        *rte |= RTE_REMOTE_IRR;
    else
        model.asserted = false; /* the next edge */
}

static uint64_t unit_read(uint32_t reg, int size)
{
    uint32_t at = model.select;

    assert_int_equal(size, 4);
    assert_int_equal(reg, IOAPIC_WINDOW);
    if (at == IOAPIC_VERSION)
        return 23 << 16 | 0x11; /* without an EOI register */
    return model.rte[(at - 0x10) / 2] >> 32 * (at % 2) & UINT32_MAX;
}

static void unit_write(uint32_t reg, uint64_t value, int size)
{
    uint64_t *rte = &model.rte[(model.select - 0x10) / 2 % 24];

    assert_int_equal(size, 4);
    if (reg == IOAPIC_SELECT) {
        model.select = (uint32_t)value;
        return;
    }
    assert_int_equal(reg, IOAPIC_WINDOW);
    assert_in_range(model.select, 0x10, 0x3f);
    if (model.select % 2) {
        *rte = (*rte & UINT32_MAX) | value << 32;
        return;
    }
    *rte = (*rte & ~(uint64_t)UINT32_MAX) | (value & ~RTE_REMOTE_IRR) |
           (value & RTE_LEVEL ? *rte & RTE_REMOTE_IRR : 0);
    raise();
}

bool iommu_on(void)
{
    return true;
}

struct iommu_client *iommu_ioapic(uint8_t id, uint32_t lines, struct diag *diag)
{
    (void)diag;
    assert_int_equal(id, 7);
    assert_int_equal(lines, 24);
    return &client;
}

bool iommu_irq(struct iommu_client *of, uint32_t n, const struct iommu_irq *irq)
{
    assert_ptr_equal(of, &client);
    assert_int_equal(n, PIN);
    model.at_change = model.rte[PIN];
    model.routed = irq != NULL;
    model.irq = irq ? *irq : (struct iommu_irq){0};
    return !model.dead;
}

/* As VT-d has it, more or less. */
uint64_t iommu_line(struct iommu_client *of, uint32_t n, const struct iommu_irq *irq)
{
    assert_ptr_equal(of, &client);
    assert_int_equal(n, PIN);
    return BIT(48) | irq->vector;
}

static int setup(void **state)
{
    static struct acpi_host acpi;
    struct diag diag;

    (void)state;
    memset(&model, 0, sizeof(model));
    ioapic_count = 0;
    acpi.madt.ioapic_count = 1;
    acpi.madt.ioapics[0] =
        (struct acpi_ioapic){.id = 7, .address = 0xfec01000, .gsi_base = GSI_BASE};
    ioapic_init(&acpi);
    ioapics[0].client = NULL;
    line = (struct ioapic_line){0};
    assert_false(ioapic_line_open(&line, GSI_BASE - 1, &diag));
    assert_false(ioapic_line_open(&line, GSI_BASE + 24, &diag));
    assert_true(ioapic_line_open(&line, GSI, &diag));
    return 0;
}

static struct ioapic_route wanted(uint32_t apic_id, uint8_t vector)
{
    return (struct ioapic_route){
        .apic_id = apic_id, .vector = vector, .level = true, .active_low = true};
}

static void line_is(bool asserted)
{
    model.asserted = asserted;
    raise();
}

static void test_masked_until_routed(void **state)
{
    struct ioapic_route route = wanted(3, 0x41);

    (void)state;
    line_is(true);
    assert_int_equal(model.raised, 0);
    route.masked = true;
    assert_true(ioapic_line_route(&line, &route));
    assert_true(model.routed && model.irq.level && !model.irq.nmi);
    assert_int_equal(model.irq.apic_id, 3);
    assert_int_equal(model.irq.vector, 0x41);
    assert_int_equal(model.raised, 0);
    route.masked = false;
    assert_true(ioapic_line_route(&line, &route));
    assert_int_equal(model.raised, 1);
    assert_int_equal(model.rte[PIN], BIT(48) | 0x41 | RTE_LEVEL | RTE_ACTIVE_LOW | RTE_REMOTE_IRR);
}

/* What is in service is not raised again by masking, moving and the like. */
static void test_in_service(void **state)
{
    struct ioapic_route route = wanted(3, 0x41);

    (void)state;
    ioapic_line_route(&line, &route);
    assert_false(ioapic_line_in_service(&line));
    line_is(true);
    assert_true(ioapic_line_in_service(&line));
    route.masked = true;
    ioapic_line_route(&line, &route);
    route.masked = false;
    ioapic_line_route(&line, &route);
    route.apic_id = 1;
    ioapic_line_route(&line, &route);
    assert_int_equal(model.irq.apic_id, 1);
    assert_true(model.at_change & RTE_MASKED); /* it moves while it is masked */
    assert_int_equal(model.raised, 1);
    assert_true(ioapic_line_in_service(&line));
}

static void test_end(void **state)
{
    struct ioapic_route route = wanted(3, 0x41);

    (void)state;
    ioapic_line_route(&line, &route);
    ioapic_line_end(&line);
    assert_int_equal(model.raised, 0);
    line_is(true);
    ioapic_line_end(&line);
    assert_int_equal(model.raised, 2); /* asserted still */
    line_is(false);
    ioapic_line_end(&line);
    assert_int_equal(model.raised, 2);
    assert_false(ioapic_line_in_service(&line));
    assert_int_equal(model.rte[PIN], BIT(48) | 0x41 | RTE_LEVEL | RTE_ACTIVE_LOW);
    line_is(true);
    route.masked = true;
    ioapic_line_route(&line, &route);
    ioapic_line_end(&line); /* and stays masked */
    assert_int_equal(model.raised, 3);
    assert_false(ioapic_line_in_service(&line));
}

static void test_edge(void **state)
{
    struct ioapic_route route = wanted(3, 0x41);

    (void)state;
    ioapic_line_route(&line, &route);
    line_is(true);
    route.level = false;
    ioapic_line_route(&line, &route);
    assert_false(model.irq.level);
    assert_int_equal(model.raised, 2);
    assert_false(ioapic_line_in_service(&line));
}

/* Its owner is gone: masked before its entry goes, and nothing waits for an EOI. */
static void test_off(void **state)
{
    struct ioapic_route route = wanted(3, 0x41);

    (void)state;
    ioapic_line_route(&line, &route);
    line_is(true);
    assert_true(ioapic_line_off(&line));
    assert_false(model.routed);
    assert_int_equal(model.at_change, RTE_MASKED | BIT(48));
    assert_int_equal((uint32_t)model.rte[PIN], RTE_MASKED);
    assert_int_equal(model.raised, 1);
    assert_true(ioapic_line_off(&line));
    ioapic_line_route(&line, &route);
    assert_int_equal(model.raised, 2);
}

static void test_dead_iommu(void **state)
{
    struct ioapic_route route = wanted(3, 0x41);

    (void)state;
    model.dead = true;
    assert_false(ioapic_line_route(&line, &route));
    assert_false(ioapic_line_off(&line));
    assert_true(model.rte[PIN] & RTE_MASKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_masked_until_routed, setup),
        cmocka_unit_test_setup(test_in_service, setup),
        cmocka_unit_test_setup(test_end, setup),
        cmocka_unit_test_setup(test_edge, setup),
        cmocka_unit_test_setup(test_off, setup),
        cmocka_unit_test_setup(test_dead_iommu, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
