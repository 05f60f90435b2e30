/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/mem.h"

/* Registers further up than any port. */
#define PORT_LAST 0xffff

/* What each structure of DMAR and IVRS begins with: 16 bits, and its length. */
#define BLOCK_HEADER_SIZE 4

const uint8_t *acpi_map(const struct acpi_parse *parse, uint64_t address, uint64_t size)
{
    if (address == 0 || size == 0 || address >= HARDWARE_ADDRESS_END ||
        size > HARDWARE_ADDRESS_END - address)
        return NULL;
    return parse->reader->map(parse->reader->context, address, size);
}

/* Letters that can be shown, of what should have been a signature. */
static void printable(char out[5], const uint8_t *signature)
{
    for (size_t i = 0; i < 4; i++)
        out[i] = signature[i] >= ' ' && signature[i] <= '~' ? (char)signature[i] : '?';
    out[4] = '\0';
}

static bool check_header(const uint8_t *header, uint64_t address, const struct acpi_wanted *wanted,
                         struct diag *diag)
{
    struct cursor at = cursor_over(header, HEADER_SIZE);
    char found[5];
    uint32_t length;

    cursor_skip(&at, HEADER_LENGTH);
    length = cursor_u32(&at);
    if (memcmp(header, wanted->signature, 4) != 0) {
        printable(found, header);
        return diag_set(diag, "ACPI %s at %#llx: signature is \"%s\" instead of \"%s\"",
                        wanted->name, acpi_ull(address), found, wanted->signature);
    }
    if (length < wanted->size)
        return diag_set(diag, "ACPI %s at %#llx: length at offset 4 is %u, at least %u are needed",
                        wanted->name, acpi_ull(address), length, wanted->size);
    if (length > ACPI_MAX_TABLE_BYTES)
        return diag_set(diag, "ACPI %s at %#llx: length at offset 4 is %u, at most %u make sense",
                        wanted->name, acpi_ull(address), length, (unsigned)ACPI_MAX_TABLE_BYTES);
    return true;
}

bool acpi_open(const struct acpi_parse *parse, uint64_t address, const struct acpi_wanted *wanted,
               struct acpi_table *table, struct diag *diag)
{
    const uint8_t *header = acpi_map(parse, address, HEADER_SIZE);
    uint8_t sum;

    *table = (struct acpi_table){.name = wanted->name, .address = address};
    if (!header)
        return diag_set(diag, "ACPI %s at %#llx: this memory cannot be read", wanted->name,
                        acpi_ull(address));
    if (!check_header(header, address, wanted, diag))
        return false;
    *table = (struct acpi_table){.name = wanted->name,
                                 .address = address,
                                 .bytes = header,
                                 .length = HEADER_SIZE,
                                 .revision = header[HEADER_REVISION]};
    table->length = (uint32_t)acpi_field(table, HEADER_LENGTH, 4);
    table->bytes = acpi_map(parse, address, table->length);
    if (!table->bytes)
        return diag_set(diag, "ACPI %s at %#llx: its %u bytes cannot all be read", wanted->name,
                        acpi_ull(address), table->length);
    sum = acpi_sum(table->bytes, table->length);
    if (sum != 0)
        return diag_set(diag, "ACPI %s at %#llx: the sum of its %u bytes is %#x instead of 0",
                        wanted->name, acpi_ull(address), table->length, sum);
    return true;
}

uint64_t acpi_find(const struct acpi_parse *parse, const char *signature)
{
    const struct acpi_host *host = parse->host;

    for (uint32_t i = 0; i < host->table_count; i++)
        if (memcmp(host->tables[i].signature, signature, 4) == 0)
            return host->tables[i].address;
    return 0;
}

bool acpi_open_optional(struct acpi_parse *parse, const struct acpi_wanted *wanted,
                        struct acpi_table *table)
{
    uint64_t address = acpi_find(parse, wanted->signature);
    struct diag problem;

    if (address == 0)
        return false;
    if (acpi_open(parse, address, wanted, table, &problem))
        return true;
    diag_hint(&problem, "the table is ignored");
    *acpi_warning(parse) = problem;
    return false;
}

struct cursor acpi_entries(const struct acpi_table *table, uint32_t offset)
{
    struct cursor walk = cursor_over(table->bytes, table->length);

    cursor_skip(&walk, offset);
    return walk;
}

bool acpi_next_entry(struct acpi_parse *parse, const struct acpi_table *table, struct cursor *walk,
                     struct acpi_entry *entry)
{
    size_t left = cursor_left(walk);

    if (left == 0)
        return false;
    *entry = (struct acpi_entry){.offset = (uint32_t)(table->length - left)};
    if (left >= 2) {
        entry->type = cursor_peek_u8(walk, 0);
        entry->length = cursor_peek_u8(walk, 1);
    }
    if (entry->length >= 2 && entry->length <= left) {
        entry->data = cursor_sub(walk, entry->length);
        return cursor_skip(&entry->data, 2);
    }
    if (!parse)
        return false;
    struct diag *warning = acpi_warning(parse);
    if (left >= 2 && entry->length < 2)
        diag_set(warning, "ACPI %s at %#llx: the entry at offset %u has length %u", table->name,
                 acpi_ull(table->address), entry->offset, entry->length);
    else
        diag_set(warning,
                 "ACPI %s at %#llx: the entry at offset %u goes beyond the table's %u bytes",
                 table->name, acpi_ull(table->address), entry->offset, table->length);
    diag_hint(warning, "the rest of the table is ignored");
    return false;
}

