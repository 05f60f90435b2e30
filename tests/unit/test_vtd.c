/* SPDX-License-Identifier: MIT */
/* VT-d as its users see it: the tables that the driver keeps are walked as units do it. */
#include "tests/unit/iommu_world.h"

#include "drivers/iommu.c"
#include "drivers/vtd.c"

/* ---- units that note what they are told; their own driver has its own test ---- */
#define CAP                                                                                        \
    (field_put(VTD_CAP_SAGAW, VTD_SAGAW_3 | VTD_SAGAW_4) | field_put(VTD_CAP_MGAW, 47) |           \
     field_put(VTD_CAP_SSLPS, VTD_SSLPS_2M | VTD_SSLPS_1G) | field_put(VTD_CAP_ND, 6))
#define ECAP (VTD_ECAP_QI | VTD_ECAP_IR | VTD_ECAP_EIM)

static struct acpi_host host;
static uint64_t cap, ecap;
static struct vtd_roots roots[3]; /* what each was started with */
static uint32_t told[3];
static int dead, absent, senseless; /* units that are so */
static bool bad_remapping;          /* so is the chipset */
static uint32_t pending[3], asked[3];

const struct iommu_ops amdvi_ops;

static int number_of(const struct vtd_unit *unit)
{
    return (int)(unit - vtd.units);
}

bool vtd_unit_map(struct vtd_unit *unit, const struct dmar_unit *from, struct diag *diag)
{
    unit->segment = from->segment;
    unit->cap = absent == number_of(unit) ? UINT64_MAX : cap;
    unit->ecap = absent == number_of(unit) ? UINT64_MAX : ecap;
    unit->mapped = senseless != number_of(unit);
    return unit->mapped || diag_set(diag, "no sense");
}

bool vtd_unit_start(struct vtd_unit *unit, const struct vtd_roots *from)
{
    roots[number_of(unit)] = *from;
    return dead != number_of(unit);
}

static hpa_t empty[3]; /* with which each blocks everything */

bool vtd_unit_block(struct vtd_unit *unit, hpa_t from)
{
    empty[number_of(unit)] = from;
    return dead != number_of(unit);
}

bool vtd_unit_invalidate(struct vtd_unit *unit, const struct vtd_pair *what, uint32_t count)
{
    (void)what;
    assert_in_range(count, 1, VTD_MAX_INVALIDATIONS);
    told[number_of(unit)] += count;
    return dead != number_of(unit);
}

bool vtd_unit_poll(struct vtd_unit *unit, struct iommu_fault *fault)
{
    int number = number_of(unit);
    *fault = (struct iommu_fault){.kind = IOMMU_FAULT_BLOCKED};
    asked[number]++;
    return pending[number] > 0 && pending[number]-- > 0;
}

static struct iommu_message alerts[3];
static bool listening[3];

void vtd_unit_alert(const struct vtd_unit *unit, const struct iommu_message *message)
{
    alerts[number_of(unit)] = *message;
}

static int no_nmi; /* the unit that sends none */
static uint32_t tried;

bool vtd_unit_try(struct vtd_unit *unit, const struct iommu_message *message,
                  const volatile uint64_t *nmis)
{
    assert_non_null(nmis);
    assert_int_equal(alerts[number_of(unit)].address, message->address);
    tried++;
    return no_nmi != number_of(unit);
}

void vtd_unit_listen(const struct vtd_unit *unit, bool on)
{
    listening[number_of(unit)] = on;
}

static enum iommu_result boot(struct diag *diag)
{
    struct iommu_machine machine = {.remapping = {.host = &host},
                                    .x2apic = true,
                                    .bad_remapping = bad_remapping,
                                    .demand = {.clients = 4, .irqs = 256}};

    ops = NULL;
    clients = NULL;
    domains = 0;
    memset(&vtd, 0, sizeof(vtd));
    host_taken = 0;
    return iommu_start(&machine, diag);
}

static void machine_with_three_units(void)
{
    memset(&host, 0, sizeof(host));
    host.dmar.present = host.dmar.intr_remap = true;
    host.dmar.unit_count = 3;
    host.dmar.units[2].segment = 7;
    cap = CAP;
    ecap = ECAP;
    dead = absent = senseless = -1;
    bad_remapping = false;
    memset(pending, 0, sizeof(pending));
}

static void fresh(void)
{
    struct diag diag;

    machine_with_three_units();
    assert_int_equal(boot(&diag), IOMMU_ON);
}

/* ---- as the unit reads the tables ---- */
static const struct vtd_roots *roots_of(uint16_t segment)
{
    return &roots[segment == 7 ? 2 : 0];
}

