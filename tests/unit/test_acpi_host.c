/* SPDX-License-Identifier: MIT */
/* What is read from tables that are in order, and from ones that firmware got away with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/acpi_image.h"

static struct acpi_host host;
static struct diag diag;

static int setup(void **state)
{
    *state = machine_new();
    return 0;
}

static int teardown(void **state)
{
    image_free(*state);
    return 0;
}

/* Seal, parse, succeed. */
static void parse(struct image *m)
{
    machine_seal(m, 0);
    if (!image_parse(m, RSDP_AT, &host, &diag))
        fail_msg("%s", diag.message);
}

/* Append an entry to the table at `address`. */
static void append(struct image *m, uint64_t address, size_t size, const char *digits)
{
    uint8_t *bytes = image_at(m, address, HEADER_SIZE);
    uint32_t length = (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8;

    image_hex(m, address + length, digits);
    image_put(m, address + HEADER_LENGTH, 4, length + size);
}

static void assert_register(const struct acpi_register *reg, uint8_t space, uint8_t bits,
                            uint64_t address)
{
    assert_true(reg->present);
    assert_int_equal(reg->space, space);
    assert_int_equal(reg->bits, bits);
    assert_int_equal(reg->address, address);
}

static void test_root(void **state)
{
    parse(*state);
    assert_int_equal(host.rsdp, RSDP_AT);
    assert_int_equal(host.revision, 2);
    assert_int_equal(host.warning_count, 0);
    assert_int_equal(host.table_count, ARRAY_COUNT(machine_tables));
    assert_memory_equal(host.tables[1].signature, "APIC", 4);
    assert_int_equal(host.tables[1].address, MADT_AT);
    assert_int_equal(host.tables[1].length, 130);
}

static void test_processors(void **state)
{
    static const struct acpi_cpu expected[] = {{0, 0, 0, 2}, {2, 1, 0x201, 2}, {300, 300, 7, 2}};

    parse(*state);
    assert_int_equal(host.madt.cpu_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(host.madt.cpus[i].apic_id, expected[i].apic_id);
        assert_int_equal(host.madt.cpus[i].uid, expected[i].uid);
        assert_int_equal(host.madt.cpus[i].node, expected[i].node);
        assert_int_equal(host.madt.cpus[i].nmi_lint, expected[i].nmi_lint);
    }
    assert_int_equal(host.madt.cpus_offline, 1);
    assert_int_equal(host.madt.cpus_ignored, 0);
    assert_int_equal(host.madt.lapic_address, 0xfee00000);
    assert_true(host.madt.has_8259);
}

static void test_interrupts(void **state)
{
    parse(*state);
    assert_int_equal(host.madt.ioapic_count, 1);
    assert_int_equal(host.madt.ioapics[0].id, 8);
    assert_int_equal(host.madt.ioapics[0].address, 0xfec00000);
    assert_int_equal(host.madt.ioapics[0].gsi_base, 0);
    for (uint32_t irq = 0; irq <= 16; irq++) {
        struct acpi_irq input = acpi_isa_irq(&host, irq);

        assert_int_equal(input.gsi, irq == 0 ? 2 : irq == 9 ? 20 : irq);
        assert_int_equal(input.active_low, irq == 9);
        assert_int_equal(input.level, irq == 9);
    }
    assert_int_equal(host.madt.nmi_count, 1);
    assert_int_equal(host.madt.nmis[0].gsi, 21);
    assert_false(host.madt.nmis[0].active_low);
    assert_true(host.madt.nmis[0].level);
}

static void test_fixed_hardware(void **state)
{
    parse(*state);
    assert_true(host.fadt.present);
    assert_false(host.fadt.hw_reduced);
    assert_int_equal(host.fadt.sci_irq, 9);
    assert_int_equal(host.fadt.smi_command, 0xb2);
    assert_int_equal(host.fadt.acpi_enable, 0xa0);
    /* The newer form of an address counts, the older one where there is no newer. */
    assert_register(&host.fadt.pm1a_control, ACPI_SPACE_IO, 16, 0x1904);
    assert_int_equal(host.fadt.pm1a_control.access, 2);
    assert_register(&host.fadt.pm_timer, ACPI_SPACE_IO, 32, 0x1808);
    assert_true(host.fadt.pm_timer_wide);
    assert_false(host.fadt.pm1b_control.present);
    assert_register(&host.fadt.reset, ACPI_SPACE_IO, 8, 0xcf9);
    assert_int_equal(host.fadt.reset_value, 6);
    assert_false(host.fadt.sleep_control.present);
    assert_true(host.fadt.has_s5);
    assert_int_equal(host.fadt.s5_type_a, 5);
    assert_int_equal(host.fadt.s5_type_b, 6);
}

static void test_hpet_and_spcr(void **state)
{
    parse(*state);
    assert_true(host.hpet.present);
    assert_int_equal(host.hpet.address, 0xfed00000);
    assert_int_equal(host.hpet.id, 0x8086a201);
    assert_true(host.spcr.present);
    assert_int_equal(host.spcr.interface, 0);
    assert_register(&host.spcr.base, ACPI_SPACE_IO, 8, 0x2f8);
    assert_int_equal(host.spcr.baud, 57600);
    assert_true(host.spcr.has_gsi);
    assert_int_equal(host.spcr.gsi, 3);
}

static void test_memory_nodes(void **state)
{
    parse(*state);
    assert_int_equal(host.memory_count, 1);
    assert_int_equal(host.memory[0].base, GIB(4));
    assert_int_equal(host.memory[0].size, GIB(3));
    assert_int_equal(host.memory[0].node, 1);
}

static void test_rsdt_of_acpi_1(void **state)
{
    struct image *m = *state;

    image_put(m, RSDP_AT + RSDP_REVISION, 1, 0);
    image_put(m, RSDP_AT + RSDP_LENGTH, 4, 0xffffffff); /* ACPI 1.0 has no such field */
    parse(m);
    assert_int_equal(host.revision, 0);
    assert_int_equal(host.table_count, ARRAY_COUNT(machine_tables));
    assert_int_equal(host.madt.cpu_count, 3);
    assert_int_equal(host.warning_count, 0);
}

static void test_rsdt_where_no_xsdt_is_named(void **state)
{
    struct image *m = *state;

    image_put(m, RSDP_AT + RSDP_XSDT, 8, 0);
    image_text(m, XSDT_AT, "????");
    parse(m);
    assert_int_equal(host.madt.cpu_count, 3);
}

static void test_holes_in_the_list_are_no_tables(void **state)
{
    struct image *m = *state;

    image_put(m, XSDT_AT + HEADER_SIZE, 8, 0); /* that was the FADT */
    parse(m);
    assert_int_equal(host.table_count, ARRAY_COUNT(machine_tables) - 1);
    assert_false(host.fadt.present);
    assert_int_equal(host.warning_count, 0);
}

static void test_processors_listed_twice(void **state)
{
    struct image *m = *state;

    append(m, MADT_AT, 8, "00 08 09 02 01 00 00 00");                          /* id 2 */
    append(m, MADT_AT, 16, "09 10 00 00 02 00 00 00 01 00 00 00 09 00 00 00"); /* id 2 */
    append(m, MADT_AT, 16, "09 10 00 00 03 00 00 00 00 00 00 00 02 00 00 00"); /* id 3, off */
    parse(m);
    assert_int_equal(host.madt.cpu_count, 3);
    assert_int_equal(host.madt.cpus[1].uid, 1); /* the first entry counts */
    assert_int_equal(host.madt.cpus_offline, 1);
    assert_int_equal(host.warning_count, 0);
}

static void test_enabled_entry_after_a_disabled_one(void **state)
{
    struct image *m = *state;

    image_put(m, MADT_AT + 60 + 4, 4, 0);             /* id 3: neither now nor later */
    append(m, MADT_AT, 8, "00 08 03 03 01 00 00 00"); /* id 3 again, enabled */
    parse(m);
    assert_int_equal(host.madt.cpu_count, 4);
    assert_int_equal(host.madt.cpus[3].apic_id, 3);
    assert_int_equal(host.madt.cpus_offline, 0);
}

static void test_more_processors_than_we_can_use(void **state)
{
    struct image *m = *state;

    image_put(m, MADT_AT + HEADER_LENGTH, 4, MADT_ENTRIES);
    image_put(m, XSDT_AT + HEADER_SIZE, 8, 0); /* the FADT and what follows give way */
    for (unsigned i = 2; i < ARRAY_COUNT(machine_tables); i++)
        image_put(m, XSDT_AT + HEADER_SIZE + 8 * i, 8, 0);
    image_put(m, XSDT_AT + HEADER_SIZE + 8, 8, FREE_AT);
    image_header(m, FREE_AT, "APIC", MADT_ENTRIES + 16 * (HARDWARE_MAX_CPUS + 5), 5);
    for (unsigned i = 0; i < HARDWARE_MAX_CPUS + 5; i++) {
        uint64_t entry = FREE_AT + MADT_ENTRIES + 16 * i;

        image_hex(m, entry, "09 10");
        image_put(m, entry + 4, 4, 10000 + i);
        image_put(m, entry + 8, 4, MADT_ENABLED);
        image_put(m, entry + 12, 4, i);
    }
    image_seal(m, FREE_AT);
    parse(m);
    assert_int_equal(host.madt.cpu_count, HARDWARE_MAX_CPUS);
    assert_int_equal(host.madt.cpus_ignored, 5);
    assert_int_equal(host.madt.cpus[HARDWARE_MAX_CPUS - 1].apic_id, 10000 + HARDWARE_MAX_CPUS - 1);
}

static void test_second_io_apic_and_a_double(void **state)
{
    struct image *m = *state;

    append(m, MADT_AT, 12, "01 0c 09 00 00 10 c0 fe 18 00 00 00");
    append(m, MADT_AT, 12, "01 0c 0a 00 00 00 c0 fe 30 00 00 00"); /* the first one's address */
    parse(m);
    assert_int_equal(host.madt.ioapic_count, 2);
    assert_int_equal(host.madt.ioapics[1].address, 0xfec01000);
    assert_int_equal(host.madt.ioapics[1].gsi_base, 24);
}

static void test_nmi_of_single_processors(void **state)
{
    struct image *m = *state;

    image_put(m, MADT_AT + 100 + 2, 1, 1);                         /* LINT1 of UID 1 alone */
    append(m, MADT_AT, 12, "0a 0c 00 00 2c 01 00 00 00 00 00 00"); /* LINT0 of UID 300 */
    parse(m);
    assert_int_equal(host.madt.cpus[0].nmi_lint, 0);
    assert_int_equal(host.madt.cpus[1].nmi_lint, 2);
    assert_int_equal(host.madt.cpus[2].nmi_lint, 1);
}

static void test_local_apic_address_of_64_bits(void **state)
{
    struct image *m = *state;

    append(m, MADT_AT, 12, "05 0c 00 00 00 00 e0 fe 01 00 00 00");
    parse(m);
    assert_int_equal(host.madt.lapic_address, 0x1fee00000);
}

static void test_fadt_shorter_than_its_revision(void **state)
{
    struct image *m = *state;

    /* Of ACPI 1.0's size: all that came later is what lies behind it in memory. */
    image_put(m, FADT_AT + HEADER_LENGTH, 4, FADT_SIZE_1);
    parse(m);
    assert_true(host.fadt.present);
    assert_register(&host.fadt.pm1a_control, ACPI_SPACE_IO, 16, 0x1804);
    assert_false(host.fadt.reset.present);
    assert_true(host.fadt.has_s5);
    /* Cut off within the reset register's address. */
    image_put(m, FADT_AT + HEADER_LENGTH, 4, FADT_RESET_REG + 8);
    parse(m);
    assert_false(host.fadt.reset.present);
    assert_int_equal(host.warning_count, 0);
}

static void test_flags_that_an_old_fadt_cannot_mean(void **state)
{
    struct image *m = *state;

    image_put(m, FADT_AT + HEADER_REVISION, 1, 1);
    image_put(m, FADT_AT + FADT_FLAGS, 4, FADT_RESET_REG_SUP | FADT_HW_REDUCED_ACPI);
    parse(m);
    assert_false(host.fadt.reset.present);
    assert_false(host.fadt.hw_reduced);
    assert_true(host.fadt.pm1a_control.present);
}

static void test_reset_register_that_does_not_work(void **state)
{
    struct image *m = *state;

    image_put(m, FADT_AT + FADT_FLAGS, 4, 0);
    parse(m);
    assert_false(host.fadt.reset.present);
    assert_false(host.fadt.pm_timer_wide);
}

static void test_pm_timer_of_no_width(void **state)
{
    struct image *m = *state;

    image_put(m, FADT_AT + FADT_PM_TMR_LEN, 1, 0);
    parse(m);
    assert_false(host.fadt.pm_timer.present);
}

static void test_always_in_acpi_mode(void **state)
{
    struct image *m = *state;

    image_put(m, FADT_AT + FADT_SMI_CMD, 4, 0);
    parse(m);
    assert_int_equal(host.fadt.smi_command, 0);
}

static void test_hardware_reduced(void **state)
{
    struct image *m = *state;

    image_put(m, FADT_AT + FADT_FLAGS, 4, FADT_HW_REDUCED_ACPI | FADT_RESET_REG_SUP);
    image_gas(m, FADT_AT + FADT_SLEEP_CONTROL_REG, ACPI_SPACE_MEMORY, 8, 0xfeb00010);
    image_gas(m, FADT_AT + FADT_SLEEP_STATUS_REG, ACPI_SPACE_MEMORY, 8, 0xfeb00011);
    parse(m);
    assert_true(host.fadt.hw_reduced);
    assert_register(&host.fadt.sleep_control, ACPI_SPACE_MEMORY, 8, 0xfeb00010);
    assert_register(&host.fadt.sleep_status, ACPI_SPACE_MEMORY, 8, 0xfeb00011);
    assert_false(host.fadt.pm1a_control.present); /* there is no such block, whatever it says */
    assert_false(host.fadt.pm_timer.present);
    assert_true(host.fadt.reset.present);
}

static void test_s5_in_an_ssdt(void **state)
{
    struct image *m = *state;

    image_put(m, DSDT_AT + 40, 1, '3');
    image_put(m, SSDT_AT + 39, 1, '5');
    parse(m);
    assert_true(host.fadt.has_s5);
    assert_int_equal(host.fadt.s5_type_a, 1);
    assert_int_equal(host.fadt.s5_type_b, 1);
}

static void test_old_dsdt_address(void **state)
{
    struct image *m = *state;

    image_put(m, FADT_AT + FADT_X_DSDT, 8, 0);
    parse(m);
    assert_true(host.fadt.has_s5);
}

static void test_spcr_kinds(void **state)
{
    static const struct {
        uint8_t interrupt, irq, baud;
        bool has_gsi;
        uint32_t gsi, bauds;
    } cases[] = {
        {3, 0, 7, true, 3, 115200}, {1, 9, 3, true, 20, 9600}, {1, 16, 4, false, 0, 19200},
        {0, 4, 0, false, 0, 0},     {2, 4, 5, true, 3, 0},     {0, 4, 255, false, 0, 0},
    };
    struct image *m = *state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        image_put(m, SPCR_AT + SPCR_INTERRUPT_TYPE, 1, cases[i].interrupt);
        image_put(m, SPCR_AT + SPCR_IRQ, 1, cases[i].irq);
        image_put(m, SPCR_AT + SPCR_BAUD, 1, cases[i].baud);
        parse(m);
        assert_int_equal(host.spcr.has_gsi, cases[i].has_gsi);
        assert_int_equal(host.spcr.gsi, cases[i].gsi);
        assert_int_equal(host.spcr.baud, cases[i].bauds);
    }
}

