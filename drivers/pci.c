/* SPDX-License-Identifier: MIT */
#include "drivers/pci.h"

#include "arch/io.h"
#include "arch/x86/cpu/memory.h"
#include "kernel/lock.h"
#include "kernel/mm/pagetable.h"

static struct pci_access machine;

/* Functions that stay in reach when the windows do not: those of guests, for each of them the
 * bridge above it and its physical function. */
#define MAX_KEPT 192

static struct {
    pci_address_t at;
    volatile uint8_t *registers;
} kept[MAX_KEPT];
static uint32_t kept_count;
static bool moved;
static struct lock ports_lock = LOCK_INIT; /* two ports make one access */

/* ---- configuration mechanism #1 ---- */

static uint16_t select_register(pci_address_t at, uint32_t reg)
{
    io_out32(PCI_PORT_ADDRESS, pci_port_select(at, reg));
    return pci_port_of(reg);
}

static uint32_t port_read(pci_address_t at, uint32_t reg, unsigned size)
{
    lock_take(&ports_lock);
    uint32_t value = io_in(select_register(at, reg), size);
    lock_release(&ports_lock);
    return value;
}

static void port_write(pci_address_t at, uint32_t reg, unsigned size, uint32_t value)
{
    lock_take(&ports_lock);
    io_out(select_register(at, reg), size, value);
    lock_release(&ports_lock);
}

/* ---- windows ---- */

/* The register in memory, NULL where there is no window to it (any more). */
static volatile void *window_register(pci_address_t at, uint32_t reg)
{
    const struct pci_segment *segment =
        pci_segment_find(&machine, pci_segment_of(at), pci_bus_of(at));

    for (uint32_t i = 0; i < kept_count; i++)
        if (kept[i].at.raw == at.raw)
            return kept[i].registers + reg;
    if (moved || !segment || segment->ecam.raw == 0)
        return NULL;
    return (volatile void *)(uintptr_t)(segment->ecam.raw + pci_window_offset(at, reg));
}

static bool by_ports(pci_address_t at, uint32_t reg)
{
    return pci_segment_of(at) == 0 && reg < PCI_CONFIG_SIZE;
}

/* ---- both ---- */

static uint32_t config_read(void *context, pci_address_t at, uint32_t reg, unsigned size)
{
    const volatile void *window = window_register(at, reg);

    (void)context;
    if (window)
        return (uint32_t)mmio_read(window, size);
    return by_ports(at, reg) ? port_read(at, reg, size) : bytes_of_ones(size);
}

static void config_write(void *context, pci_address_t at, uint32_t reg, unsigned size,
                         uint32_t value)
{
    volatile void *window = window_register(at, reg);

    (void)context;
    if (window)
        mmio_write(window, size, value);
    else if (by_ports(at, reg))
        port_write(at, reg, size, value);
}

uint32_t pci_init(const struct pci_segment *windows, uint32_t count, uint64_t address_end)
{
    machine =
        (struct pci_access){.read = config_read, .write = config_write, .address_end = address_end};
    return pci_use_windows(&machine, windows, count, PCI_WINDOWS_END);
}

uint32_t pci_take_over(struct pci_inventory *inventory)
{
    pci_scan(&machine, inventory);
    pci_find_errata(inventory);
    pci_mask_errors(&machine, inventory);
    uint32_t masters = pci_silence(&machine, inventory);
    pci_size_bars(&machine, inventory);
    pci_isolate(&machine, inventory);
    pci_group(inventory);
    pci_find_resets(inventory);
    return masters;
}

void pci_shut_up(const struct pci_function *function)
{
    pci_deafen(&machine, function);
}

void pci_move(void)
{
    moved = true;
}

bool pci_keep(pci_address_t at)
{
    const struct pci_segment *segment =
        pci_segment_find(&machine, pci_segment_of(at), pci_bus_of(at));
    uint64_t offset = pci_window_offset(at, 0);

    if (!segment || segment->ecam.raw == 0)
        return pci_segment_of(at) == 0;
    if (window_register(at, 0))
        return true;
    if (kept_count == MAX_KEPT)
        return false;
    kept[kept_count].registers = device_map(hpa(segment->ecam.raw + offset), PAGE_4K, MAP_UNCACHED);
    kept[kept_count++].at = at;
    return true;
}

const struct pci_access *pci_machine(void)
{
    return &machine;
}
