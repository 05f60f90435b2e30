/* SPDX-License-Identifier: MIT */
/* The tables of machines, as captured in tests/data/acpi. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/acpi/remapping.h"
#include "tests/unit/acpi_image.h"

#define TABLE_MAX 16384

static struct acpi_host host;
static struct diag diag;

struct capture {
    struct image *image;
    uint64_t rsdp;
};

/* The heading of a table: "APIC @ 0x000000000BB78000". Its bytes follow. */
static void open_table(struct capture *capture, const char *line)
{
    uint64_t address = strtoull(strchr(line, '@') + 1, NULL, 16);

    image_add(capture->image, address, TABLE_MAX);
    capture->image->pieces[capture->image->piece_count - 1].size = 0;
    if (strncmp(line, "RSDP", 4) == 0)
        capture->rsdp = address;
}

/* "    0010: 42 58 ..." belongs to the last heading. */
static void add_bytes(struct capture *capture, const char *line)
{
    struct image_piece *piece = &capture->image->pieces[capture->image->piece_count - 1];
    const char *digits = strchr(line, ':') + 1;
    char *end;

    for (unsigned long byte = strtoul(digits, &end, 16); end != digits;
         byte = strtoul(digits, &end, 16)) {
        assert_in_range(piece->size, 0, TABLE_MAX - 1);
        piece->bytes[piece->size++] = (uint8_t)byte;
        digits = end;
    }
}

static struct capture load(const char *path)
{
    struct capture capture = {.image = image_new()};
    char line[256];
    FILE *file = fopen(path, "r");

    if (!file)
        fail_msg("%s: run this from the root of the repository", path);
    while (fgets(line, sizeof(line), file))
        if (line[0] == ' ')
            add_bytes(&capture, line);
        else if (line[0] != '#' && strchr(line, '@'))
            open_table(&capture, line);
    fclose(file);
    return capture;
}

static void parse(const char *path)
{
    struct capture capture = load(path);

    if (!image_parse(capture.image, capture.rsdp, &host, &diag))
        fail_msg("%s: %s", path, diag.message);
    for (uint32_t i = 0; i < host.warning_count; i++)
        fail_msg("%s: %s", path, host.warnings[i].message);
    image_free(capture.image);
}

/* What all have in common: they are the same but for memory, firmware and remapping units. */
static void check_q35(uint32_t cpu_count)
{
    static const bool level_high[ACPI_ISA_IRQS] = {[5] = 1, [9] = 1, [10] = 1, [11] = 1};

    assert_int_equal(host.madt.cpu_count, cpu_count);
    for (uint32_t i = 0; i < cpu_count; i++) {
        assert_int_equal(host.madt.cpus[i].apic_id, i);
        assert_int_equal(host.madt.cpus[i].nmi_lint, 2);
    }
    assert_int_equal(host.madt.ioapic_count, 1);
    assert_int_equal(host.madt.ioapics[0].address, 0xfec00000);
    for (uint32_t irq = 0; irq < ACPI_ISA_IRQS; irq++) {
        struct acpi_irq input = acpi_isa_irq(&host, irq);

        assert_int_equal(input.gsi, irq == 0 ? 2 : irq);
        assert_int_equal(input.level, level_high[irq]);
        assert_false(input.active_low);
    }
    assert_true(host.fadt.pm_timer.present);
    assert_int_equal(host.fadt.pm_timer.space, ACPI_SPACE_IO);
    assert_int_equal(host.fadt.pm_timer.address, 0x608);
    assert_false(host.fadt.pm_timer_wide);
    assert_int_equal(host.fadt.pm1a_control.address, 0x604);
    assert_int_equal(host.fadt.smi_command, 0xb2);
    assert_int_equal(host.fadt.acpi_enable, 2);
    assert_int_equal(host.fadt.sci_irq, 9);
    assert_int_equal(host.fadt.reset.address, 0xcf9);
    assert_int_equal(host.fadt.reset_value, 0x0f);
    assert_true(host.fadt.has_s5);
    assert_int_equal(host.fadt.s5_type_a, 0);
    assert_true(host.hpet.present);
    assert_int_equal(host.hpet.address, 0xfed00000);
    assert_false(host.spcr.present);
    assert_int_equal(host.mcfg.count, 1);
    assert_int_equal(host.mcfg.ecams[0].segment, 0);
    assert_int_equal(host.mcfg.ecams[0].first_bus, 0);
    assert_int_equal(host.mcfg.ecams[0].last_bus, 255);
}

