/* SPDX-License-Identifier: MIT */
/* Under which ids a guest's functions are known to the IOMMU, and which entries their interrupts
 * have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/vm/sources.c"

#include "tests/unit/plan_devices.h"

/* ---- an IOMMU that notes what it is asked for ---- */
static struct iommu_client made[16];
static uint32_t made_count, made_most;
static struct {
    const struct iommu_client *client, *own;
    bool buses;
} aliases[32];
static uint32_t alias_count, alias_most;

struct iommu_client *iommu_prepare(struct iommu_source source, uint32_t irqs, struct diag *why)
{
    (void)why;
    if (made_count == made_most)
        return NULL;
    made[made_count] = (struct iommu_client){.source = source, .irq_count = (uint16_t)irqs};
    return &made[made_count++];
}

bool iommu_alias(struct iommu_client *client, struct iommu_client *own, bool buses,
                 struct diag *why)
{
    (void)why;
    aliases[alias_count].client = client;
    aliases[alias_count].own = own;
    aliases[alias_count].buses = buses;
    return alias_count++ < alias_most;
}

/* ---- all devices of a plan are one guest's ---- */
static struct passthrough devices[8];

static bool create(void)
{
    struct passthrough_set set = {.count = plan.device_count, .devices = devices};

    memset(devices, 0, sizeof(devices));
    made_count = alias_count = 0;
    for (uint32_t i = 0; i < set.count; i++)
        devices[i].planned = &plan.devices[i];
    for (uint32_t i = 0; i < set.count; i++)
        if (!sources_create(&set, &devices[i], &diag))
            return false;
    return true;
}

static struct fake *with_msi(struct fake *f, uint32_t log2)
{
    fake_put(f, fake_cap(f, PCI_CAP_MSI, 16) + PCI_MSI_CONTROL, 2, log2 << 1);
    return f;
}

/* Two cards behind ports of their own, and three behind a bridge to PCI. */
static void machine_with_a_bridge(enum pci_port port)
{
    start();
    with_msi(card(8), 0);
    if (port == PCI_PORT_TO_PCI) {
        fake_port(0, 0x1c, 1, 3, PCI_PORT_ROOT);
        fake_port(1, 0, 2, 3, PCI_PORT_TO_PCI);
    } else {
        fake_bridge(0, 0x1e, 0, 2, 3);
    }
    with_msi(fake_add(2, 5, 0, 0x80861234, 0x020000), 0);
    with_msi(fake_add(2, 6, 0, 0x80861234, 0x020000), 5);
    with_msi(fake_add(2, 7, 0, 0x80861234, 0x020000), 3);
    with_msi(card(9), 0);
    for (uint32_t i = 0; i < 5; i++) {
        static const char *const names[] = {"08:00.0", "02:05.0", "02:06.0", "02:07.0", "09:00.0"};
        wish(0, names[i]);
    }
    good();
    made_most = 16;
    alias_most = 32;
}

static void check_shared(uint32_t first, uint16_t id)
{
    for (uint32_t i = first; i < first + 3; i++) {
        assert_ptr_equal(devices[i].irqs, devices[first].irqs);
        assert_int_equal(devices[i].irqs->source.id, id);
        assert_int_equal(devices[i].first_irq, 32 * (i - first));
        assert_int_equal(devices[i].clients[0]->source.id,
                         pci_requester_of(devices[i].planned->function.address));
        assert_int_equal(devices[i].clients[0]->irq_count, 0);
    }
    assert_int_equal(devices[first].irqs->irq_count, 96);
    assert_int_equal(devices[first].irq_count, 1);
    assert_int_equal(devices[first + 1].irq_count, 32);
    assert_int_equal(devices[first + 2].irq_count, 8);
}

static void check_alone(const struct passthrough *p)
{
    assert_ptr_equal(p->irqs, p->clients[0]);
    assert_int_equal(p->irqs->source.id, pci_requester_of(p->planned->function.address));
    assert_int_equal(p->first_irq, 0);
    assert_int_equal(p->irq_count, 1);
    assert_true(p->irqs->irq_count >= 1);
    assert_null(p->clients[1]);
}

static void test_behind_a_bridge_to_pci(void **state)
{
    (void)state;
    machine_with_a_bridge(PCI_PORT_TO_PCI);
    assert_true(create());
    check_shared(1, 0x0200);
    check_alone(&devices[0]);
    check_alone(&devices[4]);
    assert_int_equal(devices[1].clients[2]->source.id, 0x0100);
    assert_ptr_equal(devices[2].clients[2], devices[1].clients[2]);
    assert_int_equal(made_count, 2 + 3 + 2);
    assert_int_equal(alias_count, 6); /* each one's own id, and the bridge's */
    for (uint32_t i = 0; i < alias_count; i++) {
        assert_ptr_equal(aliases[i].client, devices[1].irqs);
        assert_ptr_not_equal(aliases[i].own, devices[1].irqs);
        assert_true(aliases[i].buses);
    }
}

static void test_behind_a_conventional_bridge(void **state)
{
    (void)state;
    machine_with_a_bridge(PCI_PORT_CONVENTIONAL);
    assert_true(create());
    check_shared(1, 0x00f0);
    assert_int_equal(made_count, 2 + 3 + 1);
    assert_int_equal(alias_count, 3);
    for (uint32_t i = 0; i < alias_count; i++) {
        assert_ptr_equal(aliases[i].own, devices[1 + i].clients[0]);
        assert_false(aliases[i].buses);
    }
}

/* The bus' id is one of its functions' own. */
static void test_first_function_of_the_bus(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        start();
        fake_port(0, 0x1c, 1, 2, PCI_PORT_ROOT);
        fake_port(1, 0, 2, 2, PCI_PORT_TO_PCI);
        with_msi(fake_add(2, 0, 0, 0x80861234, 0x020000), 0);
        with_msi(fake_add(2, 1, 0, 0x80861234, 0x020000), 0);
        wish(0, first == 0 ? "02:00.0" : "02:01.0");
        wish(0, first == 0 ? "02:01.0" : "02:00.0");
        good();
        assert_true(create());
        assert_ptr_equal(devices[0].irqs, devices[1].irqs);
        assert_int_equal(devices[0].irqs->source.id, 0x0200);
        assert_int_equal(devices[0].irqs->irq_count, 64);
        assert_int_equal(devices[1].first_irq, 32);
        assert_ptr_equal(devices[first].clients[0], devices[0].irqs);
        assert_int_equal(devices[first].clients[1]->source.id, 0x0100);
    }
}

static void test_iommu_refuses(void **state)
{
    (void)state;
    machine_with_a_bridge(PCI_PORT_TO_PCI);
    made_most = 4;
    assert_false(create());
    made_most = 16;
    alias_most = 2;
    assert_false(create());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behind_a_bridge_to_pci),
        cmocka_unit_test(test_behind_a_conventional_bridge),
        cmocka_unit_test(test_first_function_of_the_bus),
        cmocka_unit_test(test_iommu_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
