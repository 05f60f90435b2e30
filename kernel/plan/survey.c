/* SPDX-License-Identifier: MIT */
#include "kernel/plan/survey.h"

#include "kernel/acpi/remapping.h"

#define LAPIC_BASE        0xfee00000u /* where messages for local APICs go, too */
#define BOARD_PORTS       0x100       /* DMA controllers, 8259s, 8254, RTC, NMI, A20 and such */
#define CONFIG_PORTS_SIZE 8           /* configuration mechanism #1, and the reset register in it */

/* Configuration space and the IOMMUs' registers. */
static bool note_remapping(const struct acpi_host *acpi, struct hardware *hardware)
{
    bool good = true;

    for (uint32_t i = 0; i < acpi->mcfg.count; i++) {
        const struct acpi_ecam *ecam = &acpi->mcfg.ecams[i];
        uint64_t start = acpi_ecam_start(ecam);
        good = good && hardware_own(hardware, start, acpi_ecam_end(ecam) - start, false);
    }
    for (uint32_t i = 0; i < acpi->dmar.unit_count; i++)
        good = good &&
               hardware_own(hardware, acpi->dmar.units[i].base, acpi->dmar.units[i].size, false);
    for (uint32_t i = 0; i < acpi->ivrs.unit_count; i++)
        good = good && hardware_own(hardware, acpi->ivrs.units[i].base, IVRS_UNIT_BYTES, false);
    return good;
}

static bool note_port(struct hardware *hardware, const struct acpi_register *at, uint32_t size)
{
    return !at->present || at->space != ACPI_SPACE_IO ||
           hardware_own(hardware, at->address, size, true);
}

/* Ports that belong to the main board whatever a BAR says, and those that ACPI names. */
static bool note_ports(const struct acpi_host *acpi, struct hardware *hardware)
{
    const struct acpi_fadt *fadt = &acpi->fadt;

    return hardware_own(hardware, 0, BOARD_PORTS, true) &&
           hardware_own(hardware, PCI_PORT_ADDRESS, CONFIG_PORTS_SIZE, true) &&
           note_port(hardware, &fadt->pm_timer, 4) && note_port(hardware, &fadt->pm1a_control, 2) &&
           note_port(hardware, &fadt->pm1b_control, 2) && note_port(hardware, &fadt->reset, 1) &&
           note_port(hardware, &fadt->sleep_control, 1) &&
           note_port(hardware, &fadt->sleep_status, 1) &&
           (fadt->smi_command == 0 || hardware_own(hardware, fadt->smi_command, 1, true));
}

bool survey_registers(const struct acpi_host *acpi, const struct survey_console *console,
                      struct hardware *hardware, struct diag *diag)
{
    bool good = hardware_own(hardware, LAPIC_BASE, PAGE_4K, false) &&
                note_remapping(acpi, hardware) && note_ports(acpi, hardware);

    for (uint32_t i = 0; i < acpi->madt.ioapic_count; i++)
        good = good && hardware_own(hardware, acpi->madt.ioapics[i].address, PAGE_4K, false);
    if (acpi->hpet.present)
        good = good && hardware_own(hardware, acpi->hpet.address, PAGE_4K, false);
    if (console->screen_size != 0)
        good = good && hardware_own(hardware, console->screen, console->screen_size, false);
    if (console->port != 0)
        good = good && hardware_own(hardware, console->port, SURVEY_UART_PORTS, true);
    return good || diag_set(diag, "the machine has more I/O APICs and IOMMUs than can be kept from "
                                  "guests");
}

_Static_assert(ACPI_MAX_IOAPICS <= HARDWARE_MAX_IOAPICS, "survey_lines()");
_Static_assert(ACPI_ISA_IRQS + ACPI_MAX_NMIS + 2 <= HARDWARE_MAX_LINES, "survey_lines()");

static void note_line(struct hardware *hardware, uint32_t gsi, enum hardware_line_use use)
{
    hardware->lines[hardware->line_count++] = (struct hardware_line){gsi, use};
}

void survey_lines(const struct acpi_host *acpi, uint32_t (*pins)(uint32_t address),
                  struct hardware *hardware)
{
    const struct acpi_madt *madt = &acpi->madt;

