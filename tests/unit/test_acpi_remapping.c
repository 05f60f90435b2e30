/* SPDX-License-Identifier: MIT */
/* Good MCFG, DMAR and IVRS: what is read from them, and who is served by which unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/acpi/remapping.h"
#include "tests/unit/remapping_tables.h"

static struct acpi_host host;
static struct diag diag;

/* The bridges of segment 0: 00:1c.0 to buses 1-3, 00:1c.4 to 4-6, 04:00.0 to 5; 00:1d.0 is new. */
static bool bridge(void *context, struct remapping_function at, struct remapping_buses *buses)
{
    static const struct {
        uint8_t bus, devfn;
        struct remapping_buses buses;
    } bridges[] = {{0, 0xe0, {1, 3}}, {0, 0xe4, {4, 6}}, {4, 0, {5, 5}}, {0, 0xe8, {0, 0}}};

    (void)context;
    for (size_t i = 0; at.segment == 0 && i < ARRAY_COUNT(bridges); i++) {
        if (bridges[i].bus == at.bus && bridges[i].devfn == at.devfn) {
            *buses = bridges[i].buses;
            return true;
        }
    }
    if (at.segment == 1 && at.bus == 0x80 && at.devfn == 0x10)
        *buses = (struct remapping_buses){0x81, 0xff};
    return at.segment == 1 && at.bus == 0x80 && at.devfn == 0x10;
}

static const struct remapping remapping = {&host, {bridge, NULL}};

static void parse(const char *signature, const char *digits)
{
    struct image *m = machine_new();
    bool good;

    machine_add_table(m, FREE_AT, signature, digits);
    good = image_parse(m, RSDP_AT, &host, &diag);
    image_free(m);
    if (!good)
        fail_msg("%s", diag.message);
    if (host.warning_count > 0)
        fail_msg("%s", host.warnings[0].message);
}

static struct remapping_function at(uint16_t segment, uint8_t bus, uint8_t device, uint8_t function)
{
    return (struct remapping_function){segment, bus, (uint8_t)(device << 3 | function)};
}

#define NONE (-1)

struct served {
    struct remapping_function function;
    int unit; /* NONE: by none */
    uint16_t source_id;
};

static void assert_served(const struct served *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct remapping_place place;
        bool found = remapping_of_function(&remapping, cases[i].function, &place);

        if (found != (cases[i].unit != NONE) ||
            (found &&
             (place.unit != (uint32_t)cases[i].unit || place.segment != cases[i].function.segment ||
              place.source_id != cases[i].source_id)))
            fail_msg("case %zu: found %d, unit %u, source id %#x", i, found, place.unit,
                     place.source_id);
    }
}

static void assert_region(struct remapping_function function, uint32_t *next, uint64_t base,
                          uint64_t size)
{
    struct remapping_region region;

    assert_true(remapping_next_region(&remapping, function, next, &region));
    assert_int_equal(region.base.raw, base);
    assert_int_equal(region.size, size);
}

static void assert_no_region(struct remapping_function function, uint32_t next)
{
    struct remapping_region region;

    assert_false(remapping_next_region(&remapping, function, &next, &region));
}

static void assert_special(uint32_t *next, uint32_t unit, uint16_t segment, uint16_t source_id)
{
    struct remapping_place place;

    assert_true(remapping_next_special(&remapping, next, &place));
    assert_int_equal(place.unit, unit);
    assert_int_equal(place.segment, segment);
    assert_int_equal(place.source_id, source_id);
}

static void assert_no_special(uint32_t next)
{
    struct remapping_place place;

    assert_false(remapping_next_special(&remapping, &next, &place));
}

static void assert_summary(const char *expected)
{
    char text[160];

    assert_int_equal(acpi_summary(&host, text, sizeof(text)), expected[0] != '\0');
    assert_string_equal(text, expected);
}

/* ---- MCFG ---- */

