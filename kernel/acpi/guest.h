/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables that a guest finds: a hardware-reduced PC, so that a stock kernel needs no 8259,
 * no PIT and no power management block. ACPI Specification "Hardware-Reduced ACPI".
 *
 *   RSDP -> XSDT -> FADT -> DSDT (guest_dsdt.asl, compiled when Bulkhead is built)
 *                -> MADT
 *                -> MCFG, for a guest with PCI functions
 *        RSDT, the same for those that know no XSDT
 *
 * The tables promise devices; who emulates them takes their places from here.
 */
#ifndef BULKHEAD_KERNEL_ACPI_GUEST_H
#define BULKHEAD_KERNEL_ACPI_GUEST_H

#include "kernel/lib/types.h"

/* I/O ports of the fixed hardware, one byte each. ACPI Specification "Sleep Control and Status
 * Registers", "Reset Register". */
#define GUEST_SLEEP_CONTROL 0x600 /* bits 4:2 SLP_TYP, bit 5 SLP_EN */
#define GUEST_SLEEP_STATUS  0x601 /* bit 7 WAK_STS; writes have no effect that matters */
#define GUEST_RESET         0x604
#define GUEST_RESET_VALUE   0x01 /* what the guest writes to GUEST_RESET */
#define GUEST_SLEEP_TYPE_S5 5    /* SLP_TYP for "off", in \_S5 */

/* The power management timer, four bytes, 32 bits wide. Hardware-reduced tables do not name it. */
#define GUEST_PM_TIMER 0x608

#define GUEST_LAPIC_BASE  0xfee00000u /* GPA */
#define GUEST_IOAPIC_BASE 0xfec00000u /* GPA; GSI 0 is its pin 0 */
#define GUEST_IOAPIC_ID   0
#define GUEST_HPET_BASE   0xfed00000u /* GPA; hardware-reduced tables do not name it */
#define GUEST_COM1        0x3f8       /* COM1 and its GSI: edge, active high */
#define GUEST_COM1_GSI    4
#define GUEST_RTC         0x70 /* two ports; the tables name no interrupt */
#define GUEST_RTC_CENTURY 0x32 /* the RTC's register with the century */

/* The window for PCI memory ends before the I/O APIC; it starts where the guest's hole does. */
#define GUEST_PCI_MEMORY_START 0xc0000000u
#define GUEST_PCI_MEMORY_END   0xfec00000u

/* Configuration space of a guest with PCI functions, whose window for PCI memory ends here. GPA; of
 * bus 0, as there is no other. */
#define GUEST_ECAM_BASE 0xfe000000u
#define GUEST_ECAM_SIZE 0x00100000u

/* Where a PC's operating system looks for the RSDP: GPA, end not included. */
#define GUEST_RSDP_START 0xe0000
#define GUEST_RSDP_END   0x100000

/* Where it looks for MP tables, up to the same end. */
#define GUEST_MP_START 0xf0000

/* GPA of the code that a processor in real mode finds behind its reset vector F000:FFF0. */
#define GUEST_RESET_VECTOR 0xffff0

#define GUEST_ACPI_MAX_VCPUS 1024

/* Where the interrupt pin of a function on bus 0 goes: an input of the I/O APIC, level-triggered
 * and active low as PCI has it. */
struct acpi_route {
    uint8_t device;
    uint8_t pin; /* 0: INTA# .. 3: INTD# */
    uint8_t gsi;
};

#define GUEST_ACPI_MAX_ROUTES 128

struct acpi_guest_params {
    gpa_t base;          /* where the buffer will lie; the RSDP is its start: a multiple of 16 from
                          * GUEST_RSDP_START on; all that is used ends at GUEST_RESET_VECTOR or below */
    uint32_t vcpu_count; /* 1 .. GUEST_ACPI_MAX_VCPUS; their APIC ids and UIDs are 0 .. count - 1 */
    bool pci_express;    /* it has PCI functions */
    uint64_t high_start; /* where PCI devices may be above the RAM: from here, ... */
    uint64_t high_end;   /* ... to below here, whole pages; both 0: from 1 TiB to 2 TiB */
    const struct acpi_route *routes; /* for \_SB.PCI0._PRT, which is not there without any */
    uint32_t route_count;            /* at most GUEST_ACPI_MAX_ROUTES */
};

/*
 * Build all tables into `buffer` (`size` bytes, any alignment); the RSDP comes first, *used is how
 * many bytes there are. The same parameters give the same bytes. Returns false, with *used 0, when
 * the parameters are not as above or the tables do not fit; what is in the buffer does not count
 * then. 2 KiB are enough for 64 vCPUs.
 */
bool acpi_guest_build(const struct acpi_guest_params *params, void *buffer, size_t size,
                      size_t *used);

/*
 * Real-mode code that resets the guest, for GUEST_RESET_VECTOR: it writes to GUEST_RESET. Jumping
 * there is how a PC without ACPI and keyboard controller is restarted, and stock Linux (6.1) does
 * so: because the tables are hardware-reduced it expects EFI to do it, finds none, and never looks
 * at the FADT's reset register.
 */
const uint8_t *guest_reset_code(size_t *size);

#endif
