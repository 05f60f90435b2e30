/* SPDX-License-Identifier: MIT */
/*
 * Tests of drivers/iommu.h that hold for both kinds of units: what sources reach and whom they
 * interrupt, found by walking the tables as a unit does. Included behind the drivers' sources; the
 * file that includes it supplies:
 *
 *   fresh()      a machine that is on, with units 0 and 1 for segment 0 and unit 2 for segment 7
 *   walk()       where the source's access to that address arrives; NOWHERE: blocked
 *   interrupt()  who gets the source's message
 *   silent()     does the unit keep to itself what the source may not do?
 *   told[]       how often each unit was told of changes
 *   dead         the unit that does not answer any more
 *   pending[]    how many faults each unit has to tell; asked[]: how often it was polled
 */
#ifndef BULKHEAD_TESTS_UNIT_IOMMU_OWNER_H
#define BULKHEAD_TESTS_UNIT_IOMMU_OWNER_H

#define NOWHERE UINT64_MAX

static const struct plan_range web[] = {
    {{0}, {MIB(512)}, MIB(64)},
    {{GIB(4)}, {GIB(6)}, GIB(1)},
};
static const struct plan_range rt[] = {{{0}, {MIB(768)}, MIB(2)}};

static const struct iommu_source disk = {0, 0x00fa}, net = {0, 0x0100}, far_net = {7, 0x0100};

static struct iommu_client *prepared(struct iommu_source source, uint32_t irqs)
{
    struct diag diag = {.message = ""};
    struct iommu_client *client = iommu_prepare(source, irqs, &diag);

    if (!client)
        fail_msg("%s", diag.message);
    return client;
}

static struct iommu_domain domain_of(const struct plan_range *ranges, uint32_t count)
{
    struct iommu_domain domain;
    struct diag diag = {.message = ""};

    if (!iommu_domain(&domain, ranges, count, &diag))
        fail_msg("%s", diag.message);
    return domain;
}

static void test_all_is_blocked_at_first(void **state)
{
    (void)state;
    fresh();
    assert_true(iommu_on());
    for (uint32_t id = 0; id < 0x200; id++)
        assert_int_equal(walk((struct iommu_source){0, (uint16_t)id}, 0), NOWHERE);
    prepared(disk, 4);
    assert_int_equal(walk(disk, 0), NOWHERE);
    assert_int_equal(walk(disk, MIB(512)), NOWHERE);
}

static void test_domain(void **state)
{
    (void)state;
    fresh();
    struct iommu_client *client = prepared(disk, 1), *other = prepared(net, 1);
    struct iommu_domain first = domain_of(web, 2), second = domain_of(rt, 1);

    assert_int_not_equal(first.id, second.id);
    assert_int_equal(walk(disk, 0), NOWHERE);
    assert_true(iommu_attach(client, &first));
    assert_true(iommu_attach(other, &second));
    assert_int_equal(walk(disk, 0), MIB(512));
    assert_int_equal(walk(disk, MIB(64) - 1), MIB(576) - 1);
    assert_int_equal(walk(disk, MIB(64)), NOWHERE);
    assert_int_equal(walk(disk, GIB(4) + 0x123456), GIB(6) + 0x123456);
    assert_int_equal(walk(disk, GIB(5)), NOWHERE);
    assert_int_equal(walk(net, 0x1234), MIB(768) + 0x1234);
    assert_int_equal(walk(net, MIB(2)), NOWHERE);
    assert_int_equal(walk(far_net, 0), NOWHERE);
    assert_true(iommu_attach(client, &second)); /* to another one */
    assert_int_equal(walk(disk, 0), MIB(768));
    assert_true(iommu_attach(client, NULL));
    assert_int_equal(walk(disk, 0), NOWHERE);
    assert_int_equal(walk(net, 0), MIB(768));
}

static void test_segments_are_apart(void **state)
{
    struct iommu_irq irq = {.apic_id = 3, .vector = 0x41}, got;

    (void)state;
    fresh();
    struct iommu_client *near_card = prepared(net, 4), *far_card = prepared(far_net, 4);
    struct iommu_domain first = domain_of(web, 2);
    assert_true(iommu_attach(far_card, &first));
    assert_int_equal(walk(net, 0), NOWHERE);
    assert_int_equal(walk(far_net, 0), MIB(512));
    assert_true(iommu_irq(far_card, 0, &irq));
    struct iommu_message message = iommu_message(far_card, 0);
    assert_false(interrupt(net, &message, &got));
    assert_true(interrupt(far_net, &message, &got));
    assert_true(iommu_attach(near_card, NULL));
}

