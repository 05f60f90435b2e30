/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/host.h"

#include "kernel/acpi/parse.h"
#include "kernel/lib/mem.h"

struct diag *acpi_warning(struct acpi_parse *parse)
{
    uint32_t index = parse->host->warning_count++;

    return index < ACPI_MAX_WARNINGS ? &parse->host->warnings[index] : &parse->unkept;
}

bool acpi_host_parse(const struct acpi_reader *reader, hpa_t rsdp, struct acpi_host *host,
                     struct diag *diag)
{
    struct acpi_parse parse = {.reader = reader, .host = host};

    memset(host, 0, sizeof(*host));
    if (!acpi_read_root(&parse, rsdp.raw, diag) || !acpi_read_madt(&parse, diag))
        return false;
    acpi_read_srat(&parse);
    acpi_read_fadt(&parse);
    acpi_read_hpet(&parse);
    acpi_read_spcr(&parse);
    acpi_read_mcfg(&parse);
    acpi_read_dmar(&parse);
    acpi_read_ivrs(&parse);
    return true;
}

struct acpi_irq acpi_isa_irq(const struct acpi_host *host, uint32_t irq)
{
    return irq < ACPI_ISA_IRQS ? host->madt.isa[irq] : (struct acpi_irq){.gsi = irq};
}

/* Does not look for doubles: the MADT has none, and the first one is asked for before. */
static void add_cpu(struct hardware *hardware, uint32_t apic_id, uint32_t node)
{
    if (hardware->cpu_count == HARDWARE_MAX_CPUS)
        hardware->cpus_ignored++;
    else
        hardware->cpus[hardware->cpu_count++] = (struct hardware_cpu){apic_id, node};
}

void acpi_fill_hardware(const struct acpi_host *host, uint32_t bsp_apic_id,
                        struct hardware *hardware)
{
    const struct acpi_madt *madt = &host->madt;
    uint32_t bsp_node = 0;

    for (uint32_t i = 0; i < madt->cpu_count; i++)
        if (madt->cpus[i].apic_id == bsp_apic_id)
            bsp_node = madt->cpus[i].node;
    if (host->dmar.present)
        hardware->iommu = HARDWARE_VTD;
    else
        hardware->iommu = host->ivrs.present ? HARDWARE_AMDVI : HARDWARE_NO_IOMMU;
    hardware->cpu_count = 0;
    hardware->cpus_ignored = madt->cpus_ignored;
    add_cpu(hardware, bsp_apic_id, bsp_node);
    for (uint32_t i = 0; i < madt->cpu_count; i++)
        if (madt->cpus[i].apic_id != bsp_apic_id)
            add_cpu(hardware, madt->cpus[i].apic_id, madt->cpus[i].node);
}
