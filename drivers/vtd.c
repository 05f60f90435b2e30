/* SPDX-License-Identifier: MIT */
/* VT-d: all units of the machine as one. drivers/iommu.h has the contracts. */
#include "arch/cpu.h"
#include "arch/x86/cpu/memory.h"
#include "drivers/iommu/vtd_regs.h"
#include "drivers/iommu_ops.h"
#include "drivers/vtd_unit.h"
#include "kernel/lib/fmt.h"

#define LINE_BYTES      64
#define DEVICES_PER_BUS 256
#define BUS_OF(id)      ((id) >> 8)
#define DEVICE_OF(id)   ((id) & 0xff)

/* Source ids repeat from segment to segment, and so each has tables of its own. */
struct segment {
    struct vtd_pair *roots; /* a context table of each bus that has clients */
    struct vtd_pair *irtes;
    uint32_t irtes_used;
    uint16_t number;
};

static struct {
    struct vtd_unit *units;
    uint32_t unit_count;
    struct segment *segments;
    uint32_t segment_count;
    uint32_t irte_count;   /* of each segment */
    struct vtd_pair *mute; /* a context table for buses of which nothing is to be told */
    struct vtd_caps caps;
    bool x2apic;
    char name[64];
} vtd;

static struct segment *segment_of(uint16_t number)
{
    for (uint32_t i = 0; i < vtd.segment_count; i++)
        if (vtd.segments[i].number == number)
            return &vtd.segments[i];
    return NULL;
}

/* Write back what the units are to see, when they do not look into the caches. */
static void publish(const void *start, uint64_t size)
{
    if (vtd.caps.coherent)
        return;
    const uint8_t *at = start;
    for (uint64_t i = 0; i < size; i += LINE_BYTES)
        cpu_flush_line(at + i);
    cpu_flush_line(at + size - 1);
    cpu_fence();
}

/* A unit reads the lower half last seen: first the upper one, which means nothing without it. */
static void entry_write(struct vtd_pair *entry, struct vtd_pair value)
{
    volatile struct vtd_pair *to = entry;
    if (to->high != value.high) {
        to->low = 0;
        to->high = value.high;
    }
    to->low = value.low;
    publish(entry, sizeof(*entry));
}

/* On all units of the segment. False: one of them is dead. */
static bool invalidate(uint16_t segment, const struct vtd_pair *what, uint32_t count)
{
    bool done = true;
    for (uint32_t i = 0; i < vtd.unit_count; i++)
        if (vtd.units[i].segment == segment)
            done &= vtd_unit_invalidate(&vtd.units[i], what, count);
    return done;
}

/* All of them, as those that make sense can block at least. False: one does not. */
static bool map_units(const struct acpi_dmar *dmar, struct diag *diag)
{
    bool good = true;
    vtd.units = host_alloc(dmar->unit_count * sizeof(struct vtd_unit), 16);
    vtd.unit_count = dmar->unit_count;
    for (uint32_t i = 0; i < dmar->unit_count; i++)
        good = vtd_unit_map(&vtd.units[i], &dmar->units[i], diag) && good;
    return good;
}

static bool vtd_probe(const struct iommu_machine *machine, struct diag *diag)
{
    const struct acpi_dmar *dmar = &machine->remapping.host->dmar;
    vtd.x2apic = machine->x2apic;
    if (!map_units(dmar, diag))
        return false;
    if (!dmar->intr_remap)
        return diag_set(diag, "the DMAR table says that interrupts cannot be remapped");
    if (machine->bad_remapping)
        return diag_set(diag, "this chipset cannot remap interrupts (an erratum)");
    for (uint32_t i = 0; i < vtd.unit_count; i++) {
        struct vtd_caps caps;
        if (!vtd_caps_read(vtd.units[i].cap, vtd.units[i].ecap, vtd.x2apic, &caps, diag))
            return false;
        if (i == 0)
            vtd.caps = caps;
        vtd_caps_join(&vtd.caps, &caps);
    }
    if (vtd_levels(&vtd.caps) == 0)
        return diag_set(diag, "the VT-d units have no number of table levels in common");
    return true;
}

