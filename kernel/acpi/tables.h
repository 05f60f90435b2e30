/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables' layout: offsets in bytes from a table's start, named as in the ACPI
 * Specification. Shared by the parser of the machine's tables and the builder of a guest's.
 */
#ifndef BULKHEAD_KERNEL_ACPI_TABLES_H
#define BULKHEAD_KERNEL_ACPI_TABLES_H

#include <stddef.h>
#include <stdint.h>

/* "Root System Description Pointer (RSDP)" */
enum {
    RSDP_CHECKSUM = 8,
    RSDP_OEM_ID = 9,
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_SIZE_1 = 20, /* ACPI 1.0; the first checksum is over these */
    RSDP_LENGTH = 20,
    RSDP_XSDT = 24,
    RSDP_EXTENDED_CHECKSUM = 32,
    RSDP_SIZE = 36,
};

/* "System Description Table Header" */
enum {
    HEADER_LENGTH = 4,
    HEADER_REVISION = 8,
    HEADER_CHECKSUM = 9,
    HEADER_OEM_ID = 10,
    HEADER_OEM_TABLE_ID = 16,
    HEADER_OEM_REVISION = 24,
    HEADER_CREATOR_ID = 28,
    HEADER_CREATOR_REVISION = 32,
    HEADER_SIZE = 36,
};

/* "Generic Address Structure" (GAS) */
enum {
    GAS_SPACE = 0,
    GAS_BIT_WIDTH = 1,
    GAS_BIT_OFFSET = 2,
    GAS_ACCESS_SIZE = 3, /* 0: not said, n: 2^(n-1) bytes */
    GAS_ADDRESS = 4,
    GAS_SIZE = 12,
};

/* "Fixed ACPI Description Table (FADT)" */
enum {
    FADT_DSDT = 40,
    FADT_PREFERRED_PM_PROFILE = 45,
    FADT_SCI_INT = 46,
    FADT_SMI_CMD = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_PM1A_CNT_BLK = 64,
    FADT_PM1B_CNT_BLK = 68,
    FADT_PM_TMR_BLK = 76,
    FADT_PM1_CNT_LEN = 89,
    FADT_PM_TMR_LEN = 91,
    FADT_CENTURY = 108,
    FADT_IAPC_BOOT_ARCH = 109,
    FADT_FLAGS = 112,
    FADT_SIZE_1 = 116, /* ACPI 1.0 */
    FADT_RESET_REG = 116,
    FADT_RESET_VALUE = 128,
    FADT_MINOR_VERSION = 131,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_CNT_BLK = 172,
    FADT_X_PM1B_CNT_BLK = 184,
    FADT_X_PM_TMR_BLK = 208,
    FADT_SLEEP_CONTROL_REG = 244,
    FADT_SLEEP_STATUS_REG = 256,
    FADT_HYPERVISOR_VENDOR = 268,
    FADT_SIZE_6 = 276,
};

#define FADT_WBINVD          (UINT32_C(1) << 0)
#define FADT_PWR_BUTTON      (UINT32_C(1) << 4) /* no fixed power button */
#define FADT_SLP_BUTTON      (UINT32_C(1) << 5) /* no fixed sleep button */
#define FADT_FIX_RTC         (UINT32_C(1) << 6) /* no fixed RTC alarm */
#define FADT_TMR_VAL_EXT     (UINT32_C(1) << 8)
#define FADT_RESET_REG_SUP   (UINT32_C(1) << 10)
#define FADT_HW_REDUCED_ACPI (UINT32_C(1) << 20)
#define FADT_LEGACY_DEVICES  (1u << 0) /* in IAPC_BOOT_ARCH, as are the next */
#define FADT_VGA_NOT_PRESENT (1u << 2)
#define FADT_PROFILE_SERVER  4 /* enterprise server */

/* "Multiple APIC Description Table (MADT)": entries of type, length, data from MADT_ENTRIES on */
enum {
    MADT_LOCAL_APIC_ADDRESS = 36,
    MADT_FLAGS = 40,
    MADT_ENTRIES = 44,
};

enum madt_type {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_SOURCE_OVERRIDE = 2,
    MADT_NMI_SOURCE = 3,
    MADT_LOCAL_APIC_NMI = 4,
    MADT_ADDRESS_OVERRIDE = 5,
    MADT_LOCAL_X2APIC = 9,
    MADT_LOCAL_X2APIC_NMI = 10,
};

