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

#define ECAM_BUS      BITS(27, 20)
#define ECAM_DEVICE   BITS(19, 15)
#define ECAM_FUNCTION BITS(14, 12)
#define ECAM_REGISTER BITS(11, 0)

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

/* The index of a function of bus 0; v->count: nobody's. */
static uint32_t index_of(const struct vpci *v, uint64_t device, uint64_t function)
{
    uint32_t index = (uint32_t)(function * VPCI_DEVICES + device - 1);
    return device >= 1 && index < v->count ? index : v->count;
}

/* The function whose registers are at the data port now. */
static uint32_t selected(const struct vpci *v)
{
    bool ours = (v->address & ADDRESS_ENABLE) && !(v->address & ADDRESS_BUS);
    return ours ? index_of(v, field_get(ADDRESS_DEVICE, v->address),
                           field_get(ADDRESS_FUNCTION, v->address))
                : v->count;
}

/* The function at that place of the window, if the access is one that a function takes. */
static uint32_t selected_in_ecam(const struct vpci *v, uint32_t offset, unsigned size)
{
    bool ours = size <= 4 && is_aligned(offset, size) && !(offset & ECAM_BUS);
    return ours ? index_of(v, field_get(ECAM_DEVICE, offset), field_get(ECAM_FUNCTION, offset))
                : v->count;
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

static void write_function(struct vpci *v, uint32_t index, uint32_t reg, unsigned size,
                           uint32_t value)
{
    v->changed = index;
    v->news = vfunction_write(&v->functions[index], v->access, reg, size, value);
}

uint32_t vpci_read(const struct vpci *v, uint16_t port, int size)
{
    uint32_t offset = port - (uint32_t)VPCI_DATA, index = selected(v);

    if (port == VPCI_ADDRESS && size == 4)
        return v->address;
    if (offset > 3 || offset + (uint32_t)size > 4)
        return bytes_of_ones((unsigned)size);
    if (index < v->count)
        return read_function(v, index, (uint32_t)(v->address & ADDRESS_REGISTER) + offset,
                             (unsigned)size);
    if (v->address != HOST_BRIDGE_CLASS)
        return bytes_of_ones((unsigned)size);
    return (HOST_BRIDGE_VALUE >> (8 * offset)) & bytes_of_ones((unsigned)size);
}

void vpci_write(struct vpci *v, uint16_t port, int size, uint32_t value)
{
    uint32_t offset = port - (uint32_t)VPCI_DATA, index = selected(v);

    if (port == VPCI_ADDRESS && size == 4)
        v->address = value & ADDRESS_WRITABLE;
    if (index == v->count || offset > 3 || offset + (uint32_t)size > 4)
        return;
    write_function(v, index, (uint32_t)(v->address & ADDRESS_REGISTER) + offset, (unsigned)size,
                   value);
}

uint64_t vpci_ecam_read(const struct vpci *v, uint32_t offset, unsigned size)
{
    uint32_t index = selected_in_ecam(v, offset, size);
    if (index == v->count)
        return UINT64_MAX >> (64 - 8 * size);
    return read_function(v, index, (uint32_t)(offset & ECAM_REGISTER), size);
}

void vpci_ecam_write(struct vpci *v, uint32_t offset, unsigned size, uint64_t value)
{
    uint32_t index = selected_in_ecam(v, offset, size);
    if (index < v->count)
        write_function(v, index, (uint32_t)(offset & ECAM_REGISTER), size, (uint32_t)value);
}
