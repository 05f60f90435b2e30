/* SPDX-License-Identifier: MIT */
/*
 * AMD's IOMMUs and what they serve. AMD I/O Virtualization Technology (IOMMU) Specification, "I/O
 * Virtualization Reporting Structure (IVRS)". Plain data, checked: part of struct acpi_host.
 *
 * As with the DMAR, the table is taken as a whole or counts as missing. A device id is the
 * requester id of PCI: bus << 8 | device << 3 | function.
 */
#ifndef BULKHEAD_KERNEL_ACPI_IVRS_H
#define BULKHEAD_KERNEL_ACPI_IVRS_H

#include "kernel/lib/types.h"

#define IVRS_MAX_UNITS    64
#define IVRS_UNIT_BYTES   KIB(16) /* of registers, performance counters aside */
#define IVRS_MAX_RANGES   512     /* of all units */
#define IVRS_MAX_SPECIALS 128
#define IVRS_MAX_REGIONS  64

/* Types of IVHD blocks. For each IOMMU, only the one of the highest type counts. */
enum ivrs_block {
    IVRS_IVHD_10 = 0x10,
    IVRS_IVHD_11 = 0x11, /* with the extended feature register */
    IVRS_IVHD_40 = 0x40, /* with devices that only ACPI knows */
};

/* Flags of an IVHD, as its control register takes them. PPRSup and PreFSup: type 10h alone. */
#define IVHD_HT_TUN_EN   (1u << 0)
#define IVHD_PASS_PW     (1u << 1)
#define IVHD_RES_PASS_PW (1u << 2)
#define IVHD_ISOC        (1u << 3)
#define IVHD_IOTLB_SUP   (1u << 4)
#define IVHD_COHERENT    (1u << 5)
#define IVHD_PREF_SUP    (1u << 6)
#define IVHD_PPR_SUP     (1u << 7)

/*
 * "DTE Setting": what a device may do beside plain interrupts. Bits 191:184 of its DTE, but for
 * SysMgt, which is in bits 105:104 there.
 */
#define IVHD_INIT_PASS  (1u << 0)
#define IVHD_EINT_PASS  (1u << 1)
#define IVHD_NMI_PASS   (1u << 2)
#define IVHD_SYS_MGT    (3u << 4)
#define IVHD_LINT0_PASS (1u << 6)
#define IVHD_LINT1_PASS (1u << 7)

/* IVHD block: one IOMMU. */
struct ivrs_unit {
    uint64_t base;              /* HPA of its registers; multiple of 16 KiB, not 0, no two alike */
    uint64_t features;          /* image of its extended feature register; 0: type 10h has none */
    uint64_t features_2;        /* of the second one */
    uint32_t attributes;        /* type 10h: IOMMU feature reporting; else IOMMU attributes */
    uint16_t segment;           /* of all that it serves */
    uint16_t device_id;         /* its own */
    uint16_t capability_offset; /* of its capability block, in its configuration space */
    uint16_t info;              /* IOMMU info: MSI number, unit id */
    uint16_t first_range;       /* into ranges */
    uint16_t range_count;
    uint8_t type; /* enum ivrs_block */
    uint8_t flags;
};

/*
 * Device ids that a unit serves. Their requests arrive with the id `alias` where has_alias, else
 * with their own. Within a unit, the later range counts; firmware lets them overlap. Whether two
 * units claim an id was not looked at: remapping.h does.
 */
struct ivrs_range {
    uint16_t first, last; /* first <= last */
    uint16_t alias;
    bool has_alias;
    bool all;          /* an entry "all": whatever no other range names */
    uint8_t dte;       /* DTE setting */
    bool ats_disabled; /* firmware forbids address translation services to them */
};

enum ivrs_special_kind { IVRS_SPECIAL_IOAPIC = 1, IVRS_SPECIAL_HPET = 2 };

/* Interrupts of something that is no PCI function. */
struct ivrs_special {
    uint8_t kind;       /* enum ivrs_special_kind */
    uint8_t handle;     /* id in the MADT, or number in the HPET table */
    uint8_t dte;        /* DTE setting */
    uint8_t unit;       /* into units */
    uint16_t device_id; /* that its interrupts arrive with */
};

#define IVMD_UNITY     (1u << 0) /* flags of an IVMD: map it where it is */
#define IVMD_READ      (1u << 1)
#define IVMD_WRITE     (1u << 2)
#define IVMD_EXCLUSION (1u << 3) /* the IOMMU must not translate it */

/*
 * IVMD block: memory that these device ids use whatever the operating system does. size 0: the
 * firmware's addresses make no sense (a warning says so), but the devices are known all the same.
 */
struct ivrs_region {
    uint64_t base;        /* HPA, multiple of 4 KiB */
    uint64_t size;        /* bytes, multiple of 4 KiB */
    uint16_t segment;     /* not looked at with all_segments */
    uint16_t first, last; /* first <= last */
    uint8_t flags;
    bool all_segments; /* type 20h: every device of the machine */
};

struct acpi_ivrs {
    bool present;                 /* else the rest is 0 */
    bool feature_register_images; /* IVinfo EFRSup */
    bool dma_remap;               /* IVinfo: firmware may have blocked DMA */
    uint8_t physical_width;       /* IVinfo PASize, bits */
    uint8_t virtual_width;        /* IVinfo VASize, bits */
    uint32_t info;                /* IVinfo as it is */
    uint32_t unit_count;          /* at least 1 */
    struct ivrs_unit units[IVRS_MAX_UNITS];
    uint32_t range_count;
    struct ivrs_range ranges[IVRS_MAX_RANGES];
    uint32_t special_count;
    struct ivrs_special specials[IVRS_MAX_SPECIALS];
    uint32_t region_count;
    struct ivrs_region regions[IVRS_MAX_REGIONS];
};

#endif
