/* SPDX-License-Identifier: MIT */
#include "kernel/vm/lifecycle.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/tables.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/power.h"
#include "kernel/alarm.h"
#include "kernel/coverage.h"
#include "kernel/log.h"
#include "kernel/terminal.h"
#include "kernel/vm/crash.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/faults.h"
#include "kernel/vm/load.h"
#include "kernel/vm/platform.h"
#include "kernel/vm/processors.h"

/* A guest that stops this soon after its start is in a loop: each time it waits longer. */
#define QUICK_CRASH_US    UINT64_C(5000000)
#define QUICK_REBOOT_US   UINT64_C(1000000)
#define BACKOFF_FIRST_US  UINT64_C(250000)
#define BACKOFF_DOUBLINGS 7 /* at most 32 s */

static _Atomic uint32_t guests_on;

void lifecycle_init(uint32_t guests)
{
    atomic_store(&guests_on, guests);
}

static void wait_until(struct cpu *cpu, uint64_t tsc)
{
    while (cpu_rdtsc() < tsc) {
        apic_wait_until(tsc);
        vcpu_attend_outside(cpu);
    }
}

static void wait_for_ever(struct cpu *cpu)
{
    for (;;) {
        cpu_wait_for_event();
        vcpu_attend_outside(cpu);
    }
}

/* From scrubbed memory to a vCPU that is ready to enter. False: a device does not let it. */
static bool guest_start(struct guest *guest)
{
    struct vcpu *vcpu = &guest->vcpus[0];
    struct virt_start start;
    load_guest(guest, &start);
    if (!passthrough_start(guest))
        return false;
    platform_reset(guest);
    terminal_restart(guest->index);
    processors_prepare(guest);
    vcpu_begin(vcpu, &start);

    guest->starts++;
    atomic_store(&guest->state, GUEST_RUNNING);
    log_line("guest %s: start %u at tsc %llu", guest->name, guest->starts,
             (unsigned long long)guest->started_tsc);
    return true;
}

static void vcpu_statistics(const struct vcpu *vcpu)
{
    char line[800];
    stats_print(&vcpu->stats, vcpu->guest->name, vcpu->id, line, sizeof(line));
    log_line("%s", line);
}

static void guest_statistics(const struct guest *guest)
{
    for (uint32_t i = 0; i < guest->vcpu_count; i++)
        vcpu_statistics(&guest->vcpus[i]);
    faults_statistics(guest);
}

void lifecycle_statistics(void)
{
    for (uint32_t i = 0; i < guest_count(); i++)
        guest_statistics(guest_at(i));
    faults_statistics_machine();
    coverage_dump();
}

static void machine_off(void)
{
    log_line("all guests are off: powering off");
    terminal_flush();
    coverage_dump();
    power_off();
    log_line("this machine cannot be powered off by ACPI: halted");
    terminal_flush();
}

/* The guest does not come back. */
static void guest_off(struct guest *guest, struct cpu *cpu)
{
    atomic_store(&guest->state, GUEST_OFF);
    if (atomic_fetch_sub(&guests_on, 1) == 1)
        machine_off();
    wait_for_ever(cpu);
}

/* How long to wait before the next start, in microseconds. */
static uint64_t backoff(struct guest *guest, enum stop_reason stop, uint64_t ran_us)
{
    uint64_t quick = stop_is_crash(stop) ? QUICK_CRASH_US : QUICK_REBOOT_US;
    if (ran_us >= quick) {
        guest->crashes_in_row = 0;
        return 0;
    }
    uint64_t wait = BACKOFF_FIRST_US << guest->crashes_in_row;
    if (guest->crashes_in_row < BACKOFF_DOUBLINGS)
        guest->crashes_in_row++;
    return wait;
}

static void guest_restart(struct guest *guest, struct cpu *cpu, enum stop_reason stop,
                          uint64_t ran_us)
{
    uint64_t wait = backoff(guest, stop, ran_us);
    if (wait == 0)
        return;
    log_line("guest %s: stopped soon after its start, next start in %llu ms", guest->name,
             (unsigned long long)wait / 1000);
    atomic_store(&guest->state, GUEST_WAITING);
    wait_until(cpu, cpu_rdtsc() + tsc_from_us(wait));
}

/* vCPU 0 has left the guest; the others do so now. */
static void guest_stopped(struct guest *guest, struct cpu *cpu)
{
    enum stop_reason stop = (enum stop_reason)atomic_load(&guest->stop);
    uint64_t ran_us = (cpu_rdtsc() - guest->started_tsc) / (tsc_khz() / 1000);
    atomic_store(&cpu->vcpu->state, VCPU_PARKED);
    apic_reset(); /* its timer must not go on */
    alarm_set(guest->index, ALARM_NEVER);
    processors_wait_parked(guest);
    passthrough_stop(guest);
    faults_settle();
    log_line("guest %s: %s after %llu ms", guest->name, stop_reason_name(stop),
             (unsigned long long)ran_us / 1000);
    guest_statistics(guest);
    coverage_dump();
    if (stop == STOP_POWEROFF)
        guest_off(guest, cpu);
    if (stop_is_crash(stop)) {
        switch (guest->config->on_crash) {
        case ON_CRASH_HALT:
            guest_off(guest, cpu);
            break;
        case ON_CRASH_REBOOT_MACHINE:
            log_line("guest %s: on-crash = reboot-machine", guest->name);
            terminal_flush();
            power_reset();
            break;
        case ON_CRASH_RESTART:
            break;
        }
    }
    guest_restart(guest, cpu, stop, ran_us);
}

void lifecycle_run(struct cpu *cpu, bool able)
{
    if (!cpu->vcpu)
        wait_for_ever(cpu);
    if (cpu->vcpu->id > 0)
        processor_secondary(cpu->vcpu, able);
    struct guest *guest = cpu->vcpu->guest;
    if (!able) {
        log_line("guest %s: its first processor cannot run it, it stays off", guest->name);
        guest_off(guest, cpu);
    }
    for (;;) {
        if (!guest_start(guest))
            guest_off(guest, cpu);
        vcpu_run(cpu->vcpu);
        guest_stopped(guest, cpu);
    }
}
