/* SPDX-License-Identifier: MIT */
/* A made-up machine with an IOMMU, made-up PCI functions, and guests that want some of them. */
#ifndef BULKHEAD_TESTS_UNIT_PLAN_DEVICES_H
#define BULKHEAD_TESTS_UNIT_PLAN_DEVICES_H

#include "tests/unit/pci_machine.h"
#include "tests/unit/plan_rules.h"
#include "tests/unit/plan_world.h"

#define BAR(n) (PCI_BAR0 + 4 * (n))
#define WIDE   (PCI_BAR_TYPE_64 << 1)

/* A small machine with an IOMMU and no PCI functions yet; two guests of 64 MiB. */
static inline void start(void)
{
    small_machine();
    machine.iommu = HARDWARE_VTD;
    machine.phys_bits = 40;
    fake_reset();
    add_guest("web", 1, MIB(64));
    add_guest("rt", 1, MIB(64));
}

/* One more line of the last guest that has some, or of the next one: guests in their order. */
static inline void wish(uint32_t guest, const char *text)
{
    struct config_device *device = &wishes.devices[wishes.device_count];
    struct config_guest *of = &wishes.guests[guest];
    uint32_t at;

    device->at = (struct slice){.start = text,
                                .length = (uint32_t)strlen(text),
                                .line = 100 + wishes.device_count,
                                .column = 10};
    assert_true(pci_selector_parse(text, device->at.length, &device->selector, &at, &diag));
    if (of->device_count++ == 0)
        of->first_device = (uint16_t)wishes.device_count;
    wishes.device_count++;
}

static inline bool plan_with_pci(void)
{
    const struct plan_inputs inputs = {
        .config = &wishes, .hardware = &machine, .needs = &small_needs, .pci = &inventory};

    fake_inventory();
    memset(&diag, 0, sizeof(diag));
    return plan_build(&inputs, &plan, &diag);
}

static inline void good(void)
{
    if (!plan_with_pci())
        fail_msg("%s", diag.message);
    const char *broken = plan_broken_rule(&plan, &wishes, &machine, &small_needs);
    if (broken)
        fail_msg("broken: %s", broken);
}

/* Refused where line number `line` of all device lines stands. */
static inline void refused(uint32_t line, const char *message, const char *hint)
{
    assert_false(plan_with_pci());
    assert_string_equal(diag.message, message);
    assert_string_equal(diag.hint, hint);
    assert_int_equal(diag.line, 100 + line);
    assert_int_equal(diag.column, 10);
}

static inline const struct plan_device *planned(uint32_t bus, uint32_t device, uint32_t function)
{
    for (uint32_t i = 0; i < plan.device_count; i++)
        if (plan.devices[i].function.address.raw == pci_address(0, bus, device, function).raw)
            return &plan.devices[i];
    fail_msg("%x:%x.%x is not planned", bus, device, function);
    return NULL;
}

/* An endpoint behind a port of its own, which keeps it apart; with a BAR of 128 KiB. */
static inline struct fake *card(uint32_t bus)
{
    fake_acs(fake_port(0, bus, bus, bus, PCI_PORT_ROOT));
    struct fake *f = fake_endpoint(bus, 0, 0);
    fake_bar(f, BAR(0), 0xfd000000 - bus * MIB(1), KIB(128), 0);
    return f;
}

#endif
