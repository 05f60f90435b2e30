/* SPDX-License-Identifier: MIT */
/*
 * Interprocessor interrupts of every kind to everybody. What reaches ourselves is counted; that
 * nothing reaches the guest next door, that one has to say.
 */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/attacker/second.h"

#define VECTOR_IPI   0x51
#define LAST_ID      0x200
#define SETTLE_TRIES 10000

struct storm {
    struct report *report;
    uint32_t sent, refused;
    uint32_t fixed, nmis; /* that were to come */
    uint32_t own_id;
};

static bool reaches_self(const struct storm *storm, uint64_t icr)
{
    uint32_t to = (uint32_t)field_get(ICR_DESTINATION, icr), id = storm->own_id;
    switch ((enum apic_shorthand)field_get(ICR_SHORTHAND, icr)) {
    case APIC_TO_SELF:
    case APIC_TO_ALL:
        return true;
    case APIC_TO_OTHERS:
        return false;
    case APIC_TO_DESTINATION:
        break;
    }
    if (to == APIC_BROADCAST)
        return true;
    if ((icr & ICR_LOGICAL) == 0)
        return to == id;
    return to >> 16 == id >> 4 && (to & 1u << (id & 15)) != 0;
}

/* Wait for what is on its way: the count of `vector` shall become `count`. */
static void settle(uint32_t vector, uint32_t count)
{
    for (uint32_t i = 0; i < SETTLE_TRIES && interrupts[vector] != count; i++)
        interrupts_in();
}

static void send(struct storm *storm, uint64_t icr)
{
    struct trap trap;
    uint32_t vector = (uint32_t)field_get(ICR_VECTOR, icr);
    uint32_t before = interrupts_sum();
    enum apic_delivery delivery = (enum apic_delivery)field_get(ICR_DELIVERY, icr);
    bool shorthand = (icr & ICR_SHORTHAND) != 0, self = reaches_self(storm, icr);
    if (delivery == APIC_INIT && self && !shorthand &&
        (icr & (ICR_LEVEL | ICR_ASSERT)) != ICR_LEVEL)
        return; /* the end of this life: crash=selfreset */
    storm->sent++;
    if (!probe_wrmsr(MSR_X2APIC_ICR, icr, &trap)) {
        storm->refused++;
        expect(storm->report, trap_is(&trap, EXC_GP), "ICR %lx: vector %u", icr, trap.vector);
        interrupts_in();
        expect(storm->report, interrupts_sum() == before, "ICR %lx: refused, yet sent", icr);
        return;
    }
    uint32_t expected = before;
    bool lowest = delivery == APIC_LOWEST && !shorthand;
    if ((delivery == APIC_FIXED || lowest) && self && vector >= 16) {
        settle(vector, interrupts[vector] + 1);
        storm->fixed++;
        expected++;
    } else if (delivery == APIC_NMI && self && !shorthand) {
        settle(EXC_NMI, interrupts[EXC_NMI] + 1);
        storm->nmis++;
        expected++;
    } else {
        interrupts_in();
    }
    expect(storm->report, interrupts_sum() == expected, "ICR %lx: %u interrupts instead of %u", icr,
           interrupts_sum() - before, expected - before);
}

static void every_destination(struct storm *storm, uint64_t icr)
{
    static const uint32_t more[] = {0xffff,     0x10000,    0x10001,       0x1ffff,
                                    0x8000ffff, 0xfffffffe, APIC_BROADCAST};
    for (uint64_t to = 0; to <= LAST_ID; to++)
        send(storm, icr | to << 32);
    for (size_t i = 0; i < ARRAY_COUNT(more); i++)
        send(storm, icr | (uint64_t)more[i] << 32);
}

static void every_mode(struct storm *storm)
{
    for (uint64_t delivery = 0; delivery < 8; delivery++)
        for (uint64_t logical = 0; logical < 2; logical++)
            for (uint64_t level = 0; level < 4; level++) {
                uint64_t icr = delivery << 8 | logical << 11 | level << 14 | VECTOR_IPI;
                if (level == 1 || logical == 0)
                    every_destination(storm, icr);
                for (uint64_t shorthand = 1; shorthand < 4; shorthand++)
                    send(storm, icr | shorthand << 18);
            }
}

static void every_vector(struct storm *storm)
{
    for (uint64_t vector = 0; vector < 256; vector++) {
        /* Bochs takes no EOI for the spurious interrupt's vector. */
        if ((vector >= EXC_COUNT && vector != VECTOR_SPURIOUS) || vector < 16)
            send(storm, field_put(ICR_SHORTHAND, APIC_TO_SELF) | vector);
        send(storm, field_put(ICR_DELIVERY, APIC_STARTUP) | vector | UINT64_C(1) << 32);
        send(storm, field_put(ICR_DELIVERY, APIC_INIT) | ICR_ASSERT | vector | UINT64_C(1) << 32);
        send(storm, field_put(ICR_DELIVERY, APIC_STARTUP) | ICR_ASSERT | vector |
                        field_put(ICR_SHORTHAND, APIC_TO_OTHERS));
    }
    low_interrupt = EXC_MC; /* as an interrupt's vector it is legal */
    send(storm, field_put(ICR_SHORTHAND, APIC_TO_SELF) | EXC_MC);
    low_interrupt = 0;
}

static void reserved_bits(struct storm *storm)
{
    static const uint8_t bits[] = {13, 16, 17, 20, 21, 24, 28, 31};
    for (size_t i = 0; i < ARRAY_COUNT(bits); i++) {
        struct trap trap;
        uint64_t icr = UINT64_C(1) << bits[i] | UINT64_C(1) << 32 | VECTOR_IPI;
        expect(storm->report, !probe_wrmsr(MSR_X2APIC_ICR, icr, &trap), "ICR bit %u was taken",
               bits[i]);
    }
}

/* Without an exit: the processor's own. */
static void self_ipi(struct storm *storm)
{
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t vector = 0x20 + (uint32_t)(i % 0xd0), before = interrupts[vector];
        wrmsr(MSR_X2APIC_SELF_IPI, vector);
        settle(vector, before + 1);
        expect(storm->report, interrupts[vector] == before + 1, "SELF_IPI %x did not come", vector);
    }
}

void attack_ipi(struct report *report)
{
    struct storm storm = {.report = report};
    if (second_processors() > 1) { /* it would be started at every page there is */
        say(report, "left to a guest of one processor");
        return;
    }
    storm.own_id = (uint32_t)rdmsr(MSR_X2APIC_ID);
    every_mode(&storm);
    every_vector(&storm);
    reserved_bits(&storm);
    self_ipi(&storm);
    say(report, "%u sent, %u refused, %u and %u NMIs came", storm.sent, storm.refused, storm.fixed,
        storm.nmis);
}