static void test_spcr_switched_off(void **state)
{
    struct image *m = *state;

    image_put(m, SPCR_AT + SPCR_BASE + GAS_ADDRESS, 8, 0);
    parse(m);
    assert_false(host.spcr.present);
    assert_int_equal(host.warning_count, 0);
}

static void test_srat_of_revision_1(void **state)
{
    struct image *m = *state;

    image_put(m, SRAT_AT + HEADER_REVISION, 1, 1);
    image_put(m, SRAT_AT + 104 + 2, 4, 0xffffff01);
    parse(m);
    assert_int_equal(host.madt.cpus[1].node, 1); /* not 0x201 */
    assert_int_equal(host.memory[0].node, 1);
}

static void test_srat_entries_that_do_not_count(void **state)
{
    struct image *m = *state;

    image_put(m, SRAT_AT + 64 + 4, 4, 0); /* not enabled */
    image_put(m, SRAT_AT + 80 + 12, 4, 0);
    image_put(m, SRAT_AT + 104 + 28, 4, 0);
    parse(m);
    assert_int_equal(host.madt.cpus[1].node, 0);
    assert_int_equal(host.madt.cpus[2].node, 0);
    assert_int_equal(host.memory_count, 0);
    image_put(m, SRAT_AT + 104 + 28, 4, SRAT_ENABLED);
    image_put(m, SRAT_AT + 104 + 16, 8, 0); /* no bytes */
    parse(m);
    assert_int_equal(host.memory_count, 0);
    assert_int_equal(host.warning_count, 0);
}

