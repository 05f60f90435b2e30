/* SPDX-License-Identifier: MIT */
/* Which NUMA node has what. ACPI Specification "System Resource Affinity Table (SRAT)". */
#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"

#define REVISION_WIDE 2 /* from here on a proximity domain has 32 bits everywhere */

static void set_node(struct acpi_madt *madt, uint32_t apic_id, uint32_t node)
{
    for (uint32_t i = 0; i < madt->cpu_count; i++)
        if (madt->cpus[i].apic_id == apic_id)
            madt->cpus[i].node = node;
}

static void read_local_apic(struct acpi_parse *parse, const struct acpi_table *table,
                            struct acpi_entry *entry)
{
    uint32_t node = cursor_u8(&entry->data);
    uint8_t apic_id = cursor_u8(&entry->data);
    uint32_t flags = cursor_u32(&entry->data);
    uint32_t eid_and_high = cursor_u32(&entry->data);

    if (table->revision >= REVISION_WIDE)
        node |= eid_and_high & 0xffffff00; /* the low byte is the SAPIC EID */
    if (flags & SRAT_ENABLED)
        set_node(&parse->host->madt, apic_id, node);
}

static void read_local_x2apic(struct acpi_parse *parse, const struct acpi_table *table,
                              struct acpi_entry *entry)
{
    uint32_t node, apic_id;

    (void)table;
    cursor_skip(&entry->data, 2);
    node = cursor_u32(&entry->data);
    apic_id = cursor_u32(&entry->data);
    if (cursor_u32(&entry->data) & SRAT_ENABLED)
        set_node(&parse->host->madt, apic_id, node);
}

static void ignore(struct acpi_parse *parse, const struct acpi_table *table,
                   const struct acpi_entry *entry, const char *why)
{
    struct diag *warning = acpi_warning(parse);

    diag_set(warning, "ACPI SRAT at %#llx: the memory of the entry at offset %u %s",
             acpi_ull(table->address), entry->offset, why);
    diag_hint(warning, "the entry is ignored");
}

static void read_memory(struct acpi_parse *parse, const struct acpi_table *table,
                        struct acpi_entry *entry)
{
    struct acpi_host *host = parse->host;
    struct acpi_memory memory = {.node = cursor_u32(&entry->data)};

    if (table->revision < REVISION_WIDE)
        memory.node &= 0xff;
    cursor_skip(&entry->data, 2);
    memory.base = cursor_u64(&entry->data);
    memory.size = cursor_u64(&entry->data);
    cursor_skip(&entry->data, 4);
    if (!(cursor_u32(&entry->data) & SRAT_ENABLED) || memory.size == 0)
        return;
    if (memory.base >= HARDWARE_ADDRESS_END || memory.size > HARDWARE_ADDRESS_END - memory.base)
        ignore(parse, table, entry, "ends beyond 2^52");
    else if (host->memory_count == ACPI_MAX_MEMORY)
        ignore(parse, table, entry, "is one piece too many");
    else
        host->memory[host->memory_count++] = memory;
}

static const struct srat_kind {
    uint8_t type, size;
    void (*read)(struct acpi_parse *parse, const struct acpi_table *table,
                 struct acpi_entry *entry);
} kinds[] = {
    {SRAT_LOCAL_APIC, SRAT_LOCAL_APIC_SIZE, read_local_apic},
    {SRAT_MEMORY, SRAT_MEMORY_SIZE, read_memory},
    {SRAT_LOCAL_X2APIC, SRAT_LOCAL_X2APIC_SIZE, read_local_x2apic},
};

void acpi_read_srat(struct acpi_parse *parse)
{
    static const struct acpi_wanted wanted = {"SRAT", "SRAT", SRAT_ENTRIES};
    struct acpi_table table;
    struct cursor walk;
    struct acpi_entry entry;

    if (!acpi_open_optional(parse, &wanted, &table))
        return;
    walk = acpi_entries(&table, SRAT_ENTRIES);
    while (acpi_next_entry(parse, &table, &walk, &entry)) {
        for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
            if (kinds[i].type == entry.type &&
                acpi_entry_fits(parse, &table, &entry, kinds[i].size))
                kinds[i].read(parse, &table, &entry);
    }
}