static uint64_t walk(struct iommu_source source, uint64_t address)
{
    const struct vtd_pair *root = host_at(roots_of(source.segment)->contexts.raw);
    uint64_t entry = root[source.id >> 8].low;
    if ((entry & 1) == 0)
        return UINT64_MAX;
    const struct vtd_pair *context = host_at(entry & ~UINT64_C(0xfff));
    entry = context[source.id & 0xff].low;
    int levels = 2 + (int)(context[source.id & 0xff].high & 7);
    if ((entry & 1) == 0)
        return UINT64_MAX;
    for (int level = levels; level > 0; level--) {
        const uint64_t *table = host_at(entry & BITS(51, 12));
        int shift = 12 + 9 * (level - 1);
        entry = table[(address >> shift) & 511];
        if ((entry & 3) != 3)
            return UINT64_MAX;
        if (level == 1 || (entry & 0x80) != 0)
            return (entry & BITS(51, 12)) + (address & (BIT(shift) - 1));
    }
    return UINT64_MAX;
}

/* SVT 1 with SQ 0: the whole id. 2: its bus, which SID has as first and last. */
static bool verified(uint64_t high, uint16_t id)
{
    switch (high & BITS(19, 16)) {
    case 0x40000:
        return (high & 0xffff) == id;
    case 0x80000:
        return id >> 8 >= (high >> 8 & 0xff) && id >> 8 <= (high & 0xff);
    default:
        fail();
        return false;
    }
}

static bool interrupt(struct iommu_source source, const struct iommu_message *message,
                      struct iommu_irq *irq)
{
    const struct vtd_pair *table = host_at(roots_of(source.segment)->irtes.raw);
    uint64_t handle = field_get(BITS(19, 5), message->address) | (message->address >> 2 & 1) << 15;
    uint64_t index = handle + ((message->address & 8) != 0 ? message->data : 0);

    if ((message->address & 0x10) == 0 || index >= roots_of(source.segment)->irte_count)
        return false;
    const struct vtd_pair *entry = &table[index];
    if ((entry->low & 1) == 0 || !verified(entry->high, source.id))
        return false;
    *irq = (struct iommu_irq){.apic_id = (uint32_t)(entry->low >> 32),
                              .vector = (uint8_t)(entry->low >> 16),
                              .nmi = (entry->low >> 5 & 7) == 4};
    return true;
}

/* FPD is heeded whatever P says; root entries have none. */
static bool silent(struct iommu_source source, const struct iommu_client *client, uint32_t irqs)
{
    const struct vtd_pair *root = host_at(roots_of(source.segment)->contexts.raw);
    const struct vtd_pair *table = host_at(roots_of(source.segment)->irtes.raw);
    uint64_t entry = root[source.id >> 8].low, all = UINT64_MAX;

    if ((entry & 1) == 0)
        return false;
    const struct vtd_pair *context = host_at(entry & ~UINT64_C(0xfff));
    for (uint32_t n = 0; n < irqs; n++)
        all &= table[client->first_irq + n].low;
    return (context[source.id & 0xff].low & all & 2) != 0;
}

#include "tests/unit/iommu_owner.h"

static void test_tables_of_units(void **state)
{
    (void)state;
    fresh();
    assert_int_equal(roots[0].contexts.raw, roots[1].contexts.raw);
    assert_int_equal(roots[0].irtes.raw, roots[1].irtes.raw);
    assert_int_not_equal(roots[0].contexts.raw, roots[2].contexts.raw);
    assert_int_not_equal(roots[0].irtes.raw, roots[2].irtes.raw);
    assert_true(roots[0].x2apic);
    assert_string_equal(iommu_name(), "VT-d, 3 units, 48-bit, 1G pages");
}

/* A bus that nobody has a client on has no context table: all of it falls silent, and blocked. */
static void test_silence_of_a_bus(void **state)
{
    const struct iommu_source stranger = {0, 0x3308};

    (void)state;
    fresh();
    prepared(disk, 1);
    assert_true(iommu_silence(stranger));
    assert_true(iommu_silence((struct iommu_source){0, 0x3310}));
    for (uint32_t id = 0x3300; id < 0x3400; id++) {
        const struct iommu_source one = {0, (uint16_t)id}, far_away = {7, (uint16_t)id};
        assert_true(silent(one, NULL, 0));
        assert_int_equal(walk(one, 0), NOWHERE);
        assert_false(silent(far_away, NULL, 0));
    }
    assert_false(silent((struct iommu_source){0, 0x3400}, NULL, 0));
    assert_false(silent(disk, NULL, 0));
}

