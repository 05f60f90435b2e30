/* SPDX-License-Identifier: MIT */
/* What stays with the hypervisor, by ACPI and PCI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/plan/survey.h"
#include "tests/unit/pci_machine.h"

static struct acpi_host acpi;
static struct hardware hardware;

static void reset(void)
{
    memset(&acpi, 0, sizeof(acpi));
    memset(&hardware, 0, sizeof(hardware));
    fake_reset();
}

static bool owns_of(uint64_t base, uint64_t size, bool io)
{
    for (uint32_t i = 0; i < hardware.owned_count; i++)
        if (hardware.owned[i].base == base && hardware.owned[i].size == size &&
            hardware.owned[i].io == io)
            return true;
    return false;
}

static bool owns(uint64_t base, uint64_t size)
{
    return owns_of(base, size, false);
}

static bool owns_ports(uint64_t base, uint64_t size)
{
    return owns_of(base, size, true);
}

static void test_registers(void **state)
{
    struct survey_console console = {0xc0000000, MIB(3), 0x3f8};
    struct diag diag;

    (void)state;
    reset();
    acpi.madt.ioapic_count = 1;
    acpi.madt.ioapics[0].address = 0xfec00000;
    acpi.hpet = (struct acpi_hpet){.present = true, .address = 0xfed00000};
    acpi.mcfg.count = 1;
    acpi.mcfg.ecams[0] = (struct acpi_ecam){.base = 0xb0000000, .first_bus = 2, .last_bus = 3};
    acpi.dmar.unit_count = 1;
    acpi.dmar.units[0] = (struct dmar_unit){.base = 0xfed90000, .size = 0x1000};
    acpi.ivrs.unit_count = 1;
    acpi.ivrs.units[0] = (struct ivrs_unit){.base = 0xfeb80000};
    acpi.fadt.pm_timer = (struct acpi_register){true, ACPI_SPACE_IO, 32, 0, 0x608};
    acpi.fadt.pm1a_control = (struct acpi_register){true, ACPI_SPACE_IO, 16, 0, 0x604};
    acpi.fadt.reset = (struct acpi_register){true, ACPI_SPACE_MEMORY, 8, 0, 0xfed00000};
    acpi.fadt.smi_command = 0xb2;
    assert_true(survey_registers(&acpi, &console, &hardware, &diag));
    assert_int_equal(hardware.owned_count, 13);
    assert_true(owns(0xfee00000, 4096) && owns(0xfec00000, 4096) && owns(0xfed00000, 4096));
    assert_true(owns(0xb0200000, MIB(2)) && owns(0xfed90000, 4096));
    assert_true(owns(0xfeb80000, IVRS_UNIT_BYTES) && owns(0xc0000000, MIB(3)));
    assert_true(owns_ports(0x3f8, 8) && owns_ports(0, 0x100) && owns_ports(0xcf8, 8));
    assert_true(owns_ports(0x608, 4) && owns_ports(0x604, 2) && owns_ports(0xb2, 1));

    console = (struct survey_console){0};
    hardware.owned_count = 0;
    assert_true(survey_registers(&acpi, &console, &hardware, &diag));
    assert_int_equal(hardware.owned_count, 11);
    hardware.owned_count = HARDWARE_MAX_OWNED - 10;
    assert_false(survey_registers(&acpi, &console, &hardware, &diag));
    assert_string_equal(diag.message, "the machine has more I/O APICs and IOMMUs than can be kept "
                                      "from guests");
}

static void test_console(void **state)
{
    struct config_machine config = {.console = CONSOLE_DEFAULT};
    uint32_t baud = 5;

    (void)state;
    reset();
    assert_int_equal(survey_console_port(&config, &acpi, &baud), 0x3f8);
    assert_int_equal(baud, 0);
    acpi.spcr = (struct acpi_spcr){
        .present = true,
        .base = {.present = true, .space = ACPI_SPACE_IO, .address = 0x2f8},
        .baud = 9600,
    };
    assert_int_equal(survey_console_port(&config, &acpi, &baud), 0x2f8);
    assert_int_equal(baud, 9600);
    acpi.spcr.base.space = ACPI_SPACE_MEMORY;
    assert_int_equal(survey_console_port(&config, &acpi, &baud), 0x3f8);
    assert_int_equal(baud, 0);
    acpi.spcr.base.space = ACPI_SPACE_IO;
    acpi.spcr.interface = 3;
    assert_int_equal(survey_console_port(&config, &acpi, &baud), 0x3f8);

    /* What the config says counts. */
    acpi.spcr.interface = 0;
    config = (struct config_machine){CONSOLE_PORT, 0xe000, 115200, false};
    assert_int_equal(survey_console_port(&config, &acpi, &baud), 0xe000);
    assert_int_equal(baud, 115200);
    config.console = CONSOLE_SCREEN;
    assert_int_equal(survey_console_port(&config, &acpi, &baud), 0);
    assert_int_equal(baud, 0);
}

