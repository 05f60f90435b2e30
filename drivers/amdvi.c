/* SPDX-License-Identifier: MIT */
/* AMD-Vi: all IOMMUs of the machine as one. drivers/iommu.h has the contracts. */
#include "arch/cpu.h"
#include "arch/x86/cpu/memory.h"
#include "drivers/amdvi_unit.h"
#include "drivers/iommu_ops.h"
#include "drivers/pci.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/fmt.h"

#define CLASS_IOMMU       0x0806
#define CAPABILITY_SECURE 0x0f /* "Secure Device": the IOMMU's */

#define TABLE_ALIGN 128 /* of interrupt remapping tables */

/* An I/O APIC's redirection table entry */
#define RTE_VECTOR          BITS(7, 0)
#define RTE_DELIVERY        BITS(10, 8)
#define RTE_NMI             4
#define RTE_DESTINATION     BITS(63, 56)
#define RTE_DESTINATION_MAX 0xfe /* 0xff are all processors */

/* Device ids repeat from segment to segment, and so each has a table of its own. */
struct segment {
    struct amdvi_dte *devices;
    uint64_t size; /* bytes */
    uint16_t number;
};

static struct {
    struct amdvi_unit *units;
    uint32_t unit_count;
    struct segment *segments;
    uint32_t segment_count;
    struct amdvi_caps caps;
    char name[64];
} amdvi;

static struct segment *segment_of(uint16_t number)
{
    for (uint32_t i = 0; i < amdvi.segment_count; i++)
        if (amdvi.segments[i].number == number)
            return &amdvi.segments[i];
    return NULL;
}

static volatile struct amdvi_dte *dte_of(const struct iommu_client *client)
{
    return &segment_of(client->source.segment)->devices[client->source.id];
}

/* On all units of the segment. False: one of them is dead. */
static bool execute(uint16_t segment, const struct amdvi_pair *what, uint32_t count)
{
    bool done = true;
    for (uint32_t i = 0; i < amdvi.unit_count; i++)
        if (amdvi.units[i].segment == segment)
            done &= amdvi_unit_execute(&amdvi.units[i], what, count);
    return done;
}

static bool amdvi_probe(const struct iommu_machine *machine, struct diag *diag)
{
    const struct acpi_ivrs *ivrs = &machine->remapping.host->ivrs;
    amdvi.units = host_alloc(ivrs->unit_count * sizeof(struct amdvi_unit), 16);
    amdvi.unit_count = ivrs->unit_count;
    for (uint32_t i = 0; i < ivrs->unit_count; i++)
        amdvi_unit_map(&amdvi.units[i], &ivrs->units[i]);
    for (uint32_t i = 0; i < ivrs->unit_count; i++) {
        struct amdvi_caps caps;
        if (!amdvi_caps_read(amdvi.units[i].features, machine->x2apic, &caps, diag))
            return false;
        if (i == 0)
            amdvi.caps = caps;
        amdvi_caps_join(&amdvi.caps, &caps);
    }
    return true;
}

static void let_messages(const struct segment *segment, uint32_t id, uint8_t setting)
{
    if (id < segment->size / sizeof(struct amdvi_dte))
        segment->devices[id].words[1] = amdvi_dte_messages(setting);
}

/* Of what firmware asks for beside plain interrupts, system management messages alone are let
 * through; INIT, NMI, ExtINT and LINT are not. */
static void settings_apply(const struct segment *segment, const struct acpi_ivrs *ivrs)
{
    for (uint32_t i = 0; i < ivrs->unit_count; i++) {
        const struct ivrs_unit *unit = &ivrs->units[i];
        for (uint32_t n = 0; n < unit->range_count && unit->segment == segment->number; n++) {
            const struct ivrs_range *range = &ivrs->ranges[unit->first_range + n];
            for (uint32_t id = range->first; id <= range->last && !range->all; id++)
                let_messages(segment, id, range->dte);
        }
    }
    for (uint32_t i = 0; i < ivrs->special_count; i++) {
        const struct ivrs_special *special = &ivrs->specials[i];
        if (ivrs->units[special->unit].segment == segment->number &&
            field_get(IVHD_SYS_MGT, special->dte) != 0)
            let_messages(segment, special->device_id, special->dte);
    }
}

