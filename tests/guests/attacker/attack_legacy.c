/* SPDX-License-Identifier: MIT */
/* Not an attack: a PC's old timers and interrupt controllers, used as old kernels use them. */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/ioapic.h"
#include "arch/x86/regs/msr.h"
#include "kernel/acpi/guest.h"
#include "kernel/lib/bits.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define PIC_BASE    0x50 /* vectors of the first 8259, then of the second */
#define PIT_HZ      1193182
#define TICK_HZ     100
#define TICKS       10
#define VECTOR_PIN  0x72
#define VECTOR_HPET 0x73
#define PIN_PIT     2
#define PIN_HPET    20
#define HPET_NS     10
#define WAKE_COUNT  100000000 /* some seconds at the most, on any bus */

enum { IRQ_TIMER = 0, IRQ_CASCADE = 2, IRQ_COM1 = 4, IRQ_CLOCK = 8 };

static void pic_init(void)
{
    static const uint8_t words[][2] = {
        {0x20, 0x11}, {0x21, PIC_BASE},     {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xff},
        {0xa0, 0x11}, {0xa1, PIC_BASE + 8}, {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0xff},
    };
    out8(0x4d0, 0);
    out8(0x4d1, 0);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        out8(words[i][0], words[i][1]);
}

static void pic_unmask(unsigned irq)
{
    uint16_t lines = (uint16_t)~(1u << irq);
    if (irq >= 8)
        lines &= (uint16_t)~(1u << IRQ_CASCADE);
    out8(0x21, (uint8_t)lines);
    out8(0xa1, (uint8_t)(lines >> 8));
}

static void pic_eoi(unsigned irq)
{
    if (irq >= 8)
        out8(0xa0, 0x20);
    out8(0x20, 0x20);
}

static void pit_rate(uint32_t hz)
{
    out8(0x43, 0x34);
    out8(0x40, (uint8_t)(PIT_HZ / hz));
    out8(0x40, (uint8_t)(PIT_HZ / hz >> 8));
}

/* Sleep until the vector came; the time is up when it does not. */
static bool came(uint32_t vector, uint32_t before)
{
    uint64_t end = rdtsc() + 1000 * tsc_per_ms();
    wrmsr(MSR_X2APIC_LVT_TIMER, field_put(LVT_TIMER_MODE, LVT_TIMER_PERIOD) | VECTOR_TIMER);
    wrmsr(MSR_X2APIC_TIMER_INIT, WAKE_COUNT); /* from a HLT that nothing else ends */
    while (interrupts[vector] == before && rdtsc() < end)
        wait_for_interrupt();
    wrmsr(MSR_X2APIC_TIMER_INIT, 0);
    return interrupts[vector] == before + 1;
}

/* TICKS interrupts of one vector; returns how many microseconds they took, from the first on. */
static uint64_t ticks_us(struct report *report, const char *what, uint32_t vector, int eoi)
{
    uint64_t start = 0;
    for (unsigned i = 0; i <= TICKS; i++) {
        bool good = came(vector, interrupts[vector]);
        expect(report, good, "%s: tick %u did not come", what, i);
        if (!good)
            return 0;
        if (i == 0)
            start = rdtsc();
        if (eoi >= 0)
            pic_eoi((unsigned)eoi);
    }
    return (rdtsc() - start) * 1000 / tsc_per_ms();
}

static void check_time(struct report *report, const char *what, uint64_t us, uint64_t expected)
{
    expect(report, us > expected - expected / 20 && us < expected + expected / 20,
           "%s: %lu us instead of %lu", what, us, expected);
}

/* Linux: pit_calibrate_tsc(). */
static void calibrate(struct report *report)
{
    uint32_t reads = 0;
    out8(0x61, (uint8_t)((in8(0x61) & ~0x02) | 0x01));
    out8(0x43, 0xb0);
    out8(0x42, (uint8_t)(PIT_HZ / 20));
    out8(0x42, (uint8_t)(PIT_HZ / 20 >> 8));
    uint64_t start = rdtsc();
    while (!(in8(0x61) & 0x20) && reads < 1000000)
        reads++;
    uint64_t us = (rdtsc() - start) * 1000 / tsc_per_ms();
    check_time(report, "8254 through port 0x61", us, 50000);
    say(report, "%u reads in %lu us", reads, us);
}

