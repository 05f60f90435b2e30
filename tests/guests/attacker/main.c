/* SPDX-License-Identifier: MIT */
/*
 * The attacker: a guest that tries everything that a guest must not be able to do, and says on COM1
 * what came of it. README.md explains the command line and the output.
 */
#include "arch/x86/regs/apic.h"
#include "kernel/acpi/guest.h"
#include "kernel/lib/text.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define CMD_LINE_PTR 0x228 /* in boot_params */

#define UART_LSR    (GUEST_COM1 + 5)
#define UART_LSR_DR 0x01
#define KEY_MS      50 /* between two looks for one */

#define LEFTOVERS 2 /* attacks that look at what was left for us: nothing may come before */

void attacker_main(const uint8_t *boot_params);

static const struct attack {
    const char *name;
    attack_fn *run;
    bool needs_apic;
} attacks[] = {
    {"scrub", attack_scrub, false},
    {"residue", attack_residue, false},
    {"cpuid_sweep", attack_cpuid, false},
    {"msr_sweep", attack_msr_sweep, false},
    {"msr_write", attack_msr_write, true},
    {"port_sweep", attack_ports, false},
    {"string_io", attack_string_io, false},
    {"memory_outside", attack_memory, false},
    {"vmx_insns", attack_vmx_insns, false},
    {"cr_nonsense", attack_cr, false},
    {"debug_registers", attack_debug, false},
    {"descriptor_tables", attack_tables, false},
    {"software_int", attack_soft_int, false},
    {"single_step", attack_steps, false},
    {"xcr0", attack_xcr0, false},
    {"modes", attack_modes, false},
    {"ipi_storm", attack_ipi, true},
    {"xapic", attack_xapic, true},
    {"processors", attack_smp, true},
    {"timer", attack_timer, true},
    {"floods", attack_floods, true},
    {"ioapic_garbage", attack_ioapic, true},
    {"uart_garbage", attack_uart, true},
    {"legacy_devices", attack_legacy, true},
    {"counters", attack_counters, true},
    {"device_paced", attack_device_paced, true},
    {"device_dma", attack_device_dma, false},
    {"device_rings", attack_device_rings, false},
    {"device_messages", attack_device_messages, true},
    {"device_high", attack_device_high, false},
    {"device_msi", attack_device_msi, true},
    {"device_msix", attack_device_msix, true},
    {"device_bars", attack_device_bars, false},
    {"device_command", attack_device_command, false},
    {"device_config", attack_device_config, false},
    {"device_storm", attack_device_storm, true},
    {"device_late", attack_device_late, false},
    {"spin", attack_spin, false},
};

struct options options = {.spin_ms = 100, .resets = 50};

struct word {
    const char *text;
    size_t length;
};

/* The value of `key=` on the command line; length 0: not there. */
static struct word option(const char *cmdline, const char *key)
{
    size_t key_length = 0;
    while (key[key_length])
        key_length++;
    for (const char *at = cmdline; *at;) {
        size_t length = 0;
        while (*at == ' ')
            at++;
        while (at[length] && at[length] != ' ')
            length++;
        if (length > key_length && at[key_length] == '=' && text_equal(at, key_length, key))
            return (struct word){at + key_length + 1, length - key_length - 1};
        at += length;
    }
    return (struct word){"", 0};
}

static uint64_t number(struct word word, unsigned base, uint64_t otherwise)
{
    uint64_t value;
    size_t used;
    bool fits = text_number(word.text, word.length, base, &value, &used);
    return fits && used > 0 ? value : otherwise;
}

/* Is `name` in the list, whose members have commas between them? */
static bool chosen(struct word list, const char *name)
{
    while (list.length > 0) {
        size_t length = 0;
        while (length < list.length && list.text[length] != ',')
            length++;
        if (text_equal(list.text, length, name) || text_equal(list.text, length, "all"))
            return true;
        length += length < list.length;
        list = (struct word){list.text + length, list.length - length};
    }
    return false;
}

static bool run(const struct attack *attack, bool apic)
{
    struct report report = {.name = attack->name};
    if (attack->needs_apic && !apic)
        expect(&report, false, "there is no x2APIC");
    else
        attack->run(&report);
    if (report.failures > 0)
        print("attack %s: FAILED %u of %u checks", attack->name, report.failures, report.checks);
    else
        print("attack %s: ok %u checks%s%s", attack->name, report.checks,
              report.detail[0] ? ", " : "", report.detail);
    return report.failures == 0;
}

/* Somebody types, whose key it was. Asleep, so that an emulator has time for others. */
static void wait_for_key(void)
{
    print("attack: waiting for a key");
    bool apic = apic_init();
    while (!(in8(UART_LSR) & UART_LSR_DR))
        if (apic)
            sleep_until(rdtsc() + KEY_MS * tsc_per_ms());
    (void)in8(GUEST_COM1);
    if (apic)
        wrmsr(MSR_X2APIC_TIMER_INIT, 0);
}

static void run_chosen(struct word list)
{
    uint32_t ok = 0, failed = 0;
    bool apic = false;
    for (size_t i = 0; i < ARRAY_COUNT(attacks); i++) {
        if (i == LEFTOVERS)
            apic = apic_init();
        if (chosen(list, attacks[i].name)) {
            if (run(&attacks[i], apic))
                ok++;
            else
                failed++;
        }
    }
    print("attack: %u ok, %u failed", ok, failed);
}

static void end(const char *cmdline)
{
    struct word crash = option(cmdline, "crash"), then = option(cmdline, "then");
    if (options.plant != 0) {
        print("attack plant: %lx", options.plant);
        plant(options.plant);
    }
    if (crash.length > 0) {
        print("attack crash: %.*s", (int)crash.length, crash.text);
        if (!crash_do(crash.text, crash.length))
            print("attack crash: FAILED no such crash");
        else
            print("attack crash: survived");
    }
    if (then.length > 0 && !then_do(then.text, then.length))
        print("attack then: FAILED no such end");
    then_do("poweroff", sizeof("poweroff") - 1);
}

void attacker_main(const uint8_t *boot_params)
{
    uint32_t address = 0;
    for (unsigned i = 0; i < 4; i++)
        address |= (uint32_t)boot_params[CMD_LINE_PTR + i] << (8 * i);
    const char *cmdline = address != 0 ? (const char *)(uintptr_t)address : "";
    struct word list = option(cmdline, "attack");

    traps_init();
    memory_init(boot_params);
    options.boot_params = boot_params;
    options.plant = number(option(cmdline, "plant"), 16, 0);
    options.spin_ms = number(option(cmdline, "spin"), 10, options.spin_ms);
    options.resets = number(option(cmdline, "resets"), 10, options.resets);
    options.only_remappable = option(cmdline, "messages").length > 0;
    if (list.length == 0 && option(cmdline, "crash").length == 0)
        list = (struct word){"all", 3};
    if (option(cmdline, "wait").length > 0)
        wait_for_key();
    print("attack: start, tsc %lu", rdtsc());
    for (uint64_t left = number(option(cmdline, "rounds"), 10, 1); left > 0; left--)
        run_chosen(list);
    end(cmdline);
}
