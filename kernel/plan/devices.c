/* SPDX-License-Identifier: MIT */
/*
 * Which PCI functions a guest gets: what its `device` lines select, checked one by one. Whether
 * their BARs are sound is the business of bars.c, whether they go together that of groups.c, where
 * BARs go in the guest that of places.c.
 */
#include "kernel/lib/bits.h"
#include "kernel/lib/fmt.h"
#include "kernel/pci/describe.h"
#include "kernel/plan/work.h"

#define WISH(line)  (int)((line)->at.length < 40 ? (line)->at.length : 40), (line)->at.start
#define CLASS_IOMMU 0x0806

/* One function that a line selects. */
struct candidate {
    struct plan_work *work;
    uint32_t guest;
    uint16_t line;  /* index into config->devices */
    uint16_t index; /* into the inventory */
    const struct pci_function *function;
    char name[PCI_TEXT];
};

static const struct config_guest *guest_of(const struct candidate *at)
{
    return &at->work->config->guests[at->guest];
}

static bool refuse_at(const struct plan_work *work, uint32_t line)
{
    const struct slice *place = &work->config->devices[line].at;

    return diag_at(work->diag, place->line, place->column);
}

/* "guest web wants 03:00.0, but it is ..." */
static bool refuse(const struct candidate *at, const char *why, const char *remedy)
{
    diag_set(at->work->diag, "guest %.*s wants %s, but %s", GUEST_NAME(guest_of(at)), at->name,
             why);
    diag_hint(at->work->diag, "%s", remedy);
    return refuse_at(at->work, at->line);
}

/* ---- one function alone ---- */

static bool check_kind(const struct candidate *at)
{
    if (at->function->header > PCI_HEADER_CARDBUS)
        return refuse(at, "its header is of an unknown type", "remove the line");
    if (pci_is_any_bridge(at->function)) {
        return refuse(at, "it is a bridge",
                      "name the devices behind it; bridges stay with the "
                      "hypervisor");
    }
    return true;
}

/* Which line of an I/O APIC an INTx is, only AML tells, which nobody here can read: so the user has
 * to say it. */
static bool check_interrupts(const struct candidate *at)
{
    const struct pci_function *function = at->function;
    const struct config_device *wish = &at->work->config->devices[at->line];

    if (wish->gsi != 0 && function->pin == 0 && wish->selector.kind != PCI_BY_SLOT)
        return refuse(at, "it has no INTx", "remove intx= from the line");
    if (wish->gsi != 0)
        return true;
    return function->pin == 0 || function->caps.msi_vectors > 0 ||
           function->caps.msix_vectors > 0 ||
           refuse(at, "it has neither MSI nor MSI-X",
                  "add the input of the I/O APIC to which its INTx is wired, such as intx=21; a "
                  "Linux on this machine tells: /proc/interrupts, lspci -v");
}

/* Buses below a bridge whose numbers make no sense look like root buses. */
static bool check_bridges(const struct candidate *at)
{
    uint16_t index = pci_doubtful_bridge(at->work->pci, at->index);
    char why[80], name[PCI_TEXT];

    if (index == PCI_NONE)
        return true;
    pci_address_text(at->work->pci->functions[index].address, name);
    fmt_print(why, sizeof(why), "bridge %s may be above it, whose bus numbers make no sense", name);
    return refuse(at, why,
                  "nobody knows what could reach it: use another slot, or update the firmware");
}

static bool check_single(const struct candidate *at)
{
    const struct plan *plan = at->work->plan;
    char why[80];

    for (uint32_t i = 0; i < plan->device_count; i++) {
        const struct plan_device *other = &plan->devices[i];
        uint32_t line = at->work->config->devices[other->line].at.line;
        if (other->function.address.raw == at->function->address.raw) {
            fmt_print(why, sizeof(why), "line %u gives it to guest %.*s already", line,
                      GUEST_NAME(&at->work->config->guests[other->guest]));
            return refuse(at, why, "remove one of the two lines, or name another device in it");
        }
        if (other->index == at->function->physical || other->function.physical == at->index) {
            fmt_print(why, sizeof(why),
                      "it and the function of line %u are physical and virtual "
                      "function",
                      line);
            return refuse(at, why,
                          "a reset of the physical function ends its virtual ones: give "
                          "either away");
        }
    }
    return true;
}

