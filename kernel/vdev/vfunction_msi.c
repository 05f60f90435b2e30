/* SPDX-License-Identifier: MIT */
/* "PCI Local Bus Specification", "Message Signaled Interrupts". */
#include "kernel/vdev/vfunction_msi.h"

#define MSI_ENABLE  BIT(0)
#define MSI_VECTORS BITS(6, 4) /* log2 */
#define MSIX_ENABLE BIT(15)
#define MSIX_MASKED BIT(14)
#define MSI_ADDRESS BITS(31, 2)

/* Registers by their offset in a capability with 64-bit addresses; the shorter one lacks HIGH. */
enum msi_reg {
    MSI_CONTROL = 0,
    MSI_LOW = 4,
    MSI_HIGH = 8,
    MSI_DATA = 12,
    MSI_MASK = 16,
    MSI_PENDING = 20
};

static uint32_t reg_offset(const struct vfunction *v, enum msi_reg reg)
{
    return reg > MSI_HIGH && !(v->flags & PCI_MSI_WIDE) ? reg - 4u : reg;
}

static enum msi_reg reg_at(const struct vfunction *v, uint32_t reg)
{
    uint32_t offset = reg - v->caps.msi;
    return (enum msi_reg)(offset >= MSI_HIGH && !(v->flags & PCI_MSI_WIDE) ? offset + 4 : offset);
}

uint32_t vfunction_msi_read(const struct vfunction *v, uint32_t reg, uint32_t real)
{
    switch (reg_at(v, reg)) {
    case MSI_CONTROL:
        return (real & ~(uint32_t)((MSI_ENABLE | MSI_VECTORS) << 16)) | (uint32_t)v->msi.control
                                                                            << 16;
    case MSI_LOW:
        return (uint32_t)v->msi.address;
    case MSI_HIGH:
        return (uint32_t)(v->msi.address >> 32);
    case MSI_DATA:
        return v->msi.data;
    case MSI_MASK:
        return v->msi.mask;
    case MSI_PENDING:
        break;
    }
    return real;
}

static uint32_t merge(uint64_t old, uint32_t value, uint32_t mask)
{
    return (uint32_t)(old & ~mask) | (value & mask);
}

/* Not more vectors than the device has. */
static uint16_t control_of(const struct vfunction *v, uint32_t value)
{
    uint64_t vectors = field_get(MSI_VECTORS, value);
    while (vectors > 0 && BIT(vectors) > v->caps.msi_vectors)
        vectors--;
    return (uint16_t)((value & MSI_ENABLE) | field_put(MSI_VECTORS, vectors));
}

enum vfunction_news vfunction_msi_write(struct vfunction *v, uint32_t reg, uint32_t value,
                                        uint32_t mask)
{
    struct vfunction_msi *msi = &v->msi;
    uint64_t high = msi->address & ~(uint64_t)UINT32_MAX;
    switch (reg_at(v, reg)) {
    case MSI_CONTROL:
        msi->control = control_of(v, merge((uint32_t)msi->control << 16, value, mask) >> 16);
        break;
    case MSI_LOW:
        msi->address = high | (merge(msi->address, value, mask) & MSI_ADDRESS);
        break;
    case MSI_HIGH:
        msi->address = (uint64_t)merge(high >> 32, value, mask) << 32 | (uint32_t)msi->address;
        break;
    case MSI_DATA:
        msi->data = (uint16_t)merge(msi->data, value, mask);
        break;
    case MSI_MASK:
        msi->mask = merge(msi->mask, value, mask);
        break;
    case MSI_PENDING:
        return VFUNCTION_NOTHING;
    }
    return VFUNCTION_NEW_MSI;
}

uint32_t vfunction_msi_vectors(const struct vfunction *v)
{
    return v->msi.control & MSI_ENABLE ? 1u << field_get(MSI_VECTORS, v->msi.control) : 0;
}

/* A device counts its messages in the low bits of the data. */
struct vfunction_message vfunction_msi_message(const struct vfunction *v, uint32_t n)
{
    uint32_t counting = (1u << field_get(MSI_VECTORS, v->msi.control)) - 1;
    return (struct vfunction_message){v->msi.address, (v->msi.data & ~counting) | (n & counting)};
}

static bool device_sends(const struct vfunction *v, const struct pci_access *access,
                         const struct vfunction_message *first)
{
    uint32_t at = v->caps.msi, control = pci_read16(access, v->address, at + PCI_MSI_CONTROL);
    uint64_t address = pci_read32(access, v->address, at + MSI_LOW);
    if (v->flags & PCI_MSI_WIDE)
        address |= (uint64_t)pci_read32(access, v->address, at + MSI_HIGH) << 32;
    return (control & (MSI_ENABLE | MSI_VECTORS)) == v->msi.control && address == first->address &&
           pci_read16(access, v->address, at + reg_offset(v, MSI_DATA)) == (uint16_t)first->data;
}

/*
 * A device that sends what it shall already stays on: what it raises while it is off is lost, and a
 * guest that moves an interrupt changes the IOMMU's entry alone.
 */
void vfunction_msi_program(const struct vfunction *v, const struct pci_access *access,
                           const struct vfunction_message *first)
{
    uint32_t at = v->caps.msi, control = at + PCI_MSI_CONTROL;
    bool on = (v->msi.control & MSI_ENABLE) != 0;
    if (at == 0)
        return;
    if (!on || !device_sends(v, access, first)) {
        pci_write16(access, v->address, control, 0);
        if (!on)
            return;
        pci_write32(access, v->address, at + MSI_LOW, (uint32_t)first->address);
        if (v->flags & PCI_MSI_WIDE)
            pci_write32(access, v->address, at + MSI_HIGH, (uint32_t)(first->address >> 32));
        pci_write16(access, v->address, at + reg_offset(v, MSI_DATA), (uint16_t)first->data);
    }
    if (v->flags & PCI_MSI_MASKS)
        pci_write32(access, v->address, at + reg_offset(v, MSI_MASK), v->msi.mask);
    pci_write16(access, v->address, control, v->msi.control);
}

uint32_t vfunction_msix_read(const struct vfunction *v, uint32_t real)
{
    return (real & ~(uint32_t)((MSIX_ENABLE | MSIX_MASKED) << 16)) | (uint32_t)v->msix_control
                                                                         << 16;
}

enum vfunction_news vfunction_msix_write(struct vfunction *v, uint32_t value, uint32_t mask)
{
    uint32_t control = merge((uint32_t)v->msix_control << 16, value, mask) >> 16;
    v->msix_control = (uint16_t)(control & (MSIX_ENABLE | MSIX_MASKED));
    return VFUNCTION_NEW_MSIX;
}

bool vfunction_msix_on(const struct vfunction *v)
{
    return (v->msix_control & MSIX_ENABLE) != 0;
}

void vfunction_msix_program(const struct vfunction *v, const struct pci_access *access)
{
    if (v->caps.msix != 0)
        pci_write16(access, v->address, v->caps.msix + PCI_MSIX_CONTROL, v->msix_control);
}
