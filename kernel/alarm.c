/* SPDX-License-Identifier: MIT */
#include "kernel/alarm.h"

#include <stdatomic.h>

#include "arch/cpu.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/ioapic.h"
#include "drivers/pit.h"
#include "kernel/lock.h"

static const struct cpu *attendant;
static void (*ring)(uint32_t guest);

/* Guarded by the lock (of zeros: LOCK_INIT); alarm_init() fills in the rest. `at` is looked at
 * without the lock to see that nothing changes. */
static struct {
    struct lock lock;
    uint64_t armed; /* what the timer was set for; it may come before */
    _Atomic uint64_t at[ALARM_COUNT];
} alarm;

void alarm_init(const struct cpu *cpu, const struct acpi_host *acpi, void (*call)(uint32_t guest))
{
    for (uint32_t who = 0; who < ALARM_COUNT; who++)
        alarm.at[who] = ALARM_NEVER;
    alarm.armed = ALARM_NEVER;
    ring = call;
    attendant = cpu;
    ioapic_route_isa(acpi, PIT_IRQ, cpu->apic_id);
}

/* Rounded up, so that the timer does not come a moment too early. */
static void arm(uint64_t tsc, uint64_t now)
{
    uint64_t us = tsc > now ? (tsc - now) / (tsc_khz() / 1000) : 0;
    alarm.armed = tsc;
    pit_oneshot(us < PIT_ONESHOT_MAX_US ? (uint32_t)us + 2 : PIT_ONESHOT_MAX_US);
}

void alarm_set(uint32_t who, uint64_t tsc)
{
    if (!attendant || atomic_load_explicit(&alarm.at[who], memory_order_relaxed) == tsc)
        return;
    lock_take(&alarm.lock);
    atomic_store_explicit(&alarm.at[who], tsc, memory_order_relaxed);
    if (tsc < alarm.armed)
        arm(tsc, cpu_rdtsc());
    lock_release(&alarm.lock);
}

/* Under the lock. */
static void look(uint64_t now)
{
    uint64_t next = ALARM_NEVER;
    for (uint32_t who = 0; who < ALARM_COUNT; who++) {
        uint64_t at = atomic_load_explicit(&alarm.at[who], memory_order_relaxed);
        if (at > now) {
            next = at < next ? at : next;
            continue;
        }
        atomic_store_explicit(&alarm.at[who], ALARM_NEVER, memory_order_relaxed);
        if (who < ALARM_TERMINAL) /* the others look at the clock themselves */
            ring(who);
    }
    alarm.armed = ALARM_NEVER;
    if (next != ALARM_NEVER)
        arm(next, now);
}

void alarm_poll(const struct cpu *cpu)
{
    if (cpu != attendant)
        return;
    lock_take(&alarm.lock);
    uint64_t now = cpu_rdtsc();
    if (alarm.armed != ALARM_NEVER && (now >= alarm.armed || pit_oneshot_over()))
        look(now);
    lock_release(&alarm.lock);
}