static bool disobeys(const struct iommu_machine *machine, uint32_t unit, struct diag *diag)
{
    return diag_set(diag, "the VT-d unit at 0x%llx does not obey",
                    (unsigned long long)machine->remapping.host->dmar.units[unit].base);
}

/* One empty root table for all units. What the probe did not find out counts as not there. */
static enum iommu_result vtd_block(const struct iommu_machine *machine, struct diag *diag)
{
    const void *roots = host_alloc(PAGE_4K, PAGE_4K);
    uint32_t blocking = 0;
    vtd.caps.coherent = false;
    publish(roots, PAGE_4K);
    for (uint32_t i = 0; i < vtd.unit_count; i++) {
        struct vtd_unit *unit = &vtd.units[i];
        if (!unit->mapped || !vtd_is_there(unit->cap, unit->ecap))
            continue;
        if (!vtd_unit_block(unit, host_hpa(roots))) {
            disobeys(machine, i, diag);
            return IOMMU_BROKEN;
        }
        blocking++;
    }
    return iommu_blocking(blocking, vtd.unit_count);
}

static struct segment *segment_make(uint16_t number)
{
    struct segment *segment = segment_of(number);
    if (segment)
        return segment;
    segment = &vtd.segments[vtd.segment_count++];
    segment->number = number;
    segment->roots = host_alloc(PAGE_4K, PAGE_4K);
    segment->irtes = host_alloc(vtd.irte_count * sizeof(struct vtd_pair), PAGE_4K);
    publish(segment->roots, PAGE_4K);
    publish(segment->irtes, vtd.irte_count * sizeof(struct vtd_pair));
    return segment;
}

static bool vtd_start(const struct iommu_machine *machine, struct diag *diag)
{
    vtd.irte_count = iommu_vtd_entries(machine->demand.irqs);
    vtd.segments = host_alloc(vtd.unit_count * sizeof(struct segment), 16);
    vtd.mute = host_alloc(PAGE_4K, PAGE_4K);
    for (uint32_t i = 0; i < DEVICES_PER_BUS; i++)
        vtd.mute[i].low = VTD_FPD;
    publish(vtd.mute, PAGE_4K);
    for (uint32_t i = 0; i < vtd.unit_count; i++) {
        const struct segment *segment = segment_make(vtd.units[i].segment);
        struct vtd_roots roots = {.contexts = host_hpa(segment->roots),
                                  .irtes = host_hpa(segment->irtes),
                                  .irte_count = vtd.irte_count,
                                  .x2apic = vtd.x2apic};
        if (!vtd_unit_start(&vtd.units[i], &roots))
            return disobeys(machine, i, diag);
    }
    fmt_print(vtd.name, sizeof(vtd.name), "VT-d, %u unit%s, %d-bit, %s pages", vtd.unit_count,
              vtd.unit_count == 1 ? "" : "s", vtd_levels(&vtd.caps) == 4 ? 48 : 39,
              vtd.caps.page_1g ? "1G" : "2M");
    return true;
}

static bool vtd_prepare(struct iommu_client *client, const struct iommu_client *twin,
                        struct diag *diag)
{
    struct segment *segment = segment_of(client->source.segment);
    (void)twin; /* the same context entry, and interrupt entries that stand anywhere */
    if (!segment)
        return diag_set(diag, "no VT-d unit serves PCI segment %u", client->source.segment);
    if (client->irq_count > vtd.irte_count - segment->irtes_used)
        return diag_set(diag, "the VT-d units' %u interrupt entries are not enough",
                        vtd.irte_count);
    client->first_irq = (uint16_t)segment->irtes_used;
    segment->irtes_used += client->irq_count;
    struct vtd_pair *root = &segment->roots[BUS_OF(client->source.id)];
    if (!root->low) {
        void *contexts = host_alloc(PAGE_4K, PAGE_4K);
        publish(contexts, PAGE_4K);
        entry_write(root, vtd_root_entry(host_hpa(contexts)));
    }
    client->context = host_pointer(hpa(align_down(root->low, PAGE_4K)));
    return true;
}