/* Does an area that the hypervisor uses lie in a BAR, or in the pages of one? */
static bool is_used(const struct hardware *hardware, const struct pci_bar *bar)
{
    bool io = bar->kind == PCI_BAR_IO;
    struct plan_span span = places_pages(bar);

    for (uint32_t i = 0; bar->base != 0 && i < hardware->owned_count && i < HARDWARE_MAX_OWNED;
         i++) {
        const struct hardware_owned *owned = &hardware->owned[i];
        if (owned->io == io && owned->base < span.base + span.size &&
            span.base < owned->base + owned->size)
            return true;
    }
    return false;
}

bool devices_used_by_host(const struct hardware *hardware, const struct pci_function *function)
{
    if (function->class_code >> 8 == CLASS_IOMMU)
        return true;
    for (uint32_t i = 0; i < PCI_BAR_COUNT; i++)
        if (is_used(hardware, &function->bars[i]))
            return true;
    return false;
}

static bool check_users(const struct candidate *at)
{
    const struct hardware *hardware = at->work->hardware;

    if (devices_used_by_host(hardware, at->function)) {
        return refuse(at, "the hypervisor itself uses it (serial port, screen, timer or IOMMU)",
                      "choose another console with console = in [machine], or another device");
    }
    for (uint32_t i = 0; i < hardware->tied_count && i < HARDWARE_MAX_TIED; i++) {
        if (hardware->tied[i].raw == at->function->address.raw) {
            return refuse(at, "firmware shares memory with it (RMRR)",
                          "switch off what firmware uses it for in its setup (legacy USB, "
                          "management), or name another device");
        }
    }
    return true;
}

static bool check_bars(const struct candidate *at)
{
    struct bar_fault fault;

    return bars_check(at->work, at->index, &fault) || refuse(at, fault.why, fault.remedy);
}

/* Who sends past all IOMMUs reaches all memory; who sends under an unknown id reaches none. */
static bool check_service(const struct candidate *at)
{
    switch ((enum hardware_service)at->work->hardware->services[at->index]) {
    case SERVICE_KNOWN:
        break;
    case SERVICE_NONE:
        return refuse(at, "by the DMAR or IVRS table no IOMMU serves it, or two do",
                      "nothing would keep it from others' memory: use another slot or another "
                      "device, or update the firmware");
    case SERVICE_OTHER_ID:
        return refuse(at, "by the IVRS table it sends under the id of another device",
                      "it would reach no memory: use another slot or another device, or update "
                      "the firmware");
    }
    return true;
}

/* ---- what a line selects ---- */

/*
 * Does it send under an id that an I/O APIC or HPET has? The IOMMU could not tell the two apart:
 * the guest would raise the hypervisor's interrupts, and AMD's tables would be one.
 */
static bool check_sources(const struct candidate *at, const struct plan_device *device)
{
    const struct hardware *hardware = at->work->hardware;
    uint32_t segment = pci_segment_of(at->function->address);
    char why[80], name[PCI_TEXT];

    for (uint32_t i = 0; i < device->requester_count; i++) {
        pci_address_t source = pci_address_of(segment, device->requesters[i]);
        for (uint32_t n = 0; n < hardware->special_count && n < HARDWARE_MAX_SPECIALS; n++) {
            if (hardware->specials[n].raw != source.raw)
                continue;
            pci_address_text(source, name);
            fmt_print(why, sizeof(why), "an I/O APIC or HPET has the same source id, %s", name);
            return refuse(at, why,
                          "use another slot, or another device: the IOMMU could not tell the two "
                          "apart");
        }
    }
    return true;
}

static bool add(const struct candidate *at)
{
    struct plan *plan = at->work->plan;

    if (plan->device_count == PLAN_MAX_DEVICES) {
        return refuse(at, "the guests have as many PCI functions as can be planned for",
                      "name fewer functions in all");
    }
    struct plan_device *device = &plan->devices[plan->device_count];
    *device = (struct plan_device){
        .function = *at->function,
        .guest = (uint16_t)at->guest,
        .line = at->line,
        .index = at->index,
        .gsi = at->function->pin == 0 ? 0 : (uint16_t)at->work->config->devices[at->line].gsi,
    };
    device->requester_count = (uint8_t)pci_requesters(at->work->pci, at->index, device->requesters);
    if (at->function->parent != PCI_NONE)
        device->bridge = at->work->pci->functions[at->function->parent].address;
    if (!check_sources(at, device))
        return false;
    plan->guests[at->guest].device_count++;
    plan->device_count++;
    return true;
}