static void test_mcfg(void **state)
{
    (void)state;
    parse("MCFG", ZEROS_8 " 00 00 00 e0" ZEROS_4 " 00 00 00 7f" ZEROS_4 /* segment 0, buses 0-7f */
                          " 00 00 00 e0" ZEROS_4 " 00 00 80 ff" ZEROS_4 /* the same, 80-ff */
                          " 00 00 00 00 03 00 00 00 01 00 10 1f" ZEROS_4);
    assert_int_equal(host.mcfg.count, 3);
    assert_int_equal(host.mcfg.ecams[1].base, 0xe0000000);
    assert_int_equal(host.mcfg.ecams[1].segment, 0);
    assert_int_equal(host.mcfg.ecams[1].first_bus, 0x80);
    assert_int_equal(host.mcfg.ecams[1].last_bus, 0xff);
    assert_int_equal(host.mcfg.ecams[2].base, UINT64_C(0x300000000));
    assert_int_equal(host.mcfg.ecams[2].segment, 1);
    assert_int_equal(host.mcfg.ecams[2].first_bus, 0x10);
    assert_summary("MCFG: segment 0, buses 0-127, segment 0, buses 128-255, 1 more");
}

/* ---- Intel ---- */

static void test_dmar(void **state)
{
    static const struct dmar_scope scopes[] = {
        {DMAR_SCOPE_BRIDGE, 0, 0, 1, {0xe0}},    {DMAR_SCOPE_ENDPOINT, 0, 0, 3, {0xe4, 0, 0x0a}},
        {DMAR_SCOPE_IOAPIC, 8, 0xf0, 1, {0xf8}}, {DMAR_SCOPE_HPET, 0, 0xf0, 1, {0xff}},
        {DMAR_SCOPE_BRIDGE, 0, 0x80, 1, {0x10}}, {DMAR_SCOPE_IOAPIC, 9, 0xc0, 1, {0x2c}},
        {DMAR_SCOPE_ENDPOINT, 0, 0, 1, {0xa0}},  {DMAR_SCOPE_BRIDGE, 0, 0, 1, {0xe0}}};
    static const struct dmar_unit units[] = {{0xfd000000, 0x1000, 0, 0, 0, 2, false},
                                             {0xfd200000, 0x2000, 0, 0, 2, 2, true},
                                             {0xfd400000, 0x1000, 3, 1, 4, 2, false}};

    (void)state;
    parse("DMAR", DMAR_SERVER);
    assert_true(host.dmar.present && host.dmar.intr_remap);
    assert_true(host.dmar.x2apic_opt_out && host.dmar.platform_opt_in);
    assert_int_equal(host.dmar.address_width, 47);
    assert_int_equal(host.dmar.unit_count, ARRAY_COUNT(units));
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        const struct dmar_unit *unit = &host.dmar.units[i];

        assert_int_equal(unit->base, units[i].base);
        assert_int_equal(unit->size, units[i].size);
        assert_int_equal(unit->node, units[i].node);
        assert_int_equal(unit->segment, units[i].segment);
        assert_int_equal(unit->first_scope, units[i].first_scope);
        assert_int_equal(unit->scope_count, units[i].scope_count);
        assert_int_equal(unit->include_all, units[i].include_all);
    }
    assert_int_equal(host.dmar.scope_count, ARRAY_COUNT(scopes));
    assert_memory_equal(host.dmar.scopes, scopes, sizeof(scopes));
    assert_int_equal(host.dmar.region_count, 1);
    assert_int_equal(host.dmar.regions[0].base, 0x7d000000);
    assert_int_equal(host.dmar.regions[0].size, 0x100000);
    assert_int_equal(host.dmar.regions[0].first_scope, 6);
    assert_int_equal(host.dmar.regions[0].scope_count, 2);
    assert_false(host.ivrs.present);
    assert_summary("DMAR: 3 units, 1 reserved region");
}

