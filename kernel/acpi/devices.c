/* SPDX-License-Identifier: MIT */
/* Two devices with tables of their own: a clock and the console that firmware uses. */
#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"

#define HPET_ALIGN 8

/* IA-PC HPET Specification, "The ACPI 2.0 HPET Description Table" */
void acpi_read_hpet(struct acpi_parse *parse)
{
    static const struct acpi_wanted wanted = {"HPET", "HPET", HPET_SIZE};
    struct acpi_table table;
    struct acpi_register base;
    struct diag *warning;

    if (!acpi_open_optional(parse, &wanted, &table))
        return;
    base = acpi_read_gas(parse, &table, HPET_BASE);
    if (!base.present || base.space != ACPI_SPACE_MEMORY || base.address % HPET_ALIGN != 0) {
        warning = acpi_warning(parse);
        diag_set(warning, "ACPI HPET at %#llx: its registers are not at a possible address",
                 acpi_ull(table.address));
        diag_hint(warning, "the table is ignored");
        return;
    }
    parse->host->hpet = (struct acpi_hpet){
        .present = true, .address = base.address, .id = (uint32_t)acpi_field(&table, HPET_ID, 4)};
}

/* Bits of the interrupt type. */
enum { SPCR_8259 = 1, SPCR_IO_APIC = 2 };

static void read_spcr_interrupt(const struct acpi_host *host, const struct acpi_table *table,
                                struct acpi_spcr *spcr)
{
    uint8_t type = (uint8_t)acpi_field(table, SPCR_INTERRUPT_TYPE, 1);
    uint8_t irq = (uint8_t)acpi_field(table, SPCR_IRQ, 1);

    if (type & SPCR_IO_APIC) {
        spcr->has_gsi = true;
        spcr->gsi = (uint32_t)acpi_field(table, SPCR_GSI, 4);
    } else if ((type & SPCR_8259) && irq < ACPI_ISA_IRQS) {
        spcr->has_gsi = true;
        spcr->gsi = acpi_isa_irq(host, irq).gsi;
    }
}

/* Serial Port Console Redirection Table. An address of 0 says that redirection is off. */
void acpi_read_spcr(struct acpi_parse *parse)
{
    static const struct acpi_wanted wanted = {"SPCR", "SPCR", SPCR_SIZE};
    static const uint32_t bauds[] = {[3] = 9600, [4] = 19200, [6] = 57600, [7] = 115200};
    struct acpi_spcr *spcr = &parse->host->spcr;
    struct acpi_table table;
    uint8_t baud;

    if (!acpi_open_optional(parse, &wanted, &table))
        return;
    spcr->base = acpi_read_gas(parse, &table, SPCR_BASE);
    if (!spcr->base.present)
        return;
    spcr->present = true;
    spcr->interface = (uint8_t)acpi_field(&table, SPCR_INTERFACE, 1);
    baud = (uint8_t)acpi_field(&table, SPCR_BAUD, 1);
    spcr->baud = baud < ARRAY_COUNT(bauds) ? bauds[baud] : 0;
    read_spcr_interrupt(parse->host, &table, spcr);
}
