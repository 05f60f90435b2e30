/* SPDX-License-Identifier: MIT */
#include "drivers/pci.h"

#include "arch/io.h"
#include "kernel/lib/bits.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  BIT(31)

#define REG_ID        0x00
#define REG_COMMAND   0x04
#define REG_HEADER    0x0c
#define REG_BUSES     0x18 /* of bridges */
#define VENDOR_ABSENT 0xffff

#define COMMAND_BUS_MASTER   BIT(2)
#define COMMAND_INTX_DISABLE BIT(10)
#define COMMAND_FIELD        BITS(15, 0) /* the status half clears what is written as 1 */
#define HEADER_TYPE          BITS(22, 16)
#define HEADER_MULTI         BIT(23)
#define HEADER_TYPE_DEVICE   0
#define HEADER_TYPE_BRIDGE   1
#define BUSES_SECONDARY      BITS(15, 8)
#define BUSES_SUBORDINATE    BITS(23, 16)

#define FUNCTIONS_PER_DEVICE 8
#define FUNCTIONS_PER_BUS    256
#define DEVICES              (256 * 32)

/* `function` counts all functions of all devices of all buses: bus, device and function number. */
static void select(uint32_t function, uint32_t reg)
{
    io_out32(CONFIG_ADDRESS, (uint32_t)(CONFIG_ENABLE | function << 8 | reg));
}

static uint32_t config_read(uint32_t function, uint32_t reg)
{
    select(function, reg);
    return io_in32(CONFIG_DATA);
}

static void config_write(uint32_t function, uint32_t reg, uint32_t value)
{
    select(function, reg);
    io_out32(CONFIG_DATA, value);
}

static bool is_present(uint32_t function)
{
    return (config_read(function, REG_ID) & 0xffff) != VENDOR_ABSENT;
}

bool pci_bridge_buses(uint8_t bus, uint8_t devfn, uint8_t *secondary, uint8_t *subordinate)
{
    uint32_t function = (uint32_t)bus * FUNCTIONS_PER_BUS + devfn;
    if (!is_present(function) ||
        field_get(HEADER_TYPE, config_read(function, REG_HEADER)) != HEADER_TYPE_BRIDGE)
        return false;
    uint32_t buses = config_read(function, REG_BUSES);
    *secondary = (uint8_t)field_get(BUSES_SECONDARY, buses);
    *subordinate = (uint8_t)field_get(BUSES_SUBORDINATE, buses);
    return true;
}

static void note_bus(uint32_t function, struct pci_found *found)
{
    uint8_t bus = (uint8_t)(function / FUNCTIONS_PER_BUS), behind, last = bus;
    if (!pci_bridge_buses(bus, function % FUNCTIONS_PER_BUS, &behind, &last) || last < bus)
        last = bus;
    if (last > found->last_bus)
        found->last_bus = last;
}

/* Bridges keep forwarding: a function behind them that is quiet sends nothing. */
static void silence(uint32_t function, struct pci_found *found)
{
    uint64_t header = config_read(function, REG_HEADER);
    uint64_t command = config_read(function, REG_COMMAND) & COMMAND_FIELD;
    found->functions++;
    note_bus(function, found);
    if (field_get(HEADER_TYPE, header) != HEADER_TYPE_DEVICE)
        return;
    if (command & COMMAND_BUS_MASTER)
        found->silenced++;
    command = (command & ~COMMAND_BUS_MASTER) | COMMAND_INTX_DISABLE;
    config_write(function, REG_COMMAND, (uint32_t)command);
}

struct pci_found pci_quiesce(void)
{
    struct pci_found found = {0};
    for (uint32_t device = 0; device < DEVICES; device++) {
        uint32_t first = device * FUNCTIONS_PER_DEVICE;
        if (!is_present(first))
            continue;
        bool multi = (config_read(first, REG_HEADER) & HEADER_MULTI) != 0;
        silence(first, &found);
        for (uint32_t i = 1; multi && i < FUNCTIONS_PER_DEVICE; i++)
            if (is_present(first + i))
                silence(first + i, &found);
    }
    return found;
}
