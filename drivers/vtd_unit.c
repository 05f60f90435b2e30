/* SPDX-License-Identifier: MIT */
#include "drivers/vtd_unit.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/iommu/vtd_regs.h"
#include "drivers/iommu_ops.h"

#define QUEUE_ENTRIES 256 /* IQA.QS 0 */

/* Fault records are within the first 20 KiB (CAP.FRO, CAP.NFR). */
#define REGISTERS_MOST (5 * PAGE_4K)

_Static_assert(sizeof(struct vtd_unit) <= IOMMU_UNIT_BYTES, "see drivers/iommu/needs.c");
_Static_assert(QUEUE_ENTRIES * sizeof(struct vtd_pair) == PAGE_4K, "the queue is a page");

static uint32_t read32(const struct vtd_unit *unit, uint32_t reg)
{
    return mmio_read32(unit->registers + reg);
}

static void write32(const struct vtd_unit *unit, uint32_t reg, uint64_t value)
{
    mmio_write32(unit->registers + reg, (uint32_t)value);
}

static uint64_t read64(const struct vtd_unit *unit, uint32_t reg)
{
    return mmio_read64(unit->registers + reg);
}

static void write64(const struct vtd_unit *unit, uint32_t reg, uint64_t value)
{
    mmio_write64(unit->registers + reg, value);
}

/* Wait until these bits of a 32-bit register are all set or all clear. */
static bool wait_for(const struct vtd_unit *unit, uint32_t reg, uint64_t bits, bool set)
{
    uint64_t end = cpu_rdtsc() + tsc_from_us(IOMMU_PATIENCE_US);
    do {
        if ((read32(unit, reg) & bits) == (set ? bits : 0))
            return true;
        cpu_pause();
    } while (cpu_rdtsc() < end);
    return false;
}

/* Global commands are given one at a time: GCMD is write-only, and GSTS tells what is on. */
static bool command(const struct vtd_unit *unit, uint64_t bit, bool on)
{
    uint64_t status = read32(unit, VTD_GSTS_REG) & ~VTD_GCMD_ONCE;
    write32(unit, VTD_GCMD_REG, on ? status | bit : status & ~bit);
    return wait_for(unit, VTD_GSTS_REG, bit, on);
}

static uint32_t fault_register(const struct vtd_unit *unit, uint32_t index)
{
    return VTD_FRCD_SIZE * ((uint32_t)field_get(VTD_CAP_FRO, unit->cap) + index);
}

static uint32_t fault_registers(const struct vtd_unit *unit)
{
    return 1 + (uint32_t)field_get(VTD_CAP_NFR, unit->cap);
}

/* IOTLB_REG. */
static uint32_t iotlb_register(const struct vtd_unit *unit)
{
    return 16 * (uint32_t)field_get(VTD_ECAP_IRO, unit->ecap) + 8;
}

bool vtd_unit_map(struct vtd_unit *unit, const struct dmar_unit *from, struct diag *diag)
{
    uint64_t size = from->size < REGISTERS_MOST ? from->size : REGISTERS_MOST;
    unit->registers = device_map(hpa(from->base), size, MAP_UNCACHED);
    unit->segment = from->segment;
    unit->cap = read64(unit, VTD_CAP_REG);
    unit->ecap = read64(unit, VTD_ECAP_REG);
    bool queue = (unit->ecap & VTD_ECAP_QI) != 0;
    if (vtd_is_there(unit->cap, unit->ecap) &&
        (fault_register(unit, fault_registers(unit)) > size ||
         (!queue && iotlb_register(unit) + 8 > size)))
        return diag_set(diag, "the VT-d unit at 0x%llx has registers beyond their end",
                        (unsigned long long)from->base);
    unit->mapped = true;
    return true;
}

