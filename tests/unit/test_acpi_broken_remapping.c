/* SPDX-License-Identifier: MIT */
/* Broken MCFG, DMAR and IVRS, each with the sentence that it leads to: one case, one lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/remapping_tables.h"

#define WHOLE  "the whole table is ignored: no device can be given to a guest"
#define REGION "the region is ignored, its devices cannot be given to a guest"
#define ENTRY  "the entry is ignored"
#define PLACE  " at 0x1a000: "

#define ONES_8 " ff ff ff ff ff ff ff ff"

struct broken {
    const char *message; /* behind "ACPI " */
    const char *hint;
    const char *digits; /* behind the header */
};

static struct acpi_host host;
static struct diag diag;

static void parse(const char *signature, const char *digits)
{
    struct image *m = machine_new();
    bool good;

    machine_add_table(m, FREE_AT, signature, digits);
    good = image_parse(m, RSDP_AT, &host, &diag);
    image_free(m);
    if (!good)
        fail_msg("%s", diag.message);
}

static void assert_warning(const char *message, const char *hint)
{
    assert_memory_equal(host.warnings[0].message, "ACPI ", 5);
    assert_string_equal(host.warnings[0].message + 5, message);
    assert_string_equal(host.warnings[0].hint, hint);
    assert_int_equal(host.warning_count, 1);
    assert_int_equal(host.madt.cpu_count, 3);
}

static void assert_nothing(void)
{
    static const struct acpi_dmar no_dmar;
    static const struct acpi_ivrs no_ivrs;

    assert_memory_equal(&host.dmar, &no_dmar, sizeof(no_dmar));
    assert_memory_equal(&host.ivrs, &no_ivrs, sizeof(no_ivrs));
}

/* ---- MCFG ---- */

#define ECAM " 00 00 00 e0" ZEROS_4 " 00 00 00 7f" ZEROS_4

static const struct broken mcfg[] = {
    {"MCFG" PLACE "length at offset 4 is 43, at least 44 are needed", "the table is ignored",
     "00 00 00 00 00 00 00"},
    {"MCFG" PLACE "the entry at offset 60 goes beyond the table", ENTRY,
     ZEROS_8 ECAM " 00 00 00 f0" ZEROS_4 " 00 00 80 ff 00 00 00"},
    {"MCFG" PLACE "the entry at offset 60 has an impossible address", ENTRY,
     ZEROS_8 ECAM ZEROS_8 " 00 00 80 ff" ZEROS_4},
    {"MCFG" PLACE "the entry at offset 60 has an impossible address", ENTRY,
     ZEROS_8 ECAM " 00 00 08 c0" ZEROS_4 " 00 00 80 ff" ZEROS_4},
    {"MCFG" PLACE "the entry at offset 60 has an impossible address", ENTRY,
     ZEROS_8 ECAM ONES_8 " 00 00 80 ff" ZEROS_4},
    {"MCFG" PLACE "the entry at offset 60 has an impossible address", ENTRY,
     ZEROS_8 ECAM " 00 00 10 f0 ff ff 0f 00 01 00 00 ff" ZEROS_4},
    {"MCFG" PLACE "the entry at offset 60 has its last bus before its first", ENTRY,
     ZEROS_8 ECAM " 00 00 00 c0" ZEROS_4 " 00 00 ff 80" ZEROS_4},
    {"MCFG" PLACE "the entry at offset 60 shares buses or memory with an earlier one", ENTRY,
     ZEROS_8 ECAM " 00 00 00 c0" ZEROS_4 " 00 00 7f ff" ZEROS_4},
    {"MCFG" PLACE "the entry at offset 60 shares buses or memory with an earlier one", ENTRY,
     ZEROS_8 ECAM " 00 00 00 e0" ZEROS_4 " 01 00 7f ff" ZEROS_4},
};

static void test_mcfg(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(mcfg); i++) {
        parse("MCFG", mcfg[i].digits);
        assert_warning(mcfg[i].message, mcfg[i].hint);
        assert_int_equal(host.mcfg.count, i > 0);
    }
}

/* ---- DMAR ---- */

#define DRHD(length, base) " 00 00 " length " 00 00 00 00 00" base
#define UNIT               DRHD("10", " 00 00 00 fd" ZEROS_4)
#define UNIT_OF_ALL        " 00 00 10 00 01 00 00 00 00 00 20 fd" ZEROS_4
#define SCOPED(length)     DRHD(length, " 00 00 00 fd" ZEROS_4)
#define ENDPOINT           " 01 08 00 00 00 00 14 00"

