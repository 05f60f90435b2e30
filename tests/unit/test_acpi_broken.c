/* SPDX-License-Identifier: MIT */
/* Broken tables, each with the sentence that it leads to: one case, one lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/acpi_image.h"

#define UPDATE "the firmware made this table: look for an update of it"
#define TABLE  "the table is ignored"
#define ENTRY  "the entry is ignored"
#define REST   "the rest of the table is ignored"

struct patch {
    uint64_t address;
    size_t width; /* bytes, 0: no patch */
    uint64_t value;
};

struct broken {
    const char *message;
    const char *hint;
    struct patch patches[4];
    uint64_t unsealed; /* the table whose checksum stays wrong */
    uint64_t end;      /* memory ends here, 0: at END_AT */
    uint64_t rsdp;     /* 0: RSDP_AT */
};

static const struct broken fatal[] = {
    {.message = "ACPI RSDP at 0x30000: this memory cannot be read",
     .hint = UPDATE,
     .rsdp = 0x30000},
    {.message = "ACPI RSDP at 0xfffffffffffffff8: this memory cannot be read",
     .hint = UPDATE,
     .rsdp = UINT64_C(0xfffffffffffffff8)},
    {.message = "ACPI RSDP at 0x10000: it does not start with \"RSD PTR \"",
     .hint = UPDATE,
     .patches = {{RSDP_AT + 7, 1, 'x'}}},
    {.message = "ACPI RSDP at 0x10000: the sum of its first 20 bytes is 0x1 instead of 0",
     .hint = UPDATE,
     .patches = {{RSDP_AT + RSDP_OEM_ID, 1, 1}},
     .unsealed = RSDP_AT},
    {.message = "ACPI RSDP at 0x10000: the sum of its 36 bytes is 0x2 instead of 0",
     .hint = UPDATE,
     .patches = {{RSDP_AT + 33, 1, 2}},
     .unsealed = RSDP_AT},
    {.message = "ACPI RSDP at 0x10000: its 36 bytes cannot all be read",
     .hint = UPDATE,
     .end = RSDP_AT + 35},
    {.message = "ACPI RSDP at 0x10000: length at offset 20 is 20 instead of 36",
     .hint = UPDATE,
     .patches = {{RSDP_AT + RSDP_LENGTH, 4, 20}}},
    {.message = "ACPI RSDP at 0x10000: length at offset 20 is 4294967295 instead of 36",
     .hint = UPDATE,
     .patches = {{RSDP_AT + RSDP_LENGTH, 4, UINT32_MAX}}},
    {.message = "ACPI RSDP at 0x10000: its 64 bytes cannot all be read",
     .hint = UPDATE,
     .patches = {{RSDP_AT + RSDP_LENGTH, 4, 64}},
     .end = RSDP_AT + 63},
    {.message = "ACPI RSDP at 0x10000: it names neither an XSDT nor an RSDT",
     .hint = UPDATE,
     .patches = {{RSDP_AT + RSDP_XSDT, 8, 0}, {RSDP_AT + RSDP_RSDT, 4, 0}}},
    {.message = "ACPI XSDT at 0xfffffffffffffff0: this memory cannot be read",
     .hint = UPDATE,
     .patches = {{RSDP_AT + RSDP_XSDT, 8, UINT64_C(0xfffffffffffffff0)}}},
    {.message = "ACPI XSDT at 0x13000: signature is \"APIC\" instead of \"XSDT\"",
     .hint = UPDATE,
     .patches = {{RSDP_AT + RSDP_XSDT, 8, MADT_AT}}},
    {.message = "ACPI XSDT at 0x11000: signature is \"XS?~\" instead of \"XSDT\"",
     .hint = UPDATE,
     .patches = {{XSDT_AT + 2, 2, 0x7e7f}}},
    {.message = "ACPI XSDT at 0x11000: length at offset 4 is 0, at least 36 are needed",
     .hint = UPDATE,
     .patches = {{XSDT_AT + HEADER_LENGTH, 4, 0}}},
    {.message = "ACPI XSDT at 0x11000: length at offset 4 is 4194305, at most 4194304 make sense",
     .hint = UPDATE,
     .patches = {{XSDT_AT + HEADER_LENGTH, 4, MIB(4) + 1}}},
    {.message = "ACPI XSDT at 0x11000: its 4194304 bytes cannot all be read",
     .hint = UPDATE,
     .patches = {{XSDT_AT + HEADER_LENGTH, 4, MIB(4)}}},
    {.message = "ACPI XSDT at 0x11000: the sum of its 84 bytes is 0xff instead of 0",
     .hint = UPDATE,
     .patches = {{XSDT_AT + HEADER_OEM_ID, 1, 0xff}},
     .unsealed = XSDT_AT},
    {.message = "ACPI RSDT at 0x12000: the sum of its 60 bytes is 0x3 instead of 0",
     .hint = UPDATE,
     .patches = {{RSDT_AT + HEADER_OEM_ID, 1, 3}, {RSDP_AT + RSDP_REVISION, 1, 0}},
     .unsealed = RSDT_AT},
    {.message = "ACPI has no MADT, the table that lists the processors",
     .hint = "switch the APIC (I/O APIC, multiprocessor) on in the firmware setup",
     .patches = {{XSDT_AT + HEADER_SIZE + 8, 8, 0}}},
    {.message = "ACPI has no MADT, the table that lists the processors",
     .hint = "switch the APIC (I/O APIC, multiprocessor) on in the firmware setup",
     .patches = {{XSDT_AT + HEADER_LENGTH, 4, HEADER_SIZE}}},
    {.message = "ACPI MADT at 0x13000: length at offset 4 is 43, at least 44 are needed",
     .hint = UPDATE,
     .patches = {{MADT_AT + HEADER_LENGTH, 4, 43}}},
    {.message = "ACPI MADT at 0x13000: its 130 bytes cannot all be read",
     .hint = UPDATE,
     .end = MADT_AT + 129},
    {.message = "ACPI MADT at 0x13000: the sum of its 130 bytes is 0x80 instead of 0",
     .hint = UPDATE,
     .patches = {{MADT_AT + HEADER_OEM_ID, 1, 0x80}},
     .unsealed = MADT_AT},
    {.message = "ACPI MADT at 0x13000: none of its 0 processor entries can be used",
     .hint = UPDATE,
     .patches = {{MADT_AT + HEADER_LENGTH, 4, MADT_ENTRIES}}},
    {.message = "ACPI MADT at 0x13000: none of its 4 processor entries can be used",
     .hint = UPDATE,
     .patches = {{MADT_AT + 48, 4, 0}, {MADT_AT + 56, 4, 2}, {MADT_AT + 114, 4, 0}}},
    {.message = "ACPI MADT at 0x13000: none of its 0 processor entries can be used",
     .hint = UPDATE,
     .patches = {{MADT_AT + MADT_ENTRIES + 1, 1, 0}}},
};