/* Changes in memory are seen by the unit only after this, where it says so. */
static bool flush_write_buffer(const struct vtd_unit *unit)
{
    if (!(unit->cap & VTD_CAP_RWBF))
        return true;
    uint64_t status = read32(unit, VTD_GSTS_REG) & ~VTD_GCMD_ONCE;
    write32(unit, VTD_GCMD_REG, status | VTD_GCMD_WBF);
    return wait_for(unit, VTD_GSTS_REG, VTD_GCMD_WBF, false);
}

static void put(struct vtd_unit *unit, struct vtd_pair what)
{
    unit->queue[unit->tail] = what;
    unit->tail = (unit->tail + 1) % QUEUE_ENTRIES;
}

/* The queue is empty at the beginning, since every call waits for its end. */
static bool invalidate(struct vtd_unit *unit, const struct vtd_pair *what, uint32_t count)
{
    if (!flush_write_buffer(unit))
        return false;
    for (uint32_t i = 0; i < count; i++)
        put(unit, what[i]);
    unit->ticket++;
    hpa_t done = host_hpa((const void *)&unit->done);
    put(unit, vtd_invalidate_wait(done, unit->ticket));
    cpu_fence();
    write64(unit, VTD_IQT_REG, field_put(VTD_IQ_INDEX, unit->tail));

    uint64_t end = cpu_rdtsc() + tsc_from_us(IOMMU_PATIENCE_US);
    do {
        if (unit->done == unit->ticket)
            return true;
        if (read32(unit, VTD_FSTS_REG) & VTD_FSTS_ERRORS)
            return false;
        cpu_pause();
    } while (cpu_rdtsc() < end);
    return false;
}

static void errors_clear(const struct vtd_unit *unit)
{
    write32(unit, VTD_FSTS_REG, VTD_FSTS_ERRORS);
}

/* "Fault-Event Interrupt": while any field of FSTS is set, a fault is no new reason to send it. A
 * queue that stays on would set IQE again. */
static void give_up(struct vtd_unit *unit)
{
    command(unit, VTD_GCMD_QIE, false);
    errors_clear(unit);
    unit->dead = true;
}

bool vtd_unit_invalidate(struct vtd_unit *unit, const struct vtd_pair *what, uint32_t count)
{
    if (unit->dead)
        return false;
    if (!invalidate(unit, what, count))
        give_up(unit);
    return !unit->dead;
}

/* Firmware's queue is let run empty before it goes away, but for one that stands on an error: what
 * forget_faults() cleared while it was on is back then. */
static bool queue_on(struct vtd_unit *unit)
{
    if (read32(unit, VTD_GSTS_REG) & VTD_GCMD_QIE) {
        uint64_t end = cpu_rdtsc() + tsc_from_us(IOMMU_PATIENCE_US);
        while (read64(unit, VTD_IQH_REG) != read64(unit, VTD_IQT_REG) &&
               !(read32(unit, VTD_FSTS_REG) & VTD_FSTS_ERRORS) && cpu_rdtsc() < end)
            cpu_pause();
        if (!command(unit, VTD_GCMD_QIE, false))
            return false;
        write32(unit, VTD_FSTS_REG, VTD_FSTS_ERRORS);
    }
    write64(unit, VTD_IQT_REG, 0);
    write64(unit, VTD_IQA_REG, host_hpa(unit->queue).raw);
    return command(unit, VTD_GCMD_QIE, true);
}

static void forget_faults(struct vtd_unit *unit)
{
    write32(unit, VTD_FECTL_REG, VTD_FECTL_IM);
    for (uint32_t i = 0; i < fault_registers(unit); i++)
        write32(unit, fault_register(unit, i) + 12, VTD_FRCD_F >> 32);
    write32(unit, VTD_FSTS_REG, VTD_FSTS_PFO | VTD_FSTS_AFO | VTD_FSTS_APF | VTD_FSTS_ERRORS);
}

