/* SPDX-License-Identifier: MIT */
/* The kernel's table of contents: from the hand-over to the launch. */
#include "arch/cpu.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/cpu/tables.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/ioapic.h"
#include "drivers/pci.h"
#include "drivers/power.h"
#include "kernel/clock.h"
#include "kernel/coverage.h"
#include "kernel/isolate.h"
#include "kernel/lib/mem.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/main.h"
#include "kernel/mm/pagetable.h"
#include "kernel/panic.h"
#include "kernel/pci/describe.h"
#include "kernel/plan/needs.h"
#include "kernel/plan/survey.h"
#include "kernel/resident.h"
#include "kernel/terminal.h"
#include "kernel/times.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/launch.h"
#include "kernel/vm/lifecycle.h"

static struct handoff handoff;
static const struct acpi_host *acpi;
static struct config *config;
static struct hardware hardware;
static struct plan plan;

/* The sentence on every console, then halt: there are no boot services to go back to. */
static _Noreturn void refuse(const struct diag *diag)
{
    if (diag->line > 0)
        log_line("bulkhead.conf:%u:%u: %s", diag->line, diag->column, diag->message);
    else
        log_line("%s", diag->message);
    if (diag->hint[0])
        log_line("  hint: %s", diag->hint);
    log_line("Bulkhead does not start: halted");
    coverage_dump();
    cpu_park();
}

static void log_acpi(void)
{
    char summary[160];
    if (acpi_summary(acpi, summary, sizeof(summary)))
        log_line("ACPI: %s", summary);
    for (uint32_t i = 0; i < acpi->warning_count && i < ACPI_MAX_WARNINGS; i++) {
        log_line("ACPI: %s", acpi->warnings[i].message);
        log_line("  hint: %s", acpi->warnings[i].hint);
    }
}

static void print_line(void *context, const char *text)
{
    (void)context;
    log_line("%s", text);
}

static void log_pci_warnings(const struct pci_inventory *pci)
{
    char at[PCI_TEXT];
    for (uint32_t i = 0; i < pci->warning_count && i < PCI_MAX_WARNINGS; i++) {
        pci_address_text(pci->warnings[i].at, at);
        log_line("PCI: %s: %s", at, pci_fault_text((enum pci_fault)pci->warnings[i].fault));
    }
}

static void pci_open(void)
{
    struct pci_segment windows[ACPI_MAX_ECAMS];
    uint32_t count = survey_windows(&acpi->mcfg, windows);
    count = pci_init(windows, count, UINT64_C(1) << hardware.phys_bits);
    if (count > 0)
        log_line("PCI: %u windows of configuration space are out of reach", count);
}

/* Nothing may write into memory behind our back from here on. */
static struct pci_inventory *quiet_devices(void)
{
    struct diag diag;
    struct pci_inventory *pci;
    if (!machine_collect(&handoff, acpi, terminal_port(), &hardware, &diag))
        refuse(&diag);
    pci = machine_scratch(&hardware, sizeof(*pci));
    if (!pci) {
        diag_set(&diag, "no piece of free memory below 4 GiB is large enough for the table of PCI "
                        "functions");
        refuse(&diag);
    }
    pci_open();
    uint32_t masters = pci_take_over(pci);
    log_line("PCI: %u functions, %u were bus masters, all are quiet", pci->count, masters);
    log_pci_warnings(pci);
    return pci;
}

static bool machine_fits(struct diag *diag)
{
    return features_check(diag) && rights.ops->probe(diag) &&
           (!apic_is_x2() || dmar_allows_x2apic(&acpi->dmar, apic_was_x2(), diag));
}

/* The inventory lies in memory that is a guest's next. */
static void make_plan(struct pci_inventory *pci)
{
    const struct plan_inputs inputs = {
        .config = config, .hardware = &hardware, .needs = &host_needs, .pci = pci};
    struct diag diag;
    isolate_survey(acpi, pci, config, &hardware);
    if (!machine_fits(&diag) || !plan_build(&inputs, &plan, &diag))
        refuse(&diag);
    for (uint32_t i = 0; i < pci->count; i++)
        if (plan_must_be_deaf(&plan, &pci->functions[i]))
            pci_shut_up(&pci->functions[i]);
    memset(pci, 0, sizeof(*pci));
    plan_print(&plan, config, &hardware, print_line, NULL);
}

