/* SPDX-License-Identifier: MIT */
#include "drivers/amdvi_unit.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/iommu/amdvi_regs.h"
#include "drivers/iommu_ops.h"

#define BUFFER_ENTRIES 256
#define BUFFER_ORDER   8
#define DEVICE_IDS     65536

/* How long the log may take to stop, once in the life of a unit for which it is not enough. */
#define LOG_PATIENCE_US 1000

/* What this driver turns on and off; the rest of the control register stays off. */
#define RUNNING (AMDVI_CONTROL_IOMMU_EN | AMDVI_CONTROL_EVENT_LOG_EN | AMDVI_CONTROL_CMD_BUF_EN)

_Static_assert(sizeof(struct amdvi_unit) <= IOMMU_UNIT_BYTES, "see drivers/iommu/needs.c");
_Static_assert(BUFFER_ENTRIES * sizeof(struct amdvi_pair) == PAGE_4K, "the buffers are pages");

static uint64_t read64(const struct amdvi_unit *unit, uint32_t reg)
{
    return mmio_read64(unit->registers + reg);
}

static void write64(const struct amdvi_unit *unit, uint32_t reg, uint64_t value)
{
    mmio_write64(unit->registers + reg, value);
}

static bool wait_for(const struct amdvi_unit *unit, uint64_t bits, bool set, uint64_t us)
{
    uint64_t end = cpu_rdtsc() + tsc_from_us(us);
    do {
        if ((read64(unit, AMDVI_STATUS) & bits) == (set ? bits : 0))
            return true;
        cpu_pause();
    } while (cpu_rdtsc() < end);
    return false;
}

void amdvi_unit_map(struct amdvi_unit *unit, const struct ivrs_unit *from)
{
    unit->registers = device_map(hpa(from->base), AMDVI_REGISTERS, MAP_UNCACHED);
    unit->segment = from->segment;
    unit->device_id = from->device_id;
    unit->capability = from->capability_offset;
    unit->control = amdvi_control(from->flags);
    unit->features = read64(unit, AMDVI_EXTENDED_FEATURE);
}

static void put(struct amdvi_unit *unit, struct amdvi_pair what)
{
    unit->commands[unit->tail] = what;
    unit->tail = (unit->tail + 1) % BUFFER_ENTRIES;
}

/* The buffer is empty at the beginning, since every call waits for its end. */
static bool execute(struct amdvi_unit *unit, const struct amdvi_pair *what, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        put(unit, what[i]);
    unit->ticket++;
    put(unit, amdvi_completion_wait(host_hpa((const void *)&unit->done), unit->ticket));
    cpu_fence();
    write64(unit, AMDVI_COMMAND_BUFFER_TAIL, field_put(AMDVI_BUFFER_POINTER, unit->tail));

    uint64_t end = cpu_rdtsc() + tsc_from_us(IOMMU_PATIENCE_US);
    do {
        if (unit->done == unit->ticket)
            return true;
        cpu_pause();
    } while (cpu_rdtsc() < end);
    return false;
}

bool amdvi_unit_execute(struct amdvi_unit *unit, const struct amdvi_pair *what, uint32_t count)
{
    if (unit->dead)
        return false;
    unit->dead = !execute(unit, what, count);
    return !unit->dead;
}

static void buffer_set(const struct amdvi_unit *unit, uint32_t base, const void *buffer,
                       uint32_t head, uint32_t tail)
{
    write64(unit, base, host_hpa(buffer).raw | field_put(AMDVI_BUFFER_LENGTH, BUFFER_ORDER));
    write64(unit, head, 0);
    write64(unit, tail, 0);
}

/* What the unit remembers of firmware's tables. Translations are remembered by domain, and each
 * domain is invalidated before it is used. */
static bool forget(struct amdvi_unit *unit, uint64_t table_size)
{
    const struct amdvi_pair all[] = {amdvi_invalidate_all()};
    if (unit->features & AMDVI_FEATURE_IA_SUP)
        return execute(unit, all, 1);
    uint32_t devices = (uint32_t)(table_size / sizeof(struct amdvi_dte));
    for (uint32_t id = 0; id < devices && id < DEVICE_IDS; id++) {
        const struct amdvi_pair one[] = {amdvi_invalidate_dte((uint16_t)id),
                                         amdvi_invalidate_irqs((uint16_t)id)};
        if (!execute(unit, one, 2))
            return false;
    }
    return true;
}

/*
 * The unit is off while its registers change, as the specification asks: devices are kept from the
 * bus by other means until it is on again (pci_quiesce()).
 */