/* Bytes of an entry. */
enum {
    MADT_LOCAL_APIC_SIZE = 8,
    MADT_IO_APIC_SIZE = 12,
    MADT_SOURCE_OVERRIDE_SIZE = 10,
    MADT_NMI_SOURCE_SIZE = 8,
    MADT_LOCAL_APIC_NMI_SIZE = 6,
    MADT_ADDRESS_OVERRIDE_SIZE = 12,
    MADT_LOCAL_X2APIC_SIZE = 16,
    MADT_LOCAL_X2APIC_NMI_SIZE = 12,
};

#define MADT_PCAT_COMPAT    (UINT32_C(1) << 0)
#define MADT_ENABLED        (UINT32_C(1) << 0) /* in a processor's flags, as is the next */
#define MADT_ONLINE_CAPABLE (UINT32_C(1) << 1)

/* "IA-PC HPET Specification", "ACPI Description Table" */
enum { HPET_ID = 36, HPET_BASE = 40, HPET_SIZE = 56 };

/* "Serial Port Console Redirection Table" */
enum {
    SPCR_INTERFACE = 36,
    SPCR_BASE = 40,
    SPCR_INTERRUPT_TYPE = 52,
    SPCR_IRQ = 53,
    SPCR_GSI = 54,
    SPCR_BAUD = 58,
    SPCR_SIZE = 80,
};

/* "System Resource Affinity Table (SRAT)": entries of type, length, data from SRAT_ENTRIES on */
enum { SRAT_ENTRIES = 48 };
enum srat_type { SRAT_LOCAL_APIC = 0, SRAT_MEMORY = 1, SRAT_LOCAL_X2APIC = 2 };
enum { SRAT_LOCAL_APIC_SIZE = 16, SRAT_MEMORY_SIZE = 40, SRAT_LOCAL_X2APIC_SIZE = 24 };

#define SRAT_ENABLED (UINT32_C(1) << 0)

/* "MCFG Table Description": entries of one size from MCFG_ENTRIES on */
enum { MCFG_ENTRIES = 44, MCFG_ENTRY_SIZE = 16 };

/* DMAR: structures of type, length (16 bits each), data from DMAR_STRUCTURES on */
enum { DMAR_HOST_ADDRESS_WIDTH = 36, DMAR_FLAGS = 37, DMAR_STRUCTURES = 48 };

enum dmar_type { DMAR_DRHD = 0, DMAR_RMRR = 1, DMAR_RHSA = 3 };

/* Bytes of a structure without its device scopes, and of a device scope without its path. */
enum { DMAR_DRHD_SIZE = 16, DMAR_RMRR_SIZE = 24, DMAR_RHSA_SIZE = 20, DMAR_SCOPE_SIZE = 6 };

/* IVRS: blocks of type, flags (8 bits each), length (16), data from IVRS_BLOCKS on */
enum { IVRS_IVINFO = 36, IVRS_BLOCKS = 48 };

/* Bytes of a block; the IVHDs' without their device entries. */
enum { IVRS_IVHD_10_SIZE = 24, IVRS_IVHD_11_SIZE = 40, IVRS_IVMD_SIZE = 32 };

enum ivrs_memory { IVRS_IVMD_ALL = 0x20, IVRS_IVMD_SELECT = 0x21, IVRS_IVMD_RANGE = 0x22 };

/* "IVHD Device Entries" */
enum ivrs_entry {
    IVHD_ALL = 0x01,
    IVHD_SELECT = 0x02,
    IVHD_START = 0x03,
    IVHD_END = 0x04,
    IVHD_ALIAS_SELECT = 0x42,
    IVHD_ALIAS_START = 0x43,
    IVHD_EXTENDED_SELECT = 0x46,
    IVHD_EXTENDED_START = 0x47,
    IVHD_SPECIAL = 0x48,
    IVHD_ACPI_HID = 0xf0,
};

/* Byte 21 of an ACPI HID entry is the length of what follows byte 21. */
enum { IVHD_HID_UID_LENGTH = 21, IVHD_HID_SIZE = 22 };

/* The sum of all bytes, which is 0 for a table with a right checksum. */
uint8_t acpi_sum(const uint8_t *bytes, size_t size);

#endif