    hardware->ioapic_count = madt->ioapic_count;
    for (uint32_t i = 0; i < madt->ioapic_count; i++) {
        uint32_t count = pins(madt->ioapics[i].address);
        hardware->ioapics[i].first_gsi = madt->ioapics[i].gsi_base;
        hardware->ioapics[i].pins = count < HARDWARE_MAX_PINS ? count : HARDWARE_MAX_PINS;
    }
    hardware->line_count = 0;
    if (acpi->fadt.present)
        note_line(hardware, acpi_isa_irq(acpi, acpi->fadt.sci_irq).gsi, LINE_SCI);
    for (uint32_t i = 0; i < madt->nmi_count && i < ACPI_MAX_NMIS; i++)
        note_line(hardware, madt->nmis[i].gsi, LINE_NMI);
    if (acpi->spcr.present && acpi->spcr.has_gsi)
        note_line(hardware, acpi->spcr.gsi, LINE_CONSOLE);
    for (uint32_t irq = 0; irq < ACPI_ISA_IRQS; irq++)
        note_line(hardware, madt->isa[irq].gsi, LINE_ISA);
}

/* Interface types of the SPCR: 0 and 1 are 16550s at ports; a memory-mapped one is not driven. */
static bool spcr_is_16550(const struct acpi_spcr *spcr)
{
    return spcr->present && spcr->interface <= 1 && spcr->base.present &&
           spcr->base.space == ACPI_SPACE_IO;
}

uint16_t survey_console_port(const struct config_machine *config, const struct acpi_host *acpi,
                             uint32_t *baud)
{
    bool told = spcr_is_16550(&acpi->spcr);

    switch (config->console) {
    case CONSOLE_SCREEN:
        *baud = 0;
        return 0;
    case CONSOLE_PORT:
        *baud = config->console_baud;
        return config->console_port;
    case CONSOLE_DEFAULT:
        break;
    }
    *baud = told ? acpi->spcr.baud : 0;
    return told ? (uint16_t)acpi->spcr.base.address : SURVEY_COM1;
}

uint32_t survey_windows(const struct acpi_mcfg *mcfg, struct pci_segment windows[ACPI_MAX_ECAMS])
{
    for (uint32_t i = 0; i < mcfg->count; i++) {
        const struct acpi_ecam *ecam = &mcfg->ecams[i];
        windows[i] =
            (struct pci_segment){hpa(ecam->base), ecam->segment, ecam->first_bus, ecam->last_bus};
    }
    return mcfg->count;
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

static struct remapping_function place_of(pci_address_t at)
{
    return (struct remapping_function){.segment = (uint16_t)pci_segment_of(at),
                                       .bus = (uint8_t)pci_bus_of(at),
                                       .devfn = (uint8_t)at.raw};
}

static bool has_region(const struct remapping *remapping, pci_address_t at)
{
    struct remapping_region region;
    uint32_t next = 0;

    return remapping_next_region(remapping, place_of(at), &next, &region);
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

_Static_assert(PCI_MAX_FUNCTIONS <= HARDWARE_MAX_SERVED, "note_services()");

static bool is_requester(const struct pci_inventory *pci, uint16_t index, uint16_t id)
{
    uint16_t ids[PCI_MAX_REQUESTERS];
    uint32_t count = pci_requesters(pci, index, ids);

    for (uint32_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* What virtual functions send goes where their physical function's goes. */
static enum hardware_service service_of(const struct remapping *remapping,
                                        const struct pci_inventory *pci, uint16_t index)
{
    uint16_t physical = pci->functions[index].physical;
    uint16_t asked = physical == PCI_NONE ? index : physical;
    struct remapping_place place;

    if (!remapping_of_function(remapping, place_of(pci->functions[asked].address), &place))
        return SERVICE_NONE;
    return is_requester(pci, asked, place.source_id) ? SERVICE_KNOWN : SERVICE_OTHER_ID;
}

static void note_services(const struct remapping *remapping, const struct pci_inventory *pci,
                          struct hardware *hardware)
{
    for (uint32_t i = 0; i < pci->count; i++)
        hardware->services[i] = pci_is_bridge(&pci->functions[i])
                                    ? SERVICE_KNOWN
                                    : (uint8_t)service_of(remapping, pci, (uint16_t)i);
}

bool survey_sources(const struct acpi_host *acpi, const struct pci_inventory *pci,
                    struct hardware *hardware)
{
    struct remapping remapping = remapping_of(acpi, pci);
    struct remapping_place place;
    uint32_t next = 0;

    note_services(&remapping, pci, hardware);
    while (remapping_next_special(&remapping, &next, &place)) {
        pci_address_t source = pci_address_of(place.segment, place.source_id);
        if (!hardware_special(hardware, source)) {
            hardware->iommu = HARDWARE_NO_IOMMU;
            return false;
        }
    }
    return true;
}