/* An entry knows who may use it; one of a bridge's own id is as one of any other function's. */
static bool vtd_alias(struct iommu_client *client, struct iommu_client *own, bool buses)
{
    uint8_t bus = BUS_OF(own->source.id);
    if (buses && bus > client->last_bus)
        client->last_bus = bus;
    return true;
}

static bool vtd_domain(struct iommu_domain *domain, const struct plan_range *ranges, uint32_t count,
                       struct diag *diag)
{
    bool four = vtd_levels(&vtd.caps) == 4;
    uint32_t bits = four ? 48 : 39;
    struct iommu_tables tables = {
        .format = four ? &pagetable_vtd_4 : &pagetable_vtd_3,
        .flags = (uint32_t)MAP_READ | MAP_WRITE | (vtd.caps.snoop ? MAP_SNOOP : 0u),
        .page_1g = vtd.caps.page_1g,
    };
    bits = vtd.caps.address_bits < bits ? vtd.caps.address_bits : bits;
    for (uint32_t i = 0; i < count; i++)
        if (ranges[i].gpa.raw + ranges[i].size - 1 >= BIT(bits))
            return diag_set(diag, "VT-d reaches %u bits of a guest's memory, which has more", bits);
    if (domain->id >= BIT(vtd.caps.domain_bits))
        return diag_set(diag, "the VT-d units know no more than %llu domains",
                        (unsigned long long)BIT(vtd.caps.domain_bits) - 1);
    if (!iommu_build(&tables, ranges, count))
        return diag_set(diag, "a guest's memory has addresses that VT-d does not reach");
    publish(tables.first, tables.size);
    domain->tables = tables.root;
    return true;
}

/* A unit in caching mode remembers blocked sources, as ones of domain 0. */
static bool context_changed(struct iommu_source source, uint16_t before, uint16_t after)
{
    const struct vtd_pair what[] = {
        vtd_invalidate_context(0, source.id),
        vtd_invalidate_context(before, source.id),
        vtd_invalidate_tlb_domain(before),
        vtd_invalidate_tlb_domain(after),
    };
    return invalidate(source.segment, what, 4);
}

static uint64_t fpd(const struct iommu_client *client)
{
    return client->silent ? VTD_FPD : 0;
}

static bool vtd_attach(struct iommu_client *client, const struct iommu_domain *domain)
{
    uint16_t id = client->source.id;
    uint16_t old = client->domain ? client->domain->id : 0;
    struct vtd_pair *entry = (struct vtd_pair *)client->context + DEVICE_OF(id);
    struct vtd_pair value = {0, 0};
    if (domain)
        value = vtd_context_entry(domain->tables, vtd_levels(&vtd.caps), domain->id);
    value.low |= fpd(client);
    entry_write(entry, value);
    return context_changed(client->source, old, domain ? domain->id : 0);
}

/* A bus without a context table: a root entry has no FPD. */
static bool bus_silence(const struct segment *segment, uint32_t bus)
{
    const struct vtd_pair what[] = {vtd_invalidate_contexts(), vtd_invalidate_tlb_domain(0)};
    entry_write(&segment->roots[bus], vtd_root_entry(host_hpa(vtd.mute)));
    return invalidate(segment->number, what, 2);
}

