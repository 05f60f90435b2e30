/* SPDX-License-Identifier: MIT */
/* The virtual I/O APIC and UART, filled with nonsense. */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/ioapic.h"
#include "kernel/acpi/guest.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define RTE_LOGICAL BIT(11)

#define UART_IER  (GUEST_COM1 + 1)
#define UART_FCR  (GUEST_COM1 + 2)
#define UART_LCR  (GUEST_COM1 + 3)
#define UART_MCR  (GUEST_COM1 + 4)
#define UART_SCR  (GUEST_COM1 + 7)
#define IER_THRE  0x02
#define MCR_OUT2  0x08
#define MCR_LOOP  0x10
#define VECTOR_IO 0x71

/* The UART's line falls and rises. */
static void pulse(void)
{
    out8(UART_IER, 0);
    out8(UART_IER, IER_THRE);
    out8(UART_IER, 0);
}

static uint32_t pulses_seen(uint64_t rte)
{
    uint32_t before = interrupts_sum();
    ioapic_pin(GUEST_COM1_GSI, rte);
    pulse();
    for (unsigned i = 0; i < 20; i++)
        interrupts_in();
    ioapic_pin(GUEST_COM1_GSI, RTE_MASKED);
    for (unsigned i = 0; i < 20; i++)
        interrupts_in();
    return interrupts_sum() - before;
}

/* Only fixed and lowest priority, to us, with a legal vector. */
static void every_rte(struct report *report)
{
    for (uint64_t delivery = 0; delivery < 8; delivery++)
        for (uint64_t mode = 0; mode < 8; mode++)
            for (uint64_t dest = 0; dest < 256; dest += dest < 8 ? 1 : 31) {
                uint64_t logical = mode & 1 ? RTE_LOGICAL : 0;
                uint64_t rte = VECTOR_IO | delivery << 8 | logical |
                               (mode & 2 ? RTE_ACTIVE_LOW : 0) | (mode & 4 ? RTE_LEVEL : 0) |
                               dest << 56;
                bool legal = delivery <= 1 && (logical ? (dest & 1) != 0 : dest == 0);
                uint32_t seen = pulses_seen(rte);
                expect(report, legal ? seen > 0 : seen == 0 || (dest == 0xff && delivery <= 1),
                       "RTE %lx: %u interrupts", rte, seen);
            }
    for (uint64_t vector = 0; vector < 16; vector++)
        expect(report, pulses_seen(vector) == 0, "RTE vector %lu came", vector);
}

static void ioapic_garbage(struct report *report, uint32_t pins)
{
    uint64_t state = 99;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t value = random_next(&state) | 0x30; /* vectors that are no exceptions' */
        uint32_t offset = (uint32_t)(value >> 40) & (i % 2 ? 0xfff : 0x1f);
        volatile uint8_t *at = window(GUEST_IOAPIC_BASE + offset);
        switch (i % 6) {
        case 0:
            *(volatile uint32_t *)(uintptr_t)at = (uint32_t)value;
            break;
        case 1:
            *(volatile uint16_t *)(uintptr_t)at = (uint16_t)value;
            break;
        case 2:
            *at = (uint8_t)value;
            break;
        case 3:
            *(volatile uint64_t *)(uintptr_t)at = value;
            break;
        case 4:
            (void)*(volatile uint32_t *)(uintptr_t)at;
            break;
        case 5:
            (void)*(volatile uint64_t *)(uintptr_t)at;
            break;
        }
        interrupts_in();
    }
    for (uint32_t pin = 0; pin < pins; pin++) {
        ioapic_pin(pin, UINT64_MAX & ~RTE_MASKED);
        interrupts_in();
        ioapic_pin(pin, RTE_MASKED);
        expect(report, (ioapic_read(IOAPIC_RTE(pin)) & RTE_MASKED) != 0, "pin %u is not masked",
               pin);
    }
}

void attack_ioapic(struct report *report)
{
    uint32_t version = ioapic_read(IOAPIC_VERSION),
             pins = (uint32_t)field_get(IOAPIC_VERSION_MAX_PIN, version) + 1;
    out8(UART_MCR, MCR_OUT2);
    ioapic_garbage(report, pins);
    expect(report, ioapic_read(IOAPIC_VERSION) == version, "version %x became %x", version,
           ioapic_read(IOAPIC_VERSION));
    every_rte(report);
    uint32_t seen = pulses_seen(VECTOR_IO);
    expect(report, seen == 1, "a pulse of the UART gives %u interrupts", seen);
    say(report, "%u pins", pins);
}

void attack_uart(struct report *report)
{
    uint64_t state = 3;
    uint32_t before = interrupts_sum();
    out8(UART_MCR, MCR_LOOP);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t value = random_next(&state);
        uint16_t port = (uint16_t)(GUEST_COM1 + (value >> 32) % 8);
        uint8_t byte = (uint8_t)(value >> 40);
        if (port == UART_MCR)
            byte |= MCR_LOOP; /* nothing of this goes out */
        out8(port, byte);
        (void)in8((uint16_t)(GUEST_COM1 + (value >> 48) % 8));
        interrupts_in();
    }
    out8(UART_LCR, 0x03);
    out8(UART_IER, 0);
    out8(UART_FCR, 0x07);
    out8(UART_SCR, 0xa5);
    expect(report, in8(UART_SCR) == 0xa5, "the scratch register lost a byte");
    for (unsigned i = 0; i < 40; i++)
        out8(GUEST_COM1, (uint8_t)i); /* more than the FIFO takes */
    uint8_t first = in8(GUEST_COM1);
    expect(report, first == 0, "loopback gave %x", first);
    out8(UART_FCR, 0x07);
    out8(UART_MCR, MCR_OUT2);
    (void)in8(GUEST_COM1 + 5);
    (void)in8(GUEST_COM1 + 6);
    expect(report, interrupts_sum() == before, "%u interrupts from a masked pin",
           interrupts_sum() - before);
}
