/* SPDX-License-Identifier: MIT */
/*
 * The local APIC as kernels without x2APIC know it: a page of registers. Timer, interrupts to
 * oneself, to another processor and from the I/O APIC, with both destination modes and both models
 * of logical ones; at the end the ways between the three modes.
 */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/msr.h"
#include "kernel/acpi/guest.h"
#include "kernel/lib/mem.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/kinds/kinds.h"

#define VECTOR_TIMER    0x40
#define VECTOR_IPI      0x41
#define VECTOR_SPURIOUS 0xff
#define START_PAGE      0x8 /* 4 KiB page that nobody uses */
#define TIMER_COUNT     100000
#define PATIENCE        2000000 /* turns of a loop */

#define IOAPIC_PIN_8254 2
#define PIT_COMMAND     0x43
#define PIT_CHANNEL0    0x40
#define PIT_ONE_SHOT    0x30 /* channel 0, both bytes, mode 0 */

/* second.asm */
extern uint8_t second_code[], second_gdt[], second_cr3[], second_code_end[], gdt_pointer[];
void interrupt_timer(void);
void interrupt_ipi(void);
void second_main(void);

/* Of each processor: the timer's and others. */
volatile uint32_t interrupts[2][2];

static volatile uint32_t second_ldr, second_dfr; /* what it shall write ... */
static volatile uint32_t second_turn;            /* ... when this grows */
static volatile uint32_t second_done;

static volatile uint32_t *page(uint32_t msr)
{
    return (volatile uint32_t *)(uintptr_t)(GUEST_LAPIC_BASE +
                                            (msr - MSR_X2APIC_FIRST) * XAPIC_STEP);
}

static void idt_install(void)
{
    static uint64_t idt[256][2];
    const struct table_pointer pointer = {.limit = sizeof(idt) - 1,
                                          .base = (uint64_t)(uintptr_t)idt};
    for (unsigned i = VECTOR_TIMER; i <= VECTOR_IPI; i++) {
        uint64_t to = (uint64_t)(uintptr_t)(i == VECTOR_IPI ? interrupt_ipi : interrupt_timer);
        idt[i][0] = (to & 0xffff) | SELECTOR_CODE64 << 16 | UINT64_C(0x8e00) << 32 |
                    (to >> 16 & 0xffff) << 48;
    }
    load_idt(&pointer);
}

static void apic_enable(void)
{
    *page(MSR_X2APIC_SVR) = (uint32_t)APIC_SVR_ENABLE | VECTOR_SPURIOUS;
}

/* Not in the shadow of STI alone: in QEMU it does not end with PAUSE. */
static void let_in(void)
{
    pause();
    interrupts_in();
}

/* Lets interrupts in until the count is there, and then some more: too many show, too. */
static bool becomes(const volatile uint32_t *count, uint32_t value)
{
    for (uint32_t i = 0; i < PATIENCE && *count != value; i++)
        let_in();
    for (uint32_t i = 0; i < 100; i++)
        let_in();
    return *count == value;
}

/* ---- the second processor ---- */

void second_main(void)
{
    uint32_t turn = 0;
    idt_install();
    apic_enable();
    for (;;) {
        second_done = turn + 1;
        while (second_turn == turn)
            let_in();
        turn = second_turn;
        *page(XAPIC_DFR) = second_dfr;
        *page(MSR_X2APIC_LDR) = second_ldr;
    }
}

static bool second_start(void)
{
    uint8_t *at = (uint8_t *)(uintptr_t)(START_PAGE * 4096);
    uint32_t cr3 = (uint32_t)read_cr3();
    memcpy(at, second_code, (size_t)(second_code_end - second_code));
    memcpy(at + (second_gdt - second_code), gdt_pointer, 6);
    memcpy(at + (second_cr3 - second_code), &cr3, sizeof(cr3));
    *page(XAPIC_ICR_HIGH) = 1u << 24;
    *page(MSR_X2APIC_ICR) = (uint32_t)(field_put(ICR_DELIVERY, APIC_INIT) | ICR_ASSERT | ICR_LEVEL);
    *page(MSR_X2APIC_ICR) = (uint32_t)(field_put(ICR_DELIVERY, APIC_INIT) | ICR_LEVEL);
    *page(MSR_X2APIC_ICR) = (uint32_t)field_put(ICR_DELIVERY, APIC_STARTUP) | START_PAGE;
    return becomes(&second_done, 1);
}

/* Both get logical addresses, 8 bits each. */
static bool address_both(uint32_t dfr, uint32_t first, uint32_t second)
{
    uint32_t turn = second_turn + 1;
    *page(XAPIC_DFR) = dfr;
    *page(MSR_X2APIC_LDR) = first << 24;
    second_dfr = dfr;
    second_ldr = second << 24;
    second_turn = turn;
    return becomes(&second_done, turn + 1);
}

/* ---- the first ---- */

/* Bit n: processor n gets it. */
static void send(const char *what, uint32_t destination, uint32_t low, uint32_t who)
{
    uint32_t before[2] = {interrupts[0][1], interrupts[1][1]};
    *page(XAPIC_ICR_HIGH) = destination << 24;
    *page(MSR_X2APIC_ICR) = (uint32_t)ICR_ASSERT | VECTOR_IPI | low;
    for (unsigned i = 0; i < 2; i++)
        expect(becomes(&interrupts[i][1], before[i] + (who >> i & 1)), what);
    expect((*page(MSR_X2APIC_ICR) & ICR_BUSY) == 0, "a command that is on its way");
}

