/* SPDX-License-Identifier: MIT */
/* A guest's tables: built, and read again with the parser for those of machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/acpi/guest.h"
#include "kernel/acpi/guest_dsdt.h"
#include "kernel/plan/plan.h"
#include "kernel/vdev/ports.h"
#include "kernel/vdev/vioapic.h"
#include "kernel/vdev/vpm.h"
#include "tests/unit/acpi_image.h"

#define BASE UINT64_C(0xe0000)
#define ROOM 0x20000

static struct acpi_host host;

/* Build at BASE and parse. */
static size_t build(uint32_t vcpu_count, struct image **image)
{
    struct acpi_guest_params params = {.base = gpa(BASE), .vcpu_count = vcpu_count};
    struct image *m = image_new();
    uint8_t *bytes = image_add(m, BASE, ROOM);
    struct diag diag;
    size_t used;

    assert_true(acpi_guest_build(&params, bytes, ROOM, &used));
    m->pieces[0].size = used; /* nothing refers to what lies behind */
    if (!image_parse(m, BASE, &host, &diag))
        fail_msg("%s", diag.message);
    for (uint32_t i = 0; i < host.warning_count; i++)
        fail_msg("%s", host.warnings[i].message);
    *image = m;
    return used;
}

/* A field of the table with that signature. */
static uint64_t field(struct image *m, const char *signature, uint32_t offset, size_t width)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < host.table_count; i++) {
        if (memcmp(host.tables[i].signature, signature, 4) != 0)
            continue;
        const uint8_t *bytes = image_at(m, host.tables[i].address + offset, width);

        assert_non_null(bytes);
        while (width > 0)
            value = value << 8 | bytes[--width];
        return value;
    }
    fail_msg("no table %s", signature);
    return 0;
}

static void assert_port(const struct acpi_register *reg, uint16_t port)
{
    assert_true(reg->present);
    assert_int_equal(reg->space, ACPI_SPACE_IO);
    assert_int_equal(reg->bits, 8);
    assert_int_equal(reg->access, 1);
    assert_int_equal(reg->address, port);
}

static void test_fixed_hardware(void **state)
{
    struct image *m;

    (void)state;
    build(1, &m);
    assert_int_equal(host.revision, 2);
    assert_true(host.fadt.hw_reduced);
    assert_port(&host.fadt.reset, GUEST_RESET);
    assert_int_equal(host.fadt.reset_value, GUEST_RESET_VALUE);
    assert_port(&host.fadt.sleep_control, GUEST_SLEEP_CONTROL);
    assert_port(&host.fadt.sleep_status, GUEST_SLEEP_STATUS);
    assert_true(host.fadt.has_s5);
    assert_int_equal(host.fadt.s5_type_a, GUEST_SLEEP_TYPE_S5);
    assert_false(host.fadt.pm1a_control.present);
    assert_false(host.fadt.pm_timer.present);
    assert_int_equal(field(m, "FACP", HEADER_LENGTH, 4), 276);
    assert_int_equal(field(m, "FACP", HEADER_REVISION, 1), 6);
    assert_int_equal(field(m, "FACP", FADT_CENTURY, 1), GUEST_RTC_CENTURY);
    /* No 8042, no VGA; there is an RTC, and MSIs work. */
    assert_int_equal(field(m, "FACP", FADT_IAPC_BOOT_ARCH, 2), 0x05);
    assert_int_equal(field(m, "FACP", FADT_HYPERVISOR_VENDOR, 8), UINT64_C(0x646165686b6c7542));
    assert_int_equal(field(m, "FACP", FADT_DSDT, 4), field(m, "FACP", FADT_X_DSDT, 8));
    image_free(m);
}

/* Who knows no XSDT finds the same by the RSDT. */
static void test_old_root(void **state)
{
    struct image *m;
    struct diag diag;

    (void)state;
    build(3, &m);
    uint32_t tables = host.table_count;
    uint8_t *rsdp = (uint8_t *)(uintptr_t)image_at(m, BASE, RSDP_SIZE);
    rsdp[RSDP_REVISION] = 0;
    rsdp[RSDP_CHECKSUM] += 2;
    assert_true(image_parse(m, BASE, &host, &diag));
    assert_int_equal(host.warning_count, 0);
    assert_int_equal(host.table_count, tables);
    assert_int_equal(host.madt.cpu_count, 3);
    assert_int_equal(host.fadt.s5_type_a, GUEST_SLEEP_TYPE_S5);
    image_free(m);
}

