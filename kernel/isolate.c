/* SPDX-License-Identifier: MIT */
#include "kernel/isolate.h"

#include <stdatomic.h>

#include "arch/cpu.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/iommu.h"
#include "drivers/pci.h"
#include "kernel/log.h"

#define POLL_US    UINT64_C(1000000)
#define POLL_MOST  64 /* faults that are taken out at a time; units keep others, or lose them */
#define POLL_LINES 4

static _Atomic uint64_t poll_at; /* TSC; 0: no IOMMU */

static struct iommu_demand demand_of(uint8_t last_bus)
{
    return (struct iommu_demand){
        .clients = IOMMU_OWN_CLIENTS, .irqs = IOMMU_OWN_IRQS, .last_bus = last_bus};
}

uint64_t isolate_bytes(const struct acpi_host *acpi, uint8_t last_bus)
{
    struct iommu_demand demand = demand_of(last_bus);
    return iommu_bytes(acpi, &demand);
}

static bool bridge(void *context, struct remapping_function at, struct remapping_buses *buses)
{
    (void)context;
    return at.segment == 0 &&
           pci_bridge_buses(at.bus, at.devfn, &buses->secondary, &buses->subordinate);
}

bool isolate_start(const struct acpi_host *acpi, uint8_t last_bus, struct diag *diag)
{
    struct iommu_machine machine = {
        .remapping = {.host = acpi, .pci = {.bridge = bridge}},
        .x2apic = apic_is_x2(),
        .demand = demand_of(last_bus),
    };
    switch (iommu_start(&machine, diag)) {
    case IOMMU_UNUSED:
        log_line("IOMMU: none in use: %s", diag->message);
        return true;
    case IOMMU_ON:
        log_line("IOMMU: %s: DMA blocked, interrupts remapped", iommu_name());
        atomic_store(&poll_at, cpu_rdtsc());
        return true;
    case IOMMU_BROKEN:
        break;
    }
    return false;
}

static const char *access_of(const struct iommu_fault *fault)
{
    if (fault->kind == IOMMU_FAULT_INTERRUPT)
        return "entry or message";
    return fault->write ? "write to" : "read of";
}

static void fault_log(const struct iommu_fault *fault)
{
    unsigned id = fault->source.id;
    if (fault->kind == IOMMU_FAULT_UNIT || fault->kind == IOMMU_FAULT_LOST)
        log_line("IOMMU: PCI segment %u: %s", fault->source.segment, iommu_fault_name(fault->kind));
    else
        log_line("IOMMU: %04x:%02x:%02x.%u: %s, %s 0x%llx (reason 0x%x)", fault->source.segment,
                 id >> 8, id >> 3 & 31, id & 7, iommu_fault_name(fault->kind), access_of(fault),
                 (unsigned long long)fault->address, fault->reason);
}

void isolate_poll(void)
{
    struct iommu_fault fault;
    uint64_t due = atomic_load(&poll_at);
    if (due == 0 || cpu_rdtsc() < due ||
        !atomic_compare_exchange_strong(&poll_at, &due, cpu_rdtsc() + tsc_from_us(POLL_US)))
        return;
    uint32_t count = 0;
    for (; count < POLL_MOST && iommu_poll(&fault); count++)
        if (count < POLL_LINES)
            fault_log(&fault);
    if (count > POLL_LINES)
        log_line("IOMMU: %u more faults", count - POLL_LINES);
}
