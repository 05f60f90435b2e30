/* SPDX-License-Identifier: MIT */
#include "kernel/vm/passthrough.h"

#include "arch/io.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/tsc.h"
#include "arch/x86/model/apic_policy.h"
#include "drivers/pci.h"
#include "drivers/pci_reset.h"
#include "kernel/lib/mem.h"
#include "kernel/log.h"
#include "kernel/mm/pagetable.h"
#include "kernel/pci/describe.h"
#include "kernel/vm/guest.h"
#include "kernel/vm/sources.h"

_Static_assert(PLAN_MAX_DEVICES <= VPCI_MAX_FUNCTIONS, "vpci_connect()");

/* ---- making them ---- */

static void table_create(struct passthrough *p)
{
    if (!plan_msix_pages(p->planned, &p->pages))
        return;
    p->registers = device_map(p->pages.hpa, p->pages.size, MAP_UNCACHED);
    p->msix.count = p->planned->function.caps.msix_vectors;
    p->msix.entries = host_alloc(p->msix.count * sizeof(*p->msix.entries), 16);
}

static bool device_create(const struct passthrough_set *set, struct passthrough *p, uint8_t pin,
                          struct diag *diag)
{
    const struct plan_device *planned = p->planned;
    if (!pci_keep(planned->function.address) || !pci_keep(planned->bridge) ||
        !pci_keep(planned->function.kept.who))
        return diag_set(diag, "the configuration space of a guest's device is out of reach");
    vfunction_init(p->config, &planned->function, planned->guest_bars, pci_machine());
    if (planned->gsi != 0)
        vfunction_wire(p->config, pin, planned->guest_gsi);
    table_create(p);
    return sources_create(set, p, diag);
}

bool passthrough_create(struct guest *guest, const struct plan *plan, struct diag *diag)
{
    const struct plan_guest *planned = &plan->guests[guest->index];
    struct passthrough_set *set = &guest->passthrough;
    set->count = planned->device_count;
    if (set->count == 0)
        return true;
    struct vfunction *configs = host_alloc(set->count * sizeof(*configs), 16);
    set->devices = host_alloc(set->count * sizeof(*set->devices), 16);
    for (uint32_t i = 0; i < set->count; i++) {
        set->devices[i].planned = &plan->devices[planned->first_device + i];
        set->devices[i].config = &configs[i];
    }
    for (uint32_t i = 0; i < set->count; i++)
        if (!device_create(set, &set->devices[i], (uint8_t)(1 + lines_place(i).pin), diag))
            return false;
    vpci_connect(&guest->platform.pci, configs, set->count, pci_machine());
    return lines_create(guest, plan, diag) &&
           iommu_domain(&set->domain, guest->ranges, guest->range_count, diag);
}

/* ---- start and stop ---- */

static bool attach(const struct passthrough *p, const struct iommu_domain *domain)
{
    bool done = true;
    for (uint32_t i = 0; i < p->planned->requester_count; i++)
        done = iommu_attach(p->clients[i], domain) && done;
    return done;
}

static bool refuse(const struct guest *guest, const struct passthrough *p, const char *why)
{
    char at[PCI_TEXT];
    pci_address_text(p->planned->function.address, at);
    log_line("guest %s: device %s %s", guest->name, at, why);
    return false;
}

static void faults_forget(struct passthrough_faults *faults)
{
    atomic_store(&faults->reads, 0);
    atomic_store(&faults->writes, 0);
    atomic_store(&faults->interrupts, 0);
    atomic_store(&faults->last, 0);
    atomic_store(&faults->answered, false);
    atomic_store(&faults->loud, 0);
    atomic_store(&faults->silenced, false);
}

/* A device takes its time. This processor may be the one that looks after all guests' timers. */
static void attend_until(uint64_t tsc)
{
    while (cpu_rdtsc() < tsc)
        vcpu_attend_outside(cpu_this());
}

static void attend(uint64_t us)
{
    attend_until(cpu_rdtsc() + tsc_from_us(us));
}

/* Begin the reset; no device of the set is to be talked to before it is over. */
static bool device_reset(struct passthrough_set *set, const struct passthrough *p)
{
    const struct plan_device *planned = p->planned;
    bool done = pci_reset_begin(&planned->function, planned->bridge, attend);
    uint64_t ready = cpu_rdtsc() + tsc_from_us(pci_reset_time(&planned->function));
    set->ready_tsc = ready > set->ready_tsc ? ready : set->ready_tsc;
    return done;
}

static bool device_start(struct guest *guest, struct passthrough *p)
{
    faults_forget(&p->faults);
    lock_take(&guest->devices);
    vfunction_start(p->config, pci_machine());
    if (!iommu_snoops())
        vfunction_coherent(p->config, pci_machine());
    vmsix_reset(&p->msix);
    bool done = attach(p, &guest->passthrough.domain);
    atomic_store(&p->state, PASSTHROUGH_ON);
    lock_release(&guest->devices);
    return done || refuse(guest, p, "has a dead IOMMU");
}

