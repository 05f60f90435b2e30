/* SPDX-License-Identifier: MIT */
#include "drivers/pci_reset.h"

#include "drivers/pci.h"

/* Microseconds. */
#define RESET_TIME   100000 /* until a function may be talked to again */
#define BUS_HELD     1000   /* Trst: as long as a secondary bus reset has to be held */
#define POWER_TIME   10000  /* from D3hot to D0 */
#define PENDING_STEP 1000
#define PENDING_MAX  100000
#define ANSWER_STEP  1000
#define ANSWER_MAX   1000000

#define PCIE_STATUS  10
#define PCIE_PENDING BIT(5)
#define AF_CONTROL   4
#define AF_STATUS    5
#define AF_INITIATE  BIT(0)
#define AF_PENDING   BIT(0)
#define PM_D0        0
#define PM_D3HOT     3

static uint16_t read16(const struct pci_function *function, uint32_t reg)
{
    return pci_read16(pci_machine(), function->address, reg);
}

static void write16(pci_address_t at, uint32_t reg, uint64_t value)
{
    pci_write16(pci_machine(), at, reg, (uint16_t)value);
}

/* What it has asked for should have come back; if it does not, the reset is all the more due. */
static void wait_pending(const struct pci_function *function, uint32_t reg, uint64_t bit,
                         pci_wait *wait)
{
    for (uint64_t us = 0; us < PENDING_MAX && (read16(function, reg & ~1u) >> 8 * (reg & 1) & bit);
         us += PENDING_STEP)
        wait(PENDING_STEP);
}

/*
 * No value that is written below comes from a read of the function: one that does not answer any
 * more reads all ones.
 */
static bool reset_flr(const struct pci_function *function, pci_wait *wait)
{
    uint32_t at = function->caps.pcie;
    wait_pending(function, at + PCIE_STATUS, PCIE_PENDING, wait);
    write16(function->address, at + PCI_PCIE_CONTROL,
            function->kept.device_control | PCI_PCIE_INITIATE);
    return true;
}

static bool reset_af(const struct pci_function *function, pci_wait *wait)
{
    uint32_t at = function->caps.af;
    const struct pci_access *access = pci_machine();
    wait_pending(function, at + AF_STATUS, AF_PENDING, wait);
    access->write(access->context, function->address, at + AF_CONTROL, 1, (uint32_t)AF_INITIATE);
    return true;
}

static bool reset_bus(pci_address_t bridge, pci_wait *wait)
{
    uint16_t control = pci_read16(pci_machine(), bridge, PCI_BRIDGE_CONTROL);
    if (control == UINT16_MAX)
        return false;
    write16(bridge, PCI_BRIDGE_CONTROL, control | PCI_BRIDGE_RESET);
    wait(BUS_HELD);
    write16(bridge, PCI_BRIDGE_CONTROL, control & ~PCI_BRIDGE_RESET);
    return true;
}

/* Without PMEs, and back. */
static bool reset_power(const struct pci_function *function, pci_wait *wait)
{
    uint32_t reg = function->caps.pm + PCI_PM_CONTROL;
    write16(function->address, reg, PM_D3HOT);
    wait(POWER_TIME);
    write16(function->address, reg, PM_D0);
    return true;
}

/* Wait until it answers, and as the one that it was. */
static bool comes_up(const struct pci_function *function, pci_wait *wait)
{
    for (uint64_t us = 0; !pci_is_there(pci_machine(), function); us += ANSWER_STEP) {
        if (us >= ANSWER_MAX)
            return false;
        wait(ANSWER_STEP);
    }
    return true;
}

bool pci_reset_begin(const struct pci_function *function, pci_address_t bridge, pci_wait *wait)
{
    const struct pci_caps *caps = &function->caps;
    write16(function->address, PCI_COMMAND, PCI_COMMAND_NO_INTX);
    if (!comes_up(function, wait))
        return false;
    write16(function->address, PCI_COMMAND, PCI_COMMAND_NO_INTX);
    if (caps->msi)
        write16(function->address, caps->msi + PCI_MSI_CONTROL, 0);
    if (caps->msix)
        write16(function->address, caps->msix + PCI_MSIX_CONTROL, 0);
    switch ((enum pci_reset)function->reset) {
    case PCI_RESET_FLR:
        return reset_flr(function, wait);
    case PCI_RESET_AF_FLR:
        return reset_af(function, wait);
    case PCI_RESET_BUS:
        return reset_bus(bridge, wait);
    case PCI_RESET_PM:
        return reset_power(function, wait);
    case PCI_RESET_NONE:
        break;
    }
    return true;
}

uint64_t pci_reset_time(const struct pci_function *function)
{
    switch ((enum pci_reset)function->reset) {
    case PCI_RESET_FLR:
    case PCI_RESET_AF_FLR:
    case PCI_RESET_BUS:
        return RESET_TIME;
    case PCI_RESET_PM:
        return POWER_TIME;
    case PCI_RESET_NONE:
        break;
    }
    return 0;
}

bool pci_reset_end(const struct pci_function *function, pci_wait *wait)
{
    return comes_up(function, wait) && pci_restore(pci_machine(), function);
}