static void test_windows(void **state)
{
    struct pci_segment windows[ACPI_MAX_ECAMS];

    (void)state;
    reset();
    assert_int_equal(survey_windows(&acpi.mcfg, windows), 0);
    acpi.mcfg.count = ACPI_MAX_ECAMS;
    acpi.mcfg.ecams[63] = (struct acpi_ecam){0xb0000000, 63, 2, 3};
    assert_int_equal(survey_windows(&acpi.mcfg, windows), ACPI_MAX_ECAMS);
    assert_true(windows[63].ecam.raw == 0xb0000000 && windows[63].number == 63);
    assert_true(windows[63].first_bus == 2 && windows[63].last_bus == 3);
}

static uint32_t pins_of(uint32_t address)
{
    return address == 0xfec00000 ? 24 : 256;
}

static void test_lines(void **state)
{
    (void)state;
    reset();
    acpi.madt.ioapic_count = 2;
    acpi.madt.ioapics[0] = (struct acpi_ioapic){.address = 0xfec00000};
    acpi.madt.ioapics[1] = (struct acpi_ioapic){.address = 0xfec01000, .gsi_base = 24};
    for (uint32_t irq = 0; irq < ACPI_ISA_IRQS; irq++)
        acpi.madt.isa[irq].gsi = irq == 0 ? 2 : irq;
    acpi.madt.isa[9].gsi = 20;
    acpi.madt.nmi_count = 1;
    acpi.madt.nmis[0].gsi = 30;
    acpi.spcr = (struct acpi_spcr){.present = true, .has_gsi = true, .gsi = 40};
    acpi.fadt = (struct acpi_fadt){.present = true, .sci_irq = 9};
    for (uint32_t times = 0; times < 2; times++) {
        survey_lines(&acpi, pins_of, &hardware);
        assert_int_equal(hardware.ioapic_count, 2);
        assert_int_equal(hardware.ioapics[0].pins, 24);
        assert_int_equal(hardware.ioapics[1].first_gsi, 24);
        assert_int_equal(hardware.ioapics[1].pins, HARDWARE_MAX_PINS);
        assert_int_equal(hardware.line_count, 19);
        assert_int_equal(hardware.lines[0].gsi, 20);
        assert_int_equal(hardware.lines[0].use, LINE_SCI);
        assert_int_equal(hardware.lines[1].gsi, 30);
        assert_int_equal(hardware.lines[1].use, LINE_NMI);
        assert_int_equal(hardware.lines[2].gsi, 40);
        assert_int_equal(hardware.lines[2].use, LINE_CONSOLE);
        assert_int_equal(hardware.lines[3].gsi, 2);
        assert_int_equal(hardware.lines[3].use, LINE_ISA);
    }
    acpi.fadt.present = acpi.spcr.has_gsi = false;
    acpi.madt.nmi_count = 0;
    survey_lines(&acpi, pins_of, &hardware);
    assert_int_equal(hardware.line_count, ACPI_ISA_IRQS);
}

/* A region of a function behind two bridges, one of which the other way does not exist. */
static void regions(void)
{
    reset();
    fake_port(0, 0x1c, 1, 2, PCI_PORT_ROOT);
    fake_bridge(1, 0, 0, 2, 2);
    fake_endpoint(2, 3, 0);
    fake_endpoint(2, 4, 0);
    fake_scan();
    hardware.iommu = HARDWARE_VTD;
    acpi.dmar.present = true;
    acpi.dmar.region_count = 1;
    acpi.dmar.regions[0] =
        (struct dmar_region){.base = 0x7d000000, .size = 0x1000, .scope_count = 1};
    acpi.dmar.scope_count = 1;
    acpi.dmar.scopes[0] = (struct dmar_scope){
        .type = DMAR_SCOPE_ENDPOINT, .path_length = 3, .path = {0xe0, 0x00, 0x18}};
}