static const struct broken dmar[] = {
    {"DMAR" PLACE "length at offset 4 is 47, at least 48 are needed", "the table is ignored",
     "26 01 00 00 00 00 00 00 00 00 00"},
    {"DMAR" PLACE "DMA addresses have 31 bits", WHOLE, "1e 01" ZEROS_10 UNIT},
    {"DMAR" PLACE "DMA addresses have 65 bits", WHOLE, "40 01" ZEROS_10 UNIT},
    {"DMAR" PLACE "it has no remapping unit", WHOLE, DMAR_HEAD},
    {"DMAR" PLACE "the structure at offset 64 has length 0", WHOLE, DMAR_HEAD UNIT " 63 00 00 00"},
    {"DMAR" PLACE "the structure at offset 64 has length 3", WHOLE, DMAR_HEAD UNIT " 63 00 03 00"},
    {"DMAR" PLACE "the structure at offset 64 goes beyond the table's 67 bytes", WHOLE,
     DMAR_HEAD UNIT " 63 00 03"},
    {"DMAR" PLACE "the structure at offset 64 goes beyond the table's 79 bytes", WHOLE,
     DMAR_HEAD UNIT " 00 00 10 00 01 00 00 00 00 00 20 fd 00 00 00"},
    {"DMAR" PLACE "the structure at offset 64 goes beyond the table's 68 bytes", WHOLE,
     DMAR_HEAD UNIT " 63 00 ff ff"},
    {"DMAR" PLACE "the structure at offset 48 has type 0 and length 15, at least 16 are needed",
     WHOLE, DMAR_HEAD " 00 00 0f 00 01 00 00 00 00 00 20 fd 00 00 00"},
    {"DMAR" PLACE "the structure at offset 64 has type 0x1 and length 4, at least 24 are needed",
     WHOLE, DMAR_HEAD UNIT " 01 00 04 00"},
    {"DMAR" PLACE "the structure at offset 64 has type 0x3 and length 4, at least 20 are needed",
     WHOLE, DMAR_HEAD UNIT " 03 00 04 00"},
    /* units */
    {"DMAR" PLACE "the unit at offset 48 has its registers at 0", WHOLE,
     DMAR_HEAD DRHD("10", ZEROS_8)},
    {"DMAR" PLACE "the unit at offset 48 has its registers at 0xffffffffffffffff", WHOLE,
     DMAR_HEAD DRHD("10", ONES_8)},
    {"DMAR" PLACE "the unit at offset 48 has its registers at 0xfd000800", WHOLE,
     DMAR_HEAD DRHD("10", " 00 08 00 fd" ZEROS_4)},
    {"DMAR" PLACE "the unit at offset 48 has its registers at 0xffffffffff000", WHOLE,
     DMAR_HEAD " 00 00 10 00 00 01 00 00 00 f0 ff ff ff ff 0f 00"},
    {"DMAR" PLACE "the structure at offset 64 is a unit that shares registers with an earlier one",
     WHOLE, DMAR_HEAD UNIT UNIT},
    {"DMAR" PLACE "the structure at offset 64 is a unit that shares registers with an earlier one",
     WHOLE, DMAR_HEAD UNIT " 00 00 10 00 00 01 00 00 00 f0 ff fc" ZEROS_4},
    {"DMAR" PLACE "the structure at offset 64 is a segment's second unit for all other devices",
     WHOLE, DMAR_HEAD UNIT_OF_ALL " 00 00 10 00 01 00 00 00 00 00 40 fd" ZEROS_4},
    /* device scopes */
    {"DMAR" PLACE "the device scope at offset 64 goes beyond its structure", WHOLE,
     DMAR_HEAD SCOPED("11") " 01"},
    {"DMAR" PLACE "the device scope at offset 72 goes beyond its structure", WHOLE,
     DMAR_HEAD SCOPED("1f") ENDPOINT " 01 08 00 00 00 00 14"},
    {"DMAR" PLACE "the device scope at offset 64 has an impossible length", WHOLE,
     DMAR_HEAD SCOPED("18") " 01 00 00 00 00 00 14 00"},
    {"DMAR" PLACE "the device scope at offset 64 has an impossible length", WHOLE,
     DMAR_HEAD SCOPED("18") " 01 05 00 00 00 00 14 00"},
    {"DMAR" PLACE "the device scope at offset 64 has an impossible length", WHOLE,
     DMAR_HEAD SCOPED("18") " 01 07 00 00 00 00 14 00"},
    {"DMAR" PLACE "the device scope at offset 64 has no path", WHOLE,
     DMAR_HEAD SCOPED("16") " 01 06 00 00 00 00"},
    {"DMAR" PLACE "the device scope at offset 64 has a path of more than 6 steps", WHOLE,
     DMAR_HEAD SCOPED("24") " 01 14 00 00 00 00" ZEROS_10 ZEROS_4},
    {"DMAR" PLACE "the device scope at offset 64 has an impossible device or function in its path",
     WHOLE, DMAR_HEAD SCOPED("18") " 01 08 00 00 00 00 20 00"},
    {"DMAR" PLACE "the device scope at offset 72 has an impossible device or function in its path",
     WHOLE, DMAR_HEAD SCOPED("22") ENDPOINT " 01 0a 00 00 00 00 14 00 00 08"},
    {"DMAR" PLACE "the device scope at offset 88 has no path", WHOLE,
     DMAR_HEAD UNIT " 01 00 1e 00 00 00 00 00 00 00 00 7d" ZEROS_4 " ff ff 0f 7d" ZEROS_4
                    " 01 06 00 00 00 00"},
};

