/* SPDX-License-Identifier: MIT */
/* Where the lines of a report go: the tables of struct report, and what belongs to what. */
#include "kernel/lib/mem.h"
#include "kernel/report/work.h"

static uint32_t *count_of(struct report_reader *reader, enum report_kind kind)
{
    return (uint32_t *)(void *)((uint8_t *)reader->report + report_facts[kind].count);
}

static bool new_record(struct report_reader *reader, struct report_line *line)
{
    const struct report_fact *fact = &report_facts[line->kind];
    uint32_t count = *count_of(reader, line->kind);

    if (count == fact->most)
        return report_refuse(reader, 1, "more than %u lines %s", fact->most, fact->keyword);
    line->record = (uint8_t *)reader->report + fact->table + (size_t)count * fact->size;
    memset(line->record, 0, fact->size);
    if (line->kind == FACT_FUNCTION) {
        struct pci_function *function = line->record;
        function->parent = PCI_NONE;
        function->physical = PCI_NONE;
    }
    return true;
}

static struct pci_function *last_function(struct report_reader *reader)
{
    struct pci_inventory *pci = &reader->report->pci;

    return pci->count > 0 ? &pci->functions[pci->count - 1] : NULL;
}

bool report_begin(struct report_reader *reader, struct report_line *line)
{
    const struct report_fact *fact = &report_facts[line->kind];
    bool of_function =
        line->kind == FACT_CAPABILITIES || line->kind == FACT_WINDOWS || line->kind == FACT_BAR;

    if (fact->most > 0)
        return new_record(reader, line);
    if (of_function && !last_function(reader))
        return report_refuse(reader, 1, "%s: there is no function above it", fact->keyword);
    if (line->kind == FACT_BAR) {
        line->record = &line->bar;
        return true;
    }
    if (reader->seen & BIT(line->kind))
        return report_refuse(reader, 1, "a second line %s", fact->keyword);
    reader->seen |= (uint32_t)BIT(line->kind);
    line->record = of_function ? (void *)last_function(reader)
                               : (void *)((uint8_t *)reader->report + fact->table);
    return true;
}

/* What a function's line says of groups and such is set aside: it is found out anew. */
static void keep_function(struct report_reader *reader, const struct pci_function *function)
{
    reader->report->claims[reader->report->pci.count] =
        (struct report_claim){.line = reader->line,
                              .flags = function->flags,
                              .group = function->group,
                              .alias = function->alias,
                              .reset = function->reset};
    reader->seen &= ~(uint32_t)(BIT(FACT_CAPABILITIES) | BIT(FACT_WINDOWS));
}

static void keep_scope(struct report_reader *reader)
{
    struct acpi_dmar *dmar = &reader->report->acpi.dmar;

    if (reader->scope_of_region)
        dmar->regions[dmar->region_count - 1].scope_count++;
    else
        dmar->units[dmar->unit_count - 1].scope_count++;
}

void report_keep(struct report_reader *reader, const struct report_line *line)
{
    struct acpi_dmar *dmar = &reader->report->acpi.dmar;
    struct acpi_ivrs *ivrs = &reader->report->acpi.ivrs;
    struct pci_inventory *pci = &reader->report->pci;

    switch (line->kind) {
    case FACT_DMAR:
        dmar->present = true;
        break;
    case FACT_DMAR_UNIT:
        dmar->units[dmar->unit_count].first_scope = (uint16_t)dmar->scope_count;
        reader->scope_of_region = false;
        break;
    case FACT_DMAR_REGION:
        dmar->regions[dmar->region_count].first_scope = (uint16_t)dmar->scope_count;
        reader->scope_of_region = true;
        break;
    case FACT_DMAR_SCOPE:
        keep_scope(reader);
        break;
    case FACT_IVRS:
        ivrs->present = true;
        break;
    case FACT_IVRS_UNIT:
        ivrs->units[ivrs->unit_count].first_range = (uint16_t)ivrs->range_count;
        break;
    case FACT_IVRS_RANGE:
        ivrs->units[ivrs->unit_count - 1].range_count++;
        break;
    case FACT_FUNCTION:
        keep_function(reader, line->record);
        break;
    case FACT_WINDOWS:
        reader->report->claims[pci->count - 1].windows = true;
        break;
    case FACT_BAR:
        pci->functions[pci->count - 1].bars[line->bar.number] = line->bar.bar;
        break;
    case FACT_MACHINE:
    case FACT_PROCESSOR:
    case FACT_MEMORY:
    case FACT_OWNED:
    case FACT_IOAPIC:
    case FACT_LINE:
    case FACT_MCFG:
    case FACT_IVRS_SPECIAL:
    case FACT_IVRS_REGION:
    case FACT_CAPABILITIES:
    case FACT_TIED:
    case FACT_KINDS:
        break;
    }
    if (report_facts[line->kind].most > 0)
        ++*count_of(reader, line->kind);
}