static void test_tied(void **state)
{
    (void)state;
    regions();
    assert_true(survey_devices(&acpi, &inventory, &hardware));
    assert_int_equal(hardware.tied_count, 1);
    assert_int_equal(hardware.tied[0].raw, pci_address(0, 2, 3, 0).raw);
    assert_int_equal(hardware.iommu, HARDWARE_VTD);

    regions();
    acpi.dmar.scopes[0].path[1] = 0x08; /* no bridge there */
    assert_true(survey_devices(&acpi, &inventory, &hardware));
    assert_int_equal(hardware.tied_count, 0);

    regions();
    acpi.dmar.scopes[0] =
        (struct dmar_scope){.type = DMAR_SCOPE_BRIDGE, .path_length = 1, .path = {0xe0}};
    assert_true(survey_devices(&acpi, &inventory, &hardware));
    assert_int_equal(hardware.tied_count, 2); /* all below it, but bridges */
}

static void test_more_than_can_be_tied(void **state)
{
    (void)state;
    regions();
    hardware.tied_count = HARDWARE_MAX_TIED;
    assert_false(survey_devices(&acpi, &inventory, &hardware));
    assert_int_equal(hardware.iommu, HARDWARE_NO_IOMMU);
}

/* An I/O APIC and two HPETs, one of them with a path over a bridge, one over none. */
static void test_sources_of_intel(void **state)
{
    (void)state;
    regions();
    acpi.dmar.unit_count = 1;
    acpi.dmar.units[0] = (struct dmar_unit){.segment = 0, .first_scope = 1, .scope_count = 4};
    acpi.dmar.scope_count = 5;
    acpi.dmar.scopes[1] = (struct dmar_scope){
        .type = DMAR_SCOPE_IOAPIC, .start_bus = 0xf0, .path_length = 1, .path = {0xf8}};
    acpi.dmar.scopes[2] =
        (struct dmar_scope){.type = DMAR_SCOPE_HPET, .path_length = 3, .path = {0xe0, 0x00, 0x20}};
    acpi.dmar.scopes[3] =
        (struct dmar_scope){.type = DMAR_SCOPE_HPET, .path_length = 3, .path = {0xe0, 0x08, 0x20}};
    acpi.dmar.scopes[4] = acpi.dmar.scopes[1]; /* firmware may say it again */
    assert_true(survey_sources(&acpi, &inventory, &hardware));
    assert_int_equal(hardware.special_count, 2);
    assert_int_equal(hardware.specials[0].raw, pci_address(0, 0xf0, 0x1f, 0).raw);
    assert_int_equal(hardware.specials[1].raw, pci_address(0, 2, 4, 0).raw);
    assert_int_equal(hardware.tied_count, 0);
}

static void sources_of_amd(uint32_t count)
{
    reset();
    fake_scan();
    hardware.iommu = HARDWARE_AMDVI;
    acpi.ivrs.present = true;
    acpi.ivrs.unit_count = 1;
    acpi.ivrs.units[0].segment = 3;
    acpi.ivrs.special_count = count;
    for (uint32_t i = 0; i < count; i++)
        acpi.ivrs.specials[i] = (struct ivrs_special){
            .kind = IVRS_SPECIAL_IOAPIC, .handle = (uint8_t)i, .device_id = (uint16_t)(0xa0 + i)};
}

static void test_sources_of_amd(void **state)
{
    (void)state;
    sources_of_amd(2);
    acpi.ivrs.specials[1].kind = IVRS_SPECIAL_HPET;
    assert_true(survey_sources(&acpi, &inventory, &hardware));
    assert_int_equal(hardware.special_count, 2);
    assert_int_equal(hardware.specials[0].raw, pci_address(3, 0, 0x14, 0).raw);
    assert_int_equal(hardware.specials[1].raw, pci_address(3, 0, 0x14, 1).raw);
    assert_int_equal(hardware.iommu, HARDWARE_AMDVI);
}

static void test_more_sources_than_can_be_noted(void **state)
{
    (void)state;
    sources_of_amd(IVRS_MAX_SPECIALS);
    assert_true(survey_sources(&acpi, &inventory, &hardware));
    acpi.ivrs.specials[0].device_id = 0x1234;
    assert_false(survey_sources(&acpi, &inventory, &hardware));
    assert_int_equal(hardware.iommu, HARDWARE_NO_IOMMU);
}

/* ---- which functions an IOMMU serves ---- */

static uint8_t service(uint32_t bus, uint32_t device, uint32_t function)
{
    uint16_t index = pci_find(&inventory, pci_address(0, bus, device, function));

    assert_int_not_equal(index, PCI_NONE);
    assert_true(survey_sources(&acpi, &inventory, &hardware));
    return hardware.services[index];
}