bool acpi_entry_fits(struct acpi_parse *parse, const struct acpi_table *table,
                     const struct acpi_entry *entry, uint8_t size)
{
    struct diag *warning;

    if (entry->length >= size)
        return true;
    if (parse) {
        warning = acpi_warning(parse);
        diag_set(warning,
                 "ACPI %s at %#llx: the entry at offset %u has type %u and length %u instead of %u",
                 table->name, acpi_ull(table->address), entry->offset, entry->type, entry->length,
                 size);
        diag_hint(warning, "the entry is ignored");
    }
    return false;
}

bool acpi_next_block(const struct acpi_table *table, struct cursor *walk, struct acpi_block *block,
                     struct diag *diag)
{
    size_t left = cursor_left(walk);

    if (left == 0)
        return false;
    *block = (struct acpi_block){.offset = (uint32_t)(table->length - left)};
    if (left >= BLOCK_HEADER_SIZE) {
        block->type = cursor_peek_u16(walk, 0);
        block->length = cursor_peek_u16(walk, 2);
    }
    if (block->length >= BLOCK_HEADER_SIZE && block->length <= left) {
        block->data = cursor_sub(walk, block->length);
        return cursor_skip(&block->data, BLOCK_HEADER_SIZE);
    }
    cursor_skip(walk, left + 1);
    if (left >= BLOCK_HEADER_SIZE && block->length < BLOCK_HEADER_SIZE)
        return diag_set(diag, "ACPI %s at %#llx: the structure at offset %u has length %u",
                        table->name, acpi_ull(table->address), block->offset, block->length);
    return diag_set(diag,
                    "ACPI %s at %#llx: the structure at offset %u goes beyond the table's %u bytes",
                    table->name, acpi_ull(table->address), block->offset, table->length);
}

bool acpi_block_fits(const struct acpi_table *table, const struct acpi_block *block, uint16_t size,
                     struct diag *diag)
{
    if (block->length >= size)
        return true;
    return diag_set(diag,
                    "ACPI %s at %#llx: the structure at offset %u has type %#x and length %u, at "
                    "least %u are needed",
                    table->name, acpi_ull(table->address), block->offset, block->type & 0xffu,
                    block->length, size);
}

void acpi_drop_remapping(struct acpi_parse *parse, struct diag *problem)
{
    diag_hint(problem, "the whole table is ignored: no device can be given to a guest");
    *acpi_warning(parse) = *problem;
}

uint64_t acpi_field(const struct acpi_table *table, uint32_t offset, uint32_t width)
{
    struct cursor at = cursor_over(table->bytes, table->length);

    cursor_skip(&at, offset);
    switch (width) {
    case 1:
        return cursor_u8(&at);
    case 2:
        return cursor_u16(&at);
    case 4:
        return cursor_u32(&at);
    default:
        return cursor_u64(&at);
    }
}

static struct acpi_register bad_gas(struct acpi_parse *parse, const struct acpi_table *table,
                                    uint32_t offset, const char *what, uint64_t value)
{
    struct diag *warning = acpi_warning(parse);

    diag_set(warning, "ACPI %s at %#llx: the register at offset %u is at %s %#llx", table->name,
             acpi_ull(table->address), offset, what, acpi_ull(value));
    diag_hint(warning, "the register is ignored");
    return (struct acpi_register){0};
}

struct acpi_register acpi_read_gas(struct acpi_parse *parse, const struct acpi_table *table,
                                   uint32_t offset)
{
    static const uint8_t access_bytes[] = {0, 1, 2, 4, 8};
    uint8_t access = (uint8_t)acpi_field(table, offset + GAS_ACCESS_SIZE, 1);
    struct acpi_register reg = {
        .present = true,
        .space = (uint8_t)acpi_field(table, offset + GAS_SPACE, 1),
        .bits = (uint8_t)acpi_field(table, offset + GAS_BIT_WIDTH, 1),
        .access = access < sizeof(access_bytes) ? access_bytes[access] : 0,
        .address = acpi_field(table, offset + GAS_ADDRESS, 8),
    };

    if (reg.address == 0)
        return (struct acpi_register){0};
    if (reg.space > ACPI_SPACE_PCI)
        return bad_gas(parse, table, offset, "address space", reg.space);
    if (reg.space == ACPI_SPACE_IO && reg.address > PORT_LAST)
        return bad_gas(parse, table, offset, "port", reg.address);
    if (reg.space == ACPI_SPACE_MEMORY && reg.address >= HARDWARE_ADDRESS_END)
        return bad_gas(parse, table, offset, "memory address", reg.address);
    return reg;
}
