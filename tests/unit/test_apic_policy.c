/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/model/apic_policy.h"
#include "kernel/lib/types.h"

static void modes(void **state)
{
    (void)state;
    assert_int_equal(apic_base_value(APIC_MODE_DISABLED, true), 0xfee00100);
    assert_int_equal(apic_base_value(APIC_MODE_XAPIC, true), 0xfee00900);
    assert_int_equal(apic_base_value(APIC_MODE_X2APIC, false), 0xfee00c00);
}

#define D  APIC_MODE_DISABLED
#define X  APIC_MODE_XAPIC
#define X2 APIC_MODE_X2APIC

/* SDM Vol. 3A "x2APIC State Transitions", and what changes more than the mode. */
static void transitions(void **state)
{
    (void)state;
    static const struct {
        enum apic_mode from;
        uint64_t value;
        bool bsp, ok;
        enum apic_mode to;
    } cases[] = {
        {D, 0xfee00100, true, true, D},
        {D, 0xfee00900, true, true, X},
        {D, 0xfee00d00, true, false, D},
        {X, 0xfee00100, true, true, D},
        {X, 0xfee00900, true, true, X},
        {X, 0xfee00d00, true, true, X2},
        {X2, 0xfee00100, true, true, D},
        {X2, 0xfee00900, true, false, X2},
        {X2, 0xfee00d00, true, true, X2},
        {X, 0xfee00500, true, false, X},
        {X2, 0xfee00500, true, false, X2},
        {X, 0xfee00c00, false, true, X2},
        {X, 0xfee00c00, true, false, X},
        {X, 0xfee00d00, false, false, X},
        {X, 0xfed00d00, true, false, X},
        {X, 0xfee00d01, true, false, X},
        {X, BIT(36) | 0xfee00d00, true, false, X},
        {X, 0, true, false, X},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        enum apic_mode mode = cases[i].from;
        assert_int_equal(apic_base_write(&mode, cases[i].value, cases[i].bsp), cases[i].ok);
        assert_int_equal(mode, cases[i].to);
    }
}

static void values(void **state)
{
    (void)state;
    static const struct {
        uint32_t msr;
        uint64_t value;
        bool x2;    /* taken in x2APIC mode */
        uint32_t x; /* what is left in xAPIC mode */
    } cases[] = {
        {MSR_X2APIC_TPR, 0xf0, true, 0xf0},
        {MSR_X2APIC_TPR, 0x1f0, false, 0xf0},
        {MSR_X2APIC_EOI, 0, true, 0},
        {MSR_X2APIC_EOI, 0xb0, false, 0},
        {MSR_X2APIC_SVR, 0x1ff, true, 0x1ff},
        {MSR_X2APIC_SVR, 0x13ff, false, 0x1ff},
        {MSR_X2APIC_ESR, 1, false, 0},
        {MSR_X2APIC_TIMER_INIT, 0xffffffff, true, 0xffffffff},
        {MSR_X2APIC_TIMER_DIV, 0xb, true, 0xb},
        {MSR_X2APIC_TIMER_DIV, 0xf, false, 0xb},
        {MSR_X2APIC_LVT_TIMER, 0x200ec, true, 0x200ec},
        {MSR_X2APIC_LVT_TIMER, 0x207ec, false, 0x200ec},
        {MSR_X2APIC_LVT_TIMER, 0x400ec, true, 0x400ec},
        {MSR_X2APIC_LVT_TIMER, 0x600ec, false, 0x600ec}, /* and is then refused */
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(apic_value_check(cases[i].msr, cases[i].value, true), cases[i].x2);
        assert_int_equal(xapic_value(cases[i].msr, (uint32_t)cases[i].value), cases[i].x);
    }
    assert_false(apic_value_check(MSR_X2APIC_LVT_TIMER, 0x400ec, false));
    assert_true(apic_value_check(MSR_X2APIC_LVT_TIMER, 0x200ec, false));
    assert_false(apic_value_check(MSR_X2APIC_TIMER_INIT, BIT(32), true));
    assert_int_equal(xapic_value(MSR_X2APIC_LVT_LINT0, 0xffffffff), 0x1f7ff);
    assert_int_equal(xapic_value(MSR_X2APIC_LVT_ERROR, 0xffffffff), 0x110ff);
}

