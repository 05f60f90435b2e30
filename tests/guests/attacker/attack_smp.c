/* SPDX-License-Identifier: MIT */
/*
 * Two processors of one guest at each other: starts, resets, interrupts of each kind, and ends in
 * which both have a part. That the guest next door does not notice, that one has to say.
 */
#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/mem.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/attacker/device.h"
#include "tests/guests/attacker/second.h"

#define SECOND      UINT64_C(1) /* its APIC id */
#define PAGE_START  0x8         /* 4 KiB pages that nobody uses */
#define PAGE_WRONG  0x9
#define VECTOR_HERS 0x61
#define VECTOR_OURS 0x62
#define PATIENCE_MS 200
#define STORM       2000

extern uint8_t second_code[], second_cr3[], second_code_end[];
void second_main(void);
void second_interrupt(void);
void second_nmi(void);

volatile uint32_t second_interrupts, second_nmis; /* that it took */

static volatile uint32_t second_lives; /* how often it came to C */
static volatile uint32_t second_turns; /* of its loop */
static volatile enum second_task task;

static void ipi(enum apic_delivery delivery, uint64_t rest)
{
    wrmsr(MSR_X2APIC_ICR, field_put(ICR_DELIVERY, delivery) | ICR_ASSERT | rest);
}

static uint64_t to(uint64_t id)
{
    return field_put(ICR_DESTINATION, id);
}

/* Until it is so, or too long. */
static bool becomes(const volatile uint32_t *count, uint32_t value)
{
    uint64_t end = rdtsc() + PATIENCE_MS * tsc_per_ms();
    while (*count != value && rdtsc() < end)
        pause();
    return *count == value;
}

static bool turns(void)
{
    uint32_t before = second_turns;
    uint64_t end = rdtsc() + PATIENCE_MS * tsc_per_ms();
    while (second_turns == before && rdtsc() < end)
        pause();
    return second_turns != before;
}

/* ---- on the second processor ---- */

static void idt_install(void)
{
    static struct idt_gate idt[256];
    for (unsigned i = EXC_COUNT; i < 256; i++)
        idt[i] = idt_gate((uint64_t)(uintptr_t)second_interrupt);
    idt[EXC_NMI] = idt_gate((uint64_t)(uintptr_t)second_nmi);
    struct table_pointer pointer = {.limit = sizeof(idt) - 1, .base = (uint64_t)(uintptr_t)idt};
    load_idt(&pointer);
}

static void spin(void)
{
    for (;;)
        second_turns++;
}

void second_main(void)
{
    idt_install();
    wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_EXTD);
    wrmsr(MSR_X2APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    second_lives++;
    for (;;) {
        second_turns++;
        switch (task) {
        case SECOND_LISTEN:
            interrupts_in();
            break;
        case SECOND_SPIN:
            spin();
            break;
        case SECOND_SLEEP:
            __asm__ volatile("hlt");
            break;
        case SECOND_STORM:
            for (uint32_t i = 0; i < STORM; i++)
                ipi(APIC_FIXED, to(0) | VECTOR_OURS);
            task = SECOND_LISTEN;
            break;
        case SECOND_TRIPLE:
            triple_fault();
            break;
        case SECOND_INIT_ALL:
            ipi(APIC_INIT, field_put(ICR_SHORTHAND, APIC_TO_OTHERS));
            break;
        case SECOND_DEVICE:
            device_turmoil(device_find(DEVICE_E1000E));
            break;
        }
    }
}

/* ---- on the first ---- */

uint32_t second_processors(void)
{
    return cpuid(CPUID_BULKHEAD_INFO, 0).edx;
}

static void code_put(uint32_t page)
{
    uint8_t *at = (uint8_t *)(uintptr_t)(page * PAGE_4K);
    uint32_t cr3 = (uint32_t)read_cr3();
    memcpy(at, second_code, (size_t)(second_code_end - second_code));
    memcpy(at + (second_cr3 - second_code), &cr3, sizeof(cr3));
}

bool second_start(enum second_task first_task)
{
    uint32_t lives = second_lives;
    code_put(PAGE_START);
    task = first_task;
    ipi(APIC_INIT, to(SECOND));
    ipi(APIC_STARTUP, to(SECOND) | PAGE_START);
    ipi(APIC_STARTUP, to(SECOND) | PAGE_WRONG); /* to be ignored */
    return becomes(&second_lives, lives + 1) && turns();
}

void second_give(enum second_task next_task)
{
    task = next_task;
}