bool passthrough_start(struct guest *guest)
{
    struct passthrough_set *set = &guest->passthrough;
    attend_until(set->ready_tsc);
    for (uint32_t i = 0; i < set->count; i++)
        if (!device_reset(set, &set->devices[i]))
            return refuse(guest, &set->devices[i], "does not answer");
    attend_until(set->ready_tsc);
    for (uint32_t i = 0; i < set->count; i++)
        if (!pci_reset_end(&set->devices[i].planned->function, attend))
            return refuse(guest, &set->devices[i], "does not come back from its reset as it was");
    for (uint32_t i = 0; i < set->count; i++)
        if (!device_start(guest, &set->devices[i]))
            return false;
    return lines_off(guest);
}

/* False: a unit is dead. */
static bool detach(const struct passthrough *p)
{
    bool done = attach(p, NULL);
    return iommu_irqs_off(p->irqs, p->first_irq, p->irq_count) && done;
}

void passthrough_stop(struct guest *guest)
{
    struct passthrough_set *set = &guest->passthrough;
    lines_off(guest);
    for (uint32_t i = 0; i < set->count; i++) {
        struct passthrough *p = &set->devices[i];
        lock_take(&guest->devices); /* from here on nobody else touches it */
        atomic_store(&p->state, PASSTHROUGH_OFF);
        lock_release(&guest->devices);
        device_reset(set, p);
        if (!detach(p))
            refuse(guest, p, "has a dead IOMMU");
    }
}

bool passthrough_is(const struct passthrough *p, struct iommu_source source)
{
    if (pci_segment_of(p->planned->function.address) != source.segment)
        return false;
    for (uint32_t i = 0; i < p->planned->requester_count; i++)
        if (p->planned->requesters[i] == source.id)
            return true;
    return false;
}

/* Take it and all that an IOMMU takes for the same: those would be attached to nothing as well.
 * False: a unit is dead. With guest->devices held. */
static bool remove_all(const struct passthrough_set *set, const struct passthrough *p)
{
    bool done = true;
    for (uint32_t i = 0; i < set->count; i++) {
        struct passthrough *other = &set->devices[i];
        if (!plan_same_source(other->planned, p->planned))
            continue;
        atomic_store(&other->state, PASSTHROUGH_REMOVED);
        vfunction_remove(other->config, pci_machine());
        done = detach(other) && done;
    }
    return done;
}

bool passthrough_remove(struct guest *guest, struct passthrough *p)
{
    const struct passthrough_set *set = &guest->passthrough;
    lock_take(&guest->devices);
    bool was_on = atomic_load(&p->state) == PASSTHROUGH_ON;
    bool done = !was_on || remove_all(set, p);
    lock_release(&guest->devices);
    for (uint32_t i = 0; was_on && i < set->count; i++)
        if (&set->devices[i] != p && plan_same_source(set->devices[i].planned, p->planned))
            refuse(guest, &set->devices[i], "is cut off, too: it is behind the same bridge");
    if (!done)
        refuse(guest, p, "has a dead IOMMU");
    return was_on;
}

/* ---- interrupts ---- */

/* Entry `n` goes where the guest's message says, to one processor of the guest, or nowhere. */
static bool irq_route(struct guest *guest, const struct passthrough *p, uint32_t n,
                      const struct vfunction_message *message)
{
    struct ipi ipi;
    struct vcpu *to =
        msi_decode(message->address, message->data, &ipi) ? lapic_target(guest, &ipi) : NULL;
    struct iommu_irq irq = {.apic_id = to ? to->cpu->apic_id : 0, .vector = ipi.vector};
    return iommu_irq(p->irqs, p->first_irq + n, to ? &irq : NULL) && to;
}

static void msi_update(struct guest *guest, const struct passthrough *p)
{
    uint32_t count = vfunction_msi_vectors(p->config);
    struct vfunction_message first = {0};
    for (uint32_t n = 0; n < count && n < p->irq_count; n++) {
        struct vfunction_message message = vfunction_msi_message(p->config, n);
        irq_route(guest, p, n, &message);
    }
    if (count > 0) {
        struct iommu_message real = iommu_message(p->irqs, p->first_irq);
        first = (struct vfunction_message){real.address, real.data};
    }
    vfunction_msi_program(p->config, pci_machine(), &first);
}