static void logical_ids(void **state)
{
    (void)state;
    assert_int_equal(x2apic_ldr(0), 0x00000001);
    assert_int_equal(x2apic_ldr(5), 0x00000020);
    assert_int_equal(x2apic_ldr(15), 0x00008000);
    assert_int_equal(x2apic_ldr(16), 0x00010001);
    assert_int_equal(x2apic_ldr(0x123), 0x00120008);
}

#define TO(id) ((uint64_t)(id) << 32)

static void interrupt_commands(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        bool ok, drop;
        enum apic_delivery delivery;
        enum apic_shorthand shorthand;
        bool logical;
        uint32_t destination;
        uint8_t vector;
    } cases[] = {
        {TO(3) | 0xfd, true, false, APIC_FIXED, APIC_TO_DESTINATION, false, 3, 0xfd},
        {TO(3) | 0x40fd, true, false, APIC_FIXED, APIC_TO_DESTINATION, false, 3, 0xfd},
        {TO(3) | 0x10fd, true, false, APIC_FIXED, APIC_TO_DESTINATION, false, 3, 0xfd},
        {TO(0x20001) | 0x8f0, true, false, APIC_FIXED, APIC_TO_DESTINATION, true, 0x20001, 0xf0},
        {0x40030, true, false, APIC_FIXED, APIC_TO_SELF, false, 0, 0x30},
        {0x80030, true, false, APIC_FIXED, APIC_TO_ALL, false, 0, 0x30},
        {0xc0030, true, false, APIC_FIXED, APIC_TO_OTHERS, false, 0, 0x30},
        {TO(1) | 0x0f, true, true, APIC_FIXED, APIC_TO_DESTINATION, false, 1, 0x0f},
        {0x40130, true, true, APIC_LOWEST, APIC_TO_SELF, false, 0, 0x30},
        {0x80130, true, true, APIC_LOWEST, APIC_TO_ALL, false, 0, 0x30},
        {0xc0130, true, false, APIC_LOWEST, APIC_TO_OTHERS, false, 0, 0x30},
        {TO(1) | 0x10f, true, true, APIC_LOWEST, APIC_TO_DESTINATION, false, 1, 0x0f},
        {TO(1) | 0x130, true, false, APIC_LOWEST, APIC_TO_DESTINATION, false, 1, 0x30},
        {TO(1) | 0x200, true, true, APIC_SMI, APIC_TO_DESTINATION, false, 1, 0},
        {TO(1) | 0x300, true, true, APIC_RESERVED_3, APIC_TO_DESTINATION, false, 1, 0},
        {TO(1) | 0x400, true, false, APIC_NMI, APIC_TO_DESTINATION, false, 1, 0},
        {0xc0400, true, false, APIC_NMI, APIC_TO_OTHERS, false, 0, 0},
        {0x40400, true, true, APIC_NMI, APIC_TO_SELF, false, 0, 0},
        {0x80400, true, true, APIC_NMI, APIC_TO_ALL, false, 0, 0},
        {TO(1) | 0x4500, true, false, APIC_INIT, APIC_TO_DESTINATION, false, 1, 0},
        {TO(1) | 0xc500, true, false, APIC_INIT, APIC_TO_DESTINATION, false, 1, 0},
        {TO(1) | 0x8500, true, true, APIC_INIT, APIC_TO_DESTINATION, false, 1, 0},
        {0x84500, true, true, APIC_INIT, APIC_TO_ALL, false, 0, 0},
        {TO(1) | 0x69a, true, false, APIC_STARTUP, APIC_TO_DESTINATION, false, 1, 0x9a},
        {0x4069a, true, true, APIC_STARTUP, APIC_TO_SELF, false, 0, 0x9a},
        {TO(1) | 0x700, true, true, APIC_EXTINT, APIC_TO_DESTINATION, false, 1, 0},
        {TO(1) | 0x2030, false, false, APIC_FIXED, APIC_TO_DESTINATION, false, 0, 0},
        {TO(1) | 0x10030, false, false, APIC_FIXED, APIC_TO_DESTINATION, false, 0, 0},
        {TO(1) | 0x100030, false, false, APIC_FIXED, APIC_TO_DESTINATION, false, 0, 0},
        {TO(1) | 0x80000030, false, false, APIC_FIXED, APIC_TO_DESTINATION, false, 0, 0},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ipi ipi;
        assert_int_equal(icr_decode(cases[i].value, &ipi), cases[i].ok);
        if (!cases[i].ok)
            continue;
        assert_int_equal(ipi.drop, cases[i].drop);
        assert_int_equal(ipi.delivery, cases[i].delivery);
        assert_int_equal(ipi.shorthand, cases[i].shorthand);
        assert_int_equal(ipi.logical, cases[i].logical);
        assert_int_equal(ipi.destination, cases[i].destination);
        assert_int_equal(ipi.vector, cases[i].vector);
    }
}