static void test_processors(void **state)
{
    static const uint32_t counts[] = {1, 2, 64, 255, 256, GUEST_ACPI_MAX_VCPUS};
    struct image *m;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        build(counts[i], &m);
        assert_int_equal(host.madt.cpu_count, counts[i]);
        for (uint32_t cpu = 0; cpu < counts[i]; cpu++) {
            assert_int_equal(host.madt.cpus[cpu].apic_id, cpu);
            assert_int_equal(host.madt.cpus[cpu].uid, cpu);
            assert_int_equal(host.madt.cpus[cpu].nmi_lint, 0);
        }
        assert_int_equal(field(m, "APIC", HEADER_LENGTH, 4),
                         44 + 12 + 8 * (counts[i] < 255 ? counts[i] : 255) +
                             16 * (counts[i] > 255 ? counts[i] - 255 : 0));
        image_free(m);
    }
}

static void test_interrupt_controllers(void **state)
{
    struct image *m;

    (void)state;
    build(2, &m);
    assert_int_equal(host.madt.lapic_address, GUEST_LAPIC_BASE);
    assert_false(host.madt.has_8259);
    assert_int_equal(host.madt.ioapic_count, 1);
    assert_int_equal(host.madt.ioapics[0].address, GUEST_IOAPIC_BASE);
    assert_int_equal(host.madt.ioapics[0].id, GUEST_IOAPIC_ID);
    assert_int_equal(host.madt.ioapics[0].gsi_base, 0);
    assert_int_equal(host.madt.nmi_count, 0);
    image_free(m);
}

/* What the tables promise is what the devices do. */
static void test_devices_agree(void **state)
{
    struct vioapic ioapic = {0};

    (void)state;
    assert_int_equal(ports_find(GUEST_COM1, 1), PORT_UART);
    assert_in_range(GUEST_COM1_GSI, 0, VIOAPIC_PINS - 1);
    assert_int_equal(ports_find(GUEST_RTC, 1), PORT_RTC);
    assert_int_equal(ports_find(GUEST_RTC + 1, 1), PORT_RTC);
    assert_int_equal(ports_find(GUEST_SLEEP_CONTROL, 1), PORT_PM);
    assert_int_equal(ports_find(GUEST_SLEEP_STATUS, 1), PORT_PM);
    assert_int_equal(ports_find(GUEST_RESET, 1), PORT_PM);
    assert_int_equal(GUEST_PCI_MEMORY_START, PLAN_HOLE_START);
    vioapic_reset(&ioapic);
    assert_int_equal(ioapic.id, GUEST_IOAPIC_ID);
}

static void test_dsdt_is_whole(void **state)
{
    (void)state;
    for (int pci = 0; pci < 2; pci++) {
        size_t size;
        const uint8_t *dsdt = guest_dsdt(pci != 0, &size);

        assert_in_range(size, HEADER_SIZE, 4096);
        assert_memory_equal(dsdt, "DSDT", 4);
        assert_int_equal((size_t)dsdt[4] | (size_t)dsdt[5] << 8, size);
        assert_int_equal(acpi_sum(dsdt, size), 0);
    }
}

/* MCFG is there for guests with PCI functions, and has bus 0 alone. */
static void test_configuration_space(void **state)
{
    struct acpi_guest_params params = {.base = gpa(BASE), .vcpu_count = 64, .pci_express = true};
    struct image *m;
    struct diag diag;
    size_t used;

    (void)state;
    build(1, &m);
    assert_int_equal(host.mcfg.count, 0);
    image_free(m);

    m = image_new();
    uint8_t *bytes = image_add(m, BASE, ROOM);
    assert_true(acpi_guest_build(&params, bytes, ROOM, &used));
    assert_in_range(used, 1, 2048);
    m->pieces[0].size = used;
    assert_true(image_parse(m, BASE, &host, &diag));
    assert_int_equal(host.warning_count, 0);
    assert_int_equal(host.mcfg.count, 1);
    assert_int_equal(host.mcfg.ecams[0].base, GUEST_ECAM_BASE);
    assert_int_equal(host.mcfg.ecams[0].segment, 0);
    assert_int_equal(host.mcfg.ecams[0].first_bus, 0);
    assert_int_equal(host.mcfg.ecams[0].last_bus, GUEST_ECAM_SIZE / MIB(1) - 1);
    assert_int_equal(host.madt.cpu_count, 64);
    image_free(m);
}

