/* SPDX-License-Identifier: MIT */
/*
 * What the machine's ACPI tables say, as far as a hypervisor needs it. Firmware is not trusted:
 * each length is checked, each walk gets on, no table is taken with a wrong checksum. A broken
 * optional table is a warning and counts as missing; without processors there is no machine.
 * ACPI Specification "System Description Tables".
 */
#ifndef BULKHEAD_KERNEL_ACPI_HOST_H
#define BULKHEAD_KERNEL_ACPI_HOST_H

#include "kernel/acpi/dmar.h"
#include "kernel/acpi/ivrs.h"
#include "kernel/acpi/mcfg.h"
#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"
#include "kernel/plan/hardware.h"

#define ACPI_MAX_TABLES   256 /* that the XSDT or RSDT lists */
#define ACPI_MAX_IOAPICS  64
#define ACPI_MAX_NMIS     16  /* I/O APIC inputs that are NMIs */
#define ACPI_MAX_MEMORY   256 /* pieces of memory with a NUMA node */
#define ACPI_MAX_WARNINGS 8
#define ACPI_ISA_IRQS     16

/* Longer tables are refused: nothing that firmware makes comes near it. */
#define ACPI_MAX_TABLE_BYTES MIB(4)

/*
 * How the parser reads physical memory. Returns a pointer to `size` bytes (not 0) at `hpa`, or NULL
 * when they are not all readable. hpa + size does not overflow. What is returned stays readable
 * and unchanged until acpi_host_parse() returns. Memory identity-mapped: the pointer is the
 * address.
 */
struct acpi_reader {
    const void *(*map)(void *context, uint64_t hpa, uint64_t size);
    void *context;
};

/* Generic Address Structure, `space` */
enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };

/*
 * A register. Only the three spaces above appear. Memory: HPA. I/O: port, at most 0xffff. PCI:
 * configuration space of bus 0: device << 32 | function << 16 | offset.
 */
struct acpi_register {
    bool present; /* else the rest is 0 */
    uint8_t space;
    uint8_t bits;   /* width, 0 when firmware does not say */
    uint8_t access; /* bytes of one access: 1, 2, 4, 8, or 0 when firmware does not say */
    uint64_t address;
};

/* One enabled processor. */
struct acpi_cpu {
    uint32_t apic_id; /* x2APIC id, no two alike */
    uint32_t uid;     /* ACPI processor UID */
    uint32_t node;    /* SRAT proximity domain, 0 when unknown */
    uint8_t nmi_lint; /* bit n: its LINTn is an NMI */
};

struct acpi_ioapic {
    uint8_t id;
    uint32_t address;  /* HPA, not 0, multiple of 16; no two alike */
    uint32_t gsi_base; /* GSI of its pin 0 */
};

/* An interrupt input and how it is signalled. */
struct acpi_irq {
    uint32_t gsi;
    bool active_low;
    bool level;
};

struct acpi_memory {
    uint64_t base; /* HPA */
    uint64_t size; /* bytes, not 0; base + size does not overflow */
    uint32_t node;
};

/* A table that XSDT or RSDT lists. Its header can be read; its checksum was not looked at. */
struct acpi_place {
    uint64_t address; /* HPA */
    uint32_t length;  /* bytes, 36 .. ACPI_MAX_TABLE_BYTES */
    char signature[4];
};

/* Multiple APIC Description Table */
struct acpi_madt {
    uint32_t cpu_count;     /* at least 1 */
    uint32_t cpus_ignored;  /* enabled ones beyond HARDWARE_MAX_CPUS */
    uint32_t cpus_offline;  /* entries of processors that could be plugged in later */
    uint64_t lapic_address; /* HPA */
    bool has_8259;          /* a pair of 8259s that must be masked */
    uint32_t ioapic_count;
    struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
    struct acpi_irq isa[ACPI_ISA_IRQS]; /* all filled in: see acpi_isa_irq() */
    uint32_t nmi_count;
    struct acpi_irq nmis[ACPI_MAX_NMIS];
    struct acpi_cpu cpus[HARDWARE_MAX_CPUS]; /* last: see acpi_host_bytes() */
};