static void destinations(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        uint32_t members; /* bit n: vCPU n of 20, sent by vCPU 2 */
    } cases[] = {
        {TO(3) | 0x30, 1u << 3},
        {TO(19) | 0x30, 1u << 19},
        {TO(20) | 0x30, 0},
        {TO(0xffffffff) | 0x30, 0xfffff},
        {TO(0xffffffff) | 0x830, 0xfffff},
        {TO(0x0000000a) | 0x830, 1u << 1 | 1u << 3},
        {TO(0x0000ffff) | 0x830, 0xffff},
        {TO(0x0001000f) | 0x830, 0xf0000},
        {TO(0x00020001) | 0x830, 0},
        {0x40030, 1u << 2},
        {0x80030, 0xfffff},
        {0xc0030, 0xfffff & ~(1u << 2)},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ipi ipi;
        uint32_t members = 0;
        assert_true(icr_decode(cases[i].value, &ipi));
        for (uint32_t id = 0; id < 20; id++)
            if (ipi_matches(&ipi, &(struct apic_address){.id = id, .mode = APIC_MODE_X2APIC}, 2))
                members |= 1u << id;
        assert_int_equal(members, cases[i].members);
    }
}

/* Commands of an xAPIC: nothing faults, 8 bits of destination. */
static void narrow_commands(void **state)
{
    (void)state;
    struct ipi ipi;
    xapic_icr_decode(0xfffc88f0 & ~0xc0000u, 0x05ffffff, &ipi);
    assert_true(ipi.narrow && ipi.logical && !ipi.drop);
    assert_int_equal(ipi.destination, 5);
    assert_int_equal(ipi.vector, 0xf0);
    assert_int_equal(ipi.delivery, APIC_FIXED);
    assert_int_equal(ipi.shorthand, APIC_TO_DESTINATION);
    xapic_icr_decode(0x4500, 0x01000000, &ipi);
    assert_true(!ipi.drop && ipi.delivery == APIC_INIT && ipi.destination == 1);
    xapic_icr_decode(0x8500, 0x01000000, &ipi);
    assert_true(ipi.drop);
    xapic_icr_decode(0x200, 0, &ipi);
    assert_true(ipi.drop);
    assert_true(icr_decode(TO(5) | 0x30, &ipi));
    assert_false(ipi.narrow);
}

/* Eight APICs by models: which of them does a command from number 2 reach? */
static void logical_destinations(void **state)
{
    (void)state;
    static const uint32_t flat[8] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80};
    static const uint32_t cluster[8] = {0x01, 0x02, 0x04, 0x08, 0x11, 0x12, 0x14, 0x18};
    static const struct {
        const uint32_t *ldrs;
        uint32_t low, destination, members;
    } cases[] = {
        {flat, 0x830, 0x01, 0x01},    {flat, 0x830, 0x80, 0x80},    {flat, 0x830, 0x5a, 0x5a},
        {flat, 0x830, 0xff, 0xff},    {flat, 0x830, 0, 0},          {flat, 0x030, 5, 0x20},
        {flat, 0x030, 8, 0},          {flat, 0x030, 0xff, 0xff},    {flat, 0x40830, 0, 0x04},
        {flat, 0xc0030, 0, 0xfb},     {flat, 0x80830, 0, 0xff},     {cluster, 0x830, 0x01, 0x01},
        {cluster, 0x830, 0x0a, 0x0a}, {cluster, 0x830, 0x1f, 0xf0}, {cluster, 0x830, 0x2f, 0},
        {cluster, 0x830, 0x10, 0},    {cluster, 0x830, 0xff, 0xff}, {cluster, 0x030, 0x05, 0x20},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ipi ipi;
        uint32_t members = 0;
        xapic_icr_decode(cases[i].low, cases[i].destination << 24, &ipi);
        for (uint32_t id = 0; id < 8; id++) {
            struct apic_address to = {.id = id,
                                      .mode = APIC_MODE_XAPIC,
                                      .ldr = cases[i].ldrs[id] << 24,
                                      .dfr = cases[i].ldrs == flat ? 0xffffffff : 0x0fffffff};
            if (ipi_matches(&ipi, &to, 2))
                members |= 1u << id;
        }
        assert_int_equal(members, cases[i].members);
    }
}