/* As the ASL compiler writes it:
 * Scope (\_SB.PCI0) { Name (_PRT, Package () { Package () { 0x0001ffff, 0, 0, 21 }, ... }) } */
static const uint8_t prt_of_two[] = {
    0x10, 0x2b, 0x2e, '_',  'S',  'B',  '_',  'P',  'C',  'I',  '0',  0x08, '_',  'P',  'R',
    'T',  0x12, 0x1b, 0x02, 0x12, 0x0b, 0x04, 0x0c, 0xff, 0xff, 0x01, 0x00, 0x00, 0x00, 0x0a,
    0x15, 0x12, 0x0c, 0x04, 0x0c, 0xff, 0xff, 0x1f, 0x00, 0x0a, 0x03, 0x00, 0x0a, 0x10};

static void test_interrupt_routes(void **state)
{
    static const struct acpi_route routes[] = {{1, 0, 21}, {31, 3, 16}};
    struct acpi_guest_params params = {
        .base = gpa(BASE), .vcpu_count = 1, .routes = routes, .route_count = 2};
    struct image *m = image_new();
    uint8_t *bytes = image_add(m, BASE, ROOM);
    struct diag diag;
    size_t used, compiled;

    (void)state;
    guest_dsdt(false, &compiled);
    assert_true(acpi_guest_build(&params, bytes, ROOM, &used));
    m->pieces[0].size = used;
    assert_true(image_parse(m, BASE, &host, &diag));
    assert_int_equal(host.warning_count, 0);
    assert_int_equal(host.fadt.s5_type_a, GUEST_SLEEP_TYPE_S5);
    const uint8_t *dsdt = image_at(m, field(m, "FACP", FADT_DSDT, 4), compiled + 1);
    assert_int_equal(dsdt[4] | dsdt[5] << 8, compiled + sizeof(prt_of_two));
    assert_int_equal(acpi_sum(dsdt, compiled + sizeof(prt_of_two)), 0);
    assert_memory_equal(dsdt + compiled, prt_of_two, sizeof(prt_of_two));
    image_free(m);
}

static void test_most_interrupt_routes(void **state)
{
    static struct acpi_route routes[GUEST_ACPI_MAX_ROUTES + 1];
    struct acpi_guest_params params = {
        .base = gpa(BASE), .vcpu_count = 1, .routes = routes, .route_count = GUEST_ACPI_MAX_ROUTES};
    static uint8_t bytes[ROOM];
    size_t used;

    (void)state;
    assert_true(acpi_guest_build(&params, bytes, ROOM, &used));
    params.route_count++;
    assert_false(acpi_guest_build(&params, bytes, ROOM, &used));
    assert_int_equal(used, 0);
}

static void test_same_bytes_each_time(void **state)
{
    struct image *a, *b;

    (void)state;
    assert_int_equal(build(3, &a), build(3, &b));
    assert_memory_equal(a->pieces[0].bytes, b->pieces[0].bytes, ROOM);
    image_free(a);
    image_free(b);
}

/* Also where the buffer is full of something, and stands at an odd address. */
static void test_any_buffer(void **state)
{
    struct acpi_guest_params params = {.base = gpa(BASE), .vcpu_count = 3};
    struct image *m;
    size_t used = build(3, &m), again;
    uint8_t *dirty = malloc(used + 1);

    (void)state;
    memset(dirty, 0xa5, used + 1);
    assert_true(acpi_guest_build(&params, dirty + 1, used, &again));
    assert_int_equal(again, used);
    assert_memory_equal(dirty + 1, m->pieces[0].bytes, used);
    free(dirty);
    image_free(m);
}