static void test_dmar_functions(void **state)
{
    static const struct served cases[] = {
        {{0, 0, 0xe0}, 0, 0x00e0},    /* the bridge itself */
        {{0, 1, 0x00}, 0, 0x0100},    /* behind it */
        {{0, 3, 0xff}, 0, 0x03ff},    /* as well, on its subordinate bus */
        {{0, 4, 0x00}, 1, 0x0400},    /* behind another one */
        {{0, 5, 0x0a}, 0, 0x050a},    /* at the end of the path */
        {{0, 5, 0x0b}, 1, 0x050b},    /* its next function */
        {{0, 0, 0xa0}, 1, 0x00a0},    /* in no unit's scopes */
        {{0, 0xf0, 0xf8}, 1, 0xf0f8}, /* the I/O APIC's scope is none of a function */
        {{1, 0x80, 0x10}, 2, 0x8010}, /* segment 1 */
        {{1, 0xff, 0x10}, 2, 0xff10}, /* behind its bridge */
        {{1, 0x80, 0x18}, NONE, 0},   /* nobody takes all of segment 1 */
        {{1, 0, 0xe0}, NONE, 0},      /* segment 0 is another one */
        {{2, 0, 0x00}, NONE, 0},
    };

    (void)state;
    parse("DMAR", DMAR_SERVER);
    assert_served(cases, ARRAY_COUNT(cases));
}

static void test_dmar_interrupts(void **state)
{
    struct remapping_place place;

    (void)state;
    parse("DMAR", DMAR_SERVER);
    assert_true(remapping_of_ioapic(&remapping, 8, &place));
    assert_int_equal(place.unit, 1);
    assert_int_equal(place.segment, 0);
    assert_int_equal(place.source_id, 0xf0f8);
    assert_true(remapping_of_ioapic(&remapping, 9, &place));
    assert_int_equal(place.unit, 2);
    assert_int_equal(place.segment, 1);
    assert_int_equal(place.source_id, 0xc02c);
    assert_false(remapping_of_ioapic(&remapping, 0, &place));
    assert_true(remapping_of_hpet(&remapping, 0, &place));
    assert_int_equal(place.unit, 1);
    assert_int_equal(place.source_id, 0xf0ff);
    assert_false(remapping_of_hpet(&remapping, 8, &place));
}

static void test_dmar_specials(void **state)
{
    uint32_t next = 0;

    (void)state;
    parse("DMAR", DMAR_SERVER);
    assert_special(&next, 1, 0, 0xf0f8);
    assert_special(&next, 1, 0, 0xf0ff);
    assert_special(&next, 2, 1, 0xc02c);
    assert_no_special(next);
    /* a region's scope is of no unit; a path over what is no bridge leads nowhere */
    host.dmar.scopes[host.dmar.regions[0].first_scope].type = DMAR_SCOPE_IOAPIC;
    host.dmar.scopes[host.dmar.units[1].first_scope].path_length = 2;
    next = 0;
    assert_special(&next, 1, 0, 0xf0ff);
    assert_special(&next, 2, 1, 0xc02c);
    assert_no_special(next);
}

static void test_dmar_regions(void **state)
{
    uint32_t next = 0;

    (void)state;
    parse("DMAR", DMAR_SERVER);
    assert_region(at(0, 0, 0x14, 0), &next, 0x7d000000, 0x100000);
    assert_no_region(at(0, 0, 0x14, 0), next);
    next = 0;
    assert_region(at(0, 2, 0, 0), &next, 0x7d000000, 0x100000);
    assert_no_region(at(0, 4, 0, 0), 0);
    assert_no_region(at(1, 0, 0x14, 0), 0);
}

/* A path over something that is no bridge, or over one without buses, leads to nobody. */
static void test_dmar_paths_that_lead_nowhere(void **state)
{
    static const struct served cases[] = {{{0, 0, 0xa0}, 1, 0xa0},
                                          {{0, 0, 0x00}, 1, 0x00},
                                          {{0, 0, 0xe8}, 0, 0xe8},
                                          {{0, 1, 0x00}, 1, 0x100}};

    (void)state;
    parse("DMAR", DMAR_HEAD " 00 00 2c 00 00 00 00 00 00 00 00 fd" ZEROS_4
                            " 01 0a 00 00 00 00 14 00 00 00" /* over 00:14.0 */
                            " 01 0a 00 00 00 00 1d 00 00 00" /* over 00:1d.0 */
                            " 02 08 00 00 00 00 1d 00"       /* all behind 00:1d.0 */
                            " 00 00 10 00 01 00 00 00 00 00 20 fd" ZEROS_4);
    assert_served(cases, ARRAY_COUNT(cases));
}

