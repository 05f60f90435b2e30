/* SPDX-License-Identifier: MIT */
/* AMD-Vi as its users see it: the tables that the driver keeps are walked as units do it. */
#include "tests/unit/iommu_world.h"

#include "drivers/iommu.c"
#include "drivers/amdvi.c"
#include "drivers/iommu/amdvi_regs.h"
#include "tests/unit/pci_machine.h"

/* ---- units that note what they are told; their own driver has its own test ---- */
static struct acpi_host host;
static uint64_t features;
static struct {
    hpa_t table;
    uint64_t size;
    bool wide, x2apic;
} started[3];
static uint32_t told[3];
static int dead, absent; /* units that are so */
static bool x2apic;      /* the processors' mode */
static uint32_t pending[3], asked[3];

const struct iommu_ops vtd_ops;

static int number_of(const struct amdvi_unit *unit)
{
    return (int)(unit - amdvi.units);
}

void amdvi_unit_map(struct amdvi_unit *unit, const struct ivrs_unit *from)
{
    unit->segment = from->segment;
    unit->features = absent == number_of(unit) ? UINT64_MAX : features;
    unit->device_id = from->device_id;
    unit->capability = from->capability_offset;
}

bool amdvi_unit_start(struct amdvi_unit *unit, hpa_t device_table, uint64_t size,
                      const struct amdvi_caps *caps, bool x2apic_on)
{
    assert_true(amdvi_is_there(unit->features));
    started[number_of(unit)].x2apic = x2apic_on;
    started[number_of(unit)].table = device_table;
    started[number_of(unit)].size = size;
    started[number_of(unit)].wide = caps->wide_irtes;
    return dead != number_of(unit);
}

static uint32_t forgot[0x200]; /* how often unit 0 was told to forget an id's interrupts */

bool amdvi_unit_execute(struct amdvi_unit *unit, const struct amdvi_pair *what, uint32_t count)
{
    for (uint32_t i = 0; i < count && number_of(unit) == 0; i++)
        if (what[i].low >> 60 == 5)
            forgot[what[i].low & 0x1ff]++;
    assert_in_range(count, 1, AMDVI_MAX_COMMANDS);
    told[number_of(unit)] += count;
    return dead != number_of(unit);
}

bool amdvi_unit_poll(struct amdvi_unit *unit, struct iommu_fault *fault)
{
    int number = number_of(unit);
    *fault = (struct iommu_fault){.kind = IOMMU_FAULT_BLOCKED};
    asked[number]++;
    return pending[number] > 0 && pending[number]-- > 0;
}

/* ---- their functions ---- */
static bool no_config, listening[3], missed[3];
static int no_nmi; /* the unit that sends none */

bool pci_keep(pci_address_t at)
{
    (void)at;
    return !no_config;
}

const struct pci_access *pci_machine(void)
{
    return &fake_access;
}

/* With the address and data that its function has now. */
bool amdvi_unit_try(struct amdvi_unit *unit, const volatile uint64_t *nmis)
{
    const struct fake *f = fake_find(pci_address(unit->segment, 0, 0, unit->device_id));

    assert_non_null(nmis);
    assert_non_null(f);
    assert_int_equal(fake_get(f, 0x58 + 4, 4), 0xfee45000);
    assert_int_equal(fake_get(f, 0x58 + 8, 2), 0x400);
    return no_nmi != number_of(unit);
}

bool amdvi_unit_listen(struct amdvi_unit *unit, bool on)
{
    listening[number_of(unit)] = on;
    return missed[number_of(unit)];
}

static enum iommu_result boot(struct diag *diag)
{
    struct iommu_machine machine = {.remapping = {.host = &host},
                                    .x2apic = x2apic,
                                    .demand = {.clients = 4, .irqs = 256, .last_bus = 1}};

    ops = NULL;
    clients = NULL;
    domains = 0;
    memset(&amdvi, 0, sizeof(amdvi));
    memset(started, 0, sizeof(started));
    host_taken = 0;
    return iommu_start(&machine, diag);
}