/* With that entry for everybody. */
static struct segment *segment_make(const struct iommu_machine *machine, uint16_t number,
                                    struct amdvi_dte entry)
{
    struct segment *segment = segment_of(number);
    if (segment)
        return segment;
    segment = &amdvi.segments[amdvi.segment_count++];
    segment->number = number;
    segment->size = iommu_device_table_bytes(&machine->remapping.host->ivrs, number,
                                             number == 0 ? machine->demand.last_bus : UINT8_MAX);
    segment->devices = host_alloc(segment->size, PAGE_4K);
    for (uint64_t id = 0; id < segment->size / sizeof(struct amdvi_dte); id++)
        segment->devices[id] = entry;
    settings_apply(segment, &machine->remapping.host->ivrs);
    return segment;
}

/* Those that are there. False: one does not obey. */
static bool units_start(const struct iommu_machine *machine, struct amdvi_dte entry, bool x2apic,
                        struct diag *diag)
{
    amdvi.segments = host_alloc(amdvi.unit_count * sizeof(struct segment), 16);
    for (uint32_t i = 0; i < amdvi.unit_count; i++) {
        struct amdvi_unit *unit = &amdvi.units[i];
        if (!amdvi_is_there(unit->features))
            continue;
        const struct segment *segment = segment_make(machine, unit->segment, entry);
        if (!amdvi_unit_start(unit, host_hpa(segment->devices), segment->size, &amdvi.caps, x2apic))
            return diag_set(diag, "the IOMMU at 0x%llx does not obey",
                            (unsigned long long)machine->remapping.host->ivrs.units[i].base);
    }
    return true;
}

/* No table of interrupts is used, and so it does not matter which kind the units have. */
static enum iommu_result amdvi_block(const struct iommu_machine *machine, struct diag *diag)
{
    uint32_t there = 0;
    for (uint32_t i = 0; i < amdvi.unit_count; i++)
        there += amdvi_is_there(amdvi.units[i].features);
    amdvi.caps = (struct amdvi_caps){0};
    if (!units_start(machine, amdvi_dte_no_memory(), false, diag))
        return IOMMU_BROKEN;
    return iommu_blocking(there, amdvi.unit_count);
}

static bool amdvi_start(const struct iommu_machine *machine, struct diag *diag)
{
    if (!units_start(machine, amdvi_dte_blocked(), machine->x2apic, diag))
        return false;
    fmt_print(amdvi.name, sizeof(amdvi.name), "AMD-Vi, %u unit%s, 48-bit, 1G pages",
              amdvi.unit_count, amdvi.unit_count == 1 ? "" : "s");
    return true;
}

static uint64_t irte_bytes(void)
{
    return amdvi.caps.wide_irtes ? sizeof(struct amdvi_pair) : sizeof(uint32_t);
}

static bool table_set(const struct iommu_client *client, bool pass_nmi)
{
    unsigned order = 0;
    while (1u << order < client->irq_room)
        order++;
    dte_of(client)->words[2] = amdvi_dte_irqs(host_hpa(client->irqs), order, pass_nmi);
    const struct amdvi_pair changed[] = {amdvi_invalidate_dte(client->source.id),
                                         amdvi_invalidate_irqs(client->source.id)};
    return execute(client->source.segment, changed, 2);
}

