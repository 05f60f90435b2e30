/* SPDX-License-Identifier: MIT */
/*
 * Intel's DMA remapping units and what they serve. Intel Virtualization Technology for Directed
 * I/O, "BIOS Considerations". Plain data, checked: part of struct acpi_host.
 *
 * Half a table is worse than none: where a unit is missing, some device's DMA is not blocked, and
 * nobody knows which one's. So the table is taken as a whole or counts as missing. ATSR, SATC and
 * SIDP are not kept, as nothing here lets a device translate addresses by itself; neither is ANDD,
 * which only gives names to devices that have scopes anyhow.
 */
#ifndef BULKHEAD_KERNEL_ACPI_DMAR_H
#define BULKHEAD_KERNEL_ACPI_DMAR_H

#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

#define DMAR_MAX_UNITS   128
#define DMAR_MAX_SCOPES  1024 /* of all units and regions */
#define DMAR_MAX_REGIONS 64
#define DMAR_MAX_PATH    6 /* steps: a device on the start bus, or behind up to five bridges */

/* "Device Scope Structure", Type. Others are left out with a warning. */
enum dmar_scope_type {
    DMAR_SCOPE_ENDPOINT = 1,  /* that function alone */
    DMAR_SCOPE_BRIDGE = 2,    /* that function, and all on its secondary to subordinate buses */
    DMAR_SCOPE_IOAPIC = 3,    /* enumeration_id is its id in the MADT */
    DMAR_SCOPE_HPET = 4,      /* enumeration_id is its number in the HPET table */
    DMAR_SCOPE_NAMESPACE = 5, /* a device that only ACPI knows; enumeration_id is its ANDD's */
};

/*
 * How to get to a device or, for I/O APICs, HPETs and ACPI's devices, which source id it has: begin
 * at start_bus; each step but the last is a bridge, whose secondary bus is where the next step is.
 */
struct dmar_scope {
    uint8_t type; /* enum dmar_scope_type */
    uint8_t enumeration_id;
    uint8_t start_bus;
    uint8_t path_length;         /* 1..DMAR_MAX_PATH */
    uint8_t path[DMAR_MAX_PATH]; /* device << 3 | function */
};

/* DRHD: one remapping unit. */
struct dmar_unit {
    uint64_t base;        /* HPA of its registers; multiple of 4 KiB, not 0 */
    uint32_t size;        /* bytes, 4 KiB << 0..15; no two units' registers overlap */
    uint32_t node;        /* proximity domain by RHSA, 0 when unknown */
    uint16_t segment;     /* of all that it serves */
    uint16_t first_scope; /* into scopes */
    uint16_t scope_count;
    bool include_all; /* also serves what no unit's scopes name; at most one in a segment */
};

/*
 * RMRR: memory that devices use whatever the operating system does. size 0: the firmware's
 * addresses make no sense (a warning says so), but the devices are known all the same.
 */
struct dmar_region {
    uint64_t base; /* HPA, multiple of 4 KiB */
    uint64_t size; /* bytes, multiple of 4 KiB */
    uint16_t segment;
    uint16_t first_scope; /* into scopes */
    uint16_t scope_count; /* not 0 */
};

struct acpi_dmar {
    bool present;           /* else the rest is 0 */
    bool intr_remap;        /* INTR_REMAP: the platform has interrupt remapping */
    bool x2apic_opt_out;    /* X2APIC_OPT_OUT: firmware asks us to stay out of x2APIC mode */
    bool platform_opt_in;   /* DMA_CTRL_PLATFORM_OPT_IN_FLAG: firmware may have blocked DMA */
    uint32_t address_width; /* bits of addresses that DMA can have on this platform, 32..64 */
    uint32_t unit_count;    /* at least 1 */
    struct dmar_unit units[DMAR_MAX_UNITS];
    uint32_t region_count;
    struct dmar_region regions[DMAR_MAX_REGIONS];
    uint32_t scope_count;
    struct dmar_scope scopes[DMAR_MAX_SCOPES];
};

/*
 * May processors that offer x2APIC mode be put into it? `on`: firmware left them in it. False: the
 * diagnosis is the sentence to show, as VT-x is used in that mode alone.
 */
bool dmar_allows_x2apic(const struct acpi_dmar *dmar, bool on, struct diag *diag);

#endif
