/* SPDX-License-Identifier: MIT */
#include "kernel/vm/launch.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/msr.h"
#include "kernel/alarm.h"
#include "kernel/panic.h"
#include "kernel/plan/needs.h"
#include "kernel/terminal.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/faults.h"
#include "kernel/vm/lifecycle.h"

/* GPAs of a guest: what four-level tables reach. */
#define GUEST_PHYS_BITS 46

/* What plan/needs.c promises is no less than what the parts ask for. */
static void needs_check(void)
{
    struct plan_needs real = {0};
    memory_needs(&real);
    guest_needs(&real);
    real.fixed += terminal_bytes_fixed();
    real.per_guest += terminal_bytes_per_guest();
    real.per_cpu += rights.ops->cpu_bytes;
    assert(real.fixed <= host_needs.fixed && real.per_cpu <= host_needs.per_cpu);
    assert(real.per_guest <= host_needs.per_guest && real.per_vcpu <= host_needs.per_vcpu);
}

static uint64_t arch_capabilities(void)
{
    if (cpu_cpuid(0, 0).eax < 7 || !(cpu_cpuid(7, 0).edx & CPUID_7_EDX_ARCH_CAP))
        return 0;
    return cpu_rdmsr(MSR_IA32_ARCH_CAPABILITIES);
}

static void rights_init(void)
{
    uint32_t phys_bits = cpu_cpuid(0x80000008, 0).eax & 0xff;
    rights.arch_capabilities = arch_capabilities();
    rights.misc_enable = cpu_rdmsr(MSR_IA32_MISC_ENABLE);
    rights.microcode = cpu_rdmsr(MSR_IA32_BIOS_SIGN_ID);
    rights.phys_bits = phys_bits < GUEST_PHYS_BITS ? phys_bits : GUEST_PHYS_BITS;
}

static void console_input(uint32_t guest, uint8_t byte)
{
    struct guest *to = guest_at(guest);
    if (!to || atomic_load(&to->state) != GUEST_RUNNING)
        return;
    ring_put(&to->input, byte);
    vcpu_mail(&to->vcpus[0], MAIL_INPUT);
}

static void console_drained(void)
{
    for (uint32_t i = 0; i < guest_count(); i++) {
        struct guest *guest = guest_at(i);
        if (atomic_load(&guest->output_full) &&
            ring_space(&guest->output) >= GUEST_OUTPUT_BYTES / 2) {
            atomic_store(&guest->output_full, false);
            vcpu_mail(&guest->vcpus[0], MAIL_INPUT);
        }
    }
}

/* The timers of a guest's devices are due. Who polled the alarm reads its own letters next. */
static void guest_ring(uint32_t guest)
{
    struct vcpu *to = &guest_at(guest)->vcpus[0];
    if (to->cpu == cpu_this())
        atomic_fetch_or(&to->mail, MAIL_TIMER);
    else
        vcpu_mail(to, MAIL_TIMER);
}

static void terminal_share(const struct launch_sources *sources)
{
    static struct terminal_guest shown[CONFIG_MAX_GUESTS];
    static const struct terminal_owner owner = {
        .input = console_input, .statistics = lifecycle_statistics, .drained = console_drained};
    for (uint32_t i = 0; i < guest_count(); i++)
        shown[i] = (struct terminal_guest){guest_at(i)->name, &guest_at(i)->output};
    terminal_start(shown, guest_count(), &owner);

    /* A spare processor looks after the terminal; when there is none, the first guest's does. */
    const struct plan *plan = sources->plan;
    struct cpu *attendant = guest_at(0)->vcpus[0].cpu;
    for (uint32_t i = plan->cpus_used; i < plan->cpu_count; i++)
        if (cpu_online(plan->cpus[i])) {
            attendant = cpu_at(plan->cpus[i]);
            break;
        }
    alarm_init(attendant, sources->acpi, guest_ring);
    faults_attend(attendant);
    terminal_attend(attendant, sources->acpi);
}

static bool processors_check(const struct launch_sources *sources, struct diag *diag)
{
    for (uint32_t i = 0; i < sources->plan->cpus_used; i++)
        if (!cpu_online(sources->plan->cpus[i]))
            return diag_set(diag, "processor %u, which a guest is to have, did not start",
                            sources->plan->cpus[i]);
    return true;
}

bool launch_prepare(const struct launch_sources *sources, struct diag *diag)
{
    needs_check();
    rights_init();
    if (!processors_check(sources, diag))
        return false;
    for (uint32_t i = 0; i < sources->hardware->cpu_count; i++)
        cpu_at(i)->virt_page = host_alloc(rights.ops->cpu_bytes, PAGE_4K);
    struct guest_sources guests = {
        .config = sources->config,
        .plan = sources->plan,
        .files = (const struct handoff_guest *)(uintptr_t)sources->handoff->guests,
        .page_1g = sources->hardware->page_1g,
    };
    if (!guests_create(&guests, diag))
        return false;
    lifecycle_init(guest_count());
    terminal_share(sources);
    return true;
}
