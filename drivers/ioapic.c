/* SPDX-License-Identifier: MIT */
#include "drivers/ioapic.h"

#include "arch/io.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/regs/apic.h"
#include "drivers/iommu.h"
#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

#define IOAPIC_SELECT          0x00
#define IOAPIC_WINDOW          0x10
#define IOAPIC_VERSION         0x01
#define IOAPIC_VERSION_MAX_PIN BITS(23, 16)
#define IOAPIC_RTE(pin)        (0x10 + 2 * (pin))
#define RTE_ACTIVE_LOW         BIT(13)
#define RTE_MASKED             BIT(16)
#define RTE_DESTINATION        BITS(63, 56)
#define RTE_DESTINATION_MAX    0xfe /* 0xff are all processors */

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

/* Who gets an NMI from that pin, as an entry says it. */
static bool entry_for(struct ioapic *ioapic, uint32_t pin, const struct iommu_irq *to,
                      uint64_t *entry)
{
    struct diag diag;
    *entry = field_put(LVT_DELIVERY, APIC_NMI) | field_put(RTE_DESTINATION, to->apic_id);
    if (!iommu_on())
        return to->apic_id <= RTE_DESTINATION_MAX;
    if (!ioapic->client)
        ioapic->client = iommu_ioapic(ioapic->id, ioapic->pins, &diag);
    if (!ioapic->client || !iommu_irq(ioapic->client, pin, to))
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