/* Everybody who may serve the source hears of a change, and nobody else. */
static void test_units_are_told(void **state)
{
    struct iommu_irq irq = {.apic_id = 3, .vector = 0x41};

    (void)state;
    fresh();
    struct iommu_client *client = prepared(disk, 1);
    struct iommu_domain first = domain_of(web, 2);
    memset(told, 0, sizeof(told));
    assert_true(iommu_attach(client, &first));
    assert_true(told[0] > 0 && told[1] == told[0] && told[2] == 0);
    uint32_t before = told[0];
    assert_true(iommu_irq(client, 0, &irq));
    assert_true(told[0] > before && told[1] == told[0] && told[2] == 0);
    before = told[0];
    assert_true(iommu_irq(client, 0, NULL));
    assert_true(iommu_attach(client, NULL));
    assert_true(told[0] > before + 1 && told[1] == told[0] && told[2] == 0);
}

static void test_interrupts(void **state)
{
    struct iommu_irq got;

    (void)state;
    fresh();
    struct iommu_client *client = prepared(disk, 5), *other = prepared(net, 5);
    for (uint32_t n = 0; n < 5; n++) {
        struct iommu_message message = iommu_message(client, n);
        assert_false(interrupt(disk, &message, &got));
    }
    for (uint32_t n = 0; n < 5; n++) {
        struct iommu_irq one = {.apic_id = n, .vector = (uint8_t)(0x40 + n)};
        struct iommu_irq two = {.apic_id = 8 + n, .vector = (uint8_t)(0x80 + n)};
        assert_true(iommu_irq(client, n, &one));
        assert_true(iommu_irq(other, n, &two));
    }
    for (uint32_t n = 0; n < 5; n++) {
        struct iommu_message message = iommu_message(client, n);
        assert_true(interrupt(disk, &message, &got));
        assert_int_equal(got.apic_id, n);
        assert_int_equal(got.vector, 0x40 + n);
        message = iommu_message(other, n);
        assert_true(interrupt(net, &message, &got));
        assert_int_equal(got.apic_id, 8 + n);
        /* What it says does not help the one who does not own it. */
        if (interrupt(disk, &message, &got))
            assert_true(got.apic_id < 5);
    }
    struct iommu_irq moved = {.apic_id = 6, .vector = 0x99};
    assert_true(iommu_irq(client, 2, &moved));
    struct iommu_message message = iommu_message(client, 2);
    assert_true(interrupt(disk, &message, &got));
    assert_int_equal(got.apic_id, 6);
    assert_int_equal(got.vector, 0x99);
    assert_true(iommu_irq(client, 2, NULL));
    assert_false(interrupt(disk, &message, &got));
    assert_false(iommu_irq(client, 5, &moved)); /* not its own */
}

/* All of them at once, and no unit is waited for twice. */
static void test_interrupts_off(void **state)
{
    struct iommu_irq irq = {.apic_id = 3, .vector = 0x41}, got;

    (void)state;
    fresh();
    struct iommu_client *client = prepared(disk, 64), *other = prepared(net, 4);
    struct iommu_client *none = prepared((struct iommu_source){0, 0x0108}, 0);
    for (uint32_t n = 0; n < 64; n++)
        assert_true(iommu_irq(client, n, &irq));
    assert_true(iommu_irq(other, 3, &irq));
    memset(told, 0, sizeof(told));
    assert_true(iommu_irqs_off(client, 1, 63));
    assert_true(told[0] == 1 && told[1] == 1 && told[2] == 0);
    for (uint32_t n = 0; n < 64; n++) {
        struct iommu_message message = iommu_message(client, n);
        assert_int_equal(interrupt(disk, &message, &got), n == 0);
    }
    struct iommu_message message = iommu_message(other, 3);
    assert_true(interrupt(net, &message, &got));
    assert_true(iommu_irqs_off(none, 0, 0));
    assert_false(iommu_irqs_off(client, 1, 64)); /* not its own */
    dead = 0;
    assert_false(iommu_irqs_off(client, 0, 64));
}

