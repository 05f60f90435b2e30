/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of its own devices, as many as can be. That the guests next door do not notice, those
 * have to say.
 */
#include "arch/x86/regs/ioapic.h"
#include "kernel/acpi/guest.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/attacker/device.h"

#define STORM_MS       1000
#define STORM_MOST_MS  20000
#define STORM_LEAST    100 /* interrupts, or it is none */
#define VECTOR_LINE    0x74
#define VECTOR_MESSAGE 0x75

static uint64_t storm_start;
static uint32_t storm_vector, storm_before, storm_line;

static void storm_begin(uint32_t vector)
{
    storm_vector = vector;
    storm_before = interrupts[vector];
    storm_start = rdtsc();
}

/* On a machine with much else to do it may take longer. */
static bool storm_over(void)
{
    uint64_t ms = (rdtsc() - storm_start) / tsc_per_ms();
    bool enough = interrupts[storm_vector] - storm_before >= STORM_LEAST;
    return ms >= (enough ? STORM_MS : STORM_MOST_MS);
}

/* One that lets nothing else run has to end where it comes. */
static void end_line_storm(uint32_t vector)
{
    if (vector == VECTOR_LINE && storm_over())
        ioapic_pin(storm_line, RTE_MASKED);
}

static uint32_t line_of(uint32_t slot)
{
    return device_get(slot, DEVICE_PIN, 1) != 0 ? device_get(slot, DEVICE_LINE, 1) : 0;
}

/* A line that stays up, as nobody tells the card to lower it: behind each EOI it comes again. It
 * is up and open when this returns, too: so the guest may end. */
static uint32_t line_storm(uint32_t slot)
{
    uint64_t entry = VECTOR_LINE | RTE_LEVEL | RTE_ACTIVE_LOW;
    storm_line = line_of(slot);
    storm_begin(VECTOR_LINE);
    interrupt_taken = end_line_storm;
    volatile uint8_t *nic = nic_open(slot);
    ioapic_pin(storm_line, entry); /* first: QEMU forgets a level that a pin has while it is off */
    nic_raise(nic);
    while (!storm_over())
        interrupts_in();
    interrupt_taken = NULL;
    ioapic_pin(storm_line, entry);
    return interrupts[VECTOR_LINE] - storm_before;
}

static uint32_t message_storm(uint32_t slot)
{
    uint32_t cap = device_cap(slot, DEVICE_CAP_MSI);
    volatile uint8_t *edu = device_open(slot, 0);
    device_put(slot, cap + DEVICE_MSI_LOW, 4, (uint32_t)GUEST_LAPIC_BASE);
    device_put(slot, cap + DEVICE_MSI_HIGH, 4, 0);
    device_put(slot, cap + DEVICE_MSI64_DATA, 2, VECTOR_MESSAGE);
    device_put(slot, cap + DEVICE_MSI_CONTROL, 2, DEVICE_MSI_ENABLE);
    storm_begin(VECTOR_MESSAGE);
    while (!storm_over())
        edu_interrupt(edu);
    return interrupts[VECTOR_MESSAGE] - storm_before;
}

void attack_device_storm(struct report *report)
{
    uint32_t edu = device_find(DEVICE_EDU), nic = device_find(DEVICE_E1000E);
    uint32_t messages = 0, line = 0;
    if (nic && line_of(nic) != 0)
        ioapic_pin(line_of(nic), RTE_MASKED); /* it may be up since the last round */
    if (edu) {
        messages = message_storm(edu);
        expect(report, messages >= STORM_LEAST, "%u messages", messages);
    }
    if (nic && line_of(nic) != 0) {
        line = line_storm(nic);
        expect(report, line >= STORM_LEAST, "%u interrupts of the line", line);
    }
    say(report, "%u messages, %u interrupts of the line", messages, line);
}