static void test_only_what_is_needed(void **state)
{
    struct image *m = *state;

    for (size_t i = 0; i < ARRAY_COUNT(machine_tables); i++)
        if (machine_tables[i] != MADT_AT)
            image_put(m, XSDT_AT + HEADER_SIZE + 8 * i, 8, 0);
    parse(m);
    assert_int_equal(host.madt.cpu_count, 3);
    assert_false(host.fadt.present);
    assert_false(host.fadt.has_s5);
    assert_false(host.hpet.present);
    assert_false(host.spcr.present);
    assert_int_equal(host.memory_count, 0);
    assert_int_equal(host.warning_count, 0);
}

static void test_hardware_starts_with_this_processor(void **state)
{
    static struct hardware hardware;

    parse(*state);
    acpi_fill_hardware(&host, 300, &hardware);
    assert_int_equal(hardware.cpu_count, 3);
    assert_int_equal(hardware.cpus[0].apic_id, 300);
    assert_int_equal(hardware.cpus[0].node, 7);
    assert_int_equal(hardware.cpus[1].apic_id, 0);
    assert_int_equal(hardware.cpus[2].apic_id, 2);
    assert_int_equal(hardware.cpus[2].node, 0x201);
    assert_int_equal(hardware.cpus_ignored, 0);
}