/* Two units that claim the same device are wrong, at least one of them. */
static void test_dmar_of_two_minds(void **state)
{
    static const struct served cases[] = {{{0, 0, 0xa0}, NONE, 0}, {{0, 0, 0xa1}, NONE, 0}};
    struct remapping_place place;

    (void)state;
    parse("DMAR", DMAR_HEAD " 00 00 20 00 00 00 00 00 00 00 00 fd" ZEROS_4
                            " 01 08 00 00 00 00 14 00 03 08 00 00 08 f0 1f 00"
                            " 00 00 20 00 00 00 00 00 00 00 20 fd" ZEROS_4
                            " 01 08 00 00 00 00 14 00 03 08 00 00 08 f0 1f 00");
    assert_served(cases, ARRAY_COUNT(cases));
    assert_false(remapping_of_ioapic(&remapping, 8, &place));
}

/* ---- AMD ---- */

static void check_first_ivrs_unit(void)
{
    const struct ivrs_unit *unit = &host.ivrs.units[0];

    assert_int_equal(unit->type, IVRS_IVHD_40);
    assert_int_equal(unit->flags, IVHD_IOTLB_SUP | IVHD_COHERENT);
    assert_int_equal(unit->base, 0xfd200000);
    assert_int_equal(unit->segment, 0);
    assert_int_equal(unit->device_id, 2);
    assert_int_equal(unit->capability_offset, 0x40);
    assert_int_equal(unit->attributes, 0x48000);
    assert_int_equal(unit->features, UINT64_C(0x246577efa2254afa));
    assert_int_equal(unit->features_2, 0x10);
    assert_int_equal(unit->first_range, 0);
    assert_int_equal(unit->range_count, 3);
}

static void test_ivrs(void **state)
{
    const struct ivrs_unit *unit = &host.ivrs.units[1];

    (void)state;
    parse("IVRS", IVRS_SERVER);
    assert_true(host.ivrs.present && host.ivrs.feature_register_images && host.ivrs.dma_remap);
    assert_int_equal(host.ivrs.info, 0x203043);
    assert_int_equal(host.ivrs.physical_width, 48);
    assert_int_equal(host.ivrs.virtual_width, 64);
    assert_int_equal(host.ivrs.unit_count, 2);
    check_first_ivrs_unit();
    assert_int_equal(unit->type, IVRS_IVHD_11);
    assert_int_equal(unit->flags, 0x0f);
    assert_int_equal(unit->base, 0xfd204000);
    assert_int_equal(unit->segment, 1);
    assert_int_equal(unit->device_id, 0x8002);
    assert_int_equal(unit->capability_offset, 0x48);
    assert_int_equal(unit->info, 0x503);
    assert_int_equal(unit->first_range, 3);
    assert_int_equal(unit->range_count, 3);
    assert_int_equal(host.ivrs.range_count, 6);
    assert_true(host.ivrs.ranges[3].all);
    assert_int_equal(host.ivrs.ranges[3].dte, 0x80);
    assert_int_equal(host.ivrs.special_count, 2);
    assert_int_equal(host.ivrs.region_count, 4);
    assert_false(host.dmar.present);
    assert_summary("IVRS: 2 units, 4 reserved regions");
}

