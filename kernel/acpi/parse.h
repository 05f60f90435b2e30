/* SPDX-License-Identifier: MIT */
/* What the parser's own files share. Nobody else includes this. */
#ifndef BULKHEAD_KERNEL_ACPI_PARSE_H
#define BULKHEAD_KERNEL_ACPI_PARSE_H

#include "kernel/acpi/host.h"
#include "kernel/lib/cursor.h"

/* The parser's state while it works. Small enough for a kernel stack. */
struct acpi_parse {
    const struct acpi_reader *reader;
    struct acpi_host *host;
    struct diag unkept; /* where warnings beyond ACPI_MAX_WARNINGS go */
};

/* A table that is there as a whole and whose checksum is right. */
struct acpi_table {
    const char *name; /* as people know it: "MADT" */
    uint64_t address; /* HPA */
    const uint8_t *bytes;
    uint32_t length; /* of `bytes` */
    uint8_t revision;
};

/* What somebody wants to see at a place. */
struct acpi_wanted {
    const char *signature; /* 4 letters */
    const char *name;      /* for messages */
    uint32_t size;         /* bytes that it must have */
};

/* One record of MADT or SRAT. */
struct acpi_entry {
    uint32_t offset; /* in the table */
    uint8_t type;
    uint8_t length;     /* with type and length; the bytes are all there */
    struct cursor data; /* behind type and length */
};

/* One structure of a DMAR, one block of an IVRS. */
struct acpi_block {
    uint32_t offset;    /* in the table */
    uint16_t type;      /* the first 16 bits: type (DMAR), or type and flags (IVRS) */
    uint16_t length;    /* with these 4 bytes; all are there */
    struct cursor data; /* behind the length */
};

/* For messages: addresses as %#llx. */
static inline unsigned long long acpi_ull(uint64_t value)
{
    return value;
}

/* ---- host.c ---- */

/* Count a warning; the caller fills it in: diag_set(acpi_warning(parse), ...). */
struct diag *acpi_warning(struct acpi_parse *parse);

/* ---- root.c: RSDP, XSDT or RSDT ---- */

/* Fill in host->rsdp, revision and tables. */
bool acpi_read_root(struct acpi_parse *parse, uint64_t rsdp, struct diag *diag);

/* ---- table.c ---- */

/* `size` bytes at an address that firmware named; NULL when they cannot be read. */
const uint8_t *acpi_map(const struct acpi_parse *parse, uint64_t address, uint64_t size);

/* Check header, length and checksum of what should be that table. */
bool acpi_open(const struct acpi_parse *parse, uint64_t address, const struct acpi_wanted *wanted,
               struct acpi_table *table, struct diag *diag);

/* The address of the first table with that signature that XSDT or RSDT lists; 0: none. */
uint64_t acpi_find(const struct acpi_parse *parse, const char *signature);

/* Find and open a table that may be missing; a broken one is a warning. */
bool acpi_open_optional(struct acpi_parse *parse, const struct acpi_wanted *wanted,
                        struct acpi_table *table);

/* A walk over the records from `offset` on, which lies in the table. */
struct cursor acpi_entries(const struct acpi_table *table, uint32_t offset);

/*
 * The next record. Returns false at the end, and where a record is shorter than 2 bytes or not all
 * there: that is a warning, unless `parse` is NULL.
 */
bool acpi_next_entry(struct acpi_parse *parse, const struct acpi_table *table, struct cursor *walk,
                     struct acpi_entry *entry);

/* Is the record at least `size` bytes long? If not, that is a warning, unless `parse` is NULL. */
bool acpi_entry_fits(struct acpi_parse *parse, const struct acpi_table *table,
                     const struct acpi_entry *entry, uint8_t size);

/*
 * The next structure or block. Returns false at the end, and, with a diagnosis and a failed walk,
 * where one is shorter than 4 bytes or not all there.
 */
bool acpi_next_block(const struct acpi_table *table, struct cursor *walk, struct acpi_block *block,
                     struct diag *diag);

/* Is it at least `size` bytes long? If not, that is a diagnosis. */
bool acpi_block_fits(const struct acpi_table *table, const struct acpi_block *block, uint16_t size,
                     struct diag *diag);

/* A table that counts as a whole or not at all is broken: turn the diagnosis into a warning. */
void acpi_drop_remapping(struct acpi_parse *parse, struct diag *problem);

/*
 * The Generic Address Structure at that offset. Not present when its address is 0, when the table
 * ends before it, and, with a warning, when it is not one of our address spaces or no port.
 */
struct acpi_register acpi_read_gas(struct acpi_parse *parse, const struct acpi_table *table,
                                   uint32_t offset);

/* Little-endian field of 1, 2, 4 or 8 bytes; 0 when the table ends before it. */
uint64_t acpi_field(const struct acpi_table *table, uint32_t offset, uint32_t width);

/* ---- s5.c ---- */

/* Look through AML for the package \_S5. Returns false when there is none. */
bool acpi_find_s5(const uint8_t *aml, size_t size, uint8_t *type_a, uint8_t *type_b);

/* ---- one for each table; all write to parse->host ---- */

bool acpi_read_madt(struct acpi_parse *parse, struct diag *diag);
void acpi_read_fadt(struct acpi_parse *parse); /* with DSDT and SSDTs */
void acpi_read_hpet(struct acpi_parse *parse);
void acpi_read_spcr(struct acpi_parse *parse); /* after the MADT */
void acpi_read_srat(struct acpi_parse *parse); /* after the MADT */
void acpi_read_mcfg(struct acpi_parse *parse);
void acpi_read_dmar(struct acpi_parse *parse);
void acpi_read_ivrs(struct acpi_parse *parse);

#endif