static void machine_with_three_units(void)
{
    memset(&host, 0, sizeof(host));
    host.ivrs.present = true;
    host.ivrs.unit_count = 3;
    host.ivrs.range_count = 1;
    host.ivrs.ranges[0] = (struct ivrs_range){.first = 0, .last = 0x1ff};
    for (int i = 0; i < 3; i++)
        host.ivrs.units[i].range_count = 1;
    host.ivrs.units[2].segment = 7;
    features = AMDVI_FEATURE_GA_SUP | AMDVI_FEATURE_IA_SUP;
    dead = absent = -1;
    x2apic = false;
    memset(pending, 0, sizeof(pending));
}

static void fresh(void)
{
    struct diag diag;

    machine_with_three_units();
    assert_int_equal(boot(&diag), IOMMU_ON);
}

/* ---- as the unit reads the tables ---- */
static const struct amdvi_dte *dte_at(struct iommu_source source)
{
    int unit = source.segment == 7 ? 2 : 0;

    if (source.id >= started[unit].size / 32)
        return NULL;
    return (const struct amdvi_dte *)host_at(started[unit].table.raw) + source.id;
}

static uint64_t walk(struct iommu_source source, uint64_t address)
{
    const struct amdvi_dte *dte = dte_at(source);

    if (!dte)
        return UINT64_MAX;
    uint64_t entry = dte->words[0];
    assert_int_equal(entry & 3, 3); /* without V or TV anything would pass */
    int level = (int)field_get(BITS(11, 9), entry);
    if (level == 0)
        return (entry & BITS(62, 61)) == 0 ? UINT64_MAX : address;
    for (int above = level + 1; level > 0;) {
        const uint64_t *table = host_at(entry & BITS(51, 12));
        int shift = 12 + 9 * (level - 1);
        assert_true(level < above);
        entry = table[(address >> shift) & 511];
        if ((entry & 1) == 0 || (entry & BITS(62, 61)) != BITS(62, 61))
            return UINT64_MAX;
        above = level;
        level = (int)field_get(BITS(11, 9), entry);
        if (level == 0)
            return (entry & BITS(51, 12)) + (address & (BIT(shift) - 1));
    }
    return UINT64_MAX;
}

static bool interrupt(struct iommu_source source, const struct iommu_message *message,
                      struct iommu_irq *irq)
{
    const struct amdvi_dte *dte = dte_at(source);

    if (!dte)
        return false;
    uint64_t word = dte->words[2];
    assert_int_equal(word & 1, 1); /* without IV anything would pass */
    if (field_get(BITS(61, 60), word) != 2 || message->data >= 1u << field_get(BITS(4, 1), word))
        return false;
    const void *table = host_at(word & BITS(51, 7));
    if (!started[0].wide) {
        uint32_t entry = ((const uint32_t *)table)[message->data];
        *irq = (struct iommu_irq){.apic_id = entry >> 8 & 0xff, .vector = (uint8_t)(entry >> 16)};
        return (entry & 1) != 0;
    }
    struct amdvi_pair entry = ((const struct amdvi_pair *)table)[message->data];
    *irq = (struct iommu_irq){.apic_id = (uint32_t)(entry.low >> 8 & 0xffffff) |
                                         (uint32_t)(entry.high >> 56) << 24,
                              .vector = (uint8_t)entry.high};
    return (entry.low & 1) != 0;
}

/* SA and IG, both of the device's one entry. */
static bool silent(struct iommu_source source, const struct iommu_client *client, uint32_t irqs)
{
    const struct amdvi_dte *dte = dte_at(source);

    (void)client;
    (void)irqs;
    assert_int_equal((dte->words[1] & BIT(34)) != 0, (dte->words[2] & BIT(5)) != 0);
    return (dte->words[1] & BIT(34)) != 0;
}

#include "tests/unit/iommu_owner.h"

static void test_tables_of_units(void **state)
{
    (void)state;
    fresh();
    assert_int_equal(started[0].table.raw, started[1].table.raw);
    assert_int_not_equal(started[0].table.raw, started[2].table.raw);
    assert_int_equal(started[0].size, 4 * PAGE_4K);
    assert_true(iommu_snoops());
    assert_string_equal(iommu_name(), "AMD-Vi, 3 units, 48-bit, 1G pages");
}