static bool refuse_missing(const struct plan_work *work, uint32_t guest, uint32_t line,
                           uint32_t like)
{
    const struct config_device *wish = &work->config->devices[line];
    uint32_t bus = (wish->selector.value & 0xffffff00u);
    uint32_t on_bus = 0;

    diag_set(work->diag, "guest %.*s wants %.*s, but there is no such PCI device",
             GUEST_NAME(&work->config->guests[guest]), WISH(wish));
    if (wish->selector.number > 0) {
        diag_hint(work->diag, "the machine has %u of that kind, and %u PCI functions in all", like,
                  work->pci->count);
    } else {
        for (uint32_t i = 0; i < work->pci->count; i++)
            on_bus += (work->pci->functions[i].address.raw & ~(uint32_t)0xff) == bus;
        diag_hint(work->diag, "on that bus are %u PCI functions, in the machine %u", on_bus,
                  work->pci->count);
    }
    return refuse_at(work, line);
}

static bool take_line(struct plan_work *work, uint32_t guest, uint16_t line)
{
    const struct pci_selector *selector = &work->config->devices[line].selector;
    uint32_t like = 0;
    uint16_t index = pci_select_next(work->pci, selector, 0, &like);

    if (index == PCI_NONE)
        return refuse_missing(work, guest, line, like);
    while (index != PCI_NONE) {
        struct candidate at = {.work = work,
                               .guest = guest,
                               .line = line,
                               .index = index,
                               .function = &work->pci->functions[index]};
        pci_address_text(at.function->address, at.name);
        if (!check_kind(&at) || !check_bridges(&at) || !check_single(&at) || !check_users(&at) ||
            !check_service(&at) || !check_interrupts(&at) || !check_bars(&at) || !add(&at))
            return false;
        index = selector->number != 0
                    ? PCI_NONE
                    : pci_select_next(work->pci, selector, (uint16_t)(index + 1), &like);
    }
    return true;
}

/* Whichever device a guest names, by its first line. */
static bool refuse_all(const struct plan_work *work, uint32_t guest, const char *why,
                       const char *remedy)
{
    const struct config_guest *wish = &work->config->guests[guest];

    diag_set(work->diag, "guest %.*s wants PCI device %.*s, but %s", GUEST_NAME(wish),
             WISH(&work->config->devices[wish->first_device]), why);
    diag_hint(work->diag, "%s", remedy);
    return refuse_at(work, wish->first_device);
}

static bool refuse_without_iommu(const struct plan_work *work, uint32_t guest)
{
    return refuse_all(work, guest, "the machine has no IOMMU",
                      "nothing would keep it from others' memory: switch on VT-d, AMD-Vi or "
                      "IOMMU in the firmware setup, or remove the line");
}

/* DMA would be kept in bounds, but not interrupts. */
static bool refuse_remapping(const struct plan_work *work, uint32_t guest)
{
    const struct pci_function *chipset = &work->pci->functions[pci_bad_remapping(work->pci)];
    char at[PCI_TEXT], why[120];

    pci_address_text(chipset->address, at);
    fmt_print(why, sizeof(why),
              "the chipset cannot remap interrupts (%s %04x:%04x, revision %02x: an erratum)", at,
              chipset->vendor, chipset->device, chipset->revision);
    return refuse_all(work, guest, why,
                      "nothing would keep its interrupts from others' processors: use another "
                      "machine, or remove the line");
}

/* What is not in the table is neither silent nor in a group. */
static bool refuse_incomplete(const struct plan_work *work, uint32_t guest)
{
    char why[80];

    fmt_print(why, sizeof(why), "the machine has more than %u PCI functions", PCI_MAX_FUNCTIONS);
    return refuse_all(work, guest, why,
                      "nobody knows what those beyond could reach: switch off virtual functions "
                      "(SR-IOV) in the firmware setup, or remove the line");
}

bool devices_take(struct plan_work *work)
{
    struct plan *plan = work->plan;

    for (uint32_t i = 0; i < plan->guest_count; i++) {
        const struct config_guest *guest = &work->config->guests[i];
        if (guest->device_count > 0 && work->hardware->iommu == HARDWARE_NO_IOMMU)
            return refuse_without_iommu(work, i);
        if (guest->device_count > 0 && work->hardware->iommu == HARDWARE_VTD &&
            pci_bad_remapping(work->pci) != PCI_NONE)
            return refuse_remapping(work, i);
        if (guest->device_count > 0 && work->pci->lost > 0)
            return refuse_incomplete(work, i);
        plan->guests[i].first_device = (uint16_t)plan->device_count;
        for (uint32_t n = 0; n < guest->device_count; n++)
            if (!take_line(work, i, (uint16_t)(guest->first_device + n)))
                return false;
    }
    if (!groups_check(work) || !lines_choose(work))
        return false;
    for (uint32_t i = 0; i < plan->guest_count; i++)
        if (!places_choose(work, i))
            return false;
    return true;
}