/* One of them below a bridge of its own. A bridge's own messages are none of theirs. */
static void test_interrupts_of_buses(void **state)
{
    const struct iommu_source bus = {0, 0x0200}, bridge = {0, 0x0100};
    struct iommu_irq irq = {.apic_id = 1, .vector = 0x41};
    struct diag diag;

    (void)state;
    fresh();
    struct iommu_client *client = prepared(bus, 4);
    assert_true(iommu_alias(client, prepared((struct iommu_source){0, 0x0408}, 0), true, &diag));
    assert_true(iommu_alias(client, prepared((struct iommu_source){0, 0x0208}, 0), true, &diag));
    assert_true(iommu_alias(client, prepared(bridge, 0), true, &diag));
    assert_true(iommu_irq(client, 3, &irq));
    for (uint32_t number = 0; number < 8; number++) {
        struct iommu_source source = {0, (uint16_t)(number << 8 | 8)};
        assert_int_equal(goes_to(source, client, 3, 0x41), number >= 2 && number <= 4);
    }
}

static void test_lines(void **state)
{
    struct iommu_irq irq = {.apic_id = 0x12345, .nmi = true}, got;
    const struct iommu_source ioapic = {0, 0xff00};

    (void)state;
    fresh();
    prepared(disk, 3);
    struct iommu_client *client = prepared(ioapic, 24);
    assert_true(iommu_irq(client, 4, &irq));
    assert_int_equal(iommu_line(client, 4, &irq), BIT(48) | UINT64_C(7) << 49);
    struct iommu_message message = vtd_message(7, 0); /* what the I/O APIC makes of it */
    assert_true(interrupt(ioapic, &message, &got));
    assert_int_equal(got.apic_id, 0x12345);
    assert_true(got.nmi);
    assert_false(interrupt(disk, &message, &got));
}

static void test_entries_run_out(void **state)
{
    struct diag diag = {.message = ""};

    (void)state;
    fresh();
    prepared(disk, 200);
    assert_null(iommu_prepare(net, 57, &diag));
    assert_non_null(strstr(diag.message, "256 interrupt entries"));
    prepared(net, 56);
}

static void test_three_levels(void **state)
{
    struct diag diag = {.message = ""};
    struct iommu_domain domain;
    const struct plan_range high[] = {{{BIT(39)}, {0}, MIB(2)}};

    (void)state;
    machine_with_three_units();
    cap = (CAP & ~VTD_CAP_SAGAW) | field_put(VTD_CAP_SAGAW, VTD_SAGAW_3);
    assert_int_equal(boot(&diag), IOMMU_ON);
    struct iommu_client *client = prepared(disk, 0);
    struct iommu_domain first = domain_of(web, 2);
    assert_true(iommu_attach(client, &first));
    assert_int_equal(walk(disk, GIB(4) + 5), GIB(6) + 5);
    assert_false(iommu_domain(&domain, high, 1, &diag));
    assert_non_null(strstr(diag.message, "39 bits"));
}

static void test_snooping(void **state)
{
    struct diag diag;

    (void)state;
    machine_with_three_units();
    assert_int_equal(boot(&diag), IOMMU_ON);
    assert_false(iommu_snoops());
    ecap |= VTD_ECAP_SC;
    assert_int_equal(boot(&diag), IOMMU_ON);
    assert_true(iommu_snoops());
}

static void test_domains_run_out(void **state)
{
    struct diag diag = {.message = ""};
    struct iommu_domain domain;

    (void)state;
    machine_with_three_units();
    cap &= ~VTD_CAP_ND; /* 16 domains, of which 0 is nobody's */
    assert_int_equal(boot(&diag), IOMMU_ON);
    for (int i = 1; i < 16; i++)
        domain_of(rt, 1);
    assert_false(iommu_domain(&domain, rt, 1, &diag));
    assert_non_null(strstr(diag.message, "15 domains"));
}

static void test_not_usable(void **state)
{
    struct diag diag = {.message = ""};

    (void)state;
    machine_with_three_units();
    cap = UINT64_MAX;
    assert_int_equal(boot(&diag), IOMMU_UNUSED);
    assert_non_null(strstr(diag.message, "not there"));
    assert_false(iommu_on());
    memset(&host.dmar, 0, sizeof(host.dmar));
    assert_int_equal(boot(&diag), IOMMU_UNUSED);
    assert_non_null(strstr(diag.message, "has no IOMMU"));
    machine_with_three_units();
    host.dmar.units[1].base = 0xfed91000;
    dead = 1;
    assert_int_equal(boot(&diag), IOMMU_BROKEN);
    assert_non_null(strstr(diag.message, "0xfed91000"));
}

