/* SPDX-License-Identifier: MIT */
/* IDT, TSS, and what happens on an exception or interrupt. */
#include "tests/guests/attacker/attacker.h"

#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "kernel/acpi/guest.h"
#include "kernel/lib/mem.h"
#include "tests/guests/attacker/cpu.h"

struct frame {
    uint64_t gpr[15]; /* r15 .. rax */
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

#define GATE_INTERRUPT 0x8e /* present, DPL 0 */
#define STUB_SIZE      16
#define IST_STACK      8192
#define IST_FAULT      1
#define IST_NMI        2
#define IST_DF         3
#define TSS_BYTES      104
#define TSS_IST        36 /* offset of IST1 */
#define TSS_AVAILABLE  UINT64_C(0x0000890000000000)

extern uint8_t trap_stubs[], probe_abort[];
extern uint64_t probe_rsp, soft_count;
void trap_handle(struct frame *frame);
uint64_t probe_run(action_fn *action, void *argument);
void soft_stub(void);

volatile uint32_t interrupts[256];
volatile uint8_t low_interrupt;
void (*interrupt_taken)(uint32_t vector);
volatile bool stepping;
volatile uint32_t steps;
volatile uint64_t steps_dr6;

static struct idt_gate idt[256], soft_idt[256];
static uint8_t tss[TSS_BYTES];
static _Alignas(16) uint8_t ist_stacks[3][IST_STACK];
static struct trap last;

struct idt_gate idt_gate(uint64_t offset)
{
    return (struct idt_gate){
        .offset_low = (uint16_t)offset,
        .selector = SELECTOR_CODE64,
        .type = GATE_INTERRUPT,
        .offset_middle = (uint16_t)(offset >> 16),
        .offset_high = (uint32_t)(offset >> 32),
    };
}

static uint8_t ist_of(unsigned vector)
{
    if (vector == EXC_NMI)
        return IST_NMI;
    if (vector == EXC_DF)
        return IST_DF;
    return vector < EXC_COUNT ? IST_FAULT : 0;
}

static void tss_install(void)
{
    uint64_t base = (uint64_t)(uintptr_t)tss;
    gdt[SELECTOR_TSS / 8] =
        (TSS_BYTES - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE | (base >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
    load_tr(SELECTOR_TSS);
}

void traps_restore(void)
{
    struct table_pointer to = {.limit = sizeof(idt) - 1, .base = (uint64_t)(uintptr_t)idt};
    tss_install();
    load_idt(&to);
}

void traps_init(void)
{
    for (unsigned i = 0; i < 256; i++) {
        idt[i] = idt_gate((uint64_t)(uintptr_t)(trap_stubs + i * STUB_SIZE));
        idt[i].ist = ist_of(i);
        soft_idt[i] = idt_gate((uint64_t)(uintptr_t)soft_stub);
    }
    for (unsigned i = 0; i < 3; i++) {
        uint64_t top = (uint64_t)(uintptr_t)(ist_stacks[i] + IST_STACK);
        memcpy(tss + TSS_IST + 8 * i, &top, sizeof(top));
    }
    traps_restore();
}

void traps_soft_install(void)
{
    struct table_pointer to = {.limit = sizeof(soft_idt) - 1,
                               .base = (uint64_t)(uintptr_t)soft_idt};
    soft_count = 0;
    load_idt(&to);
}

uint64_t traps_soft_count(void)
{
    return soft_count;
}

uint64_t traps_fault_stack(void)
{
    return (uint64_t)(uintptr_t)(ist_stacks[IST_FAULT - 1] + IST_STACK);
}

static bool is_interrupt(const struct frame *frame)
{
    return frame->vector == EXC_NMI || frame->vector >= EXC_COUNT ||
           (low_interrupt != 0 && frame->vector == low_interrupt);
}

/* A spurious interrupt is not, and gets no EOI; its vector can come as a real one, too. */
static bool in_service(uint32_t vector)
{
    return vector != VECTOR_SPURIOUS ||
           (rdmsr(MSR_X2APIC_ISR0 + vector / 32) >> (vector % 32) & 1) != 0;
}

static void step(void)
{
    steps++;
    steps_dr6 |= read_dr6();
    write_dr6(DR6_INITIAL);
}

static void give_up(const struct frame *frame)
{
    print("attack trap: FAILED vector %u error %x rip %lx rsp %lx cr2 %lx", (unsigned)frame->vector,
          (unsigned)frame->error, frame->rip, frame->rsp, read_cr2());
    print("attack: 0 ok, 1 failed");
    out8(GUEST_SLEEP_CONTROL, GUEST_SLEEP_TYPE_S5 << 2 | 0x20);
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void trap_handle(struct frame *frame)
{
    if (is_interrupt(frame)) {
        interrupts[frame->vector]++;
        if (frame->vector != EXC_NMI && in_service((uint32_t)frame->vector))
            wrmsr(MSR_X2APIC_EOI, 0);
        if (interrupt_taken)
            interrupt_taken((uint32_t)frame->vector);
        return;
    }
    if (stepping && frame->vector == EXC_DB) {
        step();
        return;
    }
    if (probe_rsp == 0)
        give_up(frame);
    last = (struct trap){
        .taken = true,
        .vector = (uint32_t)frame->vector,
        .error = (uint32_t)frame->error,
        .rip = frame->rip,
        .cr2 = read_cr2(),
    };
    frame->rip = (uint64_t)(uintptr_t)probe_abort;
    frame->rsp = probe_rsp;
    frame->cs = SELECTOR_CODE64;
    frame->ss = SELECTOR_DATA;
    frame->rflags = RFLAGS_ONE;
}

bool probe(action_fn *action, void *argument, struct trap *trap)
{
    bool faulted = probe_run(action, argument) != 0;
    *trap = faulted ? last : (struct trap){.taken = false};
    return !faulted;
}

bool trap_is(const struct trap *trap, uint32_t vector)
{
    return trap->taken && trap->vector == vector && trap->error == 0;
}

struct msr_access {
    uint32_t msr;
    uint64_t value;
};

static void do_rdmsr(void *argument)
{
    struct msr_access *access = argument;
    access->value = rdmsr(access->msr);
}

static void do_wrmsr(void *argument)
{
    struct msr_access *access = argument;
    wrmsr(access->msr, access->value);
}

bool probe_rdmsr(uint32_t msr, uint64_t *value, struct trap *trap)
{
    struct msr_access access = {.msr = msr};
    bool done = probe(do_rdmsr, &access, trap);
    *value = access.value;
    return done;
}

bool probe_wrmsr(uint32_t msr, uint64_t value, struct trap *trap)
{
    struct msr_access access = {.msr = msr, .value = value};
    return probe(do_wrmsr, &access, trap);
}

uint32_t interrupts_sum(void)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < 256; i++)
        sum += interrupts[i];
    return sum;
}