static void slice_move(struct slice *slice, const char *text)
{
    if (slice->start)
        slice->start = text + ((uint64_t)(uintptr_t)slice->start - handoff.config_text);
}

/* The boot half's pointers into the text were physical addresses. */
static void config_move(const char *text)
{
    for (uint32_t i = 0; i < config->guest_count; i++) {
        struct config_guest *guest = &config->guests[i];
        slice_move(&guest->name, text);
        slice_move(&guest->kernel, text);
        slice_move(&guest->initrd, text);
        slice_move(&guest->cmdline, text);
    }
    for (uint32_t i = 0; i < config->module_count; i++) {
        slice_move(&config->modules[i].file, text);
        slice_move(&config->modules[i].args, text);
    }
    for (uint32_t i = 0; i < config->device_count; i++)
        slice_move(&config->devices[i].at, text);
}

/* From here on the firmware's and the boot half's memory is out of reach. */
static void own_address_space(void)
{
    uint64_t bytes = config_bytes(config), acpi_bytes = acpi_host_bytes(acpi);
    memory_init(&handoff, &plan, &hardware);
    pci_move();
    acpi = device_map(hpa(handoff.acpi), acpi_bytes, 0);
    config = device_map(hpa(handoff.config), bytes, 0);
    config_move(device_map(hpa(handoff.config_text), handoff.config_size, 0));
    handoff.guests = (uint64_t)(uintptr_t)device_map(
        hpa(handoff.guests), handoff.guest_count * sizeof(struct handoff_guest), 0);
    if (handoff.screen.pixels != PIXELS_NONE)
        terminal_move_screen(
            device_map(hpa(handoff.screen.base), handoff.screen.size, MAP_WRITE_COMBINE));
}

static void own_machine(void)
{
    struct tsc_timers timers = machine_timers(acpi);
    struct diag diag;
    if (!tsc_init(&timers)) {
        diag_set(&diag, "no timer tells how fast the TSC runs");
        refuse(&diag);
    }
    clock_init(handoff.wall_clock, handoff.wall_tsc);
    log_line("TSC %llu kHz (%s)%s", (unsigned long long)tsc_khz(), tsc_source(),
             features_tsc_invariant() ? "" : ", not invariant: guests' clocks may drift");
    apic_map();
    ioapic_init(acpi); /* first: the 8259s reach this processor whatever its APIC says */
    apic_enable();
    if (!isolate_start(acpi, &diag))
        refuse(&diag);
    power_init(acpi);
}

static void processor_main(struct cpu *cpu)
{
    struct diag diag;
    bool able = rights.ops->cpu_enable(cpu, &diag);
    if (!able)
        log_line("%s", diag.message);
    lifecycle_run(cpu, able);
}

void kernel_main(const struct handoff *from)
{
    struct diag diag;
    tables_init_boot();
    terminal_init_serial(NULL, NULL);
    if (!machine_check_handoff(from, &diag))
        refuse(&diag);
    handoff = *from;
    acpi = (const struct acpi_host *)(uintptr_t)handoff.acpi;
    config = (struct config *)(uintptr_t)handoff.config;
    terminal_init_serial(&config->machine, acpi);
    terminal_init_screen(&handoff.screen, (void *)(uintptr_t)handoff.screen.base);
    if (handoff.screen.pixels != PIXELS_NONE)
        log_line("screen of %u x %u pixels", handoff.screen.width, handoff.screen.height);
    log_acpi();
    rights.ops = features_amd() ? &svm_ops : &vmx_ops;
    make_plan(quiet_devices());
    times_mark(TIME_PLAN);

    own_address_space();
    times_mark(TIME_MEMORY);
    own_machine();
    times_mark(TIME_MACHINE);
    unsigned missing = smp_start(&handoff, &hardware, processor_main);
    if (missing > 0)
        log_line("%u processors did not answer", missing);
    times_mark(TIME_CPUS);

    struct launch_sources sources = {
        .handoff = &handoff, .acpi = acpi, .config = config, .plan = &plan, .hardware = &hardware};
    if (!launch_prepare(&sources, &diag))
        refuse(&diag);
    memory_verify();
    log_line("%llu KiB of host memory used of %llu", (unsigned long long)host_used() / 1024,
             (unsigned long long)plan.host_size / 1024);
    memory_seal();
    times_mark(TIME_GUESTS);
    times_log(&handoff.times);
    resident_log(&handoff, &hardware, &plan);
    smp_release();
    processor_main(tables_boot_cpu());
}