bool amdvi_unit_start(struct amdvi_unit *unit, hpa_t device_table, uint64_t size,
                      const struct amdvi_caps *caps, bool x2apic)
{
    uint64_t control = unit->control;
    unit->commands = host_alloc(PAGE_4K, PAGE_4K);
    unit->events = host_alloc(PAGE_4K, PAGE_4K);
    write64(unit, AMDVI_CONTROL, 0);
    unit->dead = !wait_for(unit, AMDVI_STATUS_CMD_BUF_RUN | AMDVI_STATUS_EVENT_LOG_RUN, false,
                           IOMMU_PATIENCE_US);
    if (unit->dead)
        return false;
    write64(unit, AMDVI_DEVICE_TABLE_BASE,
            device_table.raw | field_put(AMDVI_DEVICE_TABLE_SIZE, size / PAGE_4K - 1));
    buffer_set(unit, AMDVI_COMMAND_BUFFER_BASE, unit->commands, AMDVI_COMMAND_BUFFER_HEAD,
               AMDVI_COMMAND_BUFFER_TAIL);
    buffer_set(unit, AMDVI_EVENT_LOG_BASE, unit->events, AMDVI_EVENT_LOG_HEAD,
               AMDVI_EVENT_LOG_TAIL);
    write64(unit, AMDVI_EXCLUSION_BASE, 0);
    write64(unit, AMDVI_EXCLUSION_LIMIT, 0);
    write64(unit, AMDVI_STATUS, AMDVI_STATUS_EVENT_OVERFLOW);

    control |= (caps->wide_irtes ? AMDVI_CONTROL_GA_EN : 0) | (x2apic ? AMDVI_CONTROL_XT_EN : 0);
    write64(unit, AMDVI_CONTROL, control);
    control |= AMDVI_CONTROL_CMD_BUF_EN | AMDVI_CONTROL_EVENT_LOG_EN;
    write64(unit, AMDVI_CONTROL, control);
    control |= AMDVI_CONTROL_IOMMU_EN;
    write64(unit, AMDVI_CONTROL, control);
    unit->control = control;
    unit->dead = !forget(unit, size);
    return !unit->dead;
}

/* The log ran over: it starts anew, empty. This is the one wait of who looks after faults. */
static bool log_restart(struct amdvi_unit *unit)
{
    write64(unit, AMDVI_CONTROL, unit->control & ~AMDVI_CONTROL_EVENT_LOG_EN);
    bool stopped = wait_for(unit, AMDVI_STATUS_EVENT_LOG_RUN, false, LOG_PATIENCE_US);
    write64(unit, AMDVI_EVENT_LOG_HEAD, 0);
    write64(unit, AMDVI_EVENT_LOG_TAIL, 0);
    write64(unit, AMDVI_STATUS, AMDVI_STATUS_EVENT_OVERFLOW);
    write64(unit, AMDVI_CONTROL, unit->control);
    return stopped;
}

bool amdvi_unit_poll(struct amdvi_unit *unit, struct iommu_fault *fault)
{
    uint64_t head = read64(unit, AMDVI_EVENT_LOG_HEAD) & AMDVI_BUFFER_POINTER;
    uint64_t tail = read64(unit, AMDVI_EVENT_LOG_TAIL) & AMDVI_BUFFER_POINTER;
    if (head != tail) {
        struct amdvi_pair *event =
            &unit->events[field_get(AMDVI_BUFFER_POINTER, head) % BUFFER_ENTRIES];
        *fault = amdvi_fault(*event, unit->segment);
        *event = (struct amdvi_pair){0, 0};
        head = (head + sizeof(*event)) % PAGE_4K;
        write64(unit, AMDVI_EVENT_LOG_HEAD, head);
        return true;
    }
    *fault = (struct iommu_fault){.source = {unit->segment, 0}};
    if (unit->dead && !unit->told) {
        unit->told = true;
        fault->kind = IOMMU_FAULT_UNIT;
        return true;
    }
    if (unit->log_dead || !(read64(unit, AMDVI_STATUS) & AMDVI_STATUS_EVENT_OVERFLOW))
        return false;
    unit->log_dead = !log_restart(unit);
    fault->kind = IOMMU_FAULT_LOST;
    return true;
}

bool amdvi_unit_try(struct amdvi_unit *unit, const volatile uint64_t *nmis)
{
    const struct amdvi_pair what[] = {amdvi_completion_interrupt()};
    uint64_t before = *nmis;
    write64(unit, AMDVI_STATUS, AMDVI_STATUS_COM_WAIT_INT);
    write64(unit, AMDVI_CONTROL, unit->control | AMDVI_CONTROL_COM_WAIT_INT_EN);
    bool came = amdvi_unit_execute(unit, what, 1) && iommu_nmi_came(nmis, before);
    write64(unit, AMDVI_CONTROL, unit->control);
    write64(unit, AMDVI_STATUS, AMDVI_STATUS_COM_WAIT_INT);
    return came;
}

/*
 * EventLogInt is set with EventIntEn alone, so what came before has to be looked for; and some
 * units set it in the moment in which it is cleared, and would be silent from then on.
 */
bool amdvi_unit_listen(struct amdvi_unit *unit, bool on)
{
    const uint64_t pending = AMDVI_STATUS_EVENT_LOG_INT | AMDVI_STATUS_EVENT_OVERFLOW;
    unit->control &= ~AMDVI_CONTROL_EVENT_INT_EN;
    unit->control |= on ? AMDVI_CONTROL_EVENT_INT_EN : 0;
    if (on)
        write64(unit, AMDVI_STATUS, AMDVI_STATUS_EVENT_LOG_INT);
    write64(unit, AMDVI_CONTROL, unit->control);
    if (!on)
        return false;
    return (!unit->log_dead && (read64(unit, AMDVI_STATUS) & pending)) ||
           read64(unit, AMDVI_EVENT_LOG_HEAD) != read64(unit, AMDVI_EVENT_LOG_TAIL);
}
