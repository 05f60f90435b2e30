/* SPDX-License-Identifier: MIT */
/* Timers, floods of instructions that stop or slow a processor, and what all that costs in exits.
 */
#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "kernel/vm/stats.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define TIMER_TICKS 200
#define TICK_TSC    50000
#define FLOOD       20000
#define BUSY_LOOPS  UINT64_C(50000000) /* two instructions each */

static void timer_mode(uint32_t mode)
{
    wrmsr(MSR_X2APIC_LVT_TIMER, field_put(LVT_TIMER_MODE, mode) | VECTOR_TIMER);
    __asm__ volatile("mfence" : : : "memory"); /* before the deadline: SDM Vol. 3A, TSC-Deadline */
}

static void timer_off(void)
{
    wrmsr(MSR_X2APIC_LVT_TIMER, LVT_MASKED);
    wrmsr(MSR_X2APIC_TIMER_INIT, 0);
    interrupts_in();
}

static bool has_deadline(void)
{
    return (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) != 0;
}

static void deadline(struct report *report)
{
    timer_mode(LVT_TIMER_TSC);
    uint64_t worst = 0;
    for (unsigned i = 0; i < TIMER_TICKS; i++) {
        uint32_t before = interrupts[VECTOR_TIMER];
        uint64_t at = rdtsc() + TICK_TSC;
        wrmsr(MSR_IA32_TSC_DEADLINE, at);
        bool came = wait_interrupts(VECTOR_TIMER, before + 1, 100);
        uint64_t late = rdtsc() - at;
        expect(report, came, "tick %u of the deadline timer did not come", i);
        expect(report, !came || late < UINT64_C(1) << 63, "tick %u came too early", i);
        if (came && late > worst)
            worst = late;
    }
    uint32_t before = interrupts[VECTOR_TIMER];
    wrmsr(MSR_IA32_TSC_DEADLINE, 1); /* long past: at once */
    expect(report, wait_interrupts(VECTOR_TIMER, before + 1, 100), "a past deadline did not fire");
    wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + TICK_TSC);
    wrmsr(MSR_IA32_TSC_DEADLINE, 0); /* disarmed */
    expect(report, !wait_interrupts(VECTOR_TIMER, before + 2, 1), "a disarmed deadline fired");
    timer_off();
    say(report, "deadline timer at most %lu ticks late", worst);
}

static void count_down(struct report *report)
{
    wrmsr(MSR_X2APIC_TIMER_DIV, 0xb); /* by 1 */
    timer_mode(LVT_TIMER_ONESHOT);
    uint32_t before = interrupts[VECTOR_TIMER];
    wrmsr(MSR_X2APIC_TIMER_INIT, 10000);
    expect(report, wait_interrupts(VECTOR_TIMER, before + 1, 1000), "one shot did not fire");
    timer_mode(LVT_TIMER_PERIOD);
    wrmsr(MSR_X2APIC_TIMER_INIT, 20000);
    uint64_t end = rdtsc() + 1000 * tsc_per_ms();
    while (interrupts[VECTOR_TIMER] < before + 21 && rdtsc() < end)
        interrupts_in();
    expect(report, interrupts[VECTOR_TIMER] >= before + 21, "only %u of 20 periodic ticks",
           interrupts[VECTOR_TIMER] - before - 1);
    /* Not much faster, or nothing else would ever be done while interrupts are on. */
    wrmsr(MSR_X2APIC_TIMER_INIT, 2000);
    for (unsigned i = 0; i < 2000; i++)
        interrupts_in();
    timer_off();
}

static void timer_garbage(struct report *report)
{
    uint64_t state = 7;
    for (unsigned i = 0; i < 5000; i++) {
        struct trap trap;
        static const uint32_t msrs[] = {MSR_X2APIC_LVT_TIMER,   MSR_X2APIC_TIMER_DIV,
                                        MSR_X2APIC_TIMER_COUNT, MSR_X2APIC_ESR,
                                        MSR_X2APIC_EOI,         MSR_X2APIC_TPR};
        probe_wrmsr(msrs[i % ARRAY_COUNT(msrs)], random_next(&state) >> (i % 60), &trap);
        expect(report, !trap.taken || trap_is(&trap, EXC_GP), "timer garbage: vector %u",
               trap.vector);
    }
    wrmsr(MSR_X2APIC_TPR, 0);
    timer_off();
}

void attack_timer(struct report *report)
{
    if (has_deadline())
        deadline(report);
    count_down(report);
    timer_garbage(report);
    uint32_t before = interrupts[0x60];
    wrmsr(MSR_X2APIC_SELF_IPI, 0x60);
    expect(report, wait_interrupts(0x60, before + 1, 10), "interrupts do not come any more");
}

