/* SPDX-License-Identifier: MIT */
/*
 * Made-up machines for the tests of kernel/pci: each function has a whole configuration space, a
 * mask of what can be written to it, and helpers that lay out headers and capabilities.
 */
#ifndef BULKHEAD_TESTS_UNIT_PCI_MACHINE_H
#define BULKHEAD_TESTS_UNIT_PCI_MACHINE_H

#include <string.h>

#include "kernel/lib/types.h"
#include "kernel/pci/inventory.h"

#define FAKE_MAX 2200

struct fake {
    pci_address_t at;
    uint32_t reads_left; /* then it is gone; 0: it stays */
    uint8_t last_cap;    /* where the last capability begins, 0: none yet */
    uint8_t next_cap;    /* first free byte */
    uint16_t last_ext, next_ext;
    uint8_t space[PCI_EXTENDED_SIZE];
    uint8_t writable[PCI_EXTENDED_SIZE];
};

static struct fake fakes[FAKE_MAX];
static uint32_t fake_count;
static uint32_t fake_reads;
static bool fake_sized_while_decoding;
static struct pci_access fake_access;
static struct pci_inventory inventory;

static inline void fake_put(struct fake *f, uint32_t reg, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size; i++)
        f->space[reg + i] = (uint8_t)(value >> 8 * i);
}

static inline uint32_t fake_get(const struct fake *f, uint32_t reg, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = size; i > 0; i--)
        value = value << 8 | f->space[reg + i - 1];
    return value;
}

static inline void fake_let_write(struct fake *f, uint32_t reg, unsigned size, uint32_t mask)
{
    for (unsigned i = 0; i < size; i++)
        f->writable[reg + i] = (uint8_t)(mask >> 8 * i);
}

static inline struct fake *fake_find(pci_address_t at)
{
    for (uint32_t i = 0; i < fake_count; i++)
        if (fakes[i].at.raw == at.raw)
            return &fakes[i];
    return NULL;
}

static inline uint32_t fake_read(void *context, pci_address_t at, uint32_t reg, unsigned size)
{
    struct fake *f = fake_find(at);

    (void)context;
    fake_reads++;
    if (!f || f->reads_left == 1)
        return bytes_of_ones(size);
    f->reads_left -= f->reads_left > 1;
    return fake_get(f, reg, size);
}

static inline void fake_write(void *context, pci_address_t at, uint32_t reg, unsigned size,
                              uint32_t value)
{
    struct fake *f = fake_find(at);

    (void)context;
    if (!f)
        return;
    if (reg >= PCI_BAR0 && reg < PCI_BAR0 + 24 && value == UINT32_MAX &&
        fake_get(f, PCI_COMMAND, 2) & (PCI_COMMAND_MEMORY | PCI_COMMAND_IO))
        fake_sized_while_decoding = true;
    for (unsigned i = 0; i < size; i++) {
        uint8_t mask = f->writable[reg + i];
        f->space[reg + i] =
            (uint8_t)((f->space[reg + i] & ~mask) | ((uint8_t)(value >> 8 * i) & mask));
    }
}

/* No functions, one segment with a window, 40 bits of addresses. */
static inline void fake_reset(void)
{
    fake_count = 0;
    fake_reads = 0;
    fake_sized_while_decoding = false;
    memset(&inventory, 0x5a, sizeof(inventory));
    fake_access = (struct pci_access){
        .read = fake_read,
        .write = fake_write,
        .address_end = UINT64_C(1) << 40,
        .segment_count = 1,
        .segments = {{.ecam = {0xb0000000}, .number = 0, .first_bus = 0, .last_bus = 255}},
    };
}

