/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vpci.h"

#include "kernel/lib/bits.h"
#include "kernel/vdev/ports.h"

#define ADDRESS_ENABLE   BIT(31)
#define ADDRESS_WRITABLE (ADDRESS_ENABLE | BITS(23, 2)) /* bus, device, function, register */

#define HOST_BRIDGE_CLASS (ADDRESS_ENABLE | 0x08) /* 00:00.0, revision and class code */
#define HOST_BRIDGE_VALUE 0x06000000

void vpci_reset(struct vpci *v)
{
    v->address = 0;
}

uint32_t vpci_read(const struct vpci *v, uint16_t port, int size)
{
    uint32_t offset = port - (uint32_t)VPCI_DATA;

    if (port == VPCI_ADDRESS && size == 4)
        return v->address;
    if (v->address != HOST_BRIDGE_CLASS || offset > 3 || offset + (uint32_t)size > 4)
        return ports_all_ones(size);
    return (HOST_BRIDGE_VALUE >> (8 * offset)) & ports_all_ones(size);
}

void vpci_write(struct vpci *v, uint16_t port, int size, uint32_t value)
{
    if (port == VPCI_ADDRESS && size == 4)
        v->address = value & ADDRESS_WRITABLE;
}
