/* SPDX-License-Identifier: MIT */
#include "kernel/plan/survey.h"

#include "kernel/acpi/remapping.h"

#define LAPIC_BASE 0xfee00000u /* where messages for local APICs go, too */

/* Configuration space and the IOMMUs' registers. */
static bool note_remapping(const struct acpi_host *acpi, struct hardware *hardware)
{
    bool good = true;

    for (uint32_t i = 0; i < acpi->mcfg.count; i++) {
        const struct acpi_ecam *ecam = &acpi->mcfg.ecams[i];
        uint64_t buses = (uint64_t)ecam->last_bus - ecam->first_bus + 1;
        good = good && hardware_own(hardware, ecam->base + MIB(ecam->first_bus), MIB(buses), false);
    }
    for (uint32_t i = 0; i < acpi->dmar.unit_count; i++)
        good = good &&
               hardware_own(hardware, acpi->dmar.units[i].base, acpi->dmar.units[i].size, false);
    for (uint32_t i = 0; i < acpi->ivrs.unit_count; i++)
        good = good && hardware_own(hardware, acpi->ivrs.units[i].base, IVRS_UNIT_BYTES, false);
    return good;
}

bool survey_registers(const struct acpi_host *acpi, const struct survey_screen *screen,
                      struct hardware *hardware)
{
    bool good =
        hardware_own(hardware, LAPIC_BASE, PAGE_4K, false) && note_remapping(acpi, hardware);

    for (uint32_t i = 0; i < acpi->madt.ioapic_count; i++)
        good = good && hardware_own(hardware, acpi->madt.ioapics[i].address, PAGE_4K, false);
    if (acpi->hpet.present)
        good = good && hardware_own(hardware, acpi->hpet.address, PAGE_4K, false);
    if (screen->size != 0)
        good = good && hardware_own(hardware, screen->base, screen->size, false);
    return good;
}

/* Interface types of the SPCR: 0 and 1 are 16550s at ports; a memory-mapped one is not driven. */
static bool spcr_is_16550(const struct acpi_spcr *spcr)
{
    return spcr->present && spcr->interface <= 1 && spcr->base.present &&
           spcr->base.space == ACPI_SPACE_IO;
}

uint16_t survey_console_port(const struct acpi_host *acpi, uint32_t *baud)
{
    bool told = spcr_is_16550(&acpi->spcr);

    *baud = told ? acpi->spcr.baud : 0;
    return told ? (uint16_t)acpi->spcr.base.address : SURVEY_COM1;
}

static bool bridge(void *context, struct remapping_function at, struct remapping_buses *buses)
{
    const struct pci_inventory *pci = context;
    uint16_t index = pci_find(pci, pci_address(at.segment, at.bus, at.devfn >> 3u, at.devfn & 7u));

    if (index == PCI_NONE || !pci_is_bridge(&pci->functions[index]) ||
        pci->functions[index].flags & PCI_BRIDGE_BAD)
        return false;
    *buses = (struct remapping_buses){pci->functions[index].secondary,
                                      pci->functions[index].subordinate};
    return true;
}

static bool has_region(const struct remapping *remapping, pci_address_t at)
{
    struct remapping_function function = {.segment = (uint16_t)pci_segment_of(at),
                                          .bus = (uint8_t)pci_bus_of(at),
                                          .devfn = (uint8_t)at.raw};
    struct remapping_region region;
    uint32_t next = 0;

    return remapping_next_region(remapping, function, &next, &region);
}

/* The callback takes no pointer to const, and changes nothing. */
static struct remapping remapping_of(const struct acpi_host *acpi, const struct pci_inventory *pci)
{
    return (struct remapping){.host = acpi,
                              .pci = {.bridge = bridge, .context = (void *)(uintptr_t)pci}};
}

bool survey_devices(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    struct hardware *hardware)
{
    struct remapping remapping = remapping_of(acpi, pci);

    for (uint32_t i = 0; i < pci->count; i++) {
        const struct pci_function *function = &pci->functions[i];
        if (!pci_is_bridge(function) && has_region(&remapping, function->address) &&
            !hardware_tie(hardware, function->address)) {
            hardware->iommu = HARDWARE_NO_IOMMU;
            return false;
        }
    }
    return true;
}

bool survey_sources(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    struct hardware *hardware)
{
    struct remapping remapping = remapping_of(acpi, pci);
    struct remapping_place place;
    uint32_t next = 0;

    while (remapping_next_special(&remapping, &next, &place)) {
        pci_address_t source = {(uint32_t)place.segment << 16 | place.source_id};
        if (!hardware_special(hardware, source)) {
            hardware->iommu = HARDWARE_NO_IOMMU;
            return false;
        }
    }
    return true;
}
