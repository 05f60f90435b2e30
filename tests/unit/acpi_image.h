/* SPDX-License-Identifier: MIT */
/*
 * Physical memory with ACPI tables in it, for the tests: made by hand or read from a capture. The
 * parser gets a copy of exactly the bytes that it asks for, so that the sanitizer sees each read
 * beyond them.
 */
#ifndef BULKHEAD_TESTS_UNIT_ACPI_IMAGE_H
#define BULKHEAD_TESTS_UNIT_ACPI_IMAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/acpi/host.h"
#include "kernel/acpi/tables.h"

#define IMAGE_PIECES 16
#define IMAGE_LOANS  4096

struct image_piece {
    uint64_t address;
    size_t size;
    uint8_t *bytes;
};

struct image {
    size_t piece_count;
    struct image_piece pieces[IMAGE_PIECES];
    size_t loan_count;
    void *loans[IMAGE_LOANS];
};

static inline struct image *image_new(void)
{
    return calloc(1, sizeof(struct image));
}

static inline uint8_t *image_add(struct image *image, uint64_t address, size_t size)
{
    struct image_piece *piece = &image->pieces[image->piece_count++];

    *piece = (struct image_piece){address, size, calloc(1, size)};
    return piece->bytes;
}

static inline void image_free(struct image *image)
{
    for (size_t i = 0; i < image->piece_count; i++)
        free(image->pieces[i].bytes);
    free(image);
}

/* NULL where the image has no memory. */
static inline uint8_t *image_at(struct image *image, uint64_t address, size_t size)
{
    for (size_t i = 0; i < image->piece_count; i++) {
        struct image_piece *piece = &image->pieces[i];

        if (address >= piece->address && address - piece->address <= piece->size &&
            size <= piece->size - (size_t)(address - piece->address))
            return piece->bytes + (address - piece->address);
    }
    return NULL;
}

static inline const void *image_map(void *context, uint64_t hpa, uint64_t size)
{
    struct image *image = context;
    uint8_t *bytes = image_at(image, hpa, size);
    uint8_t *copy;

    if (size == 0 || hpa >= HARDWARE_ADDRESS_END || size > HARDWARE_ADDRESS_END - hpa ||
        image->loan_count == IMAGE_LOANS)
        abort(); /* the parser promised not to ask for that */
    if (!bytes)
        return NULL;
    copy = malloc(size);
    memcpy(copy, bytes, size);
    image->loans[image->loan_count++] = copy;
    return copy;
}

static inline bool image_parse(struct image *image, uint64_t rsdp, struct acpi_host *host,
                               struct diag *diag)
{
    struct acpi_reader reader = {image_map, image};
    bool good;

    memset(host, 0xa5, sizeof(*host));
    memset(diag, 0xa5, sizeof(*diag));
    good = acpi_host_parse(&reader, hpa(rsdp), host, diag);
    while (image->loan_count > 0)
        free(image->loans[--image->loan_count]);
    return good;
}