static void test_too_small_a_buffer(void **state)
{
    struct acpi_guest_params params = {.base = gpa(BASE), .vcpu_count = 2};
    struct image *m;
    size_t needed = build(2, &m), used;

    (void)state;
    image_free(m);
    for (size_t size = 0; size < needed; size++) {
        uint8_t *exact = malloc(size + 1);

        used = 1;
        assert_false(acpi_guest_build(&params, exact + 1, size, &used));
        assert_int_equal(used, 0);
        free(exact);
    }
}

static void test_2_kib_are_enough_for_64(void **state)
{
    struct image *m;

    (void)state;
    assert_in_range(build(64, &m), 1, 2048);
    image_free(m);
}

/* The window for PCI devices above the RAM: once, and the checksum is right again. */
static void test_high_window(void **state)
{
    static uint8_t plain[ROOM], bytes[ROOM];
    struct acpi_guest_params params = {.base = gpa(BASE), .vcpu_count = 1};
    uint64_t start = GIB(6), last = GIB(1024) - 1, size = GIB(1018);
    unsigned found = 0, different = 0;
    size_t used;

    (void)state;
    assert_true(acpi_guest_build(&params, plain, ROOM, &used));
    params.high_start = start;
    params.high_end = last + 1;
    assert_true(acpi_guest_build(&params, bytes, ROOM, &used));
    for (size_t i = 0; i + 32 <= used; i++) {
        found += memcmp(bytes + i, &start, 8) == 0 && memcmp(bytes + i + 8, &last, 8) == 0 &&
                 memcmp(bytes + i + 24, &size, 8) == 0;
        different += bytes[i] != plain[i];
    }
    assert_int_equal(found, 1);
    assert_in_range(different, 4, 24);
}

static void test_impossible_parameters(void **state)
{
    static const struct acpi_guest_params cases[] = {
        {.base = {BASE}, .vcpu_count = 0},
        {.base = {BASE}, .vcpu_count = GUEST_ACPI_MAX_VCPUS + 1},
        {.base = {BASE}, .vcpu_count = UINT32_MAX},
        {.base = {BASE + 8}, .vcpu_count = 1},
        {.base = {BASE - 16}, .vcpu_count = 1},
        {.base = {0x100000}, .vcpu_count = 1},
        {.base = {0}, .vcpu_count = 1},
        {.base = {BASE + (UINT64_C(1) << 32)}, .vcpu_count = 1},
        {.base = {0x100000 - 512}, .vcpu_count = 1},
        {.base = {BASE}, .vcpu_count = 1, .high_start = PAGE_2M, .high_end = PAGE_4K},
        {.base = {BASE}, .vcpu_count = 1, .high_start = 1, .high_end = PAGE_4K},
    };
    static uint8_t bytes[ROOM];
    size_t used;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        used = 1;
        assert_false(acpi_guest_build(&cases[i], bytes, sizeof(bytes), &used));
        assert_int_equal(used, 0);
    }
}

/* The code fits behind the reset vector and is what the device takes for a reset. */
static void test_reset_code(void **state)
{
    static const uint8_t expected[] = {0xba, 0x04, 0x06, 0xb0, 0x01, 0xee, 0xf4, 0xeb, 0xfd};
    size_t size;
    const uint8_t *code = guest_reset_code(&size);

    (void)state;
    assert_int_equal(size, sizeof(expected));
    assert_memory_equal(code, expected, sizeof(expected));
    assert_in_range(GUEST_RESET_VECTOR + size, GUEST_RESET_VECTOR, GUEST_RSDP_END);
    assert_int_equal(vpm_write((uint16_t)(code[1] | code[2] << 8), code[4]), PM_REBOOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_hardware),       cmocka_unit_test(test_old_root),
        cmocka_unit_test(test_processors),           cmocka_unit_test(test_interrupt_controllers),
        cmocka_unit_test(test_devices_agree),        cmocka_unit_test(test_dsdt_is_whole),
        cmocka_unit_test(test_interrupt_routes),     cmocka_unit_test(test_most_interrupt_routes),
        cmocka_unit_test(test_same_bytes_each_time), cmocka_unit_test(test_any_buffer),
        cmocka_unit_test(test_too_small_a_buffer),   cmocka_unit_test(test_2_kib_are_enough_for_64),
        cmocka_unit_test(test_high_window),          cmocka_unit_test(test_impossible_parameters),
        cmocka_unit_test(test_reset_code),           cmocka_unit_test(test_configuration_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
