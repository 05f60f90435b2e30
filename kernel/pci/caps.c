/* SPDX-License-Identifier: MIT */
/*
 * Capabilities: two linked lists in configuration space, which a device may have got wrong or a
 * vanished one answers with all ones. A walk visits each offset once and takes what lies in the
 * list's part of the space as a whole.
 */
#include "kernel/lib/types.h"
#include "kernel/pci/work.h"

/* What reads one kind of capability: `at` is its offset. */
typedef void read_capability(const struct pci_access *access, struct pci_function *function,
                             uint32_t at);

struct capability {
    uint16_t id;
    uint8_t size; /* bytes that are read of it */
    read_capability *read;
};

static void read_pm(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    if (function->caps.pm != 0)
        return;
    function->caps.pm = (uint8_t)at;
    if (!(pci_read16(access, function->address, at + PCI_PM_CONTROL) & PCI_PM_NO_SOFT_RESET))
        function->flags |= PCI_HAS_PM_RESET;
}

static void read_msi(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    uint16_t control = pci_read16(access, function->address, at + PCI_MSI_CONTROL);
    uint32_t vectors = (uint32_t)field_get(PCI_MSI_VECTORS, control);
    uint32_t flags = (control & PCI_MSI_64 ? PCI_MSI_WIDE : 0u) |
                     (control & PCI_MSI_MASKABLE ? PCI_MSI_MASKS : 0u);

    /* Its size is in itself: it may say that it ends beyond the space, and is none then. */
    if (function->caps.msi != 0 || at + pci_msi_size((uint16_t)flags) > PCI_CONFIG_SIZE)
        return;
    function->caps.msi = (uint8_t)at;
    function->caps.msi_vectors = (uint8_t)(vectors > 5 ? 1 : 1u << vectors);
    function->flags |= flags;
}

static void read_msix(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    uint16_t control = pci_read16(access, function->address, at + PCI_MSIX_CONTROL);
    uint32_t table = pci_read32(access, function->address, at + PCI_MSIX_TABLE);
    uint32_t pba = pci_read32(access, function->address, at + PCI_MSIX_PBA);
    struct pci_caps *caps = &function->caps;

    if (caps->msix != 0)
        return;
    caps->msix = (uint8_t)at;
    caps->msix_vectors = (uint16_t)(field_get(PCI_MSIX_TABLE_SIZE, control) + 1);
    caps->msix_bar = (uint8_t)field_get(PCI_MSIX_BIR, table);
    caps->pba_bar = (uint8_t)field_get(PCI_MSIX_BIR, pba);
    caps->msix_offset = table & (uint32_t)PCI_MSIX_OFFSET;
    caps->pba_offset = pba & (uint32_t)PCI_MSIX_OFFSET;
}

static void read_pcie(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    uint16_t caps = pci_read16(access, function->address, at + PCI_PCIE_CAPS);

    if (function->caps.pcie != 0)
        return;
    function->caps.pcie = (uint8_t)at;
    function->kept.device_control = pci_read16(access, function->address, at + PCI_PCIE_CONTROL) &
                                    (uint16_t)~(PCI_PCIE_REPORTS | PCI_PCIE_INITIATE);
    function->port = (uint8_t)field_get(PCI_PCIE_TYPE, caps);
    function->flags |= caps & PCI_PCIE_SLOT ? PCI_HAS_SLOT : 0;
    if (pci_read32(access, function->address, at + PCI_PCIE_DEVICE_CAPS) & PCI_PCIE_FLR)
        function->flags |= PCI_HAS_FLR;
    if ((function->port == PCI_PORT_ROOT || function->port == PCI_PORT_DOWNSTREAM) &&
        field_get(PCI_PCIE_VERSION, caps) >= 2 && at + PCI_PCIE_CONTROL2 < PCI_CONFIG_SIZE &&
        pci_read16(access, function->address, at + PCI_PCIE_CONTROL2) & PCI_PCIE_ARI_FORWARD)
        function->flags |= PCI_ARI_FORWARD;
}

static void read_af(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    uint8_t caps = pci_read8(access, function->address, at + PCI_AF_CAPS);

    function->caps.af = (uint8_t)at;
    if ((caps & PCI_AF_TP) && (caps & PCI_AF_FLR))
        function->flags |= PCI_HAS_AF_FLR;
}

/* What redirects every request upstream, to the IOMMU, and lets none pass that says it is
 * translated already. */
#define ACS_WANTED (PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)

/* "Access Control Services": what it lacks of these, it does not need. */
static void read_acs(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    function->caps.acs = (uint16_t)at;
    function->kept.acs = pci_read16(access, function->address, at + PCI_ACS_CAPS) & ACS_WANTED;
}

static void read_ari(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    (void)access;
    function->caps.ari = (uint16_t)at;
}