/* What is detached or silenced is not told of, and nothing else changes; attaching tells again. */
static void test_silence(void **state)
{
    const struct iommu_source stranger = {0, 0x01f8}, missing = {3, 0};
    struct iommu_irq irq = {.apic_id = 3, .vector = 0x41}, got;

    (void)state;
    fresh();
    struct iommu_client *client = prepared(disk, 2), *other = prepared(net, 1);
    struct iommu_domain first = domain_of(web, 2);
    struct iommu_message message = iommu_message(client, 1);
    assert_false(silent(disk, client, 2));
    assert_true(iommu_attach(client, &first));
    assert_true(iommu_attach(other, &first));
    assert_true(iommu_irq(client, 1, &irq));
    assert_false(silent(disk, client, 2));
    memset(told, 0, sizeof(told));
    assert_true(iommu_silence(disk));
    assert_true(told[0] > 0 && told[1] == told[0] && told[2] == 0);
    assert_true(silent(disk, client, 2));
    assert_false(silent(net, other, 1));
    assert_int_equal(walk(disk, 0), MIB(512));
    assert_true(interrupt(disk, &message, &got));
    assert_true(iommu_irq(client, 1, NULL));
    assert_true(silent(disk, client, 2));
    assert_false(interrupt(disk, &message, &got));
    assert_true(iommu_attach(client, NULL));
    assert_true(iommu_irqs_off(client, 0, 2));
    assert_true(silent(disk, client, 2));
    assert_int_equal(walk(disk, 0), NOWHERE);
    assert_true(iommu_attach(client, &first));
    assert_false(silent(disk, client, 2));
    assert_true(iommu_attach(client, NULL));
    assert_true(iommu_irqs_off(client, 0, 2));
    assert_true(silent(disk, client, 2));
    assert_false(silent(stranger, NULL, 0)); /* nobody's */
    assert_true(iommu_silence(stranger));
    assert_true(silent(stranger, NULL, 0));
    assert_int_equal(walk(stranger, 0), NOWHERE);
    assert_false(silent(net, other, 1));
    assert_false(iommu_silence(missing));
    dead = 1;
    assert_false(iommu_silence(net));
}

/* A unit with faults does not cost a look at each of the others, nor does it keep them out. */
static void test_turns(void **state)
{
    struct iommu_fault fault;

    (void)state;
    fresh();
    pending[1] = 3 * IOMMU_POLL_SHARE;
    pending[2] = 1;
    memset(asked, 0, sizeof(asked));
    for (uint32_t i = 0; i <= IOMMU_POLL_SHARE; i++)
        assert_true(iommu_poll(&fault));
    assert_int_equal(pending[2], 0);
    assert_true(asked[0] <= 1 && asked[2] <= 1);
    for (uint32_t i = 0; i < 2 * IOMMU_POLL_SHARE; i++)
        assert_true(iommu_poll(&fault));
    assert_false(iommu_poll(&fault));
    assert_true(asked[0] <= 4 && asked[2] <= 5);
}

static bool goes_to(struct iommu_source source, const struct iommu_client *client, uint32_t n,
                    uint8_t vector)
{
    struct iommu_message message = iommu_message(client, n);
    struct iommu_irq got;

    return interrupt(source, &message, &got) && got.vector == vector;
}

/*
 * Two functions behind a bridge from PCI Express to PCI, which sends for both of them under its
 * secondary bus, or as it came in. Nobody else may use their entries.
 */