static bool vtd_silence(struct iommu_source source, const struct iommu_client *first)
{
    const struct segment *segment = segment_of(source.segment);
    const struct vtd_pair irtes[] = {vtd_invalidate_irtes()};
    uint16_t domain = 0;
    if (!segment)
        return false;
    uint64_t root = segment->roots[BUS_OF(source.id)].low;
    if (!root)
        return bus_silence(segment, BUS_OF(source.id));
    struct vtd_pair *contexts = host_pointer(hpa(align_down(root, PAGE_4K)));
    struct vtd_pair value = contexts[DEVICE_OF(source.id)];
    value.low |= VTD_FPD;
    entry_write(&contexts[DEVICE_OF(source.id)], value);
    for (const struct iommu_client *client = first; client; client = client->next) {
        if (!iommu_is_of(client, source))
            continue;
        domain = client->domain ? client->domain->id : 0;
        for (uint32_t n = 0; n < client->irq_count; n++) {
            value = segment->irtes[client->first_irq + n];
            value.low |= VTD_FPD;
            entry_write(&segment->irtes[client->first_irq + n], value);
        }
    }
    return context_changed(source, domain, domain) && invalidate(source.segment, irtes, 1);
}

static bool vtd_irq(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq)
{
    uint16_t index = (uint16_t)(client->first_irq + n);
    struct vtd_pair value = {0, 0};
    if (irq)
        value = vtd_irte(irq, client->source.id, client->last_bus, vtd.x2apic);
    value.low |= fpd(client);
    entry_write(&segment_of(client->source.segment)->irtes[index], value);
    const struct vtd_pair what[] = {vtd_invalidate_irte(index)};
    return invalidate(client->source.segment, what, 1);
}

/* What else the units forget they read again. */
static bool vtd_irqs_off(struct iommu_client *client, uint32_t first, uint32_t count)
{
    struct vtd_pair *irtes = segment_of(client->source.segment)->irtes;
    const struct vtd_pair what[] = {vtd_invalidate_irtes()};
    for (uint32_t n = 0; n < count; n++)
        entry_write(&irtes[client->first_irq + first + n], (struct vtd_pair){fpd(client), 0});
    return count == 0 || invalidate(client->source.segment, what, 1);
}

static struct iommu_message vtd_message_of(const struct iommu_client *client, uint32_t n)
{
    return vtd_message(client->first_irq, (uint16_t)n);
}

static uint64_t vtd_line(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq)
{
    return vtd_ioapic_entry((uint16_t)(client->first_irq + n), irq->nmi ? 0 : irq->vector);
}

static uint32_t vtd_units(void)
{
    return vtd.unit_count;
}

static bool vtd_poll(uint32_t unit, struct iommu_fault *fault)
{
    return vtd_unit_poll(&vtd.units[unit], fault);
}

/* What units send for themselves is documented as fixed or lowest priority: one may not send NMIs.
 */
static bool vtd_alert(uint32_t apic_id, const volatile uint64_t *nmis)
{
    const struct iommu_message message = iommu_nmi_message(apic_id);
    bool able = true;
    for (uint32_t i = 0; i < vtd.unit_count && able; i++) {
        vtd_unit_alert(&vtd.units[i], &message);
        able = vtd_unit_try(&vtd.units[i], &message, nmis);
    }
    return able;
}

/* They make up for what they did not send. */
static bool vtd_listen(bool on)
{
    for (uint32_t i = 0; i < vtd.unit_count; i++)
        vtd_unit_listen(&vtd.units[i], on);
    return false;
}

static bool vtd_snoops(void)
{
    return vtd.caps.snoop;
}

static const char *vtd_name(void)
{
    return vtd.name;
}

const struct iommu_ops vtd_ops = {
    .probe = vtd_probe,
    .block = vtd_block,
    .start = vtd_start,
    .prepare = vtd_prepare,
    .alias = vtd_alias,
    .domain = vtd_domain,
    .attach = vtd_attach,
    .silence = vtd_silence,
    .irq = vtd_irq,
    .irqs_off = vtd_irqs_off,
    .message = vtd_message_of,
    .line = vtd_line,
    .line_has_vector = true,
    .units = vtd_units,
    .poll = vtd_poll,
    .alert = vtd_alert,
    .listen = vtd_listen,
    .snoops = vtd_snoops,
    .name = vtd_name,
};
