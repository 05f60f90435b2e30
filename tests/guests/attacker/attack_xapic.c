/* SPDX-License-Identifier: MIT */
/*
 * The local APIC in xAPIC mode: garbage into its page, and the ways between the modes. That no
 * interrupt reaches the guest next door, that one has to say.
 */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "kernel/acpi/guest.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/attacker/second.h"

#define WRITES     20000
#define VECTOR_IPI 0x51
#define ICR        ((MSR_X2APIC_ICR - MSR_X2APIC_FIRST) * XAPIC_STEP)

static bool base_takes(uint64_t bits)
{
    struct trap trap;
    return probe_wrmsr(MSR_IA32_APIC_BASE, APIC_BASE_RESET | APIC_BASE_BSP | bits, &trap);
}

/* From x2APIC mode and back to it, with all that is forbidden in between. */
static void ways(struct report *report)
{
    struct trap trap;
    uint64_t value;
    expect(report, !base_takes(APIC_BASE_EN), "from x2APIC mode straight to xAPIC mode");
    expect(report, base_takes(0), "x2APIC mode cannot be left");
    expect(report, !probe_rdmsr(MSR_X2APIC_ID, &value, &trap), "an id without an APIC");
    expect(report, !base_takes(APIC_BASE_EN | APIC_BASE_EXTD), "from nothing to x2APIC mode");
    expect(report, !base_takes(APIC_BASE_EXTD), "x2APIC mode without an APIC");
    expect(report, base_takes(APIC_BASE_EN), "xAPIC mode cannot be entered");
    expect(report, !probe_rdmsr(MSR_X2APIC_ID, &value, &trap) && trap_is(&trap, EXC_GP),
           "x2APIC's id in xAPIC mode");
    expect(report, !probe_wrmsr(MSR_X2APIC_ICR, VECTOR_IPI, &trap), "x2APIC's ICR in xAPIC mode");
}

static void write(volatile void *at, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        *(volatile uint8_t *)at = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)at = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)at = (uint32_t)value;
        break;
    default:
        *(volatile uint64_t *)at = value;
    }
}

/* An INIT to ourselves would end this life (crash=selfreset). */
static bool is_init(uint32_t offset, uint64_t value)
{
    return offset == ICR && field_get(ICR_DELIVERY, value) == APIC_INIT;
}

static void garbage(struct report *report, volatile uint8_t *page)
{
    uint64_t state = 5;
    volatile uint32_t *words = (volatile uint32_t *)(volatile void *)page;
    for (uint32_t i = 0; i < WRITES; i++) {
        uint64_t choice = random_next(&state);
        uint64_t value = random_next(&state) | 0x30; /* vectors that are no exceptions' */
        uint32_t offset = choice & 0xff0, size = 1u << (choice >> 12 & 3);
        if ((choice >> 14 & 7) == 0)
            offset += (uint32_t)(choice >> 17) & (16 - size);
        else
            size = 4;
        if (is_init(offset, value))
            value ^= field_put(ICR_DELIVERY, APIC_INIT ^ APIC_SMI);
        write(page + offset, size, value);
        (void)words[(offset & 0xffc) / 4];
    }
    expect(report, words[0x20 / 4] == 0, "the id is %x", words[0x20 / 4]);
    expect(report, (words[0xe0 / 4] & 0x0fffffff) == 0x0fffffff, "DFR is %x", words[0xe0 / 4]);
    expect(report, (words[0xd0 / 4] & 0x00ffffff) == 0, "LDR is %x", words[0xd0 / 4]);
}

void attack_xapic(struct report *report)
{
    struct trap trap;
    if (second_processors() > 1) { /* it would be started at every page there is */
        say(report, "left to a guest of one processor");
        return;
    }
    ways(report);
    garbage(report, window(GUEST_LAPIC_BASE));
    expect(report, base_takes(0) && base_takes(APIC_BASE_EN), "it cannot be reset");
    expect(report, apic_init(), "x2APIC mode cannot be entered");
    uint32_t before = interrupts_sum();
    interrupts_in();
    expect(report, interrupts_sum() == before, "%u interrupts were left",
           interrupts_sum() - before);
    before = interrupts[VECTOR_IPI];
    expect(report, probe_wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_IPI, &trap), "no SELF_IPI");
    expect(report, wait_interrupts(VECTOR_IPI, before + 1, 10), "SELF_IPI did not come");
    say(report, "%u writes", WRITES);
}