static inline struct fake *fake_add_at(pci_address_t at, uint32_t id, uint32_t class_code)
{
    struct fake *f = &fakes[fake_count++];

    memset(f, 0, sizeof(*f));
    f->at = at;
    f->next_cap = PCI_CAP_FIRST;
    f->next_ext = PCI_EXT_FIRST;
    fake_put(f, PCI_VENDOR_ID, 2, id >> 16);
    fake_put(f, PCI_DEVICE_ID, 2, id & 0xffff);
    fake_put(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
    fake_let_write(f, PCI_COMMAND, 2,
                   PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
    fake_put(f, PCI_REVISION, 4, class_code << 8);
    return f;
}

/* `id` is vendor << 16 | device. */
static inline struct fake *fake_add(uint32_t bus, uint32_t device, uint32_t function, uint32_t id,
                                    uint32_t class_code)
{
    return fake_add_at(pci_address(0, bus, device, function), id, class_code);
}

static inline void fake_multi(struct fake *f)
{
    f->space[PCI_HEADER] |= PCI_HEADER_MULTI;
}

/* A capability of `size` bytes, all zero; returns where it is. */
static inline uint32_t fake_cap(struct fake *f, uint8_t id, uint32_t size)
{
    uint32_t at = f->next_cap;

    fake_put(f, PCI_STATUS, 2, PCI_STATUS_CAPS);
    f->space[f->last_cap ? f->last_cap + 1 : PCI_CAPS] = (uint8_t)at;
    f->space[at] = id;
    f->last_cap = (uint8_t)at;
    f->next_cap = (uint8_t)(at + ((size + 3) & ~3u));
    return at;
}

static inline uint32_t fake_ext(struct fake *f, uint32_t id, uint32_t size)
{
    uint32_t at = f->next_ext;

    if (f->last_ext)
        fake_put(f, f->last_ext, 4, fake_get(f, f->last_ext, 4) | at << 20);
    fake_put(f, at, 4, id | 1 << 16);
    f->last_ext = (uint16_t)at;
    f->next_ext = (uint16_t)(at + ((size + 3) & ~3u));
    return at;
}

static inline uint32_t fake_pcie(struct fake *f, enum pci_port port)
{
    uint32_t at = fake_cap(f, PCI_CAP_PCIE, 0x3c);

    fake_put(f, at + PCI_PCIE_CAPS, 2, 2 | (uint32_t)port << 4);
    return at;
}

/* All that can be controlled is controllable. */
static inline uint32_t fake_acs(struct fake *f)
{
    uint32_t at = fake_ext(f, PCI_EXT_ACS, 8);

    fake_put(f, at + PCI_ACS_CAPS, 2, 0x1f);
    fake_let_write(f, at + PCI_ACS_CONTROL, 2, 0x1f);
    return at;
}

/* An endpoint of its own. */
static inline struct fake *fake_endpoint(uint32_t bus, uint32_t device, uint32_t function)
{
    struct fake *f = fake_add(bus, device, function, 0x808610d3, 0x020000);

    fake_pcie(f, PCI_PORT_ENDPOINT);
    return f;
}

/* What a bridge passes on, first and last unit: 4 KiB of ports, 1 MiB of memory. */
static inline void fake_windows(struct fake *f, uint32_t io_first, uint32_t io_last,
                                uint32_t memory_first, uint32_t memory_last)
{
    fake_put(f, PCI_BRIDGE_IO, 2, io_first << 4 | io_last << 12);
    fake_put(f, PCI_BRIDGE_MEMORY, 4, memory_first << 4 | memory_last << 20);
}

/* Memory above 4 GiB, too, up to a limit in units of 1 MiB. */
static inline void fake_prefetch(struct fake *f, uint64_t first, uint64_t last)
{
    fake_put(f, PCI_BRIDGE_PREFETCH, 4,
             (uint32_t)((first & 0xfff) << 4 | 1 | (last & 0xfff) << 20 | 1 << 16));
    fake_put(f, PCI_BRIDGE_PREFETCH_BASE_UPPER, 4, (uint32_t)(first >> 12));
    fake_put(f, PCI_BRIDGE_PREFETCH_LIMIT_UPPER, 4, (uint32_t)(last >> 12));
}

/* It passes on all ports, all memory below 4 GiB, and all above. */
static inline struct fake *fake_bridge(uint32_t bus, uint32_t device, uint32_t function,
                                       uint32_t secondary, uint32_t subordinate)
{
    struct fake *f = fake_add(bus, device, function, 0x1b36000c, 0x060400);

    f->space[PCI_HEADER] = PCI_HEADER_BRIDGE;
    fake_put(f, PCI_BUS_NUMBERS, 4, bus | secondary << 8 | subordinate << 16);
    fake_windows(f, 0, 0xf, 0, 0xfff);
    fake_prefetch(f, GIB(4) >> 20, (BIT(52) - 1) >> 20);
    return f;
}

static inline struct fake *fake_port(uint32_t bus, uint32_t device, uint32_t secondary,
                                     uint32_t subordinate, enum pci_port port)
{
    struct fake *f = fake_bridge(bus, device, 0, secondary, subordinate);

    fake_pcie(f, port);
    return f;
}

/* A BAR of 32 bits (or I/O, by its flags), or of 64 with PCI_BAR_TYPE_64 << 1 among the flags. */
static inline void fake_bar(struct fake *f, uint32_t reg, uint64_t base, uint64_t size,
                            uint32_t flags)
{
    uint64_t mask = ~(size - 1);

    fake_put(f, reg, 4, (uint32_t)base | flags);
    fake_let_write(f, reg, 4, (uint32_t)mask & ~(flags & 1 ? 3u : 15u));
    if (flags & PCI_BAR_TYPE_64 << 1) {
        fake_put(f, reg + 4, 4, (uint32_t)(base >> 32));
        fake_let_write(f, reg + 4, 4, (uint32_t)(mask >> 32));
    }
}

static inline void fake_msix(struct fake *f, uint32_t vectors, uint32_t table, uint32_t pba)
{
    uint32_t at = fake_cap(f, PCI_CAP_MSIX, 12);

    fake_put(f, at + PCI_MSIX_CONTROL, 2, vectors - 1);
    fake_put(f, at + PCI_MSIX_TABLE, 4, table);
    fake_put(f, at + PCI_MSIX_PBA, 4, pba);
}

/* Virtual functions that firmware enabled; they answer, but have no ids. */
static inline uint32_t fake_sriov(struct fake *f, uint32_t count, uint32_t first, uint32_t stride)
{
    uint32_t at = fake_ext(f, PCI_EXT_SRIOV, 0x40);

    fake_put(f, at + PCI_SRIOV_CONTROL, 2, PCI_SRIOV_ENABLE | PCI_SRIOV_MEMORY);
    fake_let_write(f, at + PCI_SRIOV_CONTROL, 2, PCI_SRIOV_ENABLE | PCI_SRIOV_MEMORY);
    fake_put(f, at + PCI_SRIOV_NUM_VFS, 2, count);
    fake_put(f, at + PCI_SRIOV_OFFSET, 2, first);
    fake_put(f, at + PCI_SRIOV_STRIDE, 2, stride);
    fake_put(f, at + PCI_SRIOV_DEVICE_ID, 2, 0x1520);
    for (uint32_t i = 0; i < count && fake_count < FAKE_MAX; i++) {
        struct fake *vf =
            fake_add_at((pci_address_t){f->at.raw + first + i * stride}, UINT32_MAX, 0x020000);
        uint32_t pcie = fake_pcie(vf, PCI_PORT_ENDPOINT);
        fake_put(vf, pcie + PCI_PCIE_DEVICE_CAPS, 4, (uint32_t)PCI_PCIE_FLR);
    }
    return at;
}

static inline void fake_scan(void)
{
    pci_scan(&fake_access, &inventory);
}

/* All the steps. */
static inline void fake_inventory(void)
{
    pci_scan(&fake_access, &inventory);
    pci_find_errata(&inventory);
    pci_mask_errors(&fake_access, &inventory);
    pci_silence(&fake_access, &inventory);
    pci_size_bars(&fake_access, &inventory);
    pci_isolate(&fake_access, &inventory);
    pci_group(&inventory);
    pci_find_resets(&inventory);
}

/* The function at that address of segment 0, which must be there. */
static inline struct pci_function *found(uint32_t bus, uint32_t device, uint32_t function)
{
    uint16_t index = pci_find(&inventory, pci_address(0, bus, device, function));

    return index == PCI_NONE ? NULL : &inventory.functions[index];
}

#endif
