/* SPDX-License-Identifier: MIT */
/*
 * What must hold between the records of a report, so that whoever uses it finds what the machine's
 * own parsers promise: kernel/acpi, kernel/pci, kernel/plan/hardware.c.
 */
#include "kernel/report/facts.h"

static bool in_pages(uint64_t base, uint64_t size)
{
    return size != 0 && is_aligned(base | size, PAGE_4K) && base < HARDWARE_ADDRESS_END &&
           size <= HARDWARE_ADDRESS_END - base;
}

static const char *machine_unsound(const struct report *report, const char **field)
{
    *field = "physical-bits";
    if (report->hardware.phys_bits < 32)
        return "no processor has fewer bits than 32";
    *field = "console";
    return report->console_port <= 0xfff8 ? NULL : "there is no such port";
}

static const char *processor_unsound(const struct report *report, const struct hardware_cpu *cpu,
                                     const char **field)
{
    *field = "apic";
    for (uint32_t i = 0; i < report->hardware.cpu_count; i++)
        if (report->hardware.cpus[i].apic_id == cpu->apic_id)
            return "another processor has this number";
    return NULL;
}

static const char *memory_unsound(const struct report *report, const struct hardware_range *range,
                                  const char **field)
{
    uint32_t count = report->hardware.range_count;
    const struct hardware_range *before = count > 0 ? &report->hardware.ranges[count - 1] : NULL;

    *field = "base";
    if (!in_pages(range->base.raw, range->size))
        return "these are not whole pages of 4 KiB below 4 PiB";
    if (before && range->base.raw < before->base.raw + before->size)
        return "memory must be in the order of addresses, without overlaps";
    return NULL;
}

static const char *owned_unsound(const struct hardware_owned *owned, const char **field)
{
    uint64_t end = owned->io ? BIT(16) : HARDWARE_ADDRESS_END;

    *field = "base";
    return owned->base < end && owned->size <= end - owned->base ? NULL
                                                                 : "there are no such addresses";
}

static const char *ecam_unsound(const struct acpi_ecam *ecam, const char **field)
{
    *field = "last-bus";
    return ecam->last_bus < ecam->first_bus ? "it lies before the first" : NULL;
}

static const char *scope_unsound(const struct report *report, const struct dmar_scope *scope,
                                 const char **field)
{
    if (report->acpi.dmar.unit_count == 0)
        return "there is no dmar-unit above it";
    *field = "type";
    return scope->type == 0 ? "there is no such type" : NULL;
}

static const char *range_unsound(const struct report *report, const struct ivrs_range *range,
                                 const char **field)
{
    if (report->acpi.ivrs.unit_count == 0)
        return "there is no ivrs-unit above it";
    *field = "last";
    return range->last < range->first ? "it lies before the first" : NULL;
}

static const char *special_unsound(const struct report *report, const struct ivrs_special *special,
                                   const char **field)
{
    *field = "kind";
    if (special->kind == 0)
        return "there is no such kind";
    *field = "unit";
    return special->unit < report->acpi.ivrs.unit_count ? NULL : "there is no such ivrs-unit";
}

static const char *virtual_unsound(const struct report *report, const struct pci_function *function)
{
    const struct pci_function *physical =
        function->physical == PCI_NONE ? NULL : &report->pci.functions[function->physical];

    if ((physical != NULL) != ((function->flags & PCI_VIRTUAL) != 0))
        return "a virtual function has a physical one, and nothing else has";
    return physical && physical->caps.sriov == 0 ? "that function has no virtual ones" : NULL;
}

static const char *function_unsound(const struct report *report,
                                    const struct pci_function *function, const char **field)
{
    const struct pci_inventory *pci = &report->pci;

    if (report->hardware.phys_bits == 0)
        return "the line machine must come before it";
    *field = "at";
    if (pci_find(pci, function->address) != PCI_NONE)
        return "this function stands above already";
    *field = "class";
    if (function->class_code > 0xffffff)
        return "a class has six digits";
    *field = "parent";
    if (function->parent != PCI_NONE && (!pci_is_bridge(&pci->functions[function->parent]) ||
                                         pci_segment_of(pci->functions[function->parent].address) !=
                                             pci_segment_of(function->address)))
        return "that function is no bridge to it";
    *field = "physical";
    return virtual_unsound(report, function);
}