/* What cannot be taken over: another kind of root table, and a fault log in firmware's memory. */
static bool leftovers_off(const struct vtd_unit *unit)
{
    uint64_t status = read32(unit, VTD_GSTS_REG);
    if ((status & VTD_GCMD_TE) && (read64(unit, VTD_RTADDR_REG) & VTD_RTADDR_TTM) &&
        !command(unit, VTD_GCMD_TE, false))
        return false;
    return !(status & VTD_GCMD_EAFL) || command(unit, VTD_GCMD_EAFL, false);
}

/* A command in the highest bit of a register of 64 bits: the unit clears it when it has done it. */
static bool register_command(const struct vtd_unit *unit, uint32_t reg, uint64_t value)
{
    if (!wait_for(unit, reg + 4, BIT(31), false))
        return false;
    write64(unit, reg, value);
    return wait_for(unit, reg + 4, BIT(31), false);
}

/* "Register-based Invalidation Interface". A unit that does not say that it did everything, did not
 * know what to do. */
static bool registers_invalidate(const struct vtd_unit *unit)
{
    uint32_t iotlb = iotlb_register(unit);
    return register_command(unit, VTD_CCMD_REG,
                            VTD_CCMD_ICC | field_put(VTD_CCMD_CIRG, VTD_GLOBAL)) &&
           field_get(VTD_CCMD_CAIG, read64(unit, VTD_CCMD_REG)) == VTD_GLOBAL &&
           register_command(unit, iotlb,
                            VTD_IOTLB_IVT | field_put(VTD_IOTLB_IIRG, VTD_GLOBAL) | VTD_IOTLB_DR |
                                VTD_IOTLB_DW) &&
           field_get(VTD_IOTLB_IAIG, read64(unit, iotlb)) == VTD_GLOBAL;
}

/* By the queue, which stays on, where there is one: units of version 6 and later have no other way.
 */
static bool invalidate_all(struct vtd_unit *unit)
{
    const struct vtd_pair all[] = {vtd_invalidate_contexts(), vtd_invalidate_tlb()};
    if (!(unit->ecap & VTD_ECAP_QI))
        return registers_invalidate(unit);
    return queue_on(unit) && invalidate(unit, all, 2);
}

/* With translation left on, the unit goes from firmware's tables to ours in one step. */
static bool translation_on(struct vtd_unit *unit, hpa_t roots)
{
    write64(unit, VTD_RTADDR_REG, roots.raw);
    return flush_write_buffer(unit) && command(unit, VTD_GCMD_SRTP, true) && invalidate_all(unit) &&
           command(unit, VTD_GCMD_TE, true);
}

static uint64_t irta(const struct vtd_roots *roots)
{
    uint64_t size = 0; /* 2^(size + 1) entries */
    while (UINT64_C(2) << size < roots->irte_count)
        size++;
    return roots->irtes.raw | field_put(VTD_IRTA_S, size) | (roots->x2apic ? VTD_IRTA_EIME : 0);
}

/* Interrupts in the compatibility format are blocked, too: nothing checks who sends them. */
static bool remapping_on(struct vtd_unit *unit, const struct vtd_roots *roots)
{
    const struct vtd_pair all[] = {vtd_invalidate_irtes()};
    write64(unit, VTD_IRTA_REG, irta(roots));
    return command(unit, VTD_GCMD_SIRTP, true) && invalidate(unit, all, 1) &&
           command(unit, VTD_GCMD_CFI, false) && command(unit, VTD_GCMD_IRE, true);
}

/* Translation protects everything now, and firmware's protected regions would block guests. */
static bool regions_off(const struct vtd_unit *unit)
{
    if (!(unit->cap & (VTD_CAP_PLMR | VTD_CAP_PHMR)))
        return true;
    write32(unit, VTD_PMEN_REG, read32(unit, VTD_PMEN_REG) & ~VTD_PMEN_EPM);
    return wait_for(unit, VTD_PMEN_REG, VTD_PMEN_PRS, false);
}

bool vtd_unit_start(struct vtd_unit *unit, const struct vtd_roots *roots)
{
    unit->queue = host_alloc(PAGE_4K, PAGE_4K);
    forget_faults(unit);
    unit->dead = !leftovers_off(unit) || !translation_on(unit, roots->contexts) ||
                 !remapping_on(unit, roots) || !regions_off(unit);
    return !unit->dead;
}

