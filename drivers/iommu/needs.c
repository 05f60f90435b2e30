/* SPDX-License-Identifier: MIT */
#include "drivers/iommu/needs.h"

#include "kernel/lib/bits.h"

#define VTD_ENTRY_BYTES   16
#define VTD_ENTRIES_LEAST 256 /* fill a page */
#define VTD_ENTRIES_MOST  65536
#define AMDVI_ENTRY_BYTES 16
#define AMDVI_DTE_BYTES   32
#define AMDVI_TABLE_ALIGN 128
#define DEVICES_PER_BUS   256

/* One more page table for device mappings, which the units' registers may fill. */
#define MAPPING_BYTES PAGE_4K

uint32_t iommu_vtd_entries(uint32_t irqs)
{
    uint32_t entries = VTD_ENTRIES_LEAST;

    while (entries < irqs && entries < VTD_ENTRIES_MOST)
        entries *= 2;
    return entries;
}

static bool dmar_first_of_segment(const struct acpi_dmar *dmar, uint32_t unit)
{
    for (uint32_t i = 0; i < unit; i++)
        if (dmar->units[i].segment == dmar->units[unit].segment)
            return false;
    return true;
}

static bool ivrs_first_of_segment(const struct acpi_ivrs *ivrs, uint32_t unit)
{
    for (uint32_t i = 0; i < unit; i++)
        if (ivrs->units[i].segment == ivrs->units[unit].segment)
            return false;
    return true;
}

/* Per unit a queue; per segment a root table and one of interrupts; per client a context table, and
 * one for all buses that were silenced. */
static uint64_t vtd_bytes(const struct acpi_dmar *dmar, const struct iommu_demand *demand)
{
    uint64_t bytes = MAPPING_BYTES + (1 + demand->clients) * PAGE_4K;

    for (uint32_t i = 0; i < dmar->unit_count; i++) {
        bytes += PAGE_4K + IOMMU_UNIT_BYTES;
        if (dmar_first_of_segment(dmar, i))
            bytes += PAGE_4K + iommu_vtd_entries(demand->irqs) * VTD_ENTRY_BYTES;
    }
    return bytes;
}

static uint16_t last_id(const struct acpi_ivrs *ivrs, const struct ivrs_unit *unit)
{
    uint16_t last = 0;

    for (uint32_t i = 0; i < unit->range_count; i++) {
        const struct ivrs_range *range = &ivrs->ranges[unit->first_range + i];
        uint16_t alias = range->has_alias ? range->alias : 0;
        last = range->last > last ? range->last : last;
        last = alias > last ? alias : last;
    }
    return last;
}

uint64_t iommu_device_table_bytes(const struct acpi_ivrs *ivrs, uint16_t segment, uint8_t last_bus)
{
    uint32_t last = 0, end = ((uint32_t)last_bus + 1) * DEVICES_PER_BUS - 1;

    for (uint32_t i = 0; i < ivrs->unit_count; i++) {
        if (ivrs->units[i].segment == segment) {
            uint32_t of_unit = last_id(ivrs, &ivrs->units[i]);
            of_unit = of_unit < end ? of_unit : end;
            last = of_unit > last ? of_unit : last;
        }
    }
    for (uint32_t i = 0; i < ivrs->special_count; i++) {
        const struct ivrs_special *special = &ivrs->specials[i];
        if (ivrs->units[special->unit].segment == segment && special->device_id > last)
            last = special->device_id;
    }
    return align_up((last + 1) * AMDVI_DTE_BYTES, PAGE_4K);
}

/* Per unit buffers for commands and events; per segment a device table; per client a table of
 * interrupts, whose size is a power of two. */
static uint64_t amdvi_bytes(const struct acpi_ivrs *ivrs, const struct iommu_demand *demand)
{
    uint64_t bytes = MAPPING_BYTES + demand->clients * AMDVI_TABLE_ALIGN;

    bytes += 2 * (uint64_t)demand->irqs * AMDVI_ENTRY_BYTES;
    for (uint32_t i = 0; i < ivrs->unit_count; i++) {
        bytes += 2 * PAGE_4K + IOMMU_UNIT_BYTES;
        if (ivrs_first_of_segment(ivrs, i)) {
            bytes += iommu_device_table_bytes(ivrs, ivrs->units[i].segment,
                                              ivrs->units[i].segment == 0 ? demand->last_bus
                                                                          : UINT8_MAX);
        }
    }
    return bytes;
}

struct iommu_demand iommu_demand(uint32_t functions, uint32_t lines, uint8_t last_bus)
{
    return (struct iommu_demand){
        .clients = IOMMU_OWN_CLIENTS + functions * IOMMU_MAX_SOURCES + lines,
        .irqs = IOMMU_OWN_IRQS + functions * IOMMU_MAX_IRQS + lines * IOMMU_MAX_LINES,
        .last_bus = last_bus,
    };
}

uint64_t iommu_bytes(const struct acpi_host *acpi, const struct iommu_demand *demand)
{
    uint64_t units = 0;

    if (acpi->dmar.present)
        units = vtd_bytes(&acpi->dmar, demand);
    else if (acpi->ivrs.present)
        units = amdvi_bytes(&acpi->ivrs, demand);
    /* What is aligned to pages may leave most of one unused before it. */
    return units == 0 ? 0 : units + demand->clients * IOMMU_CLIENT_BYTES + 2 * PAGE_4K;
}