static bool bar_fits(const struct pci_bar *bar, uint64_t end)
{
    uint64_t size = pci_bar_size(bar);

    return is_aligned(bar->base, size) && bar->base < end && size <= end - bar->base;
}

/* What is in the table of BARs at that place, and whether it may be. */
static const char *bar_unsound(const struct report *report, const struct report_bar *bar,
                               const char **field)
{
    const struct pci_function *function = &report->pci.functions[report->pci.count - 1];
    uint64_t ends[] = {[PCI_BAR_IO] = BIT(16),
                       [PCI_BAR_32] = BIT(32),
                       [PCI_BAR_64] = BIT(report->hardware.phys_bits)};
    bool wide = bar->bar.kind == PCI_BAR_64;

    *field = "number";
    if (function->bars[bar->number].kind != PCI_BAR_NONE)
        return "this BAR stands above already";
    if (bar->number > 0 && function->bars[bar->number - 1].kind == PCI_BAR_64)
        return "it is the upper half of the BAR before it";
    *field = "kind";
    if (bar->bar.kind == PCI_BAR_NONE || (wide && bar->number + 1 >= PCI_BARS) ||
        (bar->number == PCI_ROM && bar->bar.kind == PCI_BAR_IO))
        return "this BAR cannot be of that kind";
    if (wide && function->bars[bar->number + 1].kind != PCI_BAR_NONE)
        return "its upper half is a BAR of its own";
    if (bar->bar.kind > PCI_BAR_64)
        return NULL;
    *field = "base";
    if (bar->bar.bits < 2 || !bar_fits(&bar->bar, ends[bar->bar.kind]))
        return "nothing of that size can be there";
    return NULL;
}

static const char *capabilities_unsound(const struct pci_function *function, const char **field)
{
    *field = "msi";
    if ((function->caps.msi != 0) != (function->caps.msi_vectors != 0))
        return "MSI and its vectors go together";
    if (function->caps.msi + pci_msi_size(function->flags) > PCI_CONFIG_SIZE)
        return "it would end beyond configuration space";
    *field = "msix";
    return (function->caps.msix != 0) != (function->caps.msix_vectors != 0)
               ? "MSI-X and its vectors go together"
               : NULL;
}

static const char *windows_unsound(const struct pci_function *function)
{
    return function->header == PCI_HEADER_BRIDGE ? NULL : "the function above it is no PCI bridge";
}

const char *report_unsound(const struct report *report, enum report_kind kind, const void *record,
                           const char **field)
{
    *field = NULL;
    switch (kind) {
    case FACT_MACHINE:
        return machine_unsound(record, field);
    case FACT_PROCESSOR:
        return processor_unsound(report, record, field);
    case FACT_MEMORY:
        return memory_unsound(report, record, field);
    case FACT_OWNED:
        return owned_unsound(record, field);
    case FACT_DMAR_SCOPE:
        return scope_unsound(report, record, field);
    case FACT_IVRS_RANGE:
        return range_unsound(report, record, field);
    case FACT_IVRS_SPECIAL:
        return special_unsound(report, record, field);
    case FACT_FUNCTION:
        return function_unsound(report, record, field);
    case FACT_CAPABILITIES:
        return capabilities_unsound(record, field);
    case FACT_WINDOWS:
        return windows_unsound(record);
    case FACT_BAR:
        return bar_unsound(report, record, field);
    case FACT_MCFG:
        return ecam_unsound(record, field);
    case FACT_DMAR_UNIT:
    case FACT_DMAR_REGION:
        return report->acpi.dmar.present ? NULL : "there is no line dmar above it";
    case FACT_IVRS_UNIT:
    case FACT_IVRS_REGION:
        return report->acpi.ivrs.present ? NULL : "there is no line ivrs above it";
    case FACT_IOAPIC:
    case FACT_LINE:
    case FACT_DMAR:
    case FACT_IVRS:
    case FACT_TIED:
    case FACT_KINDS:
        break;
    }
    return NULL;
}