static void test_dmar(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(dmar); i++) {
        parse("DMAR", dmar[i].digits);
        assert_warning(dmar[i].message, dmar[i].hint);
        assert_nothing();
    }
}

#define RMRR(base, limit) " 01 00 20 00 00 00 00 00" base ZEROS_4 limit ZEROS_4 ENDPOINT
#define REGION_AT         "the reserved region at offset 64 "

/* The table stays. */
static const struct broken odd_dmar[] = {
    {"DMAR" PLACE REGION_AT "is from 0x7d000000 to 0x7cffffff", REGION,
     DMAR_HEAD UNIT RMRR(" 00 00 00 7d", " ff ff ff 7c")},
    {"DMAR" PLACE REGION_AT "is from 0x7d000000 to 0x7cfff000", REGION,
     DMAR_HEAD UNIT RMRR(" 00 00 00 7d", " 00 f0 ff 7c")},
    {"DMAR" PLACE REGION_AT "is from 0x7d000800 to 0x7d0fffff", REGION,
     DMAR_HEAD UNIT RMRR(" 00 08 00 7d", " ff ff 0f 7d")},
    {"DMAR" PLACE REGION_AT "is from 0x7d000000 to 0x7d100000", REGION,
     DMAR_HEAD UNIT RMRR(" 00 00 00 7d", " 00 00 10 7d")},
    {"DMAR" PLACE REGION_AT "is from 0x1000 to 0xffffffffffffffff", REGION,
     DMAR_HEAD UNIT " 01 00 20 00 00 00 00 00 00 10 00 00" ZEROS_4 ONES_8 ENDPOINT},
    {"DMAR" PLACE REGION_AT "names no device", "the region is ignored",
     DMAR_HEAD UNIT " 01 00 18 00 00 00 00 00 00 00 00 7d" ZEROS_4 " ff ff 0f 7d" ZEROS_4},
    {"DMAR" PLACE "the device scope at offset 64 has the unknown type 6",
     "the device scope is ignored", DMAR_HEAD SCOPED("18") " 06 08 00 00 00 00 14 00"},
    {"DMAR" PLACE "the device scope at offset 64 has the unknown type 0",
     "the device scope is ignored", DMAR_HEAD SCOPED("18") " 00 08 00 00 00 00 14 00"},
};

static void test_odd_dmar(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(odd_dmar); i++) {
        bool region = strcmp(odd_dmar[i].hint, REGION) == 0;

        parse("DMAR", odd_dmar[i].digits);
        assert_warning(odd_dmar[i].message, odd_dmar[i].hint);
        assert_true(host.dmar.present);
        assert_int_equal(host.dmar.unit_count, 1);
        assert_int_equal(host.dmar.scope_count, region);
        assert_int_equal(host.dmar.region_count, region);
        assert_int_equal(host.dmar.regions[0].base, 0);
        assert_int_equal(host.dmar.regions[0].size, 0);
        assert_int_equal(host.dmar.regions[0].scope_count, region);
    }
}

/* ---- IVRS ---- */

