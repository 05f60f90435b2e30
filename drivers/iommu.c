/* SPDX-License-Identifier: MIT */
#include "drivers/iommu.h"

#include "arch/x86/cpu/memory.h"
#include "drivers/iommu_ops.h"
#include "kernel/lock.h"

static const struct iommu_ops *ops; /* NULL: there is no IOMMU */
static struct remapping remapping;
static struct iommu_client *clients;
static uint16_t domains;
static struct lock lock = LOCK_INIT; /* units, their tables, and who is attached */

/* iommu_poll(): who is next, and how many more it may tell before it is another one's turn. */
static struct {
    uint32_t unit, share;
} turn;

_Static_assert(sizeof(struct iommu_client) <= IOMMU_CLIENT_BYTES, "see drivers/iommu/needs.c");

/* A line that no unit remaps could not be let through. */
static bool ioapics_served(struct diag *diag)
{
    const struct acpi_madt *madt = &remapping.host->madt;
    struct remapping_place place;
    for (uint32_t i = 0; i < madt->ioapic_count; i++)
        if (!remapping_of_ioapic(&remapping, madt->ioapics[i].id, &place))
            return diag_set(diag, "no IOMMU of the %s table serves I/O APIC %u",
                            remapping.host->dmar.present ? "DMAR" : "IVRS", madt->ioapics[i].id);
    return true;
}

enum iommu_result iommu_start(const struct iommu_machine *machine, struct diag *diag)
{
    const struct acpi_host *acpi = machine->remapping.host;
    const struct iommu_ops *found = acpi->dmar.present ? &vtd_ops : &amdvi_ops;
    remapping = machine->remapping;
    if (!acpi->dmar.present && !acpi->ivrs.present) {
        diag_set(diag, "this machine has no IOMMU (no DMAR or IVRS table)");
        diag_hint(diag, "turn on \"VT-d\" or \"IOMMU\" in the firmware setup");
        return IOMMU_UNUSED;
    }
    if (!found->probe(machine, diag) || !ioapics_served(diag))
        return found->block(machine, diag);
    if (!found->start(machine, diag))
        return IOMMU_BROKEN;
    ops = found;
    return IOMMU_ON;
}

bool iommu_on(void)
{
    return ops != NULL;
}

bool iommu_snoops(void)
{
    return ops && ops->snoops();
}

const char *iommu_name(void)
{
    return ops ? ops->name() : "";
}

bool iommu_is_of(const struct iommu_client *client, struct iommu_source source)
{
    return client->source.segment == source.segment && client->source.id == source.id;
}

static const struct iommu_client *twin_of(struct iommu_source source)
{
    for (const struct iommu_client *other = clients; other; other = other->next)
        if (iommu_is_of(other, source))
            return other;
    return NULL;
}

static struct iommu_client *prepare(struct iommu_source source, uint32_t irqs, struct diag *diag)
{
    if (!ops) {
        diag_set(diag, "no IOMMU keeps a device in bounds here");
        return NULL;
    }
    if (irqs > IOMMU_MAX_SHARED) {
        diag_set(diag, "devices behind one bridge have more interrupts than an IOMMU has entries");
        diag_hint(diag, "name fewer of them, or use another slot");
        return NULL;
    }
    struct iommu_client *client = host_alloc(sizeof(*client), 16);
    client->source = source;
    client->irq_count = (uint16_t)irqs;
    if (!ops->prepare(client, twin_of(source), diag))
        return NULL;
    client->next = clients;
    clients = client;
    return client;
}

struct iommu_client *iommu_prepare(struct iommu_source source, uint32_t irqs, struct diag *diag)
{
    struct remapping_place place;
    uint32_t next = 0;
    while (ops && remapping_next_special(&remapping, &next, &place))
        if (place.segment == source.segment && place.source_id == source.id) {
            diag_set(diag, "an I/O APIC or HPET has the source id %x of a device", source.id);
            return NULL;
        }
    return prepare(source, irqs, diag);
}

bool iommu_alias(struct iommu_client *client, struct iommu_client *own, bool buses,
                 struct diag *diag)
{
    return ops->alias(client, own, buses) || diag_set(diag, "an IOMMU does not answer");
}