/* The source's table is made for its first client; one with the same source shares it. */
static bool amdvi_prepare(struct iommu_client *client, const struct iommu_client *twin,
                          struct diag *diag)
{
    const struct segment *segment = segment_of(client->source.segment);
    if (!segment || client->source.id >= segment->size / sizeof(struct amdvi_dte))
        return diag_set(diag, "no IOMMU has an entry for the device %x of PCI segment %u",
                        client->source.id, client->source.segment);
    if (twin) {
        client->first_irq = (uint16_t)(twin->first_irq + twin->irq_count);
        client->irq_room = twin->irq_room;
        client->irqs = twin->irqs;
    }
    if (client->first_irq + client->irq_count <= client->irq_room)
        return true;
    if (client->irqs)
        return diag_set(diag, "devices that share the id %x have too many interrupts",
                        client->source.id);
    while (client->irq_room < client->irq_count)
        client->irq_room = client->irq_room ? 2 * client->irq_room : 1;
    client->irqs = host_alloc(irte_bytes() * client->irq_room, TABLE_ALIGN);
    if (!table_set(client, false))
        return diag_set(diag, "an AMD IOMMU does not answer");
    return true;
}

/* All of them have one table: a message's number is its entry's, under whichever id it comes. */
static bool amdvi_alias(struct iommu_client *client, struct iommu_client *own, bool buses)
{
    (void)buses; /* each id has its own device table entry */
    if (!client->irqs || own->irqs == client->irqs)
        return true;
    own->irqs = client->irqs;
    own->irq_room = client->irq_room;
    own->twin = client->twin;
    client->twin = own;
    return table_set(own, false);
}

/* A unit may have cached the table's entries under each id that has it. */
static bool forget_irqs(const struct iommu_client *client)
{
    bool done = true;
    for (; client; client = client->twin) {
        const struct amdvi_pair changed[] = {amdvi_invalidate_irqs(client->source.id)};
        done = execute(client->source.segment, changed, 1) && done;
    }
    return done;
}

static bool amdvi_domain(struct iommu_domain *domain, const struct plan_range *ranges,
                         uint32_t count, struct diag *diag)
{
    struct iommu_tables tables = {
        .format = &pagetable_amdvi, .flags = (uint32_t)MAP_READ | MAP_WRITE, .page_1g = true};
    if (!iommu_build(&tables, ranges, count))
        return diag_set(diag, "a guest's memory has addresses that AMD-Vi does not reach");
    domain->tables = tables.root;
    return true;
}

static void tell(volatile struct amdvi_dte *dte, bool on)
{
    dte->words[1] = (dte->words[1] & ~AMDVI_DTE_SA) | (on ? 0 : AMDVI_DTE_SA);
    dte->words[2] = (dte->words[2] & ~AMDVI_DTE_IG) | (on ? 0 : AMDVI_DTE_IG);
}

/* Word 0 has all rights and comes last. */
static bool amdvi_attach(struct iommu_client *client, const struct iommu_domain *domain)
{
    volatile struct amdvi_dte *dte = dte_of(client);
    uint16_t old = client->domain ? client->domain->id : 0;
    dte->words[0] = amdvi_dte_blocked().words[0];
    dte->words[1] = amdvi_dte_domain(domain ? domain->id : 0);
    tell(dte, !client->silent);
    if (domain)
        dte->words[0] = amdvi_dte_tables(domain->tables);
    const struct amdvi_pair changed[] = {amdvi_invalidate_dte(client->source.id),
                                         amdvi_invalidate_domain(old),
                                         amdvi_invalidate_domain(domain ? domain->id : 0)};
    return execute(client->source.segment, changed, 3);
}

static bool amdvi_silence(struct iommu_source source, const struct iommu_client *first)
{
    const struct segment *segment = segment_of(source.segment);
    const struct amdvi_pair changed[] = {amdvi_invalidate_dte(source.id),
                                         amdvi_invalidate_irqs(source.id)};
    (void)first; /* one bit for all of its interrupts */
    if (!segment || source.id >= segment->size / sizeof(struct amdvi_dte))
        return false;
    tell(&segment->devices[source.id], false);
    return execute(source.segment, changed, 2);
}

