/* SPDX-License-Identifier: MIT */
/*
 * Resets of PCI functions, against a model of one behind a port: a reset of each kind takes away
 * all that the specifications say it does, and the function does not answer for a while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/pci_reset.c"
#include "tests/unit/pci_machine.h"

#define LINK_UP   50000 /* microseconds that a reset takes */
#define LONG_WAIT 10000 /* as long as nobody may be away from other guests' timers */
#define BAR_BASE  0xfe000000u
#define BAR_SIZE  0x100000u
#define LARGE_BAR (PCI_BAR0 + 8)
#define LARGE     UINT64_C(0x3000000000) /* where firmware put it, with ... */
#define LARGE_NOW 10                     /* ... this size: 1 MiB << 10 */

static struct {
    uint64_t now, back_at; /* microseconds: now, and when the function answers again */
    uint64_t takes;
    uint64_t longest; /* wait */
    uint32_t resets;
    uint32_t pm, pcie, af, acs, rebar;
    bool held;        /* the bus is in reset */
    bool deep;        /* D3hot */
    bool garbled;     /* registers of capabilities read all ones, what is written arrives */
    uint32_t last;    /* what was written to Device Control or PMCSR at the latest, ... */
    uint32_t writes;  /* ... and how often anything but Command */
    uint64_t idle_at; /* it has transactions pending until then */
    uint8_t cold[PCI_EXTENDED_SIZE];
} model;

static struct fake *device, *bridge;

/* ---- the model ---- */

static bool is_away(void)
{
    return model.held || model.now < model.back_at;
}

/* The large BAR stands for as much as its control says. */
static void model_resize(void)
{
    uint32_t size = fake_get(device, model.rebar + PCI_REBAR_CONTROL, 2) >> 8 & 0x3f;
    uint64_t mask = ~(MIB(1) << size) + 1, base = 0;
    for (uint32_t i = 0; i < 8; i++) {
        device->writable[LARGE_BAR + i] = (uint8_t)(mask >> 8 * i);
        base |= (uint64_t)device->space[LARGE_BAR + i] << 8 * i;
    }
    fake_put(device, LARGE_BAR, 4, (uint32_t)(base & mask) | PCI_BAR_TYPE_64 << 1);
    fake_put(device, LARGE_BAR + 4, 4, (uint32_t)((base & mask) >> 32));
}

/* "Function Level Reset (FLR)": what stays of Device Control is Max_Payload_Size. */
static void model_reset(bool flr)
{
    uint32_t reg = model.pcie + PCI_PCIE_CONTROL;
    uint32_t payload = fake_get(device, reg, 2) & (uint32_t)PCI_PCIE_PAYLOAD;
    memcpy(device->space, model.cold, sizeof(device->space));
    if (flr)
        fake_put(device, reg, 2,
                 (fake_get(device, reg, 2) & ~(uint32_t)PCI_PCIE_PAYLOAD) | payload);
    model_resize();
    model.back_at = model.now + model.takes;
    model.resets++;
}

static uint32_t model_read(void *context, pci_address_t at, uint32_t reg, unsigned size)
{
    bool own = at.raw == device->at.raw;
    if (own && (is_away() || (model.garbled && reg >= PCI_CAP_FIRST)))
        return bytes_of_ones(size);
    uint32_t value = fake_read(context, at, reg, size);
    if (own && reg == model.pcie + PCIE_STATUS && model.now < model.idle_at)
        value |= (uint32_t)PCIE_PENDING;
    return value;
}

static void device_written(uint32_t reg, uint32_t value)
{
    model.writes += reg != PCI_COMMAND;
    if (reg == model.pcie + PCI_PCIE_CONTROL || reg == model.pm + PCI_PM_CONTROL)
        model.last = value;
    if (reg == model.rebar + PCI_REBAR_CONTROL)
        model_resize();
    if (model.pcie != 0 && reg == model.pcie + PCI_PCIE_CONTROL && value & PCI_PCIE_INITIATE)
        model_reset(true);
    if (model.af != 0 && reg == model.af + AF_CONTROL && value & AF_INITIATE)
        model_reset(true);
    if (model.pm == 0 || reg != model.pm + PCI_PM_CONTROL)
        return;
    bool was_deep = model.deep;
    model.deep = (value & BITS(1, 0)) == PM_D3HOT;
    if (was_deep && !model.deep)
        model_reset(false);
}

