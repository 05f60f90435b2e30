/* SPDX-License-Identifier: MIT */
/* Configuration space in memory. PCI Firmware Specification, "MCFG Table Description". */
#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/bits.h"

static void ignore(struct acpi_parse *parse, const struct acpi_table *table, uint32_t offset,
                   const char *why)
{
    struct diag *warning = acpi_warning(parse);

    diag_set(warning, "ACPI MCFG at %#llx: the entry at offset %u %s", acpi_ull(table->address),
             offset, why);
    diag_hint(warning, "the entry is ignored");
}

static bool overlap(const struct acpi_ecam *a, const struct acpi_ecam *b)
{
    bool buses =
        a->segment == b->segment && a->first_bus <= b->last_bus && b->first_bus <= a->last_bus;

    return buses ||
           (acpi_ecam_start(a) < acpi_ecam_end(b) && acpi_ecam_start(b) < acpi_ecam_end(a));
}

/* NULL: nothing is wrong. */
static const char *wrong(const struct acpi_mcfg *mcfg, const struct acpi_ecam *ecam)
{
    if (ecam->base == 0 || !is_aligned(ecam->base, MIB(1)) ||
        ecam->base > HARDWARE_ADDRESS_END - MIB(256))
        return "has an impossible address";
    if (ecam->first_bus > ecam->last_bus)
        return "has its last bus before its first";
    for (uint32_t i = 0; i < mcfg->count; i++)
        if (overlap(&mcfg->ecams[i], ecam))
            return "shares buses or memory with an earlier one";
    return mcfg->count == ACPI_MAX_ECAMS ? "is one too many" : NULL;
}

void acpi_read_mcfg(struct acpi_parse *parse)
{
    static const struct acpi_wanted wanted = {"MCFG", "MCFG", MCFG_ENTRIES};
    struct acpi_mcfg *mcfg = &parse->host->mcfg;
    struct acpi_table table;
    struct cursor walk;

    if (!acpi_open_optional(parse, &wanted, &table))
        return;
    walk = acpi_entries(&table, MCFG_ENTRIES);
    while (cursor_left(&walk) >= MCFG_ENTRY_SIZE) {
        uint32_t offset = (uint32_t)(table.length - cursor_left(&walk));
        struct acpi_ecam ecam = {.base = cursor_u64(&walk)};
        const char *why;

        ecam.segment = cursor_u16(&walk);
        ecam.first_bus = cursor_u8(&walk);
        ecam.last_bus = cursor_u8(&walk);
        cursor_skip(&walk, 4);
        why = wrong(mcfg, &ecam);
        if (why)
            ignore(parse, &table, offset, why);
        else
            mcfg->ecams[mcfg->count++] = ecam;
    }
    if (cursor_left(&walk) > 0)
        ignore(parse, &table, (uint32_t)(table.length - cursor_left(&walk)),
               "goes beyond the table");
}
