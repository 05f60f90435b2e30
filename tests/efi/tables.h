/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables that the emulated PC would have if its firmware made them. Layouts: ACPI
 * Specification, "ACPI Software Programming Model"; IA-PC HPET Specification; SPCR: "Serial Port
 * Console Redirection Table". Test-only: nothing of this is in the product.
 */
#ifndef BULKHEAD_TESTS_EFI_TABLES_H
#define BULKHEAD_TESTS_EFI_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLES_MAX_CPUS 256
#define TABLES_SPACE    16384 /* bytes that tables_build() may fill */

struct tables_cpu {
    uint32_t apic_id;
    uint32_t enabled;
};

struct tables_machine {
    uint16_t pm_base;    /* I/O port of the PIIX4 power management block */
    uint32_t hpet_id;    /* low half of the HPET capability register, 0: no HPET */
    uint32_t io_apic_id; /* APIC id of the I/O APIC */
    uint32_t cpu_count;  /* 1..TABLES_MAX_CPUS */
    struct tables_cpu cpus[TABLES_MAX_CPUS];
};

/* Firmware's own tables, by their RSDP (may be NULL): do they list the processors? */
bool tables_have_madt(const void *rsdp);

/*
 * Build all tables into space (TABLES_SPACE bytes, zeroed, 64-byte aligned, below 4 GiB); they
 * refer to each other by the addresses that they have there. Returns the RSDP, which stands at the
 * start of space.
 */
void *tables_build(uint8_t *space, const struct tables_machine *machine);

#endif