/* Before its SIPI nothing reaches it, not even later. */
static void asleep(struct report *report)
{
    ipi(APIC_FIXED, to(SECOND) | VECTOR_HERS);
    ipi(APIC_NMI, to(SECOND));
    ipi(APIC_NMI, field_put(ICR_SHORTHAND, APIC_TO_OTHERS));
    ipi(APIC_INIT, to(SECOND));
    expect(report, second_lives == 0, "it runs without a SIPI");
    expect(report, second_start(SECOND_LISTEN), "it does not start");
    expect(report, second_lives == 1, "%u lives instead of 1", second_lives);
    expect(report, second_interrupts == 0 && second_nmis == 0, "%u interrupts, %u NMIs at start",
           second_interrupts, second_nmis);
}

static void each_way(struct report *report)
{
    static const struct {
        enum apic_delivery delivery;
        enum apic_shorthand shorthand;
        bool logical;
        uint32_t to;
        uint8_t vector;
        bool fixed, nmi; /* is to come */
    } ways[] = {
        {APIC_FIXED, APIC_TO_DESTINATION, false, 1, VECTOR_HERS, true, false},
        {APIC_FIXED, APIC_TO_DESTINATION, true, 2, VECTOR_HERS, true, false},
        {APIC_FIXED, APIC_TO_DESTINATION, true, 0xfffe, VECTOR_HERS, true, false},
        {APIC_FIXED, APIC_TO_OTHERS, false, 0, VECTOR_HERS, true, false},
        {APIC_LOWEST, APIC_TO_DESTINATION, false, 1, VECTOR_HERS, true, false},
        {APIC_NMI, APIC_TO_DESTINATION, false, 1, 0, false, true},
        {APIC_NMI, APIC_TO_OTHERS, false, 0, 0, false, true},
        {APIC_STARTUP, APIC_TO_DESTINATION, false, 1, PAGE_WRONG, false, false},
        {APIC_SMI, APIC_TO_DESTINATION, false, 1, 0, false, false},
        {APIC_EXTINT, APIC_TO_DESTINATION, false, 1, VECTOR_HERS, false, false},
        {APIC_RESERVED_3, APIC_TO_DESTINATION, false, 1, VECTOR_HERS, false, false},
        {APIC_FIXED, APIC_TO_DESTINATION, false, 2, VECTOR_HERS, false, false},
        {APIC_FIXED, APIC_TO_DESTINATION, true, 0x10002, VECTOR_HERS, false, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
        uint32_t fixed = second_interrupts + ways[i].fixed, nmis = second_nmis + ways[i].nmi;
        ipi(ways[i].delivery, field_put(ICR_SHORTHAND, ways[i].shorthand) | to(ways[i].to) |
                                  (ways[i].logical ? ICR_LOGICAL : 0) | ways[i].vector);
        expect(report, becomes(&second_interrupts, fixed), "way %zu: %u interrupts, not %u", i,
               second_interrupts, fixed);
        expect(report, becomes(&second_nmis, nmis) && turns(), "way %zu: %u NMIs, not %u", i,
               second_nmis, nmis);
    }
    expect(report, second_lives == 1, "%u lives instead of 1", second_lives);
}

/* INIT ends whatever it does, and a new life begins. */
static void resets(struct report *report)
{
    for (uint32_t i = 0; i < options.resets; i++) {
        if (i % 2)
            ipi(APIC_NMI, to(SECOND));
        bool started = second_start(i % 3 ? SECOND_LISTEN : SECOND_SPIN);
        expect(report, started, "reset %u: it does not start again", i);
    }
    ipi(APIC_INIT, to(SECOND));
    uint32_t lives = second_lives;
    uint64_t end = rdtsc() + 2 * tsc_per_ms();
    while (rdtsc() < end)
        ipi(APIC_FIXED, to(SECOND) | VECTOR_HERS);
    expect(report, !turns() && second_lives == lives, "it runs behind an INIT");
}

static void storms(struct report *report)
{
    uint32_t nmis = second_nmis, ours = interrupts[VECTOR_OURS];
    expect(report, second_start(SECOND_LISTEN), "it does not start");
    second_give(SECOND_STORM);
    for (uint32_t i = 0; i < STORM; i++) {
        ipi(APIC_NMI, to(SECOND));
        ipi(APIC_FIXED, to(SECOND) | VECTOR_HERS);
        interrupts_in();
    }
    expect(report, turns(), "it stands still");
    expect(report, second_nmis != nmis && interrupts[VECTOR_OURS] != ours, "%u NMIs, %u interrupts",
           second_nmis - nmis, interrupts[VECTOR_OURS] - ours);
    say(report, "%u lives, %u of %u NMIs and %u of %u interrupts of the storms came", second_lives,
        second_nmis - nmis, STORM, interrupts[VECTOR_OURS] - ours, STORM);
}

void attack_smp(struct report *report)
{
    if (second_processors() < 2) {
        say(report, "there is no second processor");
        return;
    }
    asleep(report);
    each_way(report);
    resets(report);
    storms(report);
    ipi(APIC_INIT, to(SECOND));
}
