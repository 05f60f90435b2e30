/* SPDX-License-Identifier: MIT */
/* "PCI Express Base Specification", "PCI Express Extended Capabilities". */
#include "kernel/vdev/vfunction_extended.h"

#include "kernel/lib/bits.h"

#define DWORD(reg) (((reg) - PCI_EXT_FIRST) / 4)

#define EXT_AER    0x0001
#define EXT_SERIAL 0x0003
#define EXT_VENDOR 0x000b
#define EXT_LTR    0x0018
#define EXT_PTM    0x001f

#define HEADER_NEXT   BITS(31, 20)
#define VENDOR_HEADER 4
#define VENDOR_LENGTH BITS(31, 20) /* of the header: the capability's, with both headers */

/*
 * What a guest sees, for reading. Each is the function's own business and tells of no other:
 *
 *   AER     errors that the function has found. The masks and severities stay the machine's: they
 *           decide which messages go to the machine's root port, and a fatal one may end it all
 *   DSN     Device Serial Number, which drivers print or take a MAC address from
 *   VSEC    Vendor-Specific: by it drivers find out what they drive, as by the same capability of
 *           the first 256 bytes. What a write would do, the vendor alone knows
 *   LTR     latencies that firmware allows the function to ask the platform for
 *   PTM     whether it could have precise time; turned on, it would keep asking its root port
 *
 * All others do not exist, and those that nobody knows yet. It would matter for these:
 *
 *   ATS, PRI, PASID    requests that the device says are translated pass by the IOMMU
 *   SR-IOV, MR-IOV     functions appear under requester ids that nobody has in a domain
 *   ACS, ARI           what keeps the machine's functions apart, and how they are numbered
 *   Resizable BAR, VF Resizable BAR
 *                      a BAR would lie over what is behind it
 *   Multicast, MFVC, Virtual Channel, TPH
 *                      who else gets a request, on which way, into whose cache
 *   DPC, Power Budgeting, DPA, L1 PM Substates, link capabilities of all speeds, lane margining
 *                      the link belongs to the port above, and so to the machine
 *   DVSEC, DOE, IDE    channels to firmware in the device and keys of the link
 */
static const struct {
    uint16_t id, size; /* bytes; 0: the capability says */
} visible[] = {
    {EXT_AER, 0x2c}, {EXT_SERIAL, 12}, {EXT_VENDOR, 0}, {EXT_LTR, 8}, {EXT_PTM, 12},
};

static bool bit_of(const uint32_t bits[VFUNCTION_EXTENDED / 32], uint32_t reg)
{
    return (bits[DWORD(reg) / 32] >> DWORD(reg) % 32 & 1) != 0;
}

static void bit_set(uint32_t bits[VFUNCTION_EXTENDED / 32], uint32_t reg)
{
    bits[DWORD(reg) / 32] |= UINT32_C(1) << DWORD(reg) % 32;
}

/* Bytes of a capability that the guest sees; 0: none. */
static uint32_t size_of(uint32_t header, pci_address_t address, const struct pci_access *access,
                        uint32_t at)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(visible); i++) {
        if (visible[i].id != field_get(PCI_EXT_ID, header))
            continue;
        uint32_t size = visible[i].size;
        if (size == 0 && at + VENDOR_HEADER < PCI_EXTENDED_SIZE)
            size = (uint32_t)field_get(VENDOR_LENGTH,
                                       pci_read32(access, address, at + VENDOR_HEADER)) &
                   ~3u;
        return size <= PCI_EXTENDED_SIZE - at ? size : 0;
    }
    return 0;
}

/* False: there is no room for another one. */
static bool link_add(struct vfunction_extended *v, uint32_t at)
{
    if (v->count == VFUNCTION_LINKS)
        return false;
    if (v->count > 0)
        v->links[v->count - 1].next = (uint16_t)at;
    v->links[v->count].at = (uint16_t)at;
    v->links[v->count++].next = 0;
    return true;
}

void vfunction_extended_init(struct vfunction_extended *v, pci_address_t address,
                             const struct pci_access *access)
{
    uint32_t visited[VFUNCTION_EXTENDED / 32] = {0};
    uint32_t at = PCI_EXT_FIRST;

    *v = (struct vfunction_extended){0};
    while (at >= PCI_EXT_FIRST && !bit_of(visited, at)) {
        uint32_t header = pci_read32(access, address, at);
        uint32_t size = size_of(header, address, access, at);
        if (header == 0 || header == UINT32_MAX)
            break;
        bit_set(visited, at);
        /* The list begins at its fixed place, even if what is there is hidden. */
        if ((size > 0 || at == PCI_EXT_FIRST) && !link_add(v, at))
            break;
        for (uint32_t reg = at; reg < at + size; reg += 4)
            bit_set(v->shown, reg);
        at = (uint32_t)field_get(PCI_EXT_NEXT, header) * 4;
    }
}

uint32_t vfunction_extended_read(const struct vfunction_extended *v, pci_address_t address,
                                 const struct pci_access *access, uint32_t reg)
{
    uint32_t value = bit_of(v->shown, reg) ? pci_read32(access, address, reg) : 0;

    for (uint32_t i = 0; i < v->count; i++)
        if (v->links[i].at == reg)
            return (value & (uint32_t)~HEADER_NEXT) |
                   (uint32_t)field_put(HEADER_NEXT, v->links[i].next);
    return value;
}
