/* SPDX-License-Identifier: MIT */
#include "drivers/iommu/source.h"

#include "kernel/lib/bits.h"

/* Compatibility format */
#define MSI_DESTINATION     BITS(19, 12)
#define FEUADDR_DESTINATION BITS(63, 40) /* bits 31:8 of the APIC id, in bits 31:8 of FEUADDR */
#define MSI_DELIVERY        BITS(10, 8)  /* of the data */
#define MSI_NMI             4

struct iommu_message iommu_nmi_message(uint32_t apic_id)
{
    return (struct iommu_message){
        .address = MSI_BASE | field_put(MSI_DESTINATION, apic_id & 0xff) |
                   field_put(FEUADDR_DESTINATION, apic_id >> 8),
        .data = (uint32_t)field_put(MSI_DELIVERY, MSI_NMI),
    };
}

const char *iommu_fault_name(enum iommu_fault_kind kind)
{
    static const char *const names[IOMMU_FAULT_KINDS] = {
        [IOMMU_FAULT_BLOCKED] = "DMA while attached to nothing",
        [IOMMU_FAULT_READ] = "DMA read of what it does not have",
        [IOMMU_FAULT_WRITE] = "DMA write to what it does not have",
        [IOMMU_FAULT_INTERRUPT] = "interrupt that it does not have",
        [IOMMU_FAULT_TABLE] = "table that the unit does not like",
        [IOMMU_FAULT_UNIT] = "unit that does not answer",
        [IOMMU_FAULT_LOST] = "more faults than could be recorded",
    };

    return kind < IOMMU_FAULT_KINDS ? names[kind] : "?";
}