static void model_write(void *context, pci_address_t at, uint32_t reg, unsigned size,
                        uint32_t value)
{
    if (at.raw == device->at.raw && is_away())
        return;
    fake_write(context, at, reg, size, value);
    if (at.raw == device->at.raw)
        device_written(reg, value);
    if (at.raw != bridge->at.raw || reg != PCI_BRIDGE_CONTROL)
        return;
    bool was_held = model.held;
    model.held = (value & PCI_BRIDGE_RESET) != 0;
    if (was_held && !model.held)
        model_reset(false);
}

static void model_wait(uint64_t us)
{
    model.now += us;
    model.longest = us > model.longest ? us : model.longest;
}

const struct pci_access *pci_machine(void)
{
    return &fake_access;
}

/* ---- worlds ---- */

/* One that can be reset in each way; which one is taken is up to the test. */
static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(&model, 0, sizeof(model));
    model.takes = LINK_UP;
    bridge = fake_port(0, 1, 1, 1, PCI_PORT_ROOT);
    fake_let_write(bridge, PCI_BRIDGE_CONTROL, 2, UINT16_MAX);
    device = fake_add(1, 0, 0, 0x808610d3, 0x020000);
    fake_bar(device, PCI_BAR0, 0, BAR_SIZE, 0);
    model.pm = fake_cap(device, PCI_CAP_PM, 8);
    model.pcie = fake_pcie(device, PCI_PORT_ENDPOINT);
    fake_put(device, model.pcie + PCI_PCIE_CONTROL, 2, 0x2810); /* as it comes up */
    fake_let_write(device, model.pcie + PCI_PCIE_CONTROL, 2, 0x7fff);
    model.af = fake_cap(device, PCI_CAP_AF, 6);
    model.acs = fake_acs(device);
    model.rebar = fake_ext(device, PCI_EXT_REBAR, 16);
    fake_put(device, model.rebar + PCI_REBAR_CONTROL, 2, 1 << 5 | 2);
    fake_let_write(device, model.rebar + PCI_REBAR_CONTROL, 2, 0x3f00);
    fake_bar(device, LARGE_BAR, 0, MIB(1), PCI_BAR_TYPE_64 << 1);
    fake_put(device, PCI_COMMAND, 2, 0);
    memcpy(model.cold, device->space, sizeof(model.cold));

    /* Firmware's work. */
    fake_put(device, PCI_BAR0, 4, BAR_BASE);
    fake_put(device, model.rebar + PCI_REBAR_CONTROL, 2, LARGE_NOW << 8 | 1 << 5 | 2);
    model_resize();
    fake_put(device, LARGE_BAR + 4, 4, LARGE >> 32);
    fake_put(device, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    fake_put(device, model.pcie + PCI_PCIE_CONTROL, 2, 0x593f); /* 256 bytes, reads of 4096 */
    fake_access.read = model_read;
    fake_access.write = model_write;
    return 0;
}

static struct pci_function *take(enum pci_reset reset)
{
    fake_inventory();
    struct pci_function *function = found(1, 0, 0);
    assert_non_null(function);
    function->reset = (uint8_t)reset;
    return function;
}

/* As kernel/vm does it. */
static bool run(const struct pci_function *function)
{
    bool begun = pci_reset_begin(function, bridge->at, model_wait);
    model.now += pci_reset_time(function);
    return begun && pci_reset_end(function, model_wait);
}

static const enum pci_reset all_kinds[] = {PCI_RESET_FLR, PCI_RESET_AF_FLR, PCI_RESET_BUS,
                                           PCI_RESET_PM, PCI_RESET_NONE};

/* ---- tests ---- */

/* Each kind is one reset, and the function has its address again, but nothing is on. */
static void each_kind_resets(void **state)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(all_kinds); i++) {
        setup(state);
        assert_true(run(take(all_kinds[i])));
        assert_int_equal(model.resets, all_kinds[i] != PCI_RESET_NONE);
        assert_int_equal(fake_get(device, PCI_BAR0, 4), BAR_BASE);
        assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX);
    }
}

/* Whoever waits can look after others: no wait is long, however slow the device is. */
static void waits_are_short(void **state)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(all_kinds); i++) {
        setup(state);
        const struct pci_function *function = take(all_kinds[i]);
        model.takes = 700000;
        model.idle_at = 80000;
        assert_true(run(function));
        assert_true(model.longest > 0 || all_kinds[i] == PCI_RESET_NONE);
        assert_true(model.longest <= LONG_WAIT);
    }
}

static void lost_one_is_given_up(void **state)
{
    (void)state;
    const struct pci_function *function = take(PCI_RESET_FLR);
    model.takes = UINT64_C(1) << 40;
    assert_false(run(function));
    assert_true(model.now < 3000000);
}