static const struct broken tolerated[] = {
    {.message = "ACPI XSDT at 0x11000: 5 bytes are left over behind its last entry",
     .hint = "they are ignored",
     .patches = {{XSDT_AT + HEADER_LENGTH, 4, 89}}},
    {.message = "ACPI XSDT at 0x11000: it lists 257 tables, at most 256 make sense",
     .hint = "the rest is ignored",
     .patches = {{XSDT_AT + HEADER_LENGTH, 4, HEADER_SIZE + 8 * 257}}},
    {.message = "ACPI XSDT at 0x11000: the table that entry 2 points to cannot be read",
     .hint = TABLE,
     .patches = {{XSDT_AT + HEADER_SIZE + 16, 8, UINT64_C(1) << 52}}},
    {.message = "ACPI XSDT at 0x11000: the table that entry 2 points to cannot be read",
     .hint = TABLE,
     .patches = {{XSDT_AT + HEADER_SIZE + 16, 8, (UINT64_C(1) << 52) - 35}}},
    {.message = "ACPI XSDT at 0x11000: the table that entry 2 points to is shorter than a header",
     .hint = TABLE,
     .patches = {{HPET_AT + HEADER_LENGTH, 4, 35}}},
    {.message = "ACPI XSDT at 0x11000: the table that entry 2 points to is longer than 4 MiB",
     .hint = TABLE,
     .patches = {{HPET_AT + HEADER_LENGTH, 4, UINT32_MAX}}},
    /* MADT */
    {.message = "ACPI MADT at 0x13000: the entry at offset 80 has length 0",
     .hint = REST,
     .patches = {{MADT_AT + 81, 1, 0}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 90 has length 1",
     .hint = REST,
     .patches = {{MADT_AT + 91, 1, 1}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 122 goes beyond the table's 129 bytes",
     .hint = REST,
     .patches = {{MADT_AT + HEADER_LENGTH, 4, 129}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 122 goes beyond the table's 123 bytes",
     .hint = REST,
     .patches = {{MADT_AT + HEADER_LENGTH, 4, 123}}},
    {.message =
         "ACPI MADT at 0x13000: the entry at offset 60 has type 9 and length 8 instead of 16",
     .hint = ENTRY,
     .patches = {{MADT_AT + 60, 1, 9}}},
    {.message =
         "ACPI MADT at 0x13000: the entry at offset 60 has type 1 and length 8 instead of 12",
     .hint = ENTRY,
     .patches = {{MADT_AT + 60, 1, 1}}},
    {.message =
         "ACPI MADT at 0x13000: the entry at offset 60 has type 10 and length 8 instead of 12",
     .hint = ENTRY,
     .patches = {{MADT_AT + 60, 1, 10}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 52 is a processor with the broadcast id "
                "0xff",
     .hint = ENTRY,
     .patches = {{MADT_AT + 55, 1, 0xff}}},
    {.message =
         "ACPI MADT at 0x13000: the entry at offset 106 is a processor with the broadcast id "
         "0xffffffff",
     .hint = ENTRY,
     .patches = {{MADT_AT + 110, 4, UINT32_MAX}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 68 is an I/O APIC at an impossible "
                "address",
     .hint = ENTRY,
     .patches = {{MADT_AT + 72, 4, 0}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 68 is an I/O APIC at an impossible "
                "address",
     .hint = ENTRY,
     .patches = {{MADT_AT + 72, 4, 0xfec00004}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 80 redirects an interrupt that is not "
                "one of ISA",
     .hint = ENTRY,
     .patches = {{MADT_AT + 82, 1, 1}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 80 redirects an interrupt that is not "
                "one of ISA",
     .hint = ENTRY,
     .patches = {{MADT_AT + 83, 1, 16}}},
    {.message = "ACPI MADT at 0x13000: the entry at offset 100 makes an NMI of an input that local "
                "APICs do not have",
     .hint = ENTRY,
     .patches = {{MADT_AT + 105, 1, 2}}},
    /* FADT, DSDT, SSDT */
    {.message = "ACPI FADT at 0x14000: length at offset 4 is 115, at least 116 are needed",
     .hint = TABLE,
     .patches = {{FADT_AT + HEADER_LENGTH, 4, 115}}},
    {.message = "ACPI FADT at 0x14000: the sum of its 276 bytes is 0x42 instead of 0",
     .hint = TABLE,
     .patches = {{FADT_AT + HEADER_OEM_ID, 1, 0x42}},
     .unsealed = FADT_AT},
    {.message = "ACPI FADT at 0x14000: the register at offset 116 is at address space 0x7f",
     .hint = "the register is ignored",
     .patches = {{FADT_AT + FADT_RESET_REG, 1, 0x7f}}},
    {.message = "ACPI FADT at 0x14000: the register at offset 172 is at port 0x10000",
     .hint = "the register is ignored",
     .patches = {{FADT_AT + FADT_X_PM1A_CNT_BLK + GAS_ADDRESS, 8, 0x10000}}},
    {.message = "ACPI FADT at 0x14000: the register at offset 244 is at memory address "
                "0x8000000000000000",
     .hint = "the register is ignored",
     .patches = {{FADT_AT + FADT_SLEEP_CONTROL_REG + GAS_ADDRESS, 8, UINT64_C(1) << 63}}},
    {.message = "ACPI FADT at 0x14000: the register at offset 76 is at port 0xfed80808",
     .hint = "the register is ignored",
     .patches = {{FADT_AT + FADT_PM_TMR_BLK, 4, 0xfed80808}}},
    {.message = "ACPI has no package \\_S5 in its DSDT or SSDTs",
     .hint = "the machine cannot be switched off by software",
     .patches = {{DSDT_AT + 36, 8, 0}}},
    {.message = "ACPI has no package \\_S5 in its DSDT or SSDTs",
     .hint = "the machine cannot be switched off by software",
     .patches = {{FADT_AT + FADT_DSDT, 4, 0}, {FADT_AT + FADT_X_DSDT, 8, 0}}},
    {.message = "ACPI DSDT at 0x16000: signature is \"HPET\" instead of \"DSDT\"",
     .hint = TABLE,
     .patches = {{FADT_AT + FADT_X_DSDT, 8, HPET_AT}, {SSDT_AT + 39, 1, '5'}}},
    {.message = "ACPI DSDT at 0x15000: the sum of its 52 bytes is 0x11 instead of 0",
     .hint = TABLE,
     .patches = {{DSDT_AT + HEADER_OEM_ID, 1, 0x11}, {SSDT_AT + 39, 1, '5'}},
     .unsealed = DSDT_AT},
    {.message = "ACPI DSDT at 0x15000: its 131072 bytes cannot all be read",
     .hint = TABLE,
     .patches = {{DSDT_AT + HEADER_LENGTH, 4, 0x20000}, {SSDT_AT + 39, 1, '5'}}},
    /* the others */
    {.message = "ACPI HPET at 0x16000: length at offset 4 is 55, at least 56 are needed",
     .hint = TABLE,
     .patches = {{HPET_AT + HEADER_LENGTH, 4, 55}}},
    {.message = "ACPI HPET at 0x16000: its registers are not at a possible address",
     .hint = TABLE,
     .patches = {{HPET_AT + HPET_BASE, 1, ACPI_SPACE_IO},
                 {HPET_AT + HPET_BASE + GAS_ADDRESS, 8, 0x1000}}},
    {.message = "ACPI HPET at 0x16000: its registers are not at a possible address",
     .hint = TABLE,
     .patches = {{HPET_AT + HPET_BASE + GAS_ADDRESS, 8, 0}}},
    {.message = "ACPI HPET at 0x16000: its registers are not at a possible address",
     .hint = TABLE,
     .patches = {{HPET_AT + HPET_BASE + GAS_ADDRESS, 8, 0xfed00001}}},
    {.message = "ACPI SPCR at 0x17000: length at offset 4 is 79, at least 80 are needed",
     .hint = TABLE,
     .patches = {{SPCR_AT + HEADER_LENGTH, 4, 79}}},
    {.message = "ACPI SPCR at 0x17000: the register at offset 40 is at port 0x3f800",
     .hint = "the register is ignored",
     .patches = {{SPCR_AT + SPCR_BASE + GAS_ADDRESS, 8, 0x3f800}}},
    {.message = "ACPI SRAT at 0x18000: length at offset 4 is 47, at least 48 are needed",
     .hint = TABLE,
     .patches = {{SRAT_AT + HEADER_LENGTH, 4, 47}}},
    {.message = "ACPI SRAT at 0x18000: the entry at offset 64 has length 0",
     .hint = REST,
     .patches = {{SRAT_AT + 65, 1, 0}}},
    {.message = "ACPI SRAT at 0x18000: the entry at offset 80 has type 1 and length 24 instead of "
                "40",
     .hint = ENTRY,
     .patches = {{SRAT_AT + 80, 1, 1}}},
    {.message = "ACPI SRAT at 0x18000: the memory of the entry at offset 104 ends beyond 2^52",
     .hint = ENTRY,
     .patches = {{SRAT_AT + 120, 8, UINT64_C(0xffffffffffffffff)}}},
    {.message = "ACPI SRAT at 0x18000: the memory of the entry at offset 104 ends beyond 2^52",
     .hint = ENTRY,
     .patches = {{SRAT_AT + 112, 8, UINT64_C(1) << 63}}},
};

static struct acpi_host host;
static struct diag diag;

/* The good machine with one lie in it. */
static bool parse_broken(const struct broken *broken)
{
    struct image *m = machine_new();
    bool good;

    for (size_t i = 0; i < ARRAY_COUNT(broken->patches); i++)
        if (broken->patches[i].width > 0)
            image_put(m, broken->patches[i].address, broken->patches[i].width,
                      broken->patches[i].value);
    machine_seal(m, broken->unsealed);
    if (broken->end)
        m->pieces[0].size = (size_t)(broken->end - RSDP_AT);
    good = image_parse(m, broken->rsdp ? broken->rsdp : RSDP_AT, &host, &diag);
    image_free(m);
    return good;
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(fatal); i++) {
        assert_false(parse_broken(&fatal[i]));
        assert_string_equal(diag.message, fatal[i].message);
        assert_string_equal(diag.hint, fatal[i].hint);
        assert_int_equal(diag.line, 0);
    }
}

/* What is broken is a warning, the only one, and processors are there all the same. */
static void test_tolerated(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(tolerated); i++) {
        if (!parse_broken(&tolerated[i]))
            fail_msg("%s: %s", tolerated[i].message, diag.message);
        assert_string_equal(host.warnings[0].message, tolerated[i].message);
        assert_string_equal(host.warnings[0].hint, tolerated[i].hint);
        assert_int_equal(host.warning_count, 1);
        assert_in_range(host.madt.cpu_count, 2, 3);
    }
}

static void test_no_rsdp(void **state)
{
    struct image *m = machine_new();

    (void)state;
    assert_false(image_parse(m, 0, &host, &diag));
    assert_string_equal(diag.message, "the firmware has no ACPI tables (it names no RSDP)");
    assert_string_equal(diag.hint, "switch ACPI on in the firmware setup");
    image_free(m);
}

/* A register with a wrong new address falls back to the old one. */
static void test_fallback_to_the_older_address(void **state)
{
    static const struct broken lie = {
        .patches = {{FADT_AT + FADT_X_PM1A_CNT_BLK + GAS_ADDRESS, 8, 0x10000}}};

    (void)state;
    assert_true(parse_broken(&lie));
    assert_true(host.fadt.pm1a_control.present);
    assert_int_equal(host.fadt.pm1a_control.address, 0x1804);
}

/* A pointless command port does not make us write to another one. */
static void test_impossible_smi_command(void **state)
{
    static const struct broken lie = {.patches = {{FADT_AT + FADT_SMI_CMD, 4, 0x100b2}}};

    (void)state;
    assert_true(parse_broken(&lie));
    assert_int_equal(host.fadt.smi_command, 0);
    assert_int_equal(host.fadt.acpi_enable, 0);
}

/* All warnings are counted, the first ones are kept. */
static void test_many_warnings(void **state)
{
    struct image *m = machine_new();

    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        image_put(m, XSDT_AT + 84 + 8 * i, 8, END_AT + i);
    image_put(m, XSDT_AT + HEADER_LENGTH, 4, 84 + 8 * 20);
    machine_seal(m, 0);
    assert_true(image_parse(m, RSDP_AT, &host, &diag));
    assert_int_equal(host.warning_count, 20);
    assert_string_equal(host.warnings[ACPI_MAX_WARNINGS - 1].message,
                        "ACPI XSDT at 0x11000: the table that entry 13 points to cannot be read");
    image_free(m);
}

/* A full list of I/O APICs, NMI sources and memory does not overflow. */
static void test_too_many_of_a_kind(void **state)
{
    struct image *m = machine_new();
    uint32_t at = 130;

    (void)state;
    for (uint32_t i = 0; i < ACPI_MAX_IOAPICS; i++, at += 12) {
        image_hex(m, MADT_AT + at, "01 0c");
        image_put(m, MADT_AT + at + 4, 4, 0xfe000000 + 0x1000 * i);
    }
    for (uint32_t i = 0; i < ACPI_MAX_NMIS; i++, at += 8)
        image_hex(m, MADT_AT + at, "03 08 00 00 07 00 00 00");
    image_put(m, MADT_AT + HEADER_LENGTH, 4, at);
    image_put(m, XSDT_AT + HEADER_SIZE + 32, 8, FREE_AT); /* the SRAT */
    image_header(m, FREE_AT, "SRAT", SRAT_ENTRIES + SRAT_MEMORY_SIZE * (ACPI_MAX_MEMORY + 1), 3);
    for (uint32_t i = 0; i <= ACPI_MAX_MEMORY; i++) {
        uint64_t entry = FREE_AT + SRAT_ENTRIES + SRAT_MEMORY_SIZE * i;

        image_hex(m, entry, "01 28");
        image_put(m, entry + 8, 8, MIB(i));
        image_put(m, entry + 16, 8, MIB(1));
        image_put(m, entry + 28, 4, SRAT_ENABLED);
    }
    image_seal(m, FREE_AT);
    machine_seal(m, 0);
    assert_true(image_parse(m, RSDP_AT, &host, &diag));
    assert_int_equal(host.madt.ioapic_count, ACPI_MAX_IOAPICS);
    assert_int_equal(host.madt.nmi_count, ACPI_MAX_NMIS);
    assert_int_equal(host.memory_count, ACPI_MAX_MEMORY);
    assert_int_equal(host.warning_count, 3);
    assert_string_equal(host.warnings[0].message,
                        "ACPI MADT at 0x13000: the entry at offset 886 is one I/O APIC too many");
    assert_string_equal(
        host.warnings[1].message,
        "ACPI MADT at 0x13000: the entry at offset 1018 is one NMI source too many");
    assert_string_equal(
        host.warnings[2].message,
        "ACPI SRAT at 0x1a000: the memory of the entry at offset 10288 is one piece "
        "too many");
    image_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_tolerated),
        cmocka_unit_test(test_no_rsdp),
        cmocka_unit_test(test_fallback_to_the_older_address),
        cmocka_unit_test(test_impossible_smi_command),
        cmocka_unit_test(test_many_warnings),
        cmocka_unit_test(test_too_many_of_a_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