static inline void image_put(struct image *image, uint64_t address, size_t width, uint64_t value)
{
    uint8_t *bytes = image_at(image, address, width);

    if (!bytes)
        abort();
    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static inline void image_text(struct image *image, uint64_t address, const char *text)
{
    while (*text)
        image_put(image, address++, 1, (uint8_t)*text++);
}

/* Make the sum of these bytes 0 by means of the one at `checksum`. */
static inline void image_sum(struct image *image, uint64_t address, size_t size, size_t checksum)
{
    uint8_t *bytes = image_at(image, address, size);

    if (bytes)
        bytes[checksum] = (uint8_t)(bytes[checksum] - acpi_sum(bytes, size));
}

/* The checksum of a table, over as many bytes as its header says. */
static inline void image_seal(struct image *image, uint64_t address)
{
    uint8_t *bytes = image_at(image, address, HEADER_SIZE);
    uint32_t length = (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 |
                      (uint32_t)bytes[7] << 24;

    if (length >= HEADER_SIZE)
        image_sum(image, address, length, HEADER_CHECKSUM);
}

static inline void image_header(struct image *image, uint64_t address, const char *signature,
                                uint32_t length, uint8_t revision)
{
    image_text(image, address, signature);
    image_put(image, address + HEADER_LENGTH, 4, length);
    image_put(image, address + HEADER_REVISION, 1, revision);
}

static inline void image_gas(struct image *image, uint64_t address, uint8_t space, uint8_t bits,
                             uint64_t where)
{
    image_put(image, address + GAS_SPACE, 1, space);
    image_put(image, address + GAS_BIT_WIDTH, 1, bits);
    image_put(image, address + GAS_ACCESS_SIZE, 1, bits == 8 ? 1 : bits == 16 ? 2 : 3);
    image_put(image, address + GAS_ADDRESS, 8, where);
}

/* The bytes behind `address`, as hexadecimal digits with blanks between. */
static inline void image_hex(struct image *image, uint64_t address, const char *digits)
{
    char *end;

    for (unsigned long byte = strtoul(digits, &end, 16); end != digits;
         byte = strtoul(digits, &end, 16)) {
        image_put(image, address++, 1, byte);
        digits = end;
    }
}

/* ---- a machine made by hand ---- */

enum {
    RSDP_AT = 0x10000,
    XSDT_AT = 0x11000,
    RSDT_AT = 0x12000,
    MADT_AT = 0x13000,
    FADT_AT = 0x14000,
    DSDT_AT = 0x15000,
    HPET_AT = 0x16000,
    SPCR_AT = 0x17000,
    SRAT_AT = 0x18000,
    SSDT_AT = 0x19000,
    FREE_AT = 0x1a000, /* nothing yet */
    END_AT = 0x30000,
};

static const uint32_t machine_tables[] = {FADT_AT, MADT_AT, HPET_AT, SPCR_AT, SRAT_AT, SSDT_AT};

static inline void machine_madt(struct image *m)
{
    image_header(m, MADT_AT, "APIC", 130, 5);
    image_hex(m, MADT_AT + 36, "00 00 e0 fe 01 00 00 00");
    image_hex(m, MADT_AT + 44, "00 08 00 00 01 00 00 00");             /* UID 0, id 0 */
    image_hex(m, MADT_AT + 52, "00 08 01 02 01 00 00 00");             /* UID 1, id 2 */
    image_hex(m, MADT_AT + 60, "00 08 02 03 02 00 00 00");             /* id 3, may come later */
    image_hex(m, MADT_AT + 68, "01 0c 08 00 00 00 c0 fe 00 00 00 00"); /* I/O APIC */
    image_hex(m, MADT_AT + 80, "02 0a 00 00 02 00 00 00 00 00");       /* IRQ 0: GSI 2 */
    image_hex(m, MADT_AT + 90, "02 0a 00 09 14 00 00 00 0f 00"); /* IRQ 9: GSI 20, low, level */
    image_hex(m, MADT_AT + 100, "04 06 ff 05 00 01");            /* LINT1 of all is NMI */
    image_hex(m, MADT_AT + 106, "09 10 00 00 2c 01 00 00 01 00 00 00 2c 01 00 00"); /* id 300 */
    image_hex(m, MADT_AT + 122, "03 08 0d 00 15 00 00 00"); /* GSI 21: NMI */
}

static inline void machine_fadt(struct image *m)
{
    image_header(m, FADT_AT, "FACP", FADT_SIZE_6, 6);
    image_put(m, FADT_AT + FADT_DSDT, 4, DSDT_AT);
    image_put(m, FADT_AT + FADT_SCI_INT, 2, 9);
    image_put(m, FADT_AT + FADT_SMI_CMD, 4, 0xb2);
    image_put(m, FADT_AT + FADT_ACPI_ENABLE, 1, 0xa0);
    image_put(m, FADT_AT + FADT_PM1A_CNT_BLK, 4, 0x1804);
    image_put(m, FADT_AT + FADT_PM_TMR_BLK, 4, 0x1808);
    image_put(m, FADT_AT + FADT_PM1_CNT_LEN, 1, 2);
    image_put(m, FADT_AT + FADT_PM_TMR_LEN, 1, 4);
    image_put(m, FADT_AT + FADT_FLAGS, 4, FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP);
    image_gas(m, FADT_AT + FADT_RESET_REG, ACPI_SPACE_IO, 8, 0xcf9);
    image_put(m, FADT_AT + FADT_RESET_VALUE, 1, 6);
    image_put(m, FADT_AT + FADT_X_DSDT, 8, DSDT_AT);
    image_gas(m, FADT_AT + FADT_X_PM1A_CNT_BLK, ACPI_SPACE_IO, 16, 0x1904);
}

static inline void machine_srat(struct image *m)
{
    image_header(m, SRAT_AT, "SRAT", 168, 3);
    image_hex(m, SRAT_AT + 48,
              "00 10 00 00 01 00 00 00 00 00 00 00 00 00 00 00"); /* id 0: node 0 */
    image_hex(m, SRAT_AT + 64, "00 10 01 02 01 00 00 00 ff 02 00 00 00 00 00 00"); /* 2: 0x201 */
    image_hex(m, SRAT_AT + 80, "02 18 00 00 07 00 00 00 2c 01 00 00 01 00 00 00"); /* 300: node 7 */
    image_hex(m, SRAT_AT + 104, "01 28 01 00 00 00"); /* 3 GiB from 4 GiB on: node 1 */
    image_hex(m, SRAT_AT + 112, "00 00 00 00 01 00 00 00 00 00 00 c0");
    image_hex(m, SRAT_AT + 132, "01 00 00 00");
    image_hex(m, SRAT_AT + 144, "09 18"); /* of a type that nobody knows */
}

static inline void machine_small_tables(struct image *m)
{
    image_header(m, DSDT_AT, "DSDT", 52, 2);
    image_hex(m, DSDT_AT + 36, "5b 80 08 5f 53 35 5f 12 08 04 0a 05 0b 06 00 00");
    image_header(m, SSDT_AT, "SSDT", 48, 2);
    image_hex(m, SSDT_AT + 36, "08 5f 53 33 5f 12 05 02 01 01 00 00"); /* \_S3, not \_S5 */
    image_header(m, HPET_AT, "HPET", HPET_SIZE, 1);
    image_put(m, HPET_AT + HPET_ID, 4, 0x8086a201);
    image_gas(m, HPET_AT + HPET_BASE, ACPI_SPACE_MEMORY, 64, 0xfed00000);
    image_header(m, SPCR_AT, "SPCR", SPCR_SIZE, 2);
    image_gas(m, SPCR_AT + SPCR_BASE, ACPI_SPACE_IO, 8, 0x2f8);
    image_put(m, SPCR_AT + SPCR_INTERRUPT_TYPE, 1, 3);
    image_put(m, SPCR_AT + SPCR_IRQ, 1, 3);
    image_put(m, SPCR_AT + SPCR_GSI, 4, 3);
    image_put(m, SPCR_AT + SPCR_BAUD, 1, 6);
}

static inline void machine_root(struct image *m)
{
    uint32_t count = ARRAY_COUNT(machine_tables);

    image_header(m, XSDT_AT, "XSDT", HEADER_SIZE + 8 * count, 1);
    image_header(m, RSDT_AT, "RSDT", HEADER_SIZE + 4 * count, 1);
    for (uint32_t i = 0; i < count; i++) {
        image_put(m, XSDT_AT + HEADER_SIZE + 8 * i, 8, machine_tables[i]);
        image_put(m, RSDT_AT + HEADER_SIZE + 4 * i, 4, machine_tables[i]);
    }
    image_text(m, RSDP_AT, "RSD PTR ");
    image_put(m, RSDP_AT + RSDP_REVISION, 1, 2);
    image_put(m, RSDP_AT + RSDP_RSDT, 4, RSDT_AT);
    image_put(m, RSDP_AT + RSDP_LENGTH, 4, RSDP_SIZE);
    image_put(m, RSDP_AT + RSDP_XSDT, 8, XSDT_AT);
}

/* All checksums but that of the table at `unsealed`. */
static inline void machine_seal(struct image *m, uint64_t unsealed)
{
    static const uint32_t others[] = {XSDT_AT, RSDT_AT, DSDT_AT};

    for (size_t i = 0; i < ARRAY_COUNT(machine_tables); i++)
        if (machine_tables[i] != unsealed)
            image_seal(m, machine_tables[i]);
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        if (others[i] != unsealed)
            image_seal(m, others[i]);
    if (unsealed != RSDP_AT) {
        image_sum(m, RSDP_AT, RSDP_SIZE_1, RSDP_CHECKSUM);
        image_sum(m, RSDP_AT, RSDP_SIZE, RSDP_EXTENDED_CHECKSUM);
    }
}

/* Add a table at an address where nothing is yet; `digits` follow its header. Sealed, as is XSDT.
 */
static inline void machine_add_table(struct image *m, uint64_t address, const char *signature,
                                     const char *digits)
{
    uint8_t *xsdt = image_at(m, XSDT_AT, HEADER_SIZE);
    uint32_t length = (uint32_t)xsdt[4] | (uint32_t)xsdt[5] << 8;
    uint32_t size = HEADER_SIZE;
    const char *rest = digits;
    char *end;

    for (strtoul(rest, &end, 16); end != rest; strtoul(rest, &end, 16)) {
        rest = end;
        size++;
    }
    image_header(m, address, signature, size, 1);
    image_hex(m, address + HEADER_SIZE, digits);
    image_seal(m, address);
    image_put(m, XSDT_AT + length, 8, address);
    image_put(m, XSDT_AT + HEADER_LENGTH, 4, length + 8);
    image_seal(m, XSDT_AT);
}

/* A small server with everything, in order. */
static inline struct image *machine_new(void)
{
    struct image *m = image_new();

    image_add(m, RSDP_AT, END_AT - RSDP_AT);
    machine_madt(m);
    machine_fadt(m);
    machine_srat(m);
    machine_small_tables(m);
    machine_root(m);
    machine_seal(m, 0);
    return m;
}

#endif