static uint64_t *table_at(void *context, hpa_t table)
{
    (void)context;
    return host_pointer(table);
}

static bool take_page(void *context, hpa_t *page)
{
    struct iommu_tables *tables = context;
    void *taken = host_alloc(PAGE_4K, PAGE_4K);
    if (!tables->first)
        tables->first = taken;
    tables->size = (uint64_t)((uint8_t *)taken - (uint8_t *)tables->first) + PAGE_4K;
    *page = host_hpa(taken);
    return true;
}

bool iommu_build(struct iommu_tables *tables, const struct plan_range *ranges, uint32_t count)
{
    struct pagetable table = {.format = tables->format,
                              .page_1g = tables->page_1g,
                              .table_at = table_at,
                              .take_page = take_page,
                              .context = tables};
    bool built = pagetable_init(&table);
    for (uint32_t i = 0; i < count && built; i++)
        built = pagetable_map(&table, ranges[i].gpa.raw, ranges[i].hpa.raw, ranges[i].size,
                              tables->flags);
    tables->root = table.root;
    return built;
}

bool iommu_domain(struct iommu_domain *domain, const struct plan_range *ranges, uint32_t count,
                  struct diag *diag)
{
    if (!ops)
        return diag_set(diag, "this machine has no IOMMU");
    domain->id = ++domains;
    return ops->domain(domain, ranges, count, diag);
}

bool iommu_attach(struct iommu_client *client, const struct iommu_domain *domain)
{
    lock_take(&lock);
    bool was_silent = client->silent;
    client->silent = !domain;
    bool done = ops->attach(client, domain);
    if (was_silent && domain)
        done = ops->irqs_off(client, 0, client->irq_count) && done;
    client->domain = domain;
    lock_release(&lock);
    return done;
}

bool iommu_silence(struct iommu_source source)
{
    lock_take(&lock);
    for (struct iommu_client *client = clients; client; client = client->next)
        client->silent |= iommu_is_of(client, source);
    bool done = ops->silence(source, clients);
    lock_release(&lock);
    return done;
}

bool iommu_irq(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq)
{
    if (n >= client->irq_count)
        return false;
    lock_take(&lock);
    bool done = ops->irq(client, n, irq);
    lock_release(&lock);
    return done;
}

bool iommu_irqs_off(struct iommu_client *client, uint32_t first, uint32_t count)
{
    if (first > client->irq_count || count > client->irq_count - first)
        return false;
    lock_take(&lock);
    bool done = ops->irqs_off(client, first, count);
    lock_release(&lock);
    return done;
}

struct iommu_message iommu_message(const struct iommu_client *client, uint32_t n)
{
    return ops->message(client, n);
}

uint64_t iommu_line(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq)
{
    lock_take(&lock);
    uint64_t entry = ops->line(client, n, irq);
    lock_release(&lock);
    return entry;
}

bool iommu_line_has_vector(void)
{
    return ops && ops->line_has_vector;
}

struct iommu_client *iommu_ioapic(uint8_t id, uint32_t lines, struct diag *diag)
{
    struct remapping_place place;
    if (!ops || !remapping_of_ioapic(&remapping, id, &place)) {
        diag_set(diag, "no IOMMU serves I/O APIC %u", id);
        return NULL;
    }
    return prepare((struct iommu_source){place.segment, place.source_id}, lines, diag);
}

static void turn_next(uint32_t units)
{
    turn.unit = (turn.unit + 1) % units;
    turn.share = IOMMU_POLL_SHARE;
}

/* A unit that told something is asked again until it has no more, so that the others, which have
 * nothing, are not asked in between. */
bool iommu_poll(struct iommu_fault *fault)
{
    uint32_t units = ops ? ops->units() : 0;
    if (units > 0 && turn.share == 0)
        turn_next(units);
    for (uint32_t i = 0; i < units; i++) {
        if (ops->poll(turn.unit, fault)) {
            turn.share--;
            return true;
        }
        turn_next(units);
    }
    return false;
}

bool iommu_alert(uint32_t apic_id, const volatile uint64_t *nmis)
{
    lock_take(&lock);
    bool done = ops && ops->alert(apic_id, nmis);
    lock_release(&lock);
    return done;
}

bool iommu_listen(bool on)
{
    return ops->listen(on);
}