static void timer(struct report *report)
{
    pic_init();
    pit_rate(TICK_HZ);
    wrmsr(MSR_X2APIC_LVT_LINT0, field_put(LVT_DELIVERY, APIC_EXTINT));
    pic_unmask(IRQ_TIMER);
    uint64_t us = ticks_us(report, "8254 by 8259", PIC_BASE + IRQ_TIMER, IRQ_TIMER);
    check_time(report, "8254 by 8259", us, TICKS * 1000000 / TICK_HZ);
    out8(0x21, 0xff);
    pic_init();
    ioapic_pin(PIN_PIT, VECTOR_PIN);
    us = ticks_us(report, "8254 by I/O APIC", VECTOR_PIN, -1);
    check_time(report, "8254 by I/O APIC", us, TICKS * 1000000 / TICK_HZ);
    ioapic_pin(PIN_PIT, RTE_MASKED);
}

static uint8_t clock_register(uint8_t index)
{
    out8(GUEST_RTC, index);
    return in8(GUEST_RTC + 1);
}

static void clock(struct report *report)
{
    uint32_t vector = PIC_BASE + IRQ_CLOCK;
    clock_register(0x0a);
    out8(GUEST_RTC + 1, 0x2a); /* 64 Hz */
    clock_register(0x0b);
    out8(GUEST_RTC + 1, 0x42);
    clock_register(0x0c);
    pic_unmask(IRQ_CLOCK);
    for (unsigned i = 0; i < TICKS; i++) {
        expect(report, came(vector, interrupts[vector]), "tick %u of the clock did not come", i);
        uint8_t flags = clock_register(0x0c);
        expect(report, (flags & 0xc0) == 0xc0, "the clock says %x", flags);
        pic_eoi(IRQ_CLOCK);
    }
    clock_register(0x0b);
    out8(GUEST_RTC + 1, 0x02);
    clock_register(0x0c);
}

static void event_timer(struct report *report)
{
    volatile uint32_t *hpet = window(GUEST_HPET_BASE);
    hpet[0x10 / 4] = 1;
    uint32_t from = hpet[0xf0 / 4];
    uint64_t start = rdtsc();
    hpet[0x100 / 4] = 0x104 | PIN_HPET << 9;
    hpet[0x108 / 4] = from + 20000000 / HPET_NS;
    ioapic_pin(PIN_HPET, VECTOR_HPET);
    expect(report, came(VECTOR_HPET, interrupts[VECTOR_HPET]), "the HPET did not come");
    check_time(report, "HPET", (rdtsc() - start) * 1000 / tsc_per_ms(), 20000);
    ioapic_pin(PIN_HPET, RTE_MASKED);
    hpet = window(GUEST_HPET_BASE);
    hpet[0x100 / 4] = 0;
    hpet[0x10 / 4] = 0;
}

/* The interrupt is there as soon as it is switched on, with interrupts off, and comes with STI. */
static void serial_port(struct report *report)
{
    uint32_t vector = PIC_BASE + IRQ_COM1, before = interrupts[vector];
    pic_unmask(IRQ_COM1);
    out8(GUEST_COM1 + 4, 0x0b);
    out8(GUEST_COM1 + 1, 0x02);
    expect(report, interrupts[vector] == before, "an interrupt came with interrupts off");
    interrupts_in();
    expect(report, interrupts[vector] == before + 1, "COM1 gave %u interrupts",
           interrupts[vector] - before);
    pic_eoi(IRQ_COM1);
    out8(GUEST_COM1 + 1, 0);
    interrupts_in();
    out8(0x21, 0xff);
}

void attack_legacy(struct report *report)
{
    calibrate(report);
    timer(report);
    clock(report);
    event_timer(report);
    serial_port(report);
    wrmsr(MSR_X2APIC_LVT_LINT0, LVT_MASKED);
    wrmsr(MSR_X2APIC_LVT_TIMER, LVT_MASKED);
}
