/* SPDX-License-Identifier: MIT */
/* Configuration space in memory. PCI Firmware Specification, "MCFG Table Description". */
#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/bits.h"

#define BUS_SHIFT 20 /* of a bus number in an address: a bus has 1 MiB */

static void ignore(struct acpi_parse *parse, const struct acpi_table *table, uint32_t offset,
                   const char *why)
{
    struct diag *warning = acpi_warning(parse);

    diag_set(warning, "ACPI MCFG at %#llx: the entry at offset %u %s", acpi_ull(table->address),
             offset, why);
    diag_hint(warning, "the entry is ignored");
}

static uint64_t first_byte(const struct acpi_ecam *ecam)
{
    return ecam->base + ((uint64_t)ecam->first_bus << BUS_SHIFT);
}

static uint64_t end(const struct acpi_ecam *ecam)
{
    return ecam->base + (((uint64_t)ecam->last_bus + 1) << BUS_SHIFT);
}

static bool overlap(const struct acpi_ecam *a, const struct acpi_ecam *b)
{
    bool buses =
        a->segment == b->segment && a->first_bus <= b->last_bus && b->first_bus <= a->last_bus;

    return buses || (first_byte(a) < end(b) && first_byte(b) < end(a));
}

/* NULL: nothing is wrong. */
static const char *wrong(const struct acpi_mcfg *mcfg, const struct acpi_ecam *ecam)
{
    if (ecam->base == 0 || !is_aligned(ecam->base, 1u << BUS_SHIFT) ||
        ecam->base > HARDWARE_ADDRESS_END - (UINT64_C(256) << BUS_SHIFT))
        return "has an impossible address";
    if (ecam->first_bus > ecam->last_bus)
        return "has its last bus before its first";
    for (uint32_t i = 0; i < mcfg->count; i++) {
        if (overlap(&mcfg->ecams[i], ecam))
            return "shares buses or memory with an earlier one";
    }
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