#define IVHD(length) " 10 00 " length " 00 02 00 40 00 00 00 20 fd" ZEROS_8 ZEROS_4
#define IOMMU        IVHD("18")
#define HID          " f0 99 00 40 41 4d 44 49 30 30 32 30" ZEROS_8 " 01 03 31 32"
#define ENTRY_AT(n)  "the device entry at offset " n " "
#define STRUCTURE(n) "the structure at offset " n " "

static const struct broken ivrs[] = {
    {"IVRS" PLACE "length at offset 4 is 47, at least 48 are needed", "the table is ignored",
     ZEROS_10 " 00"},
    {"IVRS" PLACE "it has no remapping unit", WHOLE, IVRS_HEAD},
    {"IVRS" PLACE STRUCTURE("72") "has length 0", WHOLE, IVRS_HEAD IOMMU " 77 00 00 00"},
    {"IVRS" PLACE STRUCTURE("72") "goes beyond the table's 76 bytes", WHOLE,
     IVRS_HEAD IOMMU " 77 00 05 00"},
    {"IVRS" PLACE STRUCTURE("48") "has type 0x10 and length 23, at least 24 are needed", WHOLE,
     IVRS_HEAD " 10 00 17 00 02 00 40 00 00 00 20 fd" ZEROS_8 " 00 00 00"},
    {"IVRS" PLACE STRUCTURE("48") "has type 0x11 and length 24, at least 40 are needed", WHOLE,
     IVRS_HEAD " 11 00 18 00 02 00 40 00 00 00 20 fd" ZEROS_8 ZEROS_4},
    {"IVRS" PLACE STRUCTURE("72") "has type 0x22 and length 4, at least 32 are needed", WHOLE,
     IVRS_HEAD IOMMU " 22 00 04 00"},
    /* units */
    {"IVRS" PLACE "the unit at offset 48 has its registers at 0", WHOLE,
     IVRS_HEAD " 10 00 18 00 02 00 40 00" ZEROS_8 ZEROS_8},
    {"IVRS" PLACE "the unit at offset 48 has its registers at 0xffffffffffffffff", WHOLE,
     IVRS_HEAD " 10 00 18 00 02 00 40 00" ONES_8 ZEROS_8},
    {"IVRS" PLACE "the unit at offset 48 has its registers at 0xfd202000", WHOLE,
     IVRS_HEAD " 10 00 18 00 02 00 40 00 00 20 20 fd" ZEROS_8 ZEROS_4},
    {"IVRS" PLACE "the unit at offset 48 has its registers at 0x10000000000000", WHOLE,
     IVRS_HEAD " 10 00 18 00 02 00 40 00 00 00 00 00 00 00 10 00" ZEROS_8},
    {"IVRS" PLACE STRUCTURE("72") "is a unit that shares registers with an earlier one", WHOLE,
     IVRS_HEAD IOMMU " 10 00 18 00 02 40 40 00 00 00 20 fd" ZEROS_8 ZEROS_4},
    {"IVRS" PLACE STRUCTURE("72") "is a unit's second block of its type", WHOLE,
     IVRS_HEAD IOMMU IOMMU},
    /* device entries */
    {"IVRS" PLACE ENTRY_AT("72") "has type 0x2, and only 3 bytes are left", WHOLE,
     IVRS_HEAD IVHD("1b") " 02 08 00"},
    {"IVRS" PLACE ENTRY_AT("72") "has type 0x42, and only 4 bytes are left", WHOLE,
     IVRS_HEAD IVHD("1c") " 42 08 00 00"},
    {"IVRS" PLACE ENTRY_AT("76") "has type 0x80, and only 8 bytes are left", WHOLE,
     IVRS_HEAD IVHD("24") " 02 08 00 00 80 00 00 00 00 00 00 00"},
    {"IVRS" PLACE ENTRY_AT("72") "has type 0xef, and only 16 bytes are left", WHOLE,
     IVRS_HEAD IVHD("28") " ef 00 00 00" ZEROS_8 ZEROS_4},
    {"IVRS" PLACE ENTRY_AT("72") "has type 0xf0, and only 21 bytes are left", WHOLE,
     IVRS_HEAD IVHD("2d") " f0 99 00 40" ZEROS_8 ZEROS_8 " 00"},
    {"IVRS" PLACE ENTRY_AT("72") "has type 0xf0, and only 24 bytes are left", WHOLE,
     IVRS_HEAD IVHD("30") HID},
    {"IVRS" PLACE ENTRY_AT("72") "has type 0xf1, and only 4 bytes are left", WHOLE,
     IVRS_HEAD IVHD("1c") " f1 00 00 00"},
    {"IVRS" PLACE ENTRY_AT("76") "(type 0x43, id 0x10) begins a range before the one before has "
                                 "ended",
     WHOLE, IVRS_HEAD IVHD("24") " 03 08 00 00 43 10 00 00 00 a0 00 00"},
    {"IVRS" PLACE ENTRY_AT("72") "(type 0x4, id 0x10) ends a range that did not begin", WHOLE,
     IVRS_HEAD IVHD("1c") " 04 10 00 00"},
    {"IVRS" PLACE ENTRY_AT("76") "(type 0x4, id 0x7) ends a range before its beginning", WHOLE,
     IVRS_HEAD IVHD("20") " 03 08 00 00 04 07 00 00"},
    {"IVRS" PLACE STRUCTURE("48") "ends before its last range does", WHOLE,
     IVRS_HEAD IVHD("1c") " 03 08 00 00"},
    /* reserved regions */
    {"IVRS" PLACE STRUCTURE("72") "has its last device before its first", WHOLE,
     IVRS_HEAD IOMMU " 22 07 20 00 10 00 0f 00" ZEROS_8 " 00 00 90 7d" ZEROS_4
                     " 00 10 00 00" ZEROS_4},
};