static void test_ivrs_functions(void **state)
{
    static const struct served cases[] = {
        {{0, 0, 0x02}, NONE, 0},                                    /* the IOMMU itself */
        {{0, 0, 0x03}, 0, 0x0003},                                  /* the first that is served */
        {{0, 0x3e, 0xff}, 0, 0x3eff}, {{0, 0x3f, 0x00}, 0, 0x00a5}, /* has an alias */
        {{0, 0x3f, 0xff}, 0, 0x00a5}, {{0, 0x40, 0x00}, NONE, 0},   {{1, 0, 0x00}, 1, 0x0000},
        {{1, 0x81, 0x00}, 1, 0x8100}, {{1, 0x82, 0x00}, 1, 0x8107}, /* has an alias */
        {{2, 0, 0x03}, NONE, 0},
    };
    struct remapping_place place;

    (void)state;
    parse("IVRS", IVRS_SERVER);
    assert_served(cases, ARRAY_COUNT(cases));
    assert_true(remapping_of_function(&remapping, at(0, 0, 0x13, 1), &place));
    assert_int_equal(place.dte, IVHD_LINT0_PASS);
    assert_false(place.ats_disabled);
    assert_true(remapping_of_function(&remapping, at(1, 0x81, 0, 0), &place));
    assert_int_equal(place.dte, IVHD_INIT_PASS | IVHD_EINT_PASS | IVHD_NMI_PASS);
    assert_true(place.ats_disabled);
}

static void test_ivrs_interrupts(void **state)
{
    struct remapping_place place;

    (void)state;
    parse("IVRS", IVRS_SERVER);
    assert_true(remapping_of_ioapic(&remapping, 0x21, &place));
    assert_int_equal(place.unit, 0);
    assert_int_equal(place.segment, 0);
    assert_int_equal(place.source_id, 0xa0);
    assert_int_equal(place.dte, 0xd7);
    assert_true(remapping_of_hpet(&remapping, 0, &place));
    assert_int_equal(place.source_id, 0xa0);
    assert_int_equal(place.dte, 0);
    assert_false(remapping_of_ioapic(&remapping, 0, &place));
    assert_false(remapping_of_ioapic(&remapping, 7, &place)); /* is of another kind */
    assert_false(remapping_of_hpet(&remapping, 7, &place));
}

static void test_ivrs_specials(void **state)
{
    uint32_t next = 0;

    (void)state;
    parse("IVRS", IVRS_SERVER);
    assert_special(&next, 0, 0, 0xa0);
    assert_special(&next, 0, 0, 0xa0); /* I/O APIC and HPET */
    assert_no_special(next);
}

static void test_ivrs_regions(void **state)
{
    struct remapping_region region;
    uint32_t next = 0;

    (void)state;
    parse("IVRS", IVRS_SERVER);
    assert_region(at(0, 0, 0x0c, 0), &next, 0x7d900000, 0x100000);
    assert_region(at(0, 0, 0x0c, 0), &next, 0x9a432000, 0x1000); /* that was a single byte */
    assert_true(remapping_next_region(&remapping, at(0, 0, 0x0c, 0), &next, &region));
    assert_int_equal(region.base.raw, 0x70001000); /* of every device, for reading */
    assert_true(region.readable);
    assert_false(region.writable);
    assert_no_region(at(0, 0, 0x0c, 0), next);
    next = 0;
    assert_region(at(1, 0x81, 0, 0), &next, 0x70001000, 0x2000);
    assert_region(at(1, 0x81, 0, 0), &next, 0x6f000000, 0x1000);
    next = 0;
    assert_region(at(0, 0x10, 0, 0), &next, 0x70001000, 0x2000); /* beyond 0f:1f.7 */
    assert_no_region(at(0, 0x10, 0, 0), next);
}

static void test_ivrs_of_two_minds(void **state)
{
    static const struct served cases[] = {{{0, 0, 0x08}, NONE, 0}, {{0, 0, 0x10}, 1, 0x10}};
    struct remapping_place place;

    (void)state;
    parse("IVRS", IVRS_HEAD " 10 00 24 00 02 00 40 00 00 00 20 fd" ZEROS_8 ZEROS_4
                            " 02 08 00 00 48 00 00 00 01 a0 00 01"
                            " 10 00 28 00 02 40 40 00 00 40 20 fd" ZEROS_8 ZEROS_4
                            " 03 08 00 00 04 10 00 00 48 00 00 00 01 a0 00 01");
    assert_served(cases, ARRAY_COUNT(cases));
    assert_false(remapping_of_ioapic(&remapping, 1, &place));
}