/* Every entry of the table blocks by itself, also those of devices that do not exist. */
static void test_whole_table_blocks(void **state)
{
    const struct iommu_message message = {.address = 0xfee00000, .data = 0};
    struct iommu_irq got;

    (void)state;
    fresh();
    for (uint32_t id = 0; id < started[0].size / 32; id++) {
        struct iommu_source source = {0, (uint16_t)id};
        assert_int_equal(walk(source, 0), NOWHERE);
        assert_false(interrupt(source, &message, &got));
    }
}

/* The southbridge's messages, as firmware asks; nothing else that it asks for. */
static void test_settings(void **state)
{
    struct diag diag;

    (void)state;
    machine_with_three_units();
    host.ivrs.units[0].range_count = 0;
    host.ivrs.units[1].range_count = 2;
    host.ivrs.ranges[1] = (struct ivrs_range){.first = 0xa0, .last = 0xa1, .dte = 0xd7};
    host.ivrs.special_count = 1;
    host.ivrs.specials[0] = (struct ivrs_special){.device_id = 0x1f0, .dte = 0xf7};
    assert_int_equal(boot(&diag), IOMMU_ON);
    for (uint16_t id = 0; id < 0x200; id++) {
        const struct amdvi_dte *dte = dte_at((struct iommu_source){0, id});
        uint64_t messages = id == 0x1f0 ? 3 : id >> 1 == 0xa0 >> 1 ? 1 : 0;
        assert_int_equal(dte->words[0], 3);
        assert_int_equal(dte->words[1], messages << 40);
        assert_int_equal(dte->words[2], 1);
        assert_int_equal(dte_at((struct iommu_source){7, id})->words[1], 0);
    }
}

/* All DMA; interrupts pass, and so do messages of that southbridge. */
static void assert_blocking(int unit, uint32_t southbridge)
{
    const struct amdvi_dte *dte = host_at(started[unit].table.raw);

    assert_int_equal(started[unit].size, 4 * PAGE_4K);
    for (uint32_t id = 0; id < started[unit].size / 32; id++) {
        assert_int_equal(dte[id].words[0], 3);
        assert_int_equal(dte[id].words[1], id == southbridge ? BIT(40) : 0);
        assert_int_equal(dte[id].words[2], 0);
        assert_int_equal(dte[id].words[3], 0);
    }
    assert_false(started[unit].wide || started[unit].x2apic);
}

/* What keeps guests from having devices does not keep the units from blocking. */
static void test_blocks_at_least(void **state)
{
    struct diag diag = {.message = ""};

    (void)state;
    machine_with_three_units();
    host.ivrs.units[1].range_count = 2;
    host.ivrs.ranges[1] = (struct ivrs_range){.first = 0xa0, .last = 0xa0, .dte = 0x10};
    host.madt.ioapic_count = 1;
    host.madt.ioapics[0].id = 5;
    assert_int_equal(boot(&diag), IOMMU_BLOCKING);
    assert_non_null(strstr(diag.message, "I/O APIC 5"));
    assert_false(iommu_on());
    assert_null(iommu_prepare(disk, 1, &diag));
    assert_blocking(1, 0xa0);
    machine_with_three_units();
    x2apic = true;
    assert_int_equal(boot(&diag), IOMMU_BLOCKING);
    assert_non_null(strstr(diag.message, "XTSup"));
    for (int unit = 0; unit < 3; unit++)
        assert_blocking(unit, UINT32_MAX);
    dead = 1;
    host.ivrs.units[1].base = 0xfd300000;
    assert_int_equal(boot(&diag), IOMMU_BROKEN);
    assert_non_null(strstr(diag.message, "0xfd300000"));
}

static void test_blocks_with_a_unit_missing(void **state)
{
    struct diag diag = {.message = ""};

    (void)state;
    machine_with_three_units();
    absent = 0;
    assert_int_equal(boot(&diag), IOMMU_BLOCKING_SOME);
    assert_non_null(strstr(diag.message, "not there"));
    assert_int_equal(started[0].size, 0);
    assert_blocking(1, UINT32_MAX);
    assert_blocking(2, UINT32_MAX);
    features = UINT64_MAX;
    assert_int_equal(boot(&diag), IOMMU_UNUSED);
    assert_int_equal(started[1].size, 0);
}