static void test_hardware_has_this_processor_in_any_case(void **state)
{
    static struct hardware hardware;

    parse(*state);
    acpi_fill_hardware(&host, 77, &hardware);
    assert_int_equal(hardware.cpu_count, 4);
    assert_int_equal(hardware.cpus[0].apic_id, 77);
    assert_int_equal(hardware.cpus[0].node, 0);
    host.madt.cpu_count = HARDWARE_MAX_CPUS;
    for (uint32_t i = 0; i < HARDWARE_MAX_CPUS; i++)
        host.madt.cpus[i].apic_id = 1000 + i;
    host.madt.cpus_ignored = 4;
    acpi_fill_hardware(&host, 77, &hardware);
    assert_int_equal(hardware.cpu_count, HARDWARE_MAX_CPUS);
    assert_int_equal(hardware.cpus[0].apic_id, 77);
    assert_int_equal(hardware.cpus[HARDWARE_MAX_CPUS - 1].apic_id, 1000 + HARDWARE_MAX_CPUS - 2);
    assert_int_equal(hardware.cpus_ignored, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_root),
        TEST(test_processors),
        TEST(test_interrupts),
        TEST(test_fixed_hardware),
        TEST(test_hpet_and_spcr),
        TEST(test_memory_nodes),
        TEST(test_rsdt_of_acpi_1),
        TEST(test_rsdt_where_no_xsdt_is_named),
        TEST(test_holes_in_the_list_are_no_tables),
        TEST(test_processors_listed_twice),
        TEST(test_enabled_entry_after_a_disabled_one),
        TEST(test_more_processors_than_we_can_use),
        TEST(test_second_io_apic_and_a_double),
        TEST(test_nmi_of_single_processors),
        TEST(test_local_apic_address_of_64_bits),
        TEST(test_fadt_shorter_than_its_revision),
        TEST(test_flags_that_an_old_fadt_cannot_mean),
        TEST(test_reset_register_that_does_not_work),
        TEST(test_pm_timer_of_no_width),
        TEST(test_always_in_acpi_mode),
        TEST(test_hardware_reduced),
        TEST(test_s5_in_an_ssdt),
        TEST(test_old_dsdt_address),
        TEST(test_spcr_kinds),
        TEST(test_spcr_switched_off),
        TEST(test_srat_of_revision_1),
        TEST(test_srat_entries_that_do_not_count),
        TEST(test_only_what_is_needed),
        TEST(test_hardware_starts_with_this_processor),
        TEST(test_hardware_has_this_processor_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