/* Sender and receiver in different modes, messages of an I/O APIC, and APICs that are off. */
static void mixed_modes(void **state)
{
    (void)state;
    struct apic_address x = {
        .id = 3, .mode = APIC_MODE_XAPIC, .ldr = 0x40000000, .dfr = UINT32_MAX};
    struct apic_address x2 = {
        .id = 3, .mode = APIC_MODE_X2APIC, .ldr = 0x40000000, .dfr = UINT32_MAX};
    struct apic_address off = {.id = 3, .mode = APIC_MODE_DISABLED};
    static const struct {
        struct ipi ipi;
        bool x, x2;
    } cases[] = {
        {{.destination = 3}, true, true},
        {{.destination = 3, .narrow = true}, true, true},
        {{.destination = 0xff, .narrow = true}, true, true},
        {{.destination = 0xff}, false, false},
        {{.destination = APIC_BROADCAST}, true, true},
        {{.destination = APIC_BROADCAST, .logical = true}, true, true},
        {{.destination = 0x08, .logical = true, .narrow = true}, false, true},
        {{.destination = 0x40, .logical = true, .narrow = true}, true, false},
        {{.destination = 0xff, .logical = true, .narrow = true}, true, true},
        {{.destination = 0xf7, .logical = true, .narrow = true}, true, false},
        {{.destination = 0x48, .logical = true}, false, true},
        {{.destination = 0x40, .logical = true}, false, false},
        {{.shorthand = APIC_TO_ALL}, true, true},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(ipi_matches(&cases[i].ipi, &x, 0), cases[i].x);
        assert_int_equal(ipi_matches(&cases[i].ipi, &x2, 0), cases[i].x2);
        assert_false(ipi_matches(&cases[i].ipi, &off, 0));
    }
    x2.id = 9; /* everybody to an xAPIC, the first eight to an x2APIC */
    assert_false(ipi_matches(&cases[8].ipi, &x2, 0));
}

/* Every destination, of each form, to guests of every size: the range leaves out nobody. */
static void destination_ranges(void **state)
{
    (void)state;
    static const uint32_t more[] = {0xffff, 0x10000, 0x1ffff, 0x400001, 0xffff0001, UINT32_MAX - 1};
    static const uint32_t counts[] = {1, 2, 3, 15, 16, 17, 40, 1024};
    for (uint32_t shape = 0; shape < 16; shape++)
        for (uint32_t i = 0; i < 0x120 + ARRAY_COUNT(more); i++)
            for (unsigned n = 0; n < ARRAY_COUNT(counts); n++) {
                uint32_t to = i < 0x100 ? i : i < 0x120 ? (i & 31) << 16 | 0x8421 : more[i - 0x120];
                uint32_t low = (shape & 3) << 18 | (shape >> 2 & 1) << 11 | 0x30;
                struct ipi ipi;
                if (shape >> 3)
                    xapic_icr_decode(low, to << 24, &ipi);
                else
                    assert_true(icr_decode(TO(to) | low, &ipi));
                struct ipi_range range = ipi_range(&ipi, counts[n]);
                assert_true(range.first <= range.end && range.end <= counts[n]);
                for (uint32_t id = 0; id < counts[n]; id++) {
                    struct apic_address x = {id, APIC_MODE_XAPIC, 1u << (24 + id % 8), UINT32_MAX};
                    struct apic_address x2 = {.id = id, .mode = APIC_MODE_X2APIC};
                    if (id < range.first || id >= range.end)
                        assert_false(ipi_matches(&ipi, &x, 0) || ipi_matches(&ipi, &x2, 0));
                }
            }
    struct ipi ipi;
    assert_true(icr_decode(TO(0x20003) | 0x830, &ipi));
    assert_int_equal(ipi_range(&ipi, 1024).first, 32);
    assert_int_equal(ipi_range(&ipi, 1024).end, 48);
    assert_int_equal(ipi_range(&ipi, 40).end, 40);
    assert_true(icr_decode(TO(700) | 0x30, &ipi));
    assert_int_equal(ipi_range(&ipi, 1024).first, 700);
    assert_int_equal(ipi_range(&ipi, 1024).end, 701);
}