static void test_narrow_entries(void **state)
{
    struct diag diag;

    (void)state;
    machine_with_three_units();
    features = 0;
    assert_int_equal(boot(&diag), IOMMU_ON);
    struct iommu_client *client = prepared(disk, 3);
    struct iommu_irq irq = {.apic_id = 9, .vector = 0x41}, got;
    assert_true(iommu_irq(client, 2, &irq));
    struct iommu_message message = iommu_message(client, 2);
    assert_true(interrupt(disk, &message, &got));
    assert_int_equal(got.apic_id, 9);
    assert_int_equal(got.vector, 0x41);
}

/* NMIs pass, since they have no entries; only of that I/O APIC, and only once one was asked for. */
static void test_lines(void **state)
{
    const struct iommu_source ioapic = {0, 0x00a0};
    struct iommu_irq nmi = {.apic_id = 5, .nmi = true}, fixed = {.apic_id = 6, .vector = 0x41};
    struct iommu_irq far_away = {.apic_id = 0xff, .nmi = true}, got;

    (void)state;
    fresh();
    struct iommu_client *client = prepared(ioapic, 24);
    assert_int_equal(dte_at(ioapic)->words[2] & BIT(58), 0);
    assert_true(iommu_irq(client, 3, &fixed));
    assert_int_equal(iommu_line(client, 3, &fixed), 3);
    struct iommu_message message = iommu_message(client, 3);
    assert_true(interrupt(ioapic, &message, &got));
    assert_int_equal(got.apic_id, 6);
    assert_false(iommu_irq(client, 4, &far_away));
    assert_true(iommu_irq(client, 4, &nmi));
    assert_int_equal(iommu_line(client, 4, &nmi), UINT64_C(5) << 56 | 0x400);
    assert_int_not_equal(dte_at(ioapic)->words[2] & BIT(58), 0);
    assert_true(interrupt(ioapic, &message, &got)); /* the table is where it was */
    assert_int_equal(dte_at(disk)->words[2] & BIT(58), 0);
}

static void test_shared_id(void **state)
{
    struct iommu_irq one = {.apic_id = 1, .vector = 0x41}, two = {.apic_id = 2, .vector = 0x42},
                     got;
    struct diag diag = {.message = ""};

    (void)state;
    fresh();
    struct iommu_client *first = prepared(disk, 3), *second = prepared(disk, 1);
    assert_true(iommu_irq(first, 0, &one));
    assert_true(iommu_irq(second, 0, &two));
    struct iommu_message message = iommu_message(second, 0);
    assert_true(interrupt(disk, &message, &got));
    assert_int_equal(got.apic_id, 2);
    message = iommu_message(first, 0);
    assert_true(interrupt(disk, &message, &got));
    assert_int_equal(got.apic_id, 1);
    assert_null(iommu_prepare(disk, 1, &diag)); /* the table has four */
    assert_non_null(strstr(diag.message, "share the id fa"));
}

/* Under each id that has the table, units forget what has changed in it. */
static void test_ids_with_one_table(void **state)
{
    struct iommu_irq irq = {.apic_id = 1, .vector = 0x41};
    struct diag diag;

    (void)state;
    fresh();
    struct iommu_client *client = prepared(net, 64);
    const struct iommu_source own[] = {{0, 0x0108}, {0, 0x0110}};
    for (uint32_t i = 0; i < 2; i++) {
        forgot[own[i].id] = 0;
        assert_true(iommu_alias(client, prepared(own[i], 0), true, &diag));
        assert_int_equal(forgot[own[i].id], 1);
        assert_int_equal(dte_at(own[i])->words[2], dte_at(net)->words[2]);
    }
    forgot[net.id] = forgot[disk.id] = 0;
    assert_true(iommu_irq(client, 0, &irq));
    assert_int_equal(forgot[net.id], 1);
    assert_int_equal(forgot[own[0].id], 2);
    assert_int_equal(forgot[own[1].id], 2);
    assert_int_equal(forgot[disk.id], 0);
    dead = 1;
    assert_false(iommu_alias(client, prepared(disk, 0), true, &diag));
    assert_string_equal(diag.message, "an IOMMU does not answer");
}