/* Fixed ACPI Description Table, and \_S5. What is missing is 0, false or not present. */
struct acpi_fadt {
    bool present;
    bool hw_reduced;
    uint16_t sci_irq; /* ISA IRQ or GSI */
    uint32_t
        smi_command; /* port, and what to write there to get from legacy to ACPI mode; port 0: */
    uint8_t acpi_enable; /* the machine is always in ACPI mode */
    struct acpi_register pm1a_control;
    struct acpi_register pm1b_control;
    struct acpi_register pm_timer; /* 3.579545 MHz */
    bool pm_timer_wide;            /* 32 bits instead of 24 */
    struct acpi_register reset;    /* present only when the FADT says that it works */
    uint8_t reset_value;
    struct acpi_register sleep_control; /* instead of PM1 when hw_reduced */
    struct acpi_register sleep_status;
    bool has_s5;
    uint8_t s5_type_a; /* SLP_TYP for PM1a control and the sleep control register, 0..7 */
    uint8_t s5_type_b; /* for PM1b control */
};

struct acpi_hpet {
    bool present;
    uint64_t address; /* HPA of its registers */
    uint32_t id;      /* low half of its capability register */
};

/* Serial Port Console Redirection Table: the UART that firmware itself talks to */
struct acpi_spcr {
    bool present;
    uint8_t interface; /* 0, 1 or 0x12: some 16550; else another kind (DBG2 lists them) */
    struct acpi_register base;
    uint32_t baud; /* 0: leave it as it is */
    bool has_gsi;
    uint32_t gsi;
};

/* Large (about 72 KiB): do not put it on a stack. Plain data without pointers. */
struct acpi_host {
    uint64_t rsdp;    /* HPA */
    uint8_t revision; /* of the RSDP: 0 is ACPI 1.0 */
    uint32_t table_count;
    struct acpi_place tables[ACPI_MAX_TABLES];
    struct acpi_fadt fadt;
    struct acpi_hpet hpet;
    struct acpi_spcr spcr;
    struct acpi_mcfg mcfg;
    struct acpi_dmar dmar;
    struct acpi_ivrs ivrs;
    uint32_t memory_count;
    struct acpi_memory memory[ACPI_MAX_MEMORY]; /* for hardware_set_node(), in the SRAT's order */
    uint32_t warning_count; /* all of them; the first ACPI_MAX_WARNINGS are kept: */
    struct diag warnings[ACPI_MAX_WARNINGS];
    struct acpi_madt madt; /* last, as its processors are: those that are not there need no room */
};

/* The bytes of it that count: up to the last processor. Only these are handed on. */
static inline uint64_t acpi_host_bytes(const struct acpi_host *host)
{
    return offsetof(struct acpi_host, madt.cpus) +
           host->madt.cpu_count * sizeof(host->madt.cpus[0]);
}

/*
 * Read everything that hangs on the RSDP at that address (0: firmware named none). All of *host is
 * written. Returns false and a diagnosis when there is no way to know the processors: RSDP, XSDT
 * (RSDT) or MADT are missing or broken, or no processor is enabled. The work is bounded by the
 * limits above, and the same memory gives the same answer. Boot half and kernel, once.
 */
bool acpi_host_parse(const struct acpi_reader *reader, hpa_t rsdp, struct acpi_host *host,
                     struct diag *diag);

/* How the machine's ISA interrupt arrives at an I/O APIC. Beyond 15: edge, active high, same GSI.
 */
struct acpi_irq acpi_isa_irq(const struct acpi_host *host, uint32_t irq);

/*
 * One line about MCFG, DMAR and IVRS for the boot log, such as "MCFG: segment 0, buses 0-255; DMAR:
 * 2 units, 1 reserved region". False and an empty text: there is none of them. What does not fit
 * into `size` bytes (not 0) is cut off.
 */
bool acpi_summary(const struct acpi_host *host, char *text, size_t size);

/*
 * Fill in the kind of IOMMU and the processors of *hardware, with their nodes: first the one that
 * runs this code, by its APIC id (also when firmware forgot to list it), then the others in the
 * MADT's order.
 */
void acpi_fill_hardware(const struct acpi_host *host, uint32_t bsp_apic_id,
                        struct hardware *hardware);

#endif
