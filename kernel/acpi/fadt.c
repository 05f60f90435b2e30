/* SPDX-License-Identifier: MIT */
/* Fixed hardware: sleep, reset, PM timer. ACPI Specification "Fixed ACPI Description Table". */
#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/mem.h"

#define PORT_LAST         0xffff
#define PM_TIMER_BYTES    4
#define PM1_CONTROL_BYTES 2
#define REVISION_RESET    2 /* the FADT's revision from which these flags mean something */
#define REVISION_REDUCED  5

/* A port as ACPI 1.0 gives it: 32 bits, 0 for none. */
static struct acpi_register legacy_port(struct acpi_parse *parse, const struct acpi_table *fadt,
                                        uint32_t offset, uint8_t bytes)
{
    uint32_t port = (uint32_t)acpi_field(fadt, offset, 4);
    struct diag *warning;

    if (port == 0)
        return (struct acpi_register){0};
    if (port > PORT_LAST) {
        warning = acpi_warning(parse);
        diag_set(warning, "ACPI FADT at %#llx: the register at offset %u is at port %#x",
                 acpi_ull(fadt->address), offset, port);
        diag_hint(warning, "the register is ignored");
        return (struct acpi_register){0};
    }
    return (struct acpi_register){.present = true,
                                  .space = ACPI_SPACE_IO,
                                  .bits = (uint8_t)(8 * bytes),
                                  .access = bytes,
                                  .address = port};
}

/* The newer form counts when it says anything. */
static struct acpi_register either(struct acpi_register newer, struct acpi_register older)
{
    return newer.present ? newer : older;
}

static void read_pm1(struct acpi_parse *parse, const struct acpi_table *fadt)
{
    struct acpi_fadt *out = &parse->host->fadt;
    uint32_t smi = (uint32_t)acpi_field(fadt, FADT_SMI_CMD, 4);

    out->pm1a_control = either(acpi_read_gas(parse, fadt, FADT_X_PM1A_CNT_BLK),
                               legacy_port(parse, fadt, FADT_PM1A_CNT_BLK, PM1_CONTROL_BYTES));
    out->pm1b_control = either(acpi_read_gas(parse, fadt, FADT_X_PM1B_CNT_BLK),
                               legacy_port(parse, fadt, FADT_PM1B_CNT_BLK, PM1_CONTROL_BYTES));
    out->pm_timer = acpi_read_gas(parse, fadt, FADT_X_PM_TMR_BLK);
    if (!out->pm_timer.present && acpi_field(fadt, FADT_PM_TMR_LEN, 1) == PM_TIMER_BYTES)
        out->pm_timer = legacy_port(parse, fadt, FADT_PM_TMR_BLK, PM_TIMER_BYTES);
    out->sci_irq = (uint16_t)acpi_field(fadt, FADT_SCI_INT, 2);
    if (smi <= PORT_LAST) {
        out->smi_command = (uint16_t)smi;
        out->acpi_enable = (uint8_t)acpi_field(fadt, FADT_ACPI_ENABLE, 1);
    }
}

static bool find_s5(struct acpi_parse *parse, uint64_t address, const struct acpi_wanted *wanted)
{
    struct acpi_fadt *out = &parse->host->fadt;
    struct acpi_table table;
    struct diag problem;

    if (!acpi_open(parse, address, wanted, &table, &problem)) {
        diag_hint(&problem, "the table is ignored");
        *acpi_warning(parse) = problem;
        return false;
    }
    out->has_s5 = acpi_find_s5(table.bytes + HEADER_SIZE, table.length - HEADER_SIZE,
                               &out->s5_type_a, &out->s5_type_b);
    return out->has_s5;
}

/* \_S5 stands in the DSDT, but nothing forbids to put it into an SSDT. */
static void read_s5(struct acpi_parse *parse, uint64_t dsdt)
{
    static const struct acpi_wanted wanted_dsdt = {"DSDT", "DSDT", HEADER_SIZE};
    static const struct acpi_wanted wanted_ssdt = {"SSDT", "SSDT", HEADER_SIZE};
    const struct acpi_host *host = parse->host;
    struct diag *warning;

    if (dsdt != 0 && find_s5(parse, dsdt, &wanted_dsdt))
        return;
    for (uint32_t i = 0; i < host->table_count; i++) {
        const struct acpi_place *place = &host->tables[i];

        if (memcmp(place->signature, wanted_ssdt.signature, 4) == 0 &&
            find_s5(parse, place->address, &wanted_ssdt))
            return;
    }
    warning = acpi_warning(parse);
    diag_set(warning, "ACPI has no package \\_S5 in its DSDT or SSDTs");
    diag_hint(warning, "the machine cannot be switched off by software");
}

void acpi_read_fadt(struct acpi_parse *parse)
{
    static const struct acpi_wanted wanted = {"FACP", "FADT", FADT_SIZE_1};
    struct acpi_fadt *out = &parse->host->fadt;
    struct acpi_table fadt;
    uint32_t flags;
    uint64_t dsdt;

    if (!acpi_open_optional(parse, &wanted, &fadt))
        return;
    out->present = true;
    flags = (uint32_t)acpi_field(&fadt, FADT_FLAGS, 4);
    out->hw_reduced = fadt.revision >= REVISION_REDUCED && (flags & FADT_HW_REDUCED_ACPI);
    out->pm_timer_wide = flags & FADT_TMR_VAL_EXT;
    if (!out->hw_reduced)
        read_pm1(parse, &fadt);
    if (fadt.revision >= REVISION_RESET && (flags & FADT_RESET_REG_SUP)) {
        out->reset = acpi_read_gas(parse, &fadt, FADT_RESET_REG);
        out->reset_value = (uint8_t)acpi_field(&fadt, FADT_RESET_VALUE, 1);
    }
    if (fadt.revision >= REVISION_REDUCED) {
        out->sleep_control = acpi_read_gas(parse, &fadt, FADT_SLEEP_CONTROL_REG);
        out->sleep_status = acpi_read_gas(parse, &fadt, FADT_SLEEP_STATUS_REG);
    }
    dsdt = acpi_field(&fadt, FADT_X_DSDT, 8);
    read_s5(parse, dsdt != 0 ? dsdt : acpi_field(&fadt, FADT_DSDT, 4));
}