static void test_beyond_the_table(void **state)
{
    struct diag diag = {.message = ""};

    (void)state;
    fresh();
    assert_null(iommu_prepare((struct iommu_source){0, 0x0200}, 1, &diag));
    assert_non_null(strstr(diag.message, "device 200"));
}

static void functions(void)
{
    fake_reset();
    no_nmi = -1;
    for (uint16_t i = 0; i < 3; i++) {
        struct fake *f = fake_add_at(pci_address(i == 2 ? 7 : 0, 0, 0, i), 0x10221481, 0x080600);
        assert_int_equal(fake_cap(f, 0x0f, 24), 0x40);
        assert_int_equal(fake_cap(f, PCI_CAP_MSI, 12), 0x58);
        fake_let_write(f, 0x58 + 2, 2, 1);
        fake_let_write(f, 0x58 + 4, 4, UINT32_MAX);
        fake_let_write(f, 0x58 + 8, 4, UINT32_MAX);
        host.ivrs.units[i].device_id = i;
        host.ivrs.units[i].capability_offset = 0x40;
    }
}

/* All of them, each by its own function, or none. */
static void test_alert(void **state)
{
    const uint64_t nmis = 0;
    struct diag diag;

    (void)state;
    machine_with_three_units();
    functions();
    assert_int_equal(boot(&diag), IOMMU_ON);
    assert_true(iommu_alert(0x45, &nmis));
    assert_false(iommu_listen(true));
    assert_true(listening[0] && listening[1] && listening[2]);
    missed[1] = true;
    assert_true(iommu_listen(true));
    missed[1] = false;
    assert_false(iommu_alert(0xff, &nmis)); /* an MSI has 8 bits, and these are all processors */
    assert_false(iommu_alert(0x145, &nmis));
    no_nmi = 1;
    assert_false(iommu_alert(0x45, &nmis));
    no_nmi = -1;
    no_config = true;
    assert_false(iommu_alert(0x45, &nmis));
    no_config = false;
    fake_put(fake_find(pci_address(7, 0, 0, 2)), 0x40, 1, 0x09); /* not what IVRS says */
    assert_false(iommu_alert(0x45, &nmis));
    functions();
    fake_put(fake_find(pci_address(0, 0, 0, 1)), PCI_REVISION, 4, 0x02000000);
    assert_false(iommu_alert(0x45, &nmis));
}

/* They would share one table of interrupts. */
static void test_source_of_an_ioapic(void **state)
{
    const struct iommu_source ioapic = {0, 0x00a0}, far_away = {7, 0x00a0};
    struct diag diag = {.message = ""};

    (void)state;
    fresh();
    host.ivrs.special_count = 1;
    host.ivrs.specials[0] = (struct ivrs_special){
        .kind = IVRS_SPECIAL_IOAPIC, .handle = 2, .device_id = ioapic.id, .unit = 1};
    assert_null(iommu_prepare(ioapic, 1, &diag));
    assert_non_null(strstr(diag.message, "source id a0"));
    prepared(far_away, 1);
    assert_non_null(iommu_ioapic(2, 24, &diag));
    assert_null(iommu_prepare(ioapic, 1, &diag));
    assert_null(iommu_ioapic(3, 24, &diag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWNER_TESTS,
        cmocka_unit_test(test_tables_of_units),
        cmocka_unit_test(test_whole_table_blocks),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_blocks_at_least),
        cmocka_unit_test(test_blocks_with_a_unit_missing),
        cmocka_unit_test(test_narrow_entries),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_shared_id),
        cmocka_unit_test(test_ids_with_one_table),
        cmocka_unit_test(test_beyond_the_table),
        cmocka_unit_test(test_alert),
        cmocka_unit_test(test_source_of_an_ioapic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