static void do_mwait(void *argument)
{
    __asm__ volatile("monitor\n\tsti\n\txor %%eax, %%eax\n\txor %%ecx, %%ecx\n\tmwait\n\tcli"
                     : "+a"(argument)
                     : "c"(0), "d"(0)
                     : "memory", "cc");
}

static void do_invd(void *argument)
{
    (void)argument;
    __asm__ volatile("wbinvd\n\tinvd" : : : "memory");
}

/* Wakes HLT and MWAIT, whatever their timing. */
static void alarm_on(void)
{
    wrmsr(MSR_X2APIC_TIMER_DIV, 0xb);
    timer_mode(LVT_TIMER_PERIOD);
    wrmsr(MSR_X2APIC_TIMER_INIT, 5000);
}

void attack_floods(struct report *report)
{
    static uint64_t line;
    struct trap trap;
    for (unsigned i = 0; i < FLOOD; i++)
        expect(report, probe(do_invd, NULL, &trap), "wbinvd, invd: vector %u", trap.vector);
    for (unsigned i = 0; i < 10 * FLOOD; i++)
        pause();
    alarm_on();
    uint32_t before = interrupts[VECTOR_TIMER];
    for (unsigned i = 0; i < 500; i++)
        wait_for_interrupt();
    expect(report, interrupts[VECTOR_TIMER] >= before + 500, "%u of 500 HLTs were woken",
           interrupts[VECTOR_TIMER] - before);
    bool mwait = (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_MONITOR) != 0;
    for (unsigned i = 0; i < 500; i++) {
        bool done = probe(do_mwait, &line, &trap);
        expect(report, done || trap_is(&trap, EXC_UD), "mwait: vector %u", trap.vector);
        expect(report, done || !mwait, "mwait is shown, but undefined");
    }
    timer_off();
    say(report, "MWAIT %s", mwait ? "is there" : "is not there");
}

void attack_spin(struct report *report)
{
    uint64_t end = rdtsc() + options.spin_ms * tsc_per_ms();
    while (rdtsc() < end)
        pause();
    expect(report, true, "-");
    say(report, "%lu ms with interrupts off", options.spin_ms);
}

static uint64_t counter(uint32_t leaf)
{
    struct cpuid_regs r = cpuid(leaf, 0);
    return (uint64_t)r.ebx << 32 | r.eax;
}

/* Exits between two calls of the reader: of all kinds but the attention of other processors. */
struct exits {
    uint64_t kinds[STAT_KINDS];
};

static void exits_read(struct exits *exits)
{
    for (uint32_t i = 0; i < STAT_KINDS; i++)
        exits->kinds[i] = counter(CPUID_BULKHEAD_COUNTER + i);
}

static void exits_expect_none(struct report *report, const char *what, const struct exits *from)
{
    struct exits to;
    exits_read(&to);
    for (uint32_t i = 0; i < STAT_KINDS; i++) {
        /* The reading itself: each CPUID is counted after it answered. */
        uint64_t own = i == STAT_CPUID ? STAT_KINDS : 0, seen = to.kinds[i] - from->kinds[i];
        expect(report, seen == own || i == STAT_ATTENTION, "%s: %lu exits of kind %s", what,
               seen - own, stat_name((enum stat_kind)i));
    }
}

static void idle(struct report *report)
{
    struct exits from;
    bool by_tsc = has_deadline(); /* CPUID exits: not below */
    timer_mode(by_tsc ? LVT_TIMER_TSC : LVT_TIMER_PERIOD);
    exits_read(&from);
    for (unsigned i = 0; i < 100; i++) {
        if (by_tsc)
            wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + TICK_TSC);
        else
            wrmsr(MSR_X2APIC_TIMER_INIT, TICK_TSC);
        wait_for_interrupt();
    }
    exits_expect_none(report, "100 HLTs with timer", &from);
    timer_off();
}

void attack_counters(struct report *report)
{
    struct exits from;
    struct cpuid_regs info = cpuid(CPUID_BULKHEAD_INFO, 0);
    expect(report, info.ebx == STAT_KINDS, "%u kinds of exits instead of %u", info.ebx, STAT_KINDS);
    if (info.ebx != STAT_KINDS)
        return;
    exits_read(&from);
    uint64_t loops = BUSY_LOOPS;
    __asm__ volatile("1:\n\tdec %0\n\tjnz 1b" : "+r"(loops) : : "cc");
    exits_expect_none(report, "100M instructions", &from);
    exits_read(&from);
    for (unsigned i = 0; i < 1000; i++) {
        wrmsr(MSR_X2APIC_SELF_IPI, 0x61);
        interrupts_in();
    }
    exits_expect_none(report, "1000 interrupts", &from);
    idle(report);
    exits_read(&from);
    for (uint32_t i = 0; i < STAT_KINDS; i++)
        print("attack counters: exits %s %lu", stat_name((enum stat_kind)i), from.kinds[i]);
    say(report, "%lu exits so far", counter(CPUID_BULKHEAD_TOTAL));
}