static void assert_in_free_memory(const struct hardware *hardware, size_t count,
                                  const uint64_t *bases)
{
    struct remapping_region region;
    uint32_t next = 0;

    for (size_t i = 0; i < count; i++) {
        assert_true(remapping_next_in_free_memory(&host, hardware, &next, &region));
        assert_int_equal(region.base.raw, bases[i]);
    }
    assert_false(remapping_next_in_free_memory(&host, hardware, &next, &region));
}

static void test_regions_in_free_memory(void **state)
{
    static const uint64_t bases[] = {0x70001000, 0x6f000000};
    static struct hardware hardware;

    (void)state;
    assert_true(hardware_add_memory(&hardware, 0, 0x6f001000, MEMORY_FREE));
    assert_true(hardware_add_memory(&hardware, 0x70002000, 0x1000, MEMORY_FREE));
    assert_true(hardware_add_memory(&hardware, 0x7d000000, 0x2000000, MEMORY_RESERVED));
    assert_true(hardware_add_memory(&hardware, 0x9a431000, 0x1000, MEMORY_FREE));
    assert_true(hardware_add_memory(&hardware, 0x9a433000, 0x1000, MEMORY_FREE));
    parse("IVRS", IVRS_SERVER);
    assert_in_free_memory(&hardware, 2, bases);
    parse("DMAR", DMAR_SERVER);
    assert_in_free_memory(&hardware, 0, NULL);
    assert_true(hardware_add_memory(&hardware, 0x7c000000, 0x1000000, MEMORY_FREE));
    assert_in_free_memory(&hardware, 0, NULL); /* up to where it begins */
}

static void test_nothing_to_say(void **state)
{
    char text[12];

    (void)state;
    parse("MCFG", ZEROS_8);
    assert_summary("");
    parse("DMAR", "26 00" ZEROS_10 " 00 00 10 00 01 00 00 00 00 00 20 fd" ZEROS_4);
    assert_summary("DMAR: 1 unit, no interrupt remapping");
    assert_true(acpi_summary(&host, text, sizeof(text)));
    assert_string_equal(text, "DMAR: 1 uni");
}

/* Firmware may ask for xAPIC mode, if only where it says that interrupts can be remapped. */
static void test_x2apic_opt_out(void **state)
{
    struct acpi_dmar dmar = {.present = true, .intr_remap = true, .x2apic_opt_out = true};

    (void)state;
    assert_false(dmar_allows_x2apic(&dmar, false, &diag));
    assert_string_equal(diag.message, "the firmware asks to stay out of x2APIC mode "
                                      "(X2APIC_OPT_OUT in its DMAR table), which VT-x needs here");
    assert_string_equal(diag.hint, "turn on \"x2APIC\", or turn off \"x2APIC Opt Out\", in the "
                                   "firmware setup");
    assert_true(dmar_allows_x2apic(&dmar, true, &diag)); /* firmware is in it itself */
    dmar.intr_remap = false;
    assert_true(dmar_allows_x2apic(&dmar, false, &diag));
    dmar = (struct acpi_dmar){.present = true, .intr_remap = true};
    assert_true(dmar_allows_x2apic(&dmar, false, &diag));
    dmar = (struct acpi_dmar){.present = false};
    assert_true(dmar_allows_x2apic(&dmar, false, &diag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mcfg),
        cmocka_unit_test(test_dmar),
        cmocka_unit_test(test_dmar_functions),
        cmocka_unit_test(test_dmar_interrupts),
        cmocka_unit_test(test_dmar_specials),
        cmocka_unit_test(test_dmar_regions),
        cmocka_unit_test(test_dmar_paths_that_lead_nowhere),
        cmocka_unit_test(test_dmar_of_two_minds),
        cmocka_unit_test(test_x2apic_opt_out),
        cmocka_unit_test(test_ivrs),
        cmocka_unit_test(test_ivrs_functions),
        cmocka_unit_test(test_ivrs_interrupts),
        cmocka_unit_test(test_ivrs_specials),
        cmocka_unit_test(test_ivrs_regions),
        cmocka_unit_test(test_ivrs_of_two_minds),
        cmocka_unit_test(test_regions_in_free_memory),
        cmocka_unit_test(test_nothing_to_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
