/* SPDX-License-Identifier: MIT */
/*
 * Mistakes of chipsets that matter where guests have devices, by the functions that tell which
 * chipset it is. Intel 5500, 5520 and X58: their specification updates, errata 47, 53, 62 and 69
 * (interrupts that are on their way are not drained); revisions 12h, 13h and 22h are the steppings
 * B2, B3 and C2.
 */
#include "kernel/pci/work.h"

#define INTEL         0x8086
#define ALL_REVISIONS 0xff

/* Intel VT Uncorrectable Error Mask, of the function for system management */
#define VTUNCERRMSK         0x1ac
#define VTUNCERRMSK_DEFINED BIT(31) /* errors that VT-d defines: what it blocked, above all */

static const struct erratum {
    uint16_t device;       /* of Intel's */
    uint8_t last_revision; /* the last one that has it */
    uint8_t fault;         /* enum pci_fault */
} errata[] = {
    {0x3403, 0x13, PCI_FAULT_REMAPPING},           /* 5500: ESI port */
    {0x3405, 0x22, PCI_FAULT_REMAPPING},           /* X58 */
    {0x3406, 0x13, PCI_FAULT_REMAPPING},           /* 5520 */
    {0x342e, ALL_REVISIONS, PCI_FAULT_VTD_ERRORS}, /* all three: system management */
    {0x3c28, ALL_REVISIONS, PCI_FAULT_VTD_ERRORS}, /* Xeon E5-2600 and its like: the same */
};

static const struct erratum *find(const struct pci_function *function)
{
    for (size_t i = 0; i < ARRAY_COUNT(errata); i++)
        if (function->vendor == INTEL && function->device == errata[i].device &&
            function->revision <= errata[i].last_revision)
            return &errata[i];
    return NULL;
}

static bool has(const struct pci_function *function, enum pci_fault fault)
{
    const struct erratum *erratum = find(function);

    return erratum && erratum->fault == fault;
}

void pci_find_errata(struct pci_inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->count; i++) {
        const struct erratum *erratum = find(&inventory->functions[i]);
        if (erratum)
            pci_warn(inventory, inventory->functions[i].address, (enum pci_fault)erratum->fault);
    }
}

uint16_t pci_bad_remapping(const struct pci_inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->count; i++)
        if (has(&inventory->functions[i], PCI_FAULT_REMAPPING))
            return (uint16_t)i;
    return PCI_NONE;
}

void pci_mask_errors(const struct pci_access *access, struct pci_inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->count; i++) {
        const struct pci_function *function = &inventory->functions[i];
        if (!has(function, PCI_FAULT_VTD_ERRORS))
            continue;
        uint32_t mask = pci_read32(access, function->address, VTUNCERRMSK);
        if (mask != UINT32_MAX)
            pci_write32(access, function->address, VTUNCERRMSK,
                        mask | (uint32_t)VTUNCERRMSK_DEFINED);
        mask = pci_read32(access, function->address, VTUNCERRMSK);
        if (mask == UINT32_MAX || !(mask & VTUNCERRMSK_DEFINED))
            pci_warn(inventory, function->address, PCI_FAULT_VTD_UNMASKED);
    }
}