static void check_registers(void)
{
    expect(rdmsr(MSR_IA32_APIC_BASE) == (APIC_BASE_RESET | APIC_BASE_EN | APIC_BASE_BSP),
           "IA32_APIC_BASE says xAPIC mode");
    expect(*page(MSR_X2APIC_ID) == 0, "the id");
    expect(*page(XAPIC_DFR) == XAPIC_DFR_RESET && *page(MSR_X2APIC_LDR) == 0, "DFR and LDR");
    expect(*page(MSR_X2APIC_LVT_LINT0) == field_put(LVT_DELIVERY, APIC_EXTINT), "LINT0");
    expect(*page(MSR_X2APIC_LVT_TIMER) == LVT_RESET, "the timer's LVT entry");
    *page(MSR_X2APIC_SVR) = 0xffffffff;
    expect(*page(MSR_X2APIC_SVR) == 0x1ff, "SVR");
    *page(XAPIC_ICR_HIGH) = 0x12345678;
    expect(*page(XAPIC_ICR_HIGH) == 0x12000000, "the high half of ICR");
    *page(MSR_X2APIC_TPR) = 0x20;
    expect(read_cr8() == 2, "TPR and CR8");
    *page(MSR_X2APIC_TPR) = 0;
    expect(*(volatile uint8_t *)page(MSR_X2APIC_VERSION) == (*page(MSR_X2APIC_VERSION) & 0xff),
           "a byte of a register");
}

static void check_timer(void)
{
    *page(MSR_X2APIC_TIMER_DIV) = 0xb;
    *page(MSR_X2APIC_LVT_TIMER) = VECTOR_TIMER;
    *page(MSR_X2APIC_TIMER_INIT) = TIMER_COUNT;
    expect(becomes(&interrupts[0][0], 1), "the timer");
    expect(*page(MSR_X2APIC_TIMER_COUNT) == 0, "the timer's count");
    for (uint32_t i = 0; i < 8; i++)
        expect(*page(MSR_X2APIC_ISR0 + i) == 0, "EOI");
    *page(MSR_X2APIC_LVT_TIMER) = (uint32_t)LVT_MASKED;
}

/* The 8254's line, once, to a logical destination. */
static void check_ioapic(uint32_t destination, uint32_t who)
{
    volatile uint32_t *ioapic = (volatile uint32_t *)(uintptr_t)GUEST_IOAPIC_BASE;
    uint32_t before[2] = {interrupts[0][1], interrupts[1][1]};
    ioapic[0] = 0x11 + 2 * IOAPIC_PIN_8254;
    ioapic[4] = destination << 24;
    ioapic[0] = 0x10 + 2 * IOAPIC_PIN_8254;
    ioapic[4] = (uint32_t)ICR_LOGICAL | VECTOR_IPI;
    out8(PIT_COMMAND, PIT_ONE_SHOT);
    out8(PIT_CHANNEL0, 0xe8);
    out8(PIT_CHANNEL0, 0x03);
    for (unsigned i = 0; i < 2; i++)
        expect(becomes(&interrupts[i][1], before[i] + (who >> i & 1)), "the I/O APIC's message");
    ioapic[4] = (uint32_t)LVT_MASKED;
}

static void check_alone(void)
{
    *page(MSR_X2APIC_LDR) = 0x10u << 24;
    send("to oneself", 0, 0x40000, 1);
    send("to id 0", 0, 0, 1);
    send("to id 9", 9, 0, 0);
    send("to all ids", 0xff, 0, 1);
    send("logical", 0x90, 0x800, 1);
    send("logical, to another", 0x0f, 0x800, 0);
    send("lowest priority", 0x30, 0x900, 1);
    check_ioapic(0x10, 1);
}

static void check_both(void)
{
    expect(second_start(), "the second processor");
    send("to id 1", 1, 0, 2);
    send("to all others", 0, 0xc0000, 2);
    send("to all", 0, 0x80000, 3);
    send("broadcast", 0xff, 0, 3);
    expect(address_both(0xffffffff, 0x10, 0x20), "flat model");
    send("flat, the second", 0x20, 0x800, 2);
    send("flat, both", 0xf0, 0x800, 3);
    send("flat, none", 0x0f, 0x800, 0);
    check_ioapic(0x20, 2);
    expect(address_both(0x0fffffff, 0x12, 0x21), "cluster model");
    send("cluster 1", 0x1f, 0x800, 1);
    send("cluster 2", 0x21, 0x800, 2);
    send("cluster 2, another", 0x22, 0x800, 0);
    send("all clusters", 0xff, 0x800, 3);
}

/* SDM Vol. 3A "x2APIC State Transitions". */
static void check_modes(void)
{
    uint64_t xapic = rdmsr(MSR_IA32_APIC_BASE);
    wrmsr(MSR_IA32_APIC_BASE, xapic | APIC_BASE_EXTD);
    expect(rdmsr(MSR_X2APIC_ID) == 0 && rdmsr(MSR_X2APIC_LDR) == 1, "x2APIC mode");
    expect(*page(MSR_X2APIC_VERSION) == UINT32_MAX, "no page in x2APIC mode");
    wrmsr(MSR_IA32_APIC_BASE, xapic & ~APIC_BASE_EN);
    expect(*page(MSR_X2APIC_VERSION) == UINT32_MAX, "no page of a disabled APIC");
    wrmsr(MSR_IA32_APIC_BASE, xapic);
    expect((*page(MSR_X2APIC_SVR) & APIC_SVR_ENABLE) == 0, "as after power-on");
    apic_enable();
    send("to oneself, enabled again", 0, 0x40000, 1);
}

void check_xapic(uint32_t processors)
{
    idt_install();
    check_registers();
    check_timer();
    check_alone();
    if (processors > 1)
        check_both();
    check_modes();
    print("xapic version %x, interrupts %u %u, second %u", *page(MSR_X2APIC_VERSION) & 0xff,
          interrupts[0][0], interrupts[0][1], interrupts[1][1]);
}