static void test_ivrs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(ivrs); i++) {
        parse("IVRS", ivrs[i].digits);
        assert_warning(ivrs[i].message, ivrs[i].hint);
        assert_nothing();
    }
}

#define IVMD_AT          "the reserved region at offset 72 "
#define IVMD(base, size) " 21 07 20 00 08 00 00 00" ZEROS_8 base size

static const struct broken odd_ivrs[] = {
    {"IVRS" PLACE IVMD_AT "has 0 bytes at 0x7d900000", REGION,
     IVRS_HEAD IOMMU IVMD(" 00 00 90 7d" ZEROS_4, ZEROS_8)},
    {"IVRS" PLACE IVMD_AT "has 0xffffffffffffffff bytes at 0x7d900000", REGION,
     IVRS_HEAD IOMMU IVMD(" 00 00 90 7d" ZEROS_4, ONES_8)},
    {"IVRS" PLACE IVMD_AT "has 0x1000 bytes at 0xfffffffffffff000", REGION,
     IVRS_HEAD IOMMU IVMD(" 00 f0 ff ff ff ff ff ff", " 00 10 00 00" ZEROS_4)},
    {"IVRS" PLACE IVMD_AT "has 0x1001 bytes at 0xffffffffff000", REGION,
     IVRS_HEAD IOMMU IVMD(" 00 f0 ff ff ff ff 0f 00", " 01 10 00 00" ZEROS_4)},
};

static void test_odd_ivrs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(odd_ivrs); i++) {
        parse("IVRS", odd_ivrs[i].digits);
        assert_warning(odd_ivrs[i].message, odd_ivrs[i].hint);
        assert_true(host.ivrs.present);
        assert_int_equal(host.ivrs.region_count, 1);
        assert_int_equal(host.ivrs.regions[0].first, 8);
        assert_int_equal(host.ivrs.regions[0].size, 0);
    }
}

/* ---- one too many ---- */

static char digits[262144];

/* The head, then `count` times the same, in which "@@" is the number's low byte, "##" its high. */
static const char *many(const char *head, const char *each, unsigned count)
{
    size_t used = strlen(strcpy(digits, head));

    for (unsigned i = 0; i < count; i++) {
        char *copy = strcpy(digits + used, each);
        char hex[3];

        used += strlen(each);
        for (char *mark; (mark = strstr(copy, "@@"));)
            memcpy(mark, hex, (size_t)snprintf(hex, sizeof(hex), "%02x", i & 0xff));
        for (char *mark; (mark = strstr(copy, "##"));)
            memcpy(mark, hex, (size_t)snprintf(hex, sizeof(hex), "%02x", i >> 8));
    }
    return digits;
}