static void test_rsdt(void **state)
{
    (void)state;
    parse("tests/data/acpi/qemu-q35-seabios.txt");
    assert_int_equal(host.revision, 0);
    check_q35(4);
    assert_int_equal(host.memory_count, 0);
    assert_int_equal(host.madt.cpus[3].node, 0);
    assert_int_equal(host.mcfg.ecams[0].base, 0xb0000000);
    assert_false(host.dmar.present || host.ivrs.present);
}

static void test_xsdt_and_nodes(void **state)
{
    static const struct acpi_memory memory[] = {
        {0, 0xa0000, 0}, {MIB(1), MIB(127), 0}, {MIB(128), MIB(64), 1}};

    (void)state;
    parse("tests/data/acpi/qemu-q35-ovmf-numa.txt");
    assert_int_equal(host.revision, 2);
    check_q35(4);
    assert_int_equal(host.madt.cpus_offline, 0); /* two more, but they can never come */
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(host.madt.cpus[i].node, i >= 2);
    assert_int_equal(host.memory_count, ARRAY_COUNT(memory));
    for (size_t i = 0; i < ARRAY_COUNT(memory); i++) {
        assert_int_equal(host.memory[i].base, memory[i].base);
        assert_int_equal(host.memory[i].size, memory[i].size);
        assert_int_equal(host.memory[i].node, memory[i].node);
    }
}

/* Where Intel's unit is, the root port is 00:02.0, with the disk's bus behind it. */
static bool bridge(void *context, struct remapping_function at, struct remapping_buses *buses)
{
    (void)context;
    *buses = (struct remapping_buses){1, 1};
    return at.bus == 0 && at.devfn == 0x10;
}

static const struct remapping remapping = {&host, {bridge, NULL}};

/* Both serve the disk 01:00.0 and the I/O APIC 0 by their only unit. */
static void check_remapping(uint16_t ioapic_source_id)
{
    struct remapping_function disk = {0, 1, 0};
    struct remapping_region region;
    struct remapping_place place;
    uint32_t next = 0;

    assert_true(remapping_of_function(&remapping, disk, &place));
    assert_int_equal(place.unit, 0);
    assert_int_equal(place.source_id, 0x100);
    assert_false(remapping_next_region(&remapping, disk, &next, &region));
    assert_true(remapping_of_ioapic(&remapping, 0, &place));
    assert_int_equal(place.unit, 0);
    assert_int_equal(place.source_id, ioapic_source_id);
    assert_false(remapping_of_hpet(&remapping, 0, &place));
}

static void test_intel_iommu(void **state)
{
    const struct dmar_unit *unit = &host.dmar.units[0];

    (void)state;
    parse("tests/data/acpi/qemu-q35-intel-iommu.txt");
    check_q35(1);
    assert_true(host.dmar.present && host.dmar.intr_remap);
    assert_false(host.dmar.x2apic_opt_out || host.dmar.platform_opt_in);
    assert_int_equal(host.dmar.address_width, 39);
    assert_int_equal(host.dmar.unit_count, 1);
    assert_int_equal(unit->base, 0xfed90000);
    assert_int_equal(unit->size, 0x1000);
    assert_int_equal(unit->segment, 0);
    assert_int_equal(unit->scope_count, 8);
    assert_false(unit->include_all);
    assert_int_equal(host.dmar.scopes[3].type, DMAR_SCOPE_BRIDGE);
    assert_int_equal(host.dmar.region_count, 0);
    check_remapping(0xff00);
    assert_false(host.ivrs.present);
}

static void test_amd_iommu(void **state)
{
    const struct ivrs_unit *unit = &host.ivrs.units[0];

    (void)state;
    parse("tests/data/acpi/qemu-q35-amd-iommu.txt");
    check_q35(1);
    assert_true(host.ivrs.present);
    assert_false(host.ivrs.feature_register_images || host.ivrs.dma_remap);
    assert_int_equal(host.ivrs.physical_width, 40);
    assert_int_equal(host.ivrs.unit_count, 1);
    assert_int_equal(unit->type, IVRS_IVHD_10);
    assert_int_equal(unit->flags, IVHD_HT_TUN_EN | IVHD_IOTLB_SUP | IVHD_PREF_SUP | IVHD_PPR_SUP);
    assert_int_equal(unit->base, 0xfed80000);
    assert_int_equal(unit->device_id, 0x10);
    assert_int_equal(unit->capability_offset, 0x40);
    assert_int_equal(unit->attributes, 0x44);
    assert_int_equal(unit->range_count, 9);
    assert_int_equal(host.ivrs.region_count, 0);
    check_remapping(0xa0);
    assert_false(host.dmar.present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rsdt),
        cmocka_unit_test(test_xsdt_and_nodes),
        cmocka_unit_test(test_intel_iommu),
        cmocka_unit_test(test_amd_iommu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
