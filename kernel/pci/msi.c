/* SPDX-License-Identifier: MIT */
/* MSIs of functions that the hypervisor itself uses; guests' are kernel/vdev's. */
#include "kernel/pci/inventory.h"

#define CAPS_MOST       ((PCI_CONFIG_SIZE - PCI_CAP_FIRST) / 4)
#define MSI_ENABLE      BIT(0)
#define MSI_SEVERAL     BITS(6, 4) /* Multiple Message Enable */
#define MSI_ADDRESS     4
#define MSI_UPPER       8
#define MSI_DATA        8  /* with 64-bit addresses: */
#define MSI_WIDE_DATA   12 /* the mask bits are behind either */
#define MSI_MASK_BEHIND 4

static uint32_t find_msi(const struct pci_access *access, pci_address_t at)
{
    uint32_t cap = 0;

    if (pci_read16(access, at, PCI_STATUS) & PCI_STATUS_CAPS)
        cap = pci_read8(access, at, PCI_CAPS) & ~3u;
    for (uint32_t left = CAPS_MOST; left > 0 && cap >= PCI_CAP_FIRST; left--) {
        uint32_t header = pci_read16(access, at, cap);
        if (field_get(PCI_CAP_ID, header) == PCI_CAP_MSI)
            return cap;
        cap = (uint32_t)field_get(PCI_CAP_NEXT, header) * 4;
    }
    return 0;
}

bool pci_msi_send(const struct pci_access *access, pci_address_t at, uint64_t address,
                  uint16_t data)
{
    uint32_t msi = find_msi(access, at);
    uint16_t control = pci_read16(access, at, msi + PCI_MSI_CONTROL);
    bool wide = (control & PCI_MSI_64) != 0;
    uint32_t data_at = msi + (wide ? MSI_WIDE_DATA : MSI_DATA);

    if (msi == 0 || data_at + MSI_MASK_BEHIND + 4 > PCI_CONFIG_SIZE ||
        (!wide && address > UINT32_MAX))
        return false;
    control &= (uint16_t)~(MSI_ENABLE | MSI_SEVERAL);
    pci_write16(access, at, msi + PCI_MSI_CONTROL, control);
    pci_write32(access, at, msi + MSI_ADDRESS, (uint32_t)address);
    if (wide)
        pci_write32(access, at, msi + MSI_UPPER, (uint32_t)(address >> 32));
    pci_write16(access, at, data_at, data);
    if (control & PCI_MSI_MASKABLE)
        pci_write32(access, at, data_at + MSI_MASK_BEHIND, 0);
    pci_write16(access, at, PCI_COMMAND,
                pci_read16(access, at, PCI_COMMAND) | (uint16_t)PCI_COMMAND_MASTER);
    control |= (uint16_t)MSI_ENABLE;
    pci_write16(access, at, msi + PCI_MSI_CONTROL, control);
    return pci_read16(access, at, msi + PCI_MSI_CONTROL) == control;
}