static void irte_write(const struct iommu_client *client, uint32_t n, const struct iommu_irq *irq)
{
    uint32_t index = client->first_irq + n;
    if (amdvi.caps.wide_irtes) {
        struct amdvi_pair value = {0, 0};
        if (irq)
            value = amdvi_irte_128(irq);
        struct amdvi_pair *entry = (struct amdvi_pair *)client->irqs + index;
        cpu_store_128(&entry->low, value.low, value.high);
    } else {
        ((volatile uint32_t *)client->irqs)[index] = irq ? amdvi_irte_32(irq) : 0;
    }
}

/* NMIs have no entries: those of an I/O APIC pass as they are, to the processor that its own
 * table names. */
static bool amdvi_irq(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq)
{
    if (irq && irq->nmi)
        return irq->apic_id <= RTE_DESTINATION_MAX && table_set(client, true);
    irte_write(client, n, irq);
    return forget_irqs(client);
}

static bool amdvi_irqs_off(struct iommu_client *client, uint32_t first, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++)
        irte_write(client, first + n, NULL);
    return count == 0 || forget_irqs(client);
}

static struct iommu_message amdvi_message_of(const struct iommu_client *client, uint32_t n)
{
    return amdvi_message((uint16_t)(client->first_irq + n));
}

/* The entry's number stands in place of the vector. */
static uint64_t amdvi_line(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq)
{
    return irq->nmi ? field_put(RTE_DELIVERY, RTE_NMI) | field_put(RTE_DESTINATION, irq->apic_id)
                    : field_put(RTE_VECTOR, client->first_irq + n);
}

static uint32_t amdvi_units(void)
{
    return amdvi.unit_count;
}

static bool amdvi_poll(uint32_t unit, struct iommu_fault *fault)
{
    return amdvi_unit_poll(&amdvi.units[unit], fault);
}

/* The unit as a PCI function: its event log's interrupt is its MSI. */
static bool msi_set(const struct amdvi_unit *unit, const struct iommu_message *message)
{
    uint16_t id = unit->device_id;
    pci_address_t at = pci_address(unit->segment, id >> 8, id >> 3 & 31, id & 7);
    return pci_keep(at) && pci_read32(pci_machine(), at, PCI_REVISION) >> 16 == CLASS_IOMMU &&
           pci_read8(pci_machine(), at, unit->capability & BITS(7, 2)) == CAPABILITY_SECURE &&
           pci_msi_send(pci_machine(), at, message->address, (uint16_t)message->data);
}

/* An MSI has 8 bits of an APIC id; and a unit that does not send NMIs is not relied on. */
static bool amdvi_alert(uint32_t apic_id, const volatile uint64_t *nmis)
{
    const struct iommu_message message = iommu_nmi_message(apic_id);
    bool able = apic_id <= RTE_DESTINATION_MAX;
    for (uint32_t i = 0; i < amdvi.unit_count && able; i++)
        able = msi_set(&amdvi.units[i], &message) && amdvi_unit_try(&amdvi.units[i], nmis);
    return able;
}

static bool amdvi_listen(bool on)
{
    bool already = false;
    for (uint32_t i = 0; i < amdvi.unit_count; i++)
        already |= amdvi_unit_listen(&amdvi.units[i], on);
    return already;
}

/* All pages are forced to be coherent (FC). */
static bool amdvi_snoops(void)
{
    return true;
}

static const char *amdvi_name(void)
{
    return amdvi.name;
}

const struct iommu_ops amdvi_ops = {
    .probe = amdvi_probe,
    .block = amdvi_block,
    .start = amdvi_start,
    .prepare = amdvi_prepare,
    .alias = amdvi_alias,
    .domain = amdvi_domain,
    .attach = amdvi_attach,
    .silence = amdvi_silence,
    .irq = amdvi_irq,
    .irqs_off = amdvi_irqs_off,
    .message = amdvi_message_of,
    .line = amdvi_line,
    .units = amdvi_units,
    .poll = amdvi_poll,
    .alert = amdvi_alert,
    .listen = amdvi_listen,
    .snoops = amdvi_snoops,
    .name = amdvi_name,
};