/* Two root ports; a unit names the first one, and then another unit all the rest. */
static void test_services_of_intel(void **state)
{
    (void)state;
    reset();
    fake_port(0, 1, 1, 1, PCI_PORT_ROOT);
    fake_sriov(fake_endpoint(1, 0, 0), 1, 0x80, 1);
    fake_port(0, 2, 2, 2, PCI_PORT_ROOT);
    fake_sriov(fake_endpoint(2, 0, 0), 1, 0x80, 1);
    fake_inventory();
    memset(hardware.services, 0x5a, sizeof(hardware.services));
    acpi.dmar.present = true;
    acpi.dmar.unit_count = 1;
    acpi.dmar.units[0] = (struct dmar_unit){.segment = 0, .scope_count = 1};
    acpi.dmar.scope_count = 1;
    acpi.dmar.scopes[0] =
        (struct dmar_scope){.type = DMAR_SCOPE_BRIDGE, .path_length = 1, .path = {0x08}};
    assert_int_equal(service(1, 0, 0), SERVICE_KNOWN);
    assert_int_equal(service(1, 0x10, 0), SERVICE_KNOWN); /* virtual: as the physical one */
    assert_int_equal(service(2, 0, 0), SERVICE_NONE);
    assert_int_equal(service(2, 0x10, 0), SERVICE_NONE);
    assert_int_equal(service(0, 2, 0), SERVICE_KNOWN); /* a bridge is given to nobody */

    acpi.dmar.unit_count = 2;
    acpi.dmar.units[1] = (struct dmar_unit){.segment = 1, .include_all = true};
    assert_int_equal(service(2, 0, 0), SERVICE_NONE); /* of another segment */
    acpi.dmar.units[1].segment = 0;
    assert_int_equal(service(2, 0, 0), SERVICE_KNOWN);
    acpi.dmar.units[2] = acpi.dmar.units[1];
    acpi.dmar.unit_count = 3;
    assert_int_equal(service(2, 0, 0), SERVICE_NONE); /* two cannot be right */
    assert_int_equal(service(1, 0, 0), SERVICE_KNOWN);
}

/* A range of ids that misses a bus; an alias that is a bridge's, and one that is nobody's. */
static void test_services_of_amd(void **state)
{
    (void)state;
    reset();
    fake_port(0, 1, 1, 2, PCI_PORT_ROOT);
    fake_port(1, 0, 2, 2, PCI_PORT_TO_PCI);
    fake_add(2, 4, 0, 0x80861234, 0x020000);
    fake_endpoint(0, 5, 0);
    fake_inventory();
    acpi.ivrs.present = true;
    acpi.ivrs.unit_count = 1;
    acpi.ivrs.units[0] = (struct ivrs_unit){.range_count = 1};
    acpi.ivrs.range_count = 1;
    acpi.ivrs.ranges[0] = (struct ivrs_range){.first = 0x0000, .last = 0x01ff};
    assert_int_equal(service(0, 5, 0), SERVICE_KNOWN);
    assert_int_equal(service(2, 4, 0), SERVICE_NONE);

    acpi.ivrs.units[0].range_count = acpi.ivrs.range_count = 2;
    acpi.ivrs.ranges[1] =
        (struct ivrs_range){.first = 0x0200, .last = 0x02ff, .has_alias = true, .alias = 0x0200};
    assert_int_equal(service(2, 4, 0), SERVICE_KNOWN);
    acpi.ivrs.ranges[1].alias = 0x0100; /* the bridge itself */
    assert_int_equal(service(2, 4, 0), SERVICE_KNOWN);
    acpi.ivrs.ranges[1].alias = 0x00a0;
    assert_int_equal(service(2, 4, 0), SERVICE_OTHER_ID);
    assert_int_equal(service(0, 5, 0), SERVICE_KNOWN);
}

static void test_last_bus(void **state)
{
    (void)state;
    fake_reset();
    fake_scan();
    assert_int_equal(pci_last_bus(&inventory), 0);
    fake_port(0, 0x1c, 1, 9, PCI_PORT_ROOT);
    fake_endpoint(1, 3, 0);
    fake_scan();
    assert_int_equal(pci_last_bus(&inventory), 9);
    fake_endpoint(0x20, 3, 0);
    fake_scan();
    assert_int_equal(pci_last_bus(&inventory), 0x20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_console),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_tied),
        cmocka_unit_test(test_more_than_can_be_tied),
        cmocka_unit_test(test_sources_of_intel),
        cmocka_unit_test(test_sources_of_amd),
        cmocka_unit_test(test_more_sources_than_can_be_noted),
        cmocka_unit_test(test_services_of_intel),
        cmocka_unit_test(test_services_of_amd),
        cmocka_unit_test(test_last_bus),
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
