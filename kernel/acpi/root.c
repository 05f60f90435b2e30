/* SPDX-License-Identifier: MIT */
/* From the RSDP to the list of tables. */
#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/mem.h"

#define FIRMWARE_HINT "the firmware made this table: look for an update of it"

/* XSDT or RSDT, and how it lists the tables. */
struct root {
    struct acpi_wanted wanted;
    uint64_t address;
    uint32_t width; /* bytes of an entry */
};

static bool check_first_part(const uint8_t *rsdp, uint64_t address, struct diag *diag)
{
    uint8_t sum;

    if (!rsdp)
        return diag_set(diag, "ACPI RSDP at %#llx: this memory cannot be read", acpi_ull(address));
    if (memcmp(rsdp, "RSD PTR ", 8) != 0)
        return diag_set(diag, "ACPI RSDP at %#llx: it does not start with \"RSD PTR \"",
                        acpi_ull(address));
    sum = acpi_sum(rsdp, RSDP_SIZE_1);
    if (sum != 0)
        return diag_set(diag,
                        "ACPI RSDP at %#llx: the sum of its first %u bytes is %#x instead of 0",
                        acpi_ull(address), RSDP_SIZE_1, sum);
    return true;
}

/* The part that ACPI 2.0 added. Larger than now by a little is possible, by much is nonsense. */
static bool check_second_part(const struct acpi_parse *parse, const struct acpi_table *rsdp,
                              struct diag *diag)
{
    uint32_t length;
    const uint8_t *bytes;
    uint8_t sum;

    if (rsdp->length < RSDP_SIZE)
        return diag_set(diag, "ACPI RSDP at %#llx: its %u bytes cannot all be read",
                        acpi_ull(rsdp->address), RSDP_SIZE);
    length = (uint32_t)acpi_field(rsdp, RSDP_LENGTH, 4);
    if (length < RSDP_SIZE || length > PAGE_4K)
        return diag_set(diag, "ACPI RSDP at %#llx: length at offset %u is %u instead of %u",
                        acpi_ull(rsdp->address), RSDP_LENGTH, length, RSDP_SIZE);
    bytes = acpi_map(parse, rsdp->address, length);
    if (!bytes)
        return diag_set(diag, "ACPI RSDP at %#llx: its %u bytes cannot all be read",
                        acpi_ull(rsdp->address), length);
    sum = acpi_sum(bytes, length);
    if (sum != 0)
        return diag_set(diag, "ACPI RSDP at %#llx: the sum of its %u bytes is %#x instead of 0",
                        acpi_ull(rsdp->address), length, sum);
    return true;
}

static bool read_rsdp(struct acpi_parse *parse, uint64_t address, struct root *root,
                      struct diag *diag)
{
    struct acpi_table rsdp = {.name = "RSDP", .address = address, .length = RSDP_SIZE_1};
    uint64_t xsdt = 0;

    rsdp.bytes = acpi_map(parse, address, RSDP_SIZE_1);
    if (!check_first_part(rsdp.bytes, address, diag))
        return false;
    rsdp.revision = (uint8_t)acpi_field(&rsdp, RSDP_REVISION, 1);
    if (rsdp.revision >= 2) {
        const uint8_t *whole = acpi_map(parse, address, RSDP_SIZE);

        if (whole) {
            rsdp.bytes = whole;
            rsdp.length = RSDP_SIZE;
        }
        if (!check_second_part(parse, &rsdp, diag))
            return false;
        xsdt = acpi_field(&rsdp, RSDP_XSDT, 8);
    }
    parse->host->rsdp = address;
    parse->host->revision = rsdp.revision;
    *root = (struct root){{"XSDT", "XSDT", HEADER_SIZE}, xsdt, 8};
    if (xsdt == 0)
        *root = (struct root){{"RSDT", "RSDT", HEADER_SIZE}, acpi_field(&rsdp, RSDP_RSDT, 4), 4};
    if (root->address == 0)
        return diag_set(diag, "ACPI RSDP at %#llx: it names neither an XSDT nor an RSDT",
                        acpi_ull(address));
    return true;
}

static void bad_place(struct acpi_parse *parse, const struct acpi_table *root, uint32_t index,
                      const char *what)
{
    struct diag *warning = acpi_warning(parse);

    diag_set(warning, "ACPI %s at %#llx: the table that entry %u points to %s", root->name,
             acpi_ull(root->address), index, what);
    diag_hint(warning, "the table is ignored");
}

/* Firmware leaves holes in the list: an entry of 0 is no table. */
static void add_place(struct acpi_parse *parse, const struct acpi_table *root, uint32_t index,
                      uint64_t address)
{
    struct acpi_host *host = parse->host;
    struct acpi_place *place = &host->tables[host->table_count];
    const uint8_t *header;
    struct cursor at;

    if (address == 0)
        return;
    header = acpi_map(parse, address, HEADER_SIZE);
    if (!header) {
        bad_place(parse, root, index, "cannot be read");
        return;
    }
    at = cursor_over(header, HEADER_SIZE);
    memcpy(place->signature, cursor_bytes(&at, 4), 4);
    place->length = cursor_u32(&at);
    place->address = address;
    if (place->length < HEADER_SIZE)
        bad_place(parse, root, index, "is shorter than a header");
    else if (place->length > ACPI_MAX_TABLE_BYTES)
        bad_place(parse, root, index, "is longer than 4 MiB");
    else
        host->table_count++;
}

static void list_tables(struct acpi_parse *parse, const struct acpi_table *root, uint32_t width)
{
    uint32_t bytes = root->length - HEADER_SIZE;
    uint32_t count = bytes / width;
    struct diag *warning;

    if (bytes % width != 0) {
        warning = acpi_warning(parse);
        diag_set(warning, "ACPI %s at %#llx: %u bytes are left over behind its last entry",
                 root->name, acpi_ull(root->address), bytes % width);
        diag_hint(warning, "they are ignored");
    }
    if (count > ACPI_MAX_TABLES) {
        warning = acpi_warning(parse);
        diag_set(warning, "ACPI %s at %#llx: it lists %u tables, at most %u make sense", root->name,
                 acpi_ull(root->address), count, ACPI_MAX_TABLES);
        diag_hint(warning, "the rest is ignored");
        count = ACPI_MAX_TABLES;
    }
    for (uint32_t i = 0; i < count; i++)
        add_place(parse, root, i, acpi_field(root, HEADER_SIZE + i * width, width));
}

bool acpi_read_root(struct acpi_parse *parse, uint64_t rsdp, struct diag *diag)
{
    struct root root;
    struct acpi_table table;

    if (rsdp == 0) {
        diag_set(diag, "the firmware has no ACPI tables (it names no RSDP)");
        return diag_hint(diag, "switch ACPI on in the firmware setup");
    }
    if (!read_rsdp(parse, rsdp, &root, diag) ||
        !acpi_open(parse, root.address, &root.wanted, &table, diag))
        return diag_hint(diag, FIRMWARE_HINT);
    list_tables(parse, &table, root.width);
    return true;
}