/* What firmware left in the table would go to its processors. */
static bool remapping_off(const struct vtd_unit *unit)
{
    return !(read32(unit, VTD_GSTS_REG) & VTD_GCMD_IRE) || command(unit, VTD_GCMD_IRE, false);
}

bool vtd_unit_block(struct vtd_unit *unit, hpa_t roots)
{
    unit->queue = host_alloc(PAGE_4K, PAGE_4K);
    forget_faults(unit);
    unit->dead = !leftovers_off(unit) || !translation_on(unit, roots) || !remapping_off(unit);
    return !unit->dead;
}

/* Overflow is told after the records, for which it has made room. */
static bool poll_status(struct vtd_unit *unit, uint32_t status, struct iommu_fault *fault)
{
    if (unit->dead && (status & VTD_FSTS_ERRORS)) /* one came late */
        errors_clear(unit);
    if (unit->dead && !unit->told) {
        unit->told = true;
        *fault = (struct iommu_fault){.kind = IOMMU_FAULT_UNIT, .source = {unit->segment, 0}};
        return true;
    }
    if (!(status & VTD_FSTS_PFO))
        return false;
    write32(unit, VTD_FSTS_REG, VTD_FSTS_PFO);
    *fault = (struct iommu_fault){.kind = IOMMU_FAULT_LOST, .source = {unit->segment, 0}};
    return true;
}

bool vtd_unit_poll(struct vtd_unit *unit, struct iommu_fault *fault)
{
    uint32_t status = read32(unit, VTD_FSTS_REG), count = fault_registers(unit);
    for (uint32_t i = 0; i < count && (status & VTD_FSTS_PPF); i++) {
        uint32_t reg = fault_register(unit, unit->next_fault);
        struct vtd_pair record = {.high = read64(unit, reg + 8)};
        unit->next_fault = (uint16_t)((unit->next_fault + 1) % count);
        if (!(record.high & VTD_FRCD_F))
            continue;
        record.low = read64(unit, reg);
        write32(unit, reg + 12, VTD_FRCD_F >> 32);
        *fault = vtd_fault(record, unit->segment);
        return true;
    }
    return poll_status(unit, status, fault);
}

/* The four registers of an event, from its control register on; it stays masked. */
static void event_set(const struct vtd_unit *unit, uint32_t control,
                      const struct iommu_message *message)
{
    write32(unit, control, VTD_FECTL_IM);
    write32(unit, control + VTD_EVENT_DATA, message->data);
    write32(unit, control + VTD_EVENT_ADDR, message->address & UINT32_MAX);
    write32(unit, control + VTD_EVENT_UADDR, message->address >> 32);
}

void vtd_unit_alert(const struct vtd_unit *unit, const struct iommu_message *message)
{
    event_set(unit, VTD_FECTL_REG, message);
}

bool vtd_unit_try(struct vtd_unit *unit, const struct iommu_message *message,
                  const volatile uint64_t *nmis)
{
    const struct vtd_pair what[] = {vtd_invalidate_event()};
    uint64_t before = *nmis;
    event_set(unit, VTD_IECTL_REG, message);
    write32(unit, VTD_ICS_REG, VTD_ICS_IWC);
    write32(unit, VTD_IECTL_REG, 0);
    bool came = vtd_unit_invalidate(unit, what, 1) && iommu_nmi_came(nmis, before);
    write32(unit, VTD_IECTL_REG, VTD_FECTL_IM);
    write32(unit, VTD_ICS_REG, VTD_ICS_IWC);
    return came;
}

/* The unit notes in FECTL.IP what it would have sent, and makes up for it. */
void vtd_unit_listen(const struct vtd_unit *unit, bool on)
{
    write32(unit, VTD_FECTL_REG, on ? 0 : VTD_FECTL_IM);
}
