/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vpci.h"

#include "kernel/lib/bits.h"
#include "kernel/vdev/ports.h"

#define ADDRESS_ENABLE   BIT(31)
#define ADDRESS_BUS      BITS(23, 16)
#define ADDRESS_DEVICE   BITS(15, 11)
#define ADDRESS_FUNCTION BITS(10, 8)
#define ADDRESS_REGISTER BITS(7, 2)
#define ADDRESS_WRITABLE                                                                           \
    (ADDRESS_ENABLE | ADDRESS_BUS | ADDRESS_DEVICE | ADDRESS_FUNCTION | ADDRESS_REGISTER)

#define HOST_BRIDGE_CLASS (ADDRESS_ENABLE | 0x08) /* 00:00.0, revision and class code */
#define HOST_BRIDGE_VALUE 0x06000000

void vpci_connect(struct vpci *v, struct vfunction *functions, uint32_t count,
                  const struct pci_access *access)
{
    v->functions = functions;
    v->count = count < VPCI_MAX_FUNCTIONS ? count : VPCI_MAX_FUNCTIONS;
    v->access = access;
}

void vpci_reset(struct vpci *v)
{
    v->address = 0;
    v->news = VFUNCTION_NOTHING;
}

/* The index of the function whose registers are at the data port now; v->count: nobody's. */
static uint32_t selected(const struct vpci *v)
{
    uint32_t device = (uint32_t)field_get(ADDRESS_DEVICE, v->address);
    uint32_t function = (uint32_t)field_get(ADDRESS_FUNCTION, v->address);
    uint32_t index = function * VPCI_DEVICES + device - 1;
    bool ours = (v->address & ADDRESS_ENABLE) && !(v->address & ADDRESS_BUS) && device >= 1;
    return ours && index < v->count ? index : v->count;
}

/* That there is more than function 0, no function can know. */
static uint32_t read_function(const struct vpci *v, uint32_t index, uint32_t reg, unsigned size)
{
    uint32_t value = vfunction_read(&v->functions[index], v->access, reg, size);
    bool several = index % VPCI_DEVICES + VPCI_DEVICES < v->count;
    if (several && reg <= PCI_HEADER && reg + size > PCI_HEADER)
        value |= (uint32_t)PCI_HEADER_MULTI << 8 * (PCI_HEADER - reg);
    return value;
}

uint32_t vpci_read(const struct vpci *v, uint16_t port, int size)
{
    uint32_t offset = port - (uint32_t)VPCI_DATA, index = selected(v);

    if (port == VPCI_ADDRESS && size == 4)
        return v->address;
    if (offset > 3 || offset + (uint32_t)size > 4)
        return ports_all_ones(size);
    if (index < v->count)
        return read_function(v, index, (uint32_t)(v->address & ADDRESS_REGISTER) + offset,
                             (unsigned)size);
    if (v->address != HOST_BRIDGE_CLASS)
        return ports_all_ones(size);
    return (HOST_BRIDGE_VALUE >> (8 * offset)) & ports_all_ones(size);
}

void vpci_write(struct vpci *v, uint16_t port, int size, uint32_t value)
{
    uint32_t offset = port - (uint32_t)VPCI_DATA, index = selected(v);

    if (port == VPCI_ADDRESS && size == 4)
        v->address = value & ADDRESS_WRITABLE;
    if (index == v->count || offset > 3 || offset + (uint32_t)size > 4)
        return;
    v->changed = index;
    v->news =
        vfunction_write(&v->functions[index], v->access,
                        (uint32_t)(v->address & ADDRESS_REGISTER) + offset, (unsigned)size, value);
}
