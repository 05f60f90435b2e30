/* SPDX-License-Identifier: MIT */
#include "drivers/iommu/source.h"

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
