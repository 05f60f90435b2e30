/* SPDX-License-Identifier: MIT */
#include "drivers/ioapic.h"

#include "arch/io.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/ioapic.h"
#include "drivers/iommu.h"
#include "kernel/lib/bits.h"
#include "kernel/lock.h"
#include "kernel/mm/pagetable.h"

#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA  0xa1

struct ioapic {
    uint8_t *registers;
    uint32_t gsi_base;
    uint32_t pins;
    uint8_t id;
    struct iommu_client *client; /* once a line of it goes past an IOMMU */
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static uint32_t ioapic_count;
static struct lock lock = LOCK_INIT; /* a register is selected, then read or written */

static uint32_t reg_read(const struct ioapic *ioapic, uint32_t reg)
{
    mmio_write32(ioapic->registers + IOAPIC_SELECT, reg);
    return mmio_read32(ioapic->registers + IOAPIC_WINDOW);
}

static void reg_write(const struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
    mmio_write32(ioapic->registers + IOAPIC_SELECT, reg);
    mmio_write32(ioapic->registers + IOAPIC_WINDOW, value);
}

/* High half first: the low one unmasks. */
static void rte_write(const struct ioapic *ioapic, uint32_t pin, uint64_t value)
{
    reg_write(ioapic, IOAPIC_RTE(pin), RTE_MASKED);
    reg_write(ioapic, IOAPIC_RTE(pin) + 1, (uint32_t)(value >> 32));
    reg_write(ioapic, IOAPIC_RTE(pin), (uint32_t)value);
}

void ioapic_init(const struct acpi_host *acpi)
{
    io_out8(PIC_MASTER_DATA, 0xff);
    io_out8(PIC_SLAVE_DATA, 0xff);
    for (uint32_t i = 0; i < acpi->madt.ioapic_count; i++) {
        struct ioapic *ioapic = &ioapics[ioapic_count++];
        ioapic->registers =
            device_map(hpa(acpi->madt.ioapics[i].address), IOAPIC_MAP_BYTES, MAP_UNCACHED);
        ioapic->gsi_base = acpi->madt.ioapics[i].gsi_base;
        ioapic->id = acpi->madt.ioapics[i].id;
        ioapic->pins =
            1 + (uint32_t)field_get(IOAPIC_VERSION_MAX_PIN, reg_read(ioapic, IOAPIC_VERSION));
        for (uint32_t pin = 0; pin < ioapic->pins; pin++)
            rte_write(ioapic, pin, RTE_MASKED);
    }
}

static struct ioapic *ioapic_of(uint32_t gsi)
{
    for (uint32_t i = 0; i < ioapic_count; i++)
        if (gsi - ioapics[i].gsi_base < ioapics[i].pins)
            return &ioapics[i];
    return NULL;
}

static bool client_make(struct ioapic *ioapic, struct diag *diag)
{
    if (!ioapic->client)
        ioapic->client = iommu_ioapic(ioapic->id, ioapic->pins, diag);
    return ioapic->client != NULL;
}

/* Who gets an NMI from that pin, as an entry says it. */
static bool entry_for(struct ioapic *ioapic, uint32_t pin, const struct iommu_irq *to,
                      uint64_t *entry)
{
    struct diag diag;
    *entry = field_put(LVT_DELIVERY, APIC_NMI) | field_put(RTE_DESTINATION, to->apic_id);
    if (!iommu_on())
        return to->apic_id <= RTE_DESTINATION_MAX;
    if (!client_make(ioapic, &diag) || !iommu_irq(ioapic->client, pin, to))
        return false;
    *entry = iommu_line(ioapic->client, pin, to);
    return true;
}

bool ioapic_route_isa(const struct acpi_host *acpi, unsigned irq, uint32_t apic_id)
{
    struct acpi_irq line = acpi_isa_irq(acpi, irq);
    struct ioapic *ioapic = ioapic_of(line.gsi);
    struct iommu_irq to = {.apic_id = apic_id, .nmi = true};
    uint64_t entry;
    if (!ioapic || !entry_for(ioapic, line.gsi - ioapic->gsi_base, &to, &entry))
        return false;
    rte_write(ioapic, line.gsi - ioapic->gsi_base, entry | (line.active_low ? RTE_ACTIVE_LOW : 0));
    return true;
}

/* ---- lines of guests ---- */

bool ioapic_line_open(struct ioapic_line *line, uint32_t gsi, struct diag *diag)
{
    line->ioapic = ioapic_of(gsi);
    if (!line->ioapic)
        return diag_set(diag, "no I/O APIC has the input %u", gsi);
    line->pin = gsi - line->ioapic->gsi_base;
    return client_make(line->ioapic, diag);
}

/* With the edge the remote IRR goes, as there is nobody to wait for. */
static void line_mask(const struct ioapic_line *line)
{
    lock_take(&lock);
    reg_write(line->ioapic, IOAPIC_RTE(line->pin), RTE_MASKED);
    lock_release(&lock);
}

bool ioapic_line_off(struct ioapic_line *line)
{
    line_mask(line);
    line->on = false;
    return iommu_irq(line->ioapic->client, line->pin, NULL);
}

static bool same_place(const struct ioapic_route *a, const struct ioapic_route *b)
{
    return a->apic_id == b->apic_id && a->vector == b->vector && a->level == b->level;
}

static uint64_t entry_of(const struct ioapic_line *line, const struct iommu_irq *to)
{
    const struct ioapic_route *route = &line->route;
    return iommu_line(line->ioapic->client, line->pin, to) | (route->level ? RTE_LEVEL : 0) |
           (route->active_low ? RTE_ACTIVE_LOW : 0) | (route->masked ? RTE_MASKED : 0);
}

/* What is in service stays so, unless the line becomes one of edges. */
static void entry_write(const struct ioapic_line *line, uint64_t entry)
{
    uint32_t low = IOAPIC_RTE(line->pin);
    lock_take(&lock);
    reg_write(line->ioapic, low, (uint32_t)(entry | RTE_MASKED));
    reg_write(line->ioapic, low + 1, (uint32_t)(entry >> 32));
    if (!(entry & RTE_MASKED))
        reg_write(line->ioapic, low, (uint32_t)entry);
    lock_release(&lock);
}

bool ioapic_line_route(struct ioapic_line *line, const struct ioapic_route *route)
{
    struct iommu_irq to = {
        .apic_id = route->apic_id, .vector = route->vector, .level = route->level};
    bool moves = !line->on || !same_place(&line->route, route), done = true;
    if (moves && line->on)
        entry_write(line, line->entry | RTE_MASKED);
    if (moves)
        done = iommu_irq(line->ioapic->client, line->pin, &to);
    line->route = *route;
    line->on = true;
    line->entry = entry_of(line, &to);
    entry_write(line, line->entry);
    return done;
}

bool ioapic_line_in_service(const struct ioapic_line *line)
{
    lock_take(&lock);
    uint32_t low = reg_read(line->ioapic, IOAPIC_RTE(line->pin));
    lock_release(&lock);
    return (low & RTE_REMOTE_IRR) != 0;
}

/* By way of an edge-triggered entry, which works on I/O APICs without an EOI register, too, and
 * touches no other line with this vector. */
void ioapic_line_end(const struct ioapic_line *line)
{
    uint32_t reg = IOAPIC_RTE(line->pin);
    lock_take(&lock);
    uint32_t low = reg_read(line->ioapic, reg);
    if (low & RTE_REMOTE_IRR) {
        reg_write(line->ioapic, reg, (low | (uint32_t)RTE_MASKED) & (uint32_t)~RTE_LEVEL);
        reg_write(line->ioapic, reg, low);
    }
    lock_release(&lock);
}
