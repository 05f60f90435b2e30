/* SPDX-License-Identifier: MIT */
/* Ways to end: the decent ones, and those that take the guest down and nothing else. */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cr.h"
#include "kernel/acpi/guest.h"
#include "kernel/lib/text.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/attacker/second.h"

#define HOLE         UINT64_C(0xd0000000)
#define SLEEP_ENABLE 0x20
#define KEYBOARD     0x64
#define RESET_PULSE  0xfe

/*
 * Lives of `alternate`. A guest that reboots within a second is restarted later each time, and so
 * is one that crashes within five (kernel/vm/lifecycle.c): a longer life that ends in a reboot
 * breaks the row, and what is left of the period is more than the first such wait.
 */
#define PERIOD_MS 1750
#define LIFE_MS   1050
#define RACE_MS   3000 /* that the second processor has for its device */

static void halt(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

static void power_off(void)
{
    out8(GUEST_SLEEP_CONTROL, GUEST_SLEEP_TYPE_S5 << 2 | SLEEP_ENABLE);
    halt();
}

static void reboot(void)
{
    out8(GUEST_RESET, GUEST_RESET_VALUE);
    halt();
}

void triple_fault(void)
{
    struct table_pointer none = {.limit = 0, .base = 0};
    load_idt(&none);
    __asm__ volatile("ud2");
}

/* The page tables lie where there is nothing. */
static void bad_page_tables(void)
{
    write_cr3(HOLE);
    __asm__ volatile("jmp 1f\n1:");
}

static void fetch_from_hole(void)
{
    __asm__ volatile("call *%0" : : "r"(HOLE) : "memory");
}

/* An exception whose frame goes where there is nothing. */
static void stack_in_hole(void)
{
    traps_soft_install();
    __asm__ volatile("mov %0, %%rsp\n\tud2" : : "r"(HOLE + PAGE_4K) : "memory");
}

/*
 * A breakpoint on the place where #DB puts its own frame: delivering it hits it again.
 * CVE-2015-8104: without an intercept the processor is gone for good.
 */
static void debug_storm(void)
{
    uint64_t *slot = (uint64_t *)(uintptr_t)(traps_fault_stack() - 8);
    stepping = true;
    write_dr0((uint64_t)(uintptr_t)slot);
    write_dr7(DR7_INITIAL | 1 | UINT64_C(0x90000)); /* local 0: write, 8 bytes */
    *(volatile uint64_t *)slot = 1;
    write_dr7(DR7_INITIAL);
    stepping = false;
    print("attack dbstorm: %u traps", steps);
}

static void alignment_storm(void)
{
    protected_run((uint32_t)(uintptr_t)mode32_ac_storm, false);
}

static void task_switch(void)
{
    protected_run((uint32_t)(uintptr_t)mode32_task_switch, false);
}

static void bad_entry(void)
{
    protected_run((uint32_t)(uintptr_t)mode32_bad_entry, false);
    traps_restore();
}

/* INIT to oneself: by shorthand it is none, by destination the bootstrap processor's reset. */
static void self_reset(void)
{
    uint64_t init = field_put(ICR_DELIVERY, APIC_INIT) | ICR_ASSERT;
    for (uint64_t shorthand = APIC_TO_SELF; shorthand <= APIC_TO_OTHERS; shorthand++)
        wrmsr(MSR_X2APIC_ICR, field_put(ICR_SHORTHAND, shorthand) | init);
    print("attack selfreset: shorthands do nothing");
    wrmsr(MSR_X2APIC_ICR, init);
    halt();
}

/* The other processor is busy with interrupts off, and this one ends the guest. */
static void spin_reboot(void)
{
    if (second_start(SECOND_SPIN))
        reboot();
}

static void spin_triple(void)
{
    if (second_start(SECOND_SPIN))
        triple_fault();
}

/* The other way round. */
static void second_triple(void)
{
    second_start(SECOND_TRIPLE);
    for (;;)
        ;
}

/* Both in the same moment, as near as that can be. */
static void both_triple(void)
{
    if (second_start(SECOND_LISTEN)) {
        second_give(SECOND_TRIPLE);
        triple_fault();
    }
}

/* The other one is at its device, and does not stop. */
static void device_reboot(void)
{
    uint64_t end = rdtsc() + RACE_MS * tsc_per_ms();
    if (!second_start(SECOND_DEVICE))
        return;
    while (rdtsc() < end)
        pause();
    reboot();
}

/* INIT to the bootstrap processor from another. */
static void init_first(void)
{
    second_start(SECOND_INIT_ALL);
    for (;;)
        ;
}

/*
 * A reboot and a triple fault by turns. Nothing is left of a life in the next one, so the clock
 * says whose turn it is: each life ends with a period of the TSC. The second processor, if there is
 * one, sleeps with interrupts off by then, and the timer runs.
 */
static void alternate(void)
{
    uint64_t period = PERIOD_MS * tsc_per_ms();
    uint64_t turn = (rdtsc() + LIFE_MS * tsc_per_ms()) / period + 1;
    bool apic = apic_init(), many = second_processors() > 1;
    if (!apic || (many && !second_start(SECOND_LISTEN))) {
        print("attack alternate: FAILED, no %s", apic ? "second processor" : "x2APIC");
        power_off();
    }
    if (many)
        second_give(SECOND_SLEEP);
    sleep_until(turn * period);
    if (turn % 2)
        reboot();
    triple_fault();
}

struct ending {
    const char *name;
    void (*run)(void);
};

static const struct ending ends[] = {
    {"poweroff", power_off},
    {"reboot", reboot},
    {"triple", triple_fault},
    {"hang", halt},
};

static const struct ending crashes[] = {
    {"triple", triple_fault},        {"badpt", bad_page_tables},   {"entrystate", bad_entry},
    {"taskswitch", task_switch},     {"holestack", stack_in_hole}, {"fetchhole", fetch_from_hole},
    {"dbstorm", debug_storm},        {"acstorm", alignment_storm}, {"selfreset", self_reset},
    {"spinreboot", spin_reboot},     {"spintriple", spin_triple},  {"secondtriple", second_triple},
    {"bothtriple", both_triple},     {"initfirst", init_first},    {"alternate", alternate},
    {"devicereboot", device_reboot},
};

static bool run(const struct ending *table, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(name, length, table[i].name)) {
            table[i].run();
            return true;
        }
    return false;
}

bool then_do(const char *name, size_t length)
{
    return run(ends, ARRAY_COUNT(ends), name, length);
}

bool crash_do(const char *name, size_t length)
{
    return run(crashes, ARRAY_COUNT(crashes), name, length);
}