/* The groups were made with it on: it is on again, or the function serves nobody. */
static void acs_comes_back(void **state)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(all_kinds); i++) {
        setup(state);
        const struct pci_function *function = take(all_kinds[i]);
        assert_int_equal(fake_get(device, model.acs + PCI_ACS_CONTROL, 2), 0x1f);
        assert_true(run(function));
        assert_int_equal(fake_get(device, model.acs + PCI_ACS_CONTROL, 2), 0x1f);
    }
    fake_put(device, model.acs + PCI_ACS_CONTROL, 2, 0x1b);
    fake_let_write(device, model.acs + PCI_ACS_CONTROL, 2, 0);
    assert_false(run(&inventory.functions[1]));
}

/* Before the address, which it would not take otherwise. */
static void sizes_come_back(void **state)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(all_kinds); i++) {
        setup(state);
        const struct pci_function *function = take(all_kinds[i]);
        assert_int_equal(function->bars[2].bits, 20 + LARGE_NOW);
        assert_true(run(function));
        assert_int_equal(fake_get(device, model.rebar + PCI_REBAR_CONTROL, 2) >> 8, LARGE_NOW);
        assert_int_equal(fake_get(device, LARGE_BAR + 4, 4), LARGE >> 32);
        assert_int_equal(device->writable[LARGE_BAR + 3], 0xc0);
    }
}

/* Neither larger nor smaller than the plan has it, nor anywhere else. */
static void other_bars_are_refused(void **state)
{
    (void)state;
    const struct pci_function *function = take(PCI_RESET_NONE);
    fake_let_write(device, model.rebar + PCI_REBAR_CONTROL, 2, 0);
    fake_put(device, model.rebar + PCI_REBAR_CONTROL, 2, (LARGE_NOW + 1) << 8);
    assert_false(run(function));
    fake_put(device, model.rebar + PCI_REBAR_CONTROL, 2, LARGE_NOW << 8);
    assert_true(run(function));

    static const uint32_t masks[] = {~(2 * BAR_SIZE - 1), ~(BAR_SIZE / 2 - 1), 0};
    for (uint32_t i = 0; i < ARRAY_COUNT(masks); i++) {
        fake_let_write(device, PCI_BAR0, 4, masks[i]);
        assert_false(run(function));
        assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX);
    }
    fake_let_write(device, PCI_BAR0, 4, ~(BAR_SIZE - 1));
    assert_true(run(function));
}

/* Those of the list that lie in the space, and not more than a function has BARs. */
static void list_of_sizes_ends(void **state)
{
    static const struct {
        uint32_t at, count, taken;
    } cases[] = {{0x200, 7, 6}, {0xff0, 6, 1}, {0xfe8, 6, 2}, {0xff4, 1, 1}, {0xff8, 1, 0}};
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fake_reset();
        struct fake *f = fake_endpoint(0, 1, 0);
        fake_put(f, PCI_EXT_FIRST, 4, 0xb | 1 << 16 | cases[i].at << 20);
        fake_put(f, cases[i].at, 2, PCI_EXT_REBAR);
        if (cases[i].at + PCI_REBAR_CONTROL < PCI_EXTENDED_SIZE)
            fake_put(f, cases[i].at + PCI_REBAR_CONTROL, 2, cases[i].count << 5);
        fake_scan();
        assert_int_equal(inventory.functions[0].kept.resizes, cases[i].taken);
    }
}

/* Firmware's payload size, and no reports of errors, whatever the guest made of it. */
static void device_control_comes_back(void **state)
{
    uint32_t reg;
    for (uint32_t i = 0; i < ARRAY_COUNT(all_kinds); i++) {
        setup(state);
        reg = model.pcie + PCI_PCIE_CONTROL;
        const struct pci_function *function = take(all_kinds[i]);
        fake_put(device, reg, 2, 0x0020);
        assert_true(run(function));
        assert_int_equal(fake_get(device, reg, 2), 0x5930);
    }
    fake_put(device, reg, 2, 0x2810);
    fake_let_write(device, reg, 2, 0x7f1f);
    assert_false(run(&inventory.functions[1]));
}

/* One that never had them on is not asked for them. */
static void acs_that_does_not_work(void **state)
{
    (void)state;
    fake_let_write(device, model.acs + PCI_ACS_CONTROL, 2, 0x1b);
    const struct pci_function *function = take(PCI_RESET_FLR);
    assert_false(function->flags & PCI_ISOLATES);
    assert_true(run(function));
}

