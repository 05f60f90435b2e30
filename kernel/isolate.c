/* SPDX-License-Identifier: MIT */
#include "kernel/isolate.h"

#include "arch/x86/cpu/apic.h"
#include "drivers/iommu.h"
#include "drivers/pci.h"
#include "kernel/log.h"
#include "kernel/plan/survey.h"

/* Bridges, for device scopes that name what is below them. The inventory is gone by then. */
#define MAX_BRIDGES 256

static struct {
    pci_address_t at;
    struct remapping_buses buses;
} bridges[MAX_BRIDGES];
static uint32_t bridge_count;

static struct iommu_demand demand;
static bool bad_remapping;

static void note_bridges(const struct pci_inventory *pci)
{
    for (uint32_t i = 0; i < pci->count && bridge_count < MAX_BRIDGES; i++) {
        const struct pci_function *function = &pci->functions[i];
        if (pci_is_bridge(function) && !(function->flags & PCI_BRIDGE_BAD)) {
            bridges[bridge_count].at = function->address;
            bridges[bridge_count].buses =
                (struct remapping_buses){function->secondary, function->subordinate};
            bridge_count++;
        }
    }
}

static bool bridge(void *context, struct remapping_function at, struct remapping_buses *buses)
{
    pci_address_t wanted = pci_address(at.segment, at.bus, at.devfn >> 3u, at.devfn & 7u);
    (void)context;
    for (uint32_t i = 0; i < bridge_count; i++)
        if (bridges[i].at.raw == wanted.raw) {
            *buses = bridges[i].buses;
            return true;
        }
    return false;
}

static struct remapping remapping_of(const struct acpi_host *acpi)
{
    return (struct remapping){.host = acpi, .pci = {.bridge = bridge}};
}

void isolate_survey(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    const struct config *config, struct hardware *hardware)
{
    note_bridges(pci);
    bad_remapping = pci_bad_remapping(pci) != PCI_NONE;
    demand =
        iommu_demand(config_most_functions(config), config_intx_lines(config), pci_last_bus(pci));
    hardware->iommu_bytes = iommu_bytes(acpi, &demand);
    if (!survey_devices(acpi, pci, hardware))
        log_line(SURVEY_TOO_MANY_TIED, HARDWARE_MAX_TIED);
    if (!survey_sources(acpi, pci, hardware))
        log_line(SURVEY_TOO_MANY_SPECIALS, HARDWARE_MAX_SPECIALS);
}

bool isolate_start(const struct acpi_host *acpi, struct diag *diag)
{
    struct iommu_machine machine = {.remapping = remapping_of(acpi),
                                    .x2apic = apic_is_x2(),
                                    .bad_remapping = bad_remapping,
                                    .demand = demand};
    switch (iommu_start(&machine, diag)) {
    case IOMMU_UNUSED:
        log_line("IOMMU: none in use: %s", diag->message);
        return true;
    case IOMMU_BLOCKING:
        log_line("IOMMU: DMA blocked, but no devices for guests: %s", diag->message);
        return true;
    case IOMMU_BLOCKING_SOME:
        log_line("IOMMU: DMA blocked as far as there are units, no devices for guests: %s",
                 diag->message);
        return true;
    case IOMMU_ON:
        log_line("IOMMU: %s: DMA blocked, interrupts remapped", iommu_name());
        return true;
    case IOMMU_BROKEN:
        break;
    }
    return false;
}