static void local_vector_table(void **state)
{
    (void)state;
    static const struct {
        uint32_t msr;
        uint64_t value;
        bool ok;
        uint32_t shadow, real;
    } cases[] = {
        {MSR_X2APIC_LVT_ERROR, 0xfe, true, 0xfe, 0xfe},
        {MSR_X2APIC_LVT_ERROR, 0x110fe, true, 0x100fe, 0x100fe},
        {MSR_X2APIC_LVT_ERROR, 0x4fe, false, 0, 0},
        {MSR_X2APIC_LVT_LINT0, 0x700, true, 0x700, LVT_MASKED},
        {MSR_X2APIC_LVT_LINT0, 0x10700, true, 0x10700, LVT_MASKED},
        {MSR_X2APIC_LVT_LINT1, 0x400, true, 0x400, LVT_MASKED},
        {MSR_X2APIC_LVT_LINT1, 0xf431, true, 0xa431, LVT_MASKED},
        {MSR_X2APIC_LVT_PERF, 0x400, true, 0x400, LVT_MASKED},
        {MSR_X2APIC_LVT_PERF, 0x8400, false, 0, 0},
        {MSR_X2APIC_LVT_THERMAL, 0x200, true, 0x200, LVT_MASKED},
        {MSR_X2APIC_LVT_CMCI, 0x500, true, 0x500, LVT_MASKED},
        {MSR_X2APIC_LVT_LINT0, 0x20000, false, 0, 0},
        {MSR_X2APIC_LVT_LINT0, BIT(32), false, 0, 0},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t shadow = 0, real = 0;
        assert_int_equal(lvt_write(cases[i].msr, cases[i].value, &shadow, &real), cases[i].ok);
        assert_int_equal(shadow, cases[i].shadow);
        assert_int_equal(real, cases[i].real);
    }
}

static void messages_of_devices(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t data;
        bool ok;
    } cases[] = {
        {0xfee01000, 0x4031, true},
        {0xfee0300c, 0x0131, true},
        {0xfee01000, 0x400f, false},
        {0xfee01000, 0x4231, false}, /* vector below 16; SMI */
        {0xfee01000, 0x4431, false},
        {0xfee01000, 0x4731, false}, /* NMI, ExtINT */
        {0xfec01000, 0x4031, false},
        {UINT64_C(0x1fee01000), 0x4031, false},
        {0, 0, false},
    };
    struct ipi ipi;
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(msi_decode(cases[i].address, cases[i].data, &ipi), cases[i].ok);
    assert_true(msi_decode(0xfee0300c, 0x0131, &ipi));
    assert_true(ipi.logical && ipi.narrow);
    assert_int_equal(ipi.destination, 3);
    assert_int_equal(ipi.vector, 0x31);
    assert_int_equal(ipi.delivery, APIC_LOWEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_devices),  cmocka_unit_test(modes),
        cmocka_unit_test(transitions),          cmocka_unit_test(values),
        cmocka_unit_test(logical_ids),          cmocka_unit_test(interrupt_commands),
        cmocka_unit_test(destinations),         cmocka_unit_test(narrow_commands),
        cmocka_unit_test(logical_destinations), cmocka_unit_test(mixed_modes),
        cmocka_unit_test(destination_ranges),   cmocka_unit_test(local_vector_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