/* A read that failed is not written back. */
static void nothing_comes_from_a_failed_read(void **state)
{
    static const struct {
        enum pci_reset kind;
        uint32_t last;
    } cases[] = {{PCI_RESET_FLR, 0xd930}, {PCI_RESET_PM, 0}};
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        setup(state);
        const struct pci_function *function = take(cases[i].kind);
        model.garbled = true;
        assert_true(pci_reset_begin(function, bridge->at, model_wait));
        assert_int_equal(model.last, cases[i].last);
        assert_int_equal(model.resets, 1);
    }
    setup(state);
    const struct pci_function *function = take(PCI_RESET_BUS);
    memset(bridge->space, UINT8_MAX, sizeof(bridge->space));
    assert_false(pci_reset_begin(function, bridge->at, model_wait));
}

/* One that is not there yet is waited for, one that does not come is not written to. */
static void reset_begins_when_it_answers(void **state)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(all_kinds); i++) {
        setup(state);
        const struct pci_function *function = take(all_kinds[i]);
        uint32_t writes = model.writes;
        model.back_at = 300000;
        assert_true(run(function));
        assert_int_equal(model.resets, all_kinds[i] != PCI_RESET_NONE);
        assert_true(model.writes > writes);

        model.back_at = UINT64_MAX;
        writes = model.writes;
        assert_false(pci_reset_begin(function, bridge->at, model_wait));
        assert_int_equal(model.writes, writes);
    }
}

/* Another card in the slot: it gets nothing of what was the old one's. */
static void another_one_is_refused(void **state)
{
    (void)state;
    const struct pci_function *function = take(PCI_RESET_BUS);
    fake_put(device, PCI_DEVICE_ID, 2, 0x1533);
    memcpy(model.cold, device->space, sizeof(model.cold));
    fake_put(device, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    uint32_t writes = model.writes;
    assert_false(run(function)); /* in place of the old one before the reset */
    assert_int_equal(model.writes, writes);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX);

    setup(state);
    function = take(PCI_RESET_BUS);
    fake_put(device, PCI_DEVICE_ID, 2, 0x1533);
    memcpy(model.cold, device->space, sizeof(model.cold));
    fake_put(device, PCI_DEVICE_ID, 2, 0x10d3);
    assert_false(run(function)); /* or within */
    assert_int_equal(model.resets, 1);
    assert_memory_equal(device->space, model.cold, sizeof(model.cold));
}

/* A virtual function has no id: its physical one answers, and has it switched on. */
static void virtual_function_is_asked_for(void **state)
{
    static const struct {
        uint32_t device, control;
        bool there;
    } cases[] = {{0x10d3, 9, true}, {0x1533, 9, false}, {0x10d3, 1, false}, {0x10d3, 8, false}};
    (void)state;
    fake_reset();
    struct fake *physical = fake_endpoint(1, 0, 0);
    uint32_t sriov = fake_sriov(physical, 1, 16, 1);
    fake_inventory();
    struct pci_function *function = found(1, 2, 0);
    assert_non_null(function);
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fake_put(physical, PCI_DEVICE_ID, 2, cases[i].device);
        fake_put(physical, sriov + PCI_SRIOV_CONTROL, 2, cases[i].control);
        assert_int_equal(pci_is_there(&fake_access, function), cases[i].there);
    }
    fake_put(physical, sriov + PCI_SRIOV_CONTROL, 2, 9);
    function->reset = PCI_RESET_NONE;
    fake_put(fake_find(function->address), PCI_BAR0, 4, 0);
    assert_true(pci_reset_end(function, model_wait));
    fake_find(function->address)->reads_left = 1; /* gone */
    assert_false(pci_is_there(&fake_access, function));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_resets),
        cmocka_unit_test(waits_are_short),
        cmocka_unit_test(acs_comes_back),
        cmocka_unit_test(sizes_come_back),
        cmocka_unit_test_setup(other_bars_are_refused, setup),
        cmocka_unit_test(list_of_sizes_ends),
        cmocka_unit_test(device_control_comes_back),
        cmocka_unit_test_setup(acs_that_does_not_work, setup),
        cmocka_unit_test(nothing_comes_from_a_failed_read),
        cmocka_unit_test(reset_begins_when_it_answers),
        cmocka_unit_test_setup(another_one_is_refused, setup),
        cmocka_unit_test(virtual_function_is_asked_for),
        cmocka_unit_test_setup(lost_one_is_given_up, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