/* What keeps guests from having devices does not keep the units from blocking. */
static void test_blocks_at_least(void **state)
{
    static const uint64_t missing[] = {VTD_ECAP_IR, VTD_ECAP_QI, VTD_ECAP_EIM};
    static const uint8_t nothing[PAGE_4K];
    struct diag diag = {.message = ""};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(missing); i++) {
        machine_with_three_units();
        ecap &= ~missing[i];
        memset(empty, 0, sizeof(empty));
        assert_int_equal(boot(&diag), IOMMU_BLOCKING);
        assert_non_null(strstr(diag.message, "ECAP."));
        assert_false(iommu_on());
        assert_null(iommu_prepare((struct iommu_source){0, 8}, 1, &diag));
        for (int unit = 0; unit < 3; unit++)
            assert_memory_equal(host_at(empty[unit].raw), nothing, PAGE_4K);
    }
    machine_with_three_units();
    host.dmar.intr_remap = false;
    assert_int_equal(boot(&diag), IOMMU_BLOCKING);
    machine_with_three_units();
    bad_remapping = true;
    assert_int_equal(boot(&diag), IOMMU_BLOCKING);
    assert_non_null(strstr(diag.message, "erratum"));
    machine_with_three_units();
    host.madt.ioapic_count = 1;
    host.madt.ioapics[0].id = 5;
    assert_int_equal(boot(&diag), IOMMU_BLOCKING);
    assert_non_null(strstr(diag.message, "I/O APIC 5"));
    machine_with_three_units();
    ecap &= ~VTD_ECAP_IR;
    host.dmar.units[1].base = 0xfed91000;
    dead = 1;
    assert_int_equal(boot(&diag), IOMMU_BROKEN);
    assert_non_null(strstr(diag.message, "0xfed91000"));
}

/* Nor do units that are not there, or make no sense, keep the others from it. */
static void test_blocks_with_units_missing(void **state)
{
    struct diag diag = {.message = ""};

    (void)state;
    for (int unit = 0; unit < 3; unit++) {
        machine_with_three_units();
        memset(empty, 0, sizeof(empty));
        absent = unit;
        assert_int_equal(boot(&diag), IOMMU_BLOCKING_SOME);
        assert_non_null(strstr(diag.message, "not there"));
        senseless = (unit + 1) % 3;
        assert_int_equal(boot(&diag), IOMMU_BLOCKING_SOME);
        for (int other = 0; other < 3; other++)
            assert_int_equal(empty[other].raw != 0, other != absent);
        memset(empty, 0, sizeof(empty));
        absent = -1;
        assert_int_equal(boot(&diag), IOMMU_BLOCKING_SOME);
        assert_non_null(strstr(diag.message, "no sense"));
        for (int other = 0; other < 3; other++)
            assert_int_equal(empty[other].raw != 0, other != senseless);
        assert_false(iommu_on());
    }
}

static void test_all_units_alert(void **state)
{
    const uint64_t nmis = 0;

    (void)state;
    fresh();
    no_nmi = 2;
    assert_false(iommu_alert(0x45, &nmis));
    no_nmi = -1;
    tried = 0;
    assert_true(iommu_alert(0x45, &nmis));
    assert_int_equal(tried, 3);
    iommu_listen(true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(alerts[i].address, 0xfee45000);
        assert_true(listening[i]);
    }
    iommu_listen(false);
    for (int i = 0; i < 3; i++)
        assert_false(listening[i]);
}

/* Its interrupts would be the I/O APIC's as well. */
static void test_source_of_an_hpet(void **state)
{
    struct diag diag = {.message = ""};

    (void)state;
    fresh();
    host.dmar.units[1].scope_count = 1;
    host.dmar.scope_count = 1;
    host.dmar.scopes[0] = (struct dmar_scope){
        .type = DMAR_SCOPE_HPET, .start_bus = 0xf0, .path_length = 1, .path = {0x78}};
    assert_null(iommu_prepare((struct iommu_source){0, 0xf078}, 1, &diag));
    assert_non_null(strstr(diag.message, "source id f078"));
    prepared((struct iommu_source){0, 0xf079}, 1);
    prepared((struct iommu_source){7, 0xf078}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWNER_TESTS,
        cmocka_unit_test(test_tables_of_units),
        cmocka_unit_test(test_silence_of_a_bus),
        cmocka_unit_test(test_interrupts_of_buses),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_entries_run_out),
        cmocka_unit_test(test_three_levels),
        cmocka_unit_test(test_snooping),
        cmocka_unit_test(test_domains_run_out),
        cmocka_unit_test(test_not_usable),
        cmocka_unit_test(test_blocks_at_least),
        cmocka_unit_test(test_blocks_with_units_missing),
        cmocka_unit_test(test_all_units_alert),
        cmocka_unit_test(test_source_of_an_hpet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