static void test_interrupts_of_a_bus(void **state)
{
    const struct iommu_source bus = {0, 0x0100}, own = {0, 0x0128}, second = {0, 0x0138};
    const struct iommu_source bridge = {0, 0x0010}, beyond = {0, 0x0200};
    struct iommu_irq one = {.apic_id = 1, .vector = 0x41}, two = {.apic_id = 2, .vector = 0x42};
    struct diag diag = {.message = ""};

    (void)state;
    fresh();
    struct iommu_client *client = prepared(bus, 40), *first = prepared(own, 0);
    struct iommu_client *other = prepared(second, 0), *sender = prepared(bridge, 0);
    prepared(disk, 8);
    for (int i = 0; i < 2; i++) /* a second function has the bridge's client again */
        assert_true(iommu_alias(client, sender, true, &diag));
    assert_true(iommu_alias(client, first, true, &diag));
    assert_false(goes_to(own, client, 0, 0x41));
    assert_true(iommu_alias(client, other, true, &diag));
    assert_true(iommu_irq(client, 0, &one));
    assert_true(iommu_irq(client, 32, &two));
    assert_true(goes_to(bus, client, 0, 0x41) && goes_to(bus, client, 32, 0x42));
    assert_true(goes_to(own, client, 0, 0x41) && goes_to(second, client, 32, 0x42));
    assert_false(goes_to(disk, client, 0, 0x41) || goes_to(beyond, client, 0, 0x41));
    /* What the one with several plain messages adds to its first. */
    struct iommu_message message = iommu_message(client, 32);
    assert_int_equal(message.data % 32, 0);
    assert_int_equal(iommu_message(client, 35).data, message.data | 3);
    assert_true(iommu_irq(client, 0, &two));
    assert_true(goes_to(bus, client, 0, 0x42) && goes_to(own, client, 0, 0x42));
    assert_true(iommu_irq(client, 0, NULL));
    assert_false(goes_to(bus, client, 0, 0x42) || goes_to(own, client, 0, 0x42));
}

/* A conventional bridge on the root bus sends under its own id. */
static void test_interrupts_of_a_bridge(void **state)
{
    const struct iommu_source bridge = {0, 0x00f0}, own = {0, 0x0108}, neighbour = {0, 0x00f1};
    struct iommu_irq irq = {.apic_id = 1, .vector = 0x41};
    struct diag diag;

    (void)state;
    fresh();
    struct iommu_client *client = prepared(bridge, IOMMU_MAX_IRQS - 8), *one = prepared(own, 0);
    prepared(neighbour, 8);
    assert_true(iommu_alias(client, one, false, &diag));
    assert_true(iommu_irq(client, 3, &irq));
    assert_true(goes_to(bridge, client, 3, 0x41));
    assert_false(goes_to(neighbour, client, 3, 0x41));
}

static void test_dead_unit(void **state)
{
    struct iommu_irq irq = {.apic_id = 3, .vector = 0x41};

    (void)state;
    fresh();
    struct iommu_client *client = prepared(disk, 1), *far_card = prepared(far_net, 1);
    struct iommu_domain first = domain_of(web, 2);
    dead = 1;
    assert_false(iommu_attach(client, &first));
    assert_false(iommu_irq(client, 0, &irq));
    assert_false(iommu_attach(client, NULL));
    assert_int_equal(walk(disk, 0), NOWHERE); /* the tables are right in any case */
    assert_true(iommu_attach(far_card, &first));
}

static void test_refusals(void **state)
{
    struct diag diag = {.message = ""};
    struct iommu_domain domain;
    const struct plan_range beyond[] = {{{BIT(47)}, {0}, MIB(2)}, {{BIT(48)}, {0}, MIB(2)}};

    (void)state;
    fresh();
    assert_null(iommu_prepare((struct iommu_source){3, 0}, 1, &diag));
    assert_non_null(strstr(diag.message, "segment 3"));
    assert_null(iommu_prepare(disk, IOMMU_MAX_SHARED + 1, &diag));
    assert_string_equal(diag.message, "devices behind one bridge have more interrupts than an "
                                      "IOMMU has entries");
    assert_string_equal(diag.hint, "name fewer of them, or use another slot");
    assert_true(iommu_domain(&domain, beyond, 1, &diag));
    assert_false(iommu_domain(&domain, beyond + 1, 1, &diag));
    assert_non_null(strstr(diag.message, "reach"));
}

#define OWNER_TESTS                                                                                \
    cmocka_unit_test(test_all_is_blocked_at_first), cmocka_unit_test(test_domain),                 \
        cmocka_unit_test(test_segments_are_apart), cmocka_unit_test(test_units_are_told),          \
        cmocka_unit_test(test_interrupts), cmocka_unit_test(test_interrupts_of_a_bus),             \
        cmocka_unit_test(test_interrupts_of_a_bridge), cmocka_unit_test(test_interrupts_off),      \
        cmocka_unit_test(test_silence), cmocka_unit_test(test_turns),                              \
        cmocka_unit_test(test_dead_unit), cmocka_unit_test(test_refusals)

#endif