static void read_sriov(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    (void)access;
    function->caps.sriov = (uint16_t)at;
}

/* How large firmware made each: no more than what there are BARs, and all in the space. */
static void read_rebar(const struct pci_access *access, struct pci_function *function, uint32_t at)
{
    struct pci_kept *kept = &function->kept;
    uint32_t first = pci_read16(access, function->address, at + PCI_REBAR_CONTROL);
    uint32_t count = (uint32_t)field_get(PCI_REBAR_COUNT, first);

    if (kept->rebar != 0)
        return;
    kept->rebar = (uint16_t)at;
    for (uint32_t i = 0; i < count && i < PCI_BARS; i++) {
        uint32_t reg = at + PCI_REBAR_CONTROL + 8 * i;
        if (reg >= PCI_EXTENDED_SIZE)
            return;
        kept->sizes[kept->resizes++] = pci_read16(access, function->address, reg);
    }
}

static const struct capability standard[] = {
    {PCI_CAP_PM, 8, read_pm},      {PCI_CAP_MSI, 10, read_msi}, {PCI_CAP_MSIX, 12, read_msix},
    {PCI_CAP_PCIE, 20, read_pcie}, {PCI_CAP_AF, 6, read_af},
};

static const struct capability extended[] = {
    {PCI_EXT_ACS, 8, read_acs},
    {PCI_EXT_ARI, 8, read_ari},
    {PCI_EXT_SRIOV, 0x3c, read_sriov},
    {PCI_EXT_REBAR, 12, read_rebar},
};

/* A capability of the table, if it is one, where it lies in the space below `end` as a whole. */
static bool read_one(const struct pci_access *access, struct pci_function *function,
                     const struct capability *capability, uint32_t at, uint32_t end)
{
    if (at + capability->size > end)
        return false;
    capability->read(access, function, at);
    return true;
}

/* False: the list is broken. What came before that counts. */
static bool read_standard(const struct pci_access *access, struct pci_function *function,
                          uint32_t at)
{
    uint64_t visited = 0; /* a bit for each doubleword of the space */

    while (at != 0) {
        uint32_t header = pci_read16(access, function->address, at);
        if (at < PCI_CAP_FIRST || visited & BIT(at / 4) || header == 0xffff)
            return false;
        visited |= BIT(at / 4);
        for (uint32_t i = 0; i < ARRAY_COUNT(standard); i++)
            if (standard[i].id == field_get(PCI_CAP_ID, header) &&
                !read_one(access, function, &standard[i], at, PCI_CONFIG_SIZE))
                return false;
        at = (uint32_t)field_get(PCI_CAP_NEXT, header) * 4;
    }
    return true;
}

static bool read_extended(const struct pci_access *access, struct pci_function *function)
{
    uint32_t at = PCI_EXT_FIRST;
    uint32_t header = pci_read32(access, function->address, at);
    /* A header and something behind it: there cannot be more. */
    uint32_t left = (PCI_EXTENDED_SIZE - PCI_EXT_FIRST) / 8;

    if (header == 0 || header == UINT32_MAX)
        return true;
    while (left-- > 0) {
        for (uint32_t i = 0; i < ARRAY_COUNT(extended); i++)
            if (extended[i].id == field_get(PCI_EXT_ID, header) &&
                !read_one(access, function, &extended[i], at, PCI_EXTENDED_SIZE))
                return false;
        at = (uint32_t)field_get(PCI_EXT_NEXT, header) * 4;
        if (at == 0)
            return true;
        header = at >= PCI_EXT_FIRST ? pci_read32(access, function->address, at) : UINT32_MAX;
        if (header == UINT32_MAX)
            return false;
    }
    return false;
}

/* Where the list begins, as the header's type says. */
static uint32_t first_capability(const struct pci_access *access,
                                 const struct pci_function *function)
{
    if (function->header > PCI_HEADER_CARDBUS ||
        !(pci_read16(access, function->address, PCI_STATUS) & PCI_STATUS_CAPS))
        return 0;
    uint32_t reg = function->header == PCI_HEADER_CARDBUS ? PCI_CARDBUS_CAPS : PCI_CAPS;
    return pci_read8(access, function->address, reg) & ~3u;
}

void pci_read_caps(const struct pci_access *access, struct pci_inventory *inventory,
                   struct pci_function *function)
{
    pci_address_t at = function->address;
    const struct pci_segment *segment =
        pci_segment_find(access, pci_segment_of(at), pci_bus_of(at));

    if (!read_standard(access, function, first_capability(access, function)))
        pci_warn(inventory, at, PCI_FAULT_CAPS);
    if (function->caps.pcie != 0 && segment && segment->ecam.raw != 0 &&
        !read_extended(access, function))
        pci_warn(inventory, at, PCI_FAULT_EXT_CAPS);
}