/* An entry of the device's own table: what the unit wants to see, or masked. */
static void table_write(const struct passthrough *p, uint32_t n, bool open)
{
    uint64_t start = p->planned->function.bars[p->planned->function.caps.msix_bar].base +
                     p->planned->function.caps.msix_offset - p->pages.hpa.raw;
    volatile uint32_t *entry =
        (volatile uint32_t *)(volatile void *)(p->registers + start) + n * VMSIX_WORDS;
    mmio_write32(&entry[VMSIX_CONTROL], (uint32_t)VMSIX_MASKED);
    if (!open)
        return;
    struct iommu_message message = iommu_message(p->irqs, p->first_irq + n);
    mmio_write32(&entry[VMSIX_LOW], (uint32_t)message.address);
    mmio_write32(&entry[VMSIX_HIGH], (uint32_t)(message.address >> 32));
    mmio_write32(&entry[VMSIX_DATA], message.data);
    mmio_write32(&entry[VMSIX_CONTROL], 0);
}

static void msix_update(struct guest *guest, const struct passthrough *p, uint32_t n)
{
    bool open = !vmsix_masked(&p->msix, n) && n < p->irq_count;
    if (atomic_load(&p->state) != PASSTHROUGH_ON)
        return;
    if (open) {
        struct vfunction_message message = vmsix_message(&p->msix, n);
        open = irq_route(guest, p, n, &message);
    }
    table_write(p, n, open);
}

void passthrough_news(struct guest *guest)
{
    struct vpci *pci = &guest->platform.pci;
    const struct passthrough *p = &guest->passthrough.devices[pci->changed];
    switch (pci->news) {
    case VFUNCTION_NOTHING:
        break;
    case VFUNCTION_NEW_MSI:
        msi_update(guest, p);
        break;
    case VFUNCTION_NEW_MSIX:
        vfunction_msix_program(p->config, pci_machine());
        break;
    }
    pci->news = VFUNCTION_NOTHING;
}

/* ---- ports ---- */

/* The machine's port behind the guest's; 0: none. The access lies in the BAR as a whole. */
static uint16_t port_of(const struct guest *guest, uint16_t port, unsigned size)
{
    const struct passthrough_set *set = &guest->passthrough;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct plan_device *planned = set->devices[i].planned;
        for (uint32_t n = 0; n < PCI_BARS; n++) {
            const struct pci_bar *bar = &planned->function.bars[n];
            uint64_t offset = port - planned->guest_bars[n];
            if (bar->kind == PCI_BAR_IO && planned->guest_bars[n] != 0 &&
                offset < pci_bar_size(bar) && size <= pci_bar_size(bar) - offset)
                return (uint16_t)(bar->base + offset);
        }
    }
    return 0;
}

bool passthrough_port_read(struct guest *guest, uint16_t port, unsigned size, uint32_t *value)
{
    uint16_t real = port_of(guest, port, size);
    if (real == 0)
        return false;
    *value = io_in(real, size);
    return true;
}

bool passthrough_port_write(struct guest *guest, uint16_t port, unsigned size, uint32_t value)
{
    uint16_t real = port_of(guest, port, size);
    if (real == 0)
        return false;
    io_out(real, size, value);
    return true;
}

/* ---- pages of MSI-X tables ---- */

static struct passthrough *device_at(const struct guest *guest, gpa_t at)
{
    const struct passthrough_set *set = &guest->passthrough;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct plan_range *pages = &set->devices[i].pages;
        if (at.raw - pages->gpa.raw < pages->size)
            return &set->devices[i];
    }
    return NULL;
}

/* Where the access lies in the device's table; as large as can be when it lies in front of it. */
static uint64_t table_offset(const struct passthrough *p, gpa_t at)
{
    const struct pci_caps *caps = &p->planned->function.caps;
    return at.raw - (p->planned->guest_bars[caps->msix_bar] + caps->msix_offset);
}

static bool in_table(const struct passthrough *p, gpa_t at)
{
    return table_offset(p, at) < (uint64_t)p->msix.count * PCI_MSIX_ENTRY;
}

static bool fits(const struct passthrough *p, gpa_t at, unsigned size)
{
    return is_aligned(at.raw, size) && at.raw - p->pages.gpa.raw <= p->pages.size - size;
}

bool passthrough_memory_read(struct guest *guest, gpa_t at, unsigned size, uint64_t *value)
{
    const struct passthrough *p = device_at(guest, at);
    if (!p)
        return false;
    if (in_table(p, at))
        *value = vmsix_read(&p->msix, table_offset(p, at), size);
    else if (fits(p, at, size)) /* it shares the pages with the table, and goes to the device */
        *value = mmio_read(p->registers + (at.raw - p->pages.gpa.raw), size);
    else
        *value = UINT64_MAX;
    return true;
}

bool passthrough_memory_write(struct guest *guest, gpa_t at, unsigned size, uint64_t value)
{
    struct passthrough *p = device_at(guest, at);
    if (!p)
        return false;
    if (in_table(p, at)) {
        uint32_t n = vmsix_write(&p->msix, table_offset(p, at), size, value);
        if (n != VMSIX_NONE)
            msix_update(guest, p, n);
    } else if (fits(p, at, size)) {
        mmio_write(p->registers + (at.raw - p->pages.gpa.raw), size, value);
    }
    return true;
}