static const struct limit {
    const char *signature, *head, *each;
    unsigned most;
    const char *message;
} limits[] = {
    {"DMAR", DMAR_HEAD, DRHD("10", " 00 00 @@ fd" ZEROS_4), DMAR_MAX_UNITS,
     "DMAR" PLACE STRUCTURE("2096") "is one unit too many: 128 can be used"},
    {"DMAR", DMAR_HEAD UNIT, RMRR(" 00 00 00 7d", " ff ff 0f 7d"), DMAR_MAX_REGIONS,
     "DMAR" PLACE STRUCTURE("2112") "is one reserved region too many: 64 can be used"},
    {"DMAR", DMAR_HEAD UNIT " 00 00 18 20 00 00 00 00 00 00 20 fd" ZEROS_4, ENDPOINT,
     DMAR_MAX_SCOPES,
     "DMAR" PLACE "the device scope at offset 8272 is one too many: 1024 can be "
     "used"},
    {"IVRS", IVRS_HEAD, " 10 00 18 00 @@ 00 40 00 00 00 @@ fd" ZEROS_8 ZEROS_4, IVRS_MAX_UNITS,
     "IVRS" PLACE STRUCTURE("1584") "is one unit too many: 64 can be used"},
    {"IVRS", IVRS_HEAD " 10 00 1c 08 02 00 40 00 00 00 20 fd" ZEROS_8 ZEROS_4, " 02 @@ ## 00",
     IVRS_MAX_RANGES,
     "IVRS" PLACE ENTRY_AT("2120") "(type 0x2, id 0x200) is one too many: 512 "
                                   "can be used"},
    {"IVRS", IVRS_HEAD " 10 00 20 04 02 00 40 00 00 00 20 fd" ZEROS_8 ZEROS_4,
     " 48 00 00 00 @@ a0 00 01", IVRS_MAX_SPECIALS,
     "IVRS" PLACE ENTRY_AT("1096") "(type 0x48, id 0) is one special device too many: 128 can be "
                                   "used"},
    {"IVRS", IVRS_HEAD IOMMU, IVMD(" 00 00 90 7d" ZEROS_4, " 00 10 00 00" ZEROS_4),
     IVRS_MAX_REGIONS,
     "IVRS" PLACE STRUCTURE("2120") "is one reserved region too many: 64 can be "
                                    "used"},
};

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
        parse(limits[i].signature, many(limits[i].head, limits[i].each, limits[i].most + 1));
        assert_warning(limits[i].message, WHOLE);
        assert_nothing();
    }
}

/* As many as can be used are not too many. */
static void test_within_the_limits(void **state)
{
    (void)state;
    parse("DMAR", many(limits[0].head, limits[0].each, DMAR_MAX_UNITS));
    assert_int_equal(host.dmar.unit_count, DMAR_MAX_UNITS);
    parse("DMAR", many(limits[1].head, limits[1].each, DMAR_MAX_REGIONS));
    assert_int_equal(host.dmar.region_count, DMAR_MAX_REGIONS);
    parse("DMAR", many(DMAR_HEAD UNIT " 00 00 10 20 00 00 00 00 00 00 20 fd" ZEROS_4, ENDPOINT,
                       DMAR_MAX_SCOPES));
    assert_int_equal(host.dmar.units[1].scope_count, DMAR_MAX_SCOPES);
    parse("IVRS", many(limits[3].head, limits[3].each, IVRS_MAX_UNITS));
    assert_int_equal(host.ivrs.unit_count, IVRS_MAX_UNITS);
    parse("IVRS", many(limits[6].head, limits[6].each, IVRS_MAX_REGIONS));
    assert_int_equal(host.ivrs.region_count, IVRS_MAX_REGIONS);
    assert_int_equal(host.warning_count, 0);
}

/* Of an MCFG, what there is room for stays. */
static void test_too_many_ecams(void **state)
{
    (void)state;
    parse("MCFG", many(ZEROS_8, " 00 00 00 00 @@ 00 00 00 @@ 00 01 01" ZEROS_4, 1));
    assert_int_equal(host.warning_count, 1); /* the first one's address is 0 */
    parse("MCFG",
          many(ZEROS_8 ECAM, " 00 00 00 00 @@ 01 00 00 @@ 01 01 01" ZEROS_4, ACPI_MAX_ECAMS));
    assert_warning("MCFG" PLACE "the entry at offset 1068 is one too many", ENTRY);
    assert_int_equal(host.mcfg.count, ACPI_MAX_ECAMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mcfg),
        cmocka_unit_test(test_dmar),
        cmocka_unit_test(test_odd_dmar),
        cmocka_unit_test(test_ivrs),
        cmocka_unit_test(test_odd_ivrs),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_within_the_limits),
        cmocka_unit_test(test_too_many_ecams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
