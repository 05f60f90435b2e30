/* SPDX-License-Identifier: MIT */
#include "arch/x86/cpu/apic.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/tables.h"
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/types.h"
#include "kernel/mm/pagetable.h"

/* Any vector that the IDT drains; the deadline timer wakes HLT with it. */
#define TIMER_VECTOR 0xfeu
/* The register's value after INIT, and so the spurious vector. */
#define SVR_RESET    APIC_SVR_VECTOR

/* SDM Vol. 3B "CMCI Local APIC Interface"; other vendors number further entries differently. */
#define LAST_WITH_CMCI 6
#define MCG_CAP_CMCI_P BIT(10)

#define VECTOR_WORDS 8 /* ISR and IRR: 256 bits in registers of 32 */
#define VECTORS      256

void cpu_take_interrupts(void);

/* xAPIC mode: the registers in memory. NULL in x2APIC mode. The drain handler looks here, too. */
volatile uint32_t *apic_registers;

#define XAPIC_BASE       UINT64_C(0xfee00000) /* where each processor has its own: see apic_enable() */
#define XAPIC_BUSY_READS 1000000

static volatile uint32_t *xapic(uint32_t msr)
{
    return apic_registers + (msr - MSR_X2APIC_FIRST) * (XAPIC_STEP / sizeof(uint32_t));
}

uint32_t apic_read(uint32_t msr)
{
    return apic_registers ? *xapic(msr) : (uint32_t)cpu_rdmsr(msr);
}

/* The command register of an xAPIC takes the next command when the last one is on its way. */
static void xapic_wait(void)
{
    for (unsigned i = 0; i < XAPIC_BUSY_READS && (*xapic(MSR_X2APIC_ICR) & ICR_BUSY); i++)
        cpu_pause();
}

void apic_write(uint32_t msr, uint32_t value)
{
    if (!apic_registers) {
        cpu_wrmsr(msr, value);
    } else if (msr == MSR_X2APIC_SELF_IPI) {
        xapic_wait();
        *xapic(MSR_X2APIC_ICR) =
            (uint32_t)field_put(ICR_SHORTHAND, APIC_TO_SELF) | (uint32_t)ICR_ASSERT | value;
    } else {
        *xapic(msr) = value;
    }
}

bool apic_is_x2(void)
{
    return (cpu_cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_X2APIC) != 0;
}

bool apic_was_x2(void)
{
    return (cpu_rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD) != 0;
}

void apic_map(void)
{
    if (!apic_is_x2())
        apic_registers = device_map(hpa(XAPIC_BASE), PAGE_4K, MAP_UNCACHED);
}

void apic_enable(void)
{
    uint64_t base = cpu_rdmsr(MSR_IA32_APIC_BASE);

    if (apic_registers)
        base = (base & ~APIC_BASE_ADDR) | XAPIC_BASE;
    /* From disabled to x2APIC there is no direct way. */
    if (apic_registers || (base & APIC_BASE_EN) == 0)
        cpu_wrmsr(MSR_IA32_APIC_BASE, base |= APIC_BASE_EN);
    if (!apic_registers && (base & APIC_BASE_EXTD) == 0)
        cpu_wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_EXTD);
    (void)apic_reset();
}

uint32_t apic_id(void)
{
    uint32_t id = apic_read(MSR_X2APIC_ID);
    return apic_registers ? (uint32_t)field_get(XAPIC_DESTINATION, id) : id;
}

/*
 * WRMSR to the x2APIC is not serialising, and an IPI must not overtake the stores that it announces
 * (SDM Vol. 3A "MSR Access in x2APIC Mode").
 */
static void send(uint32_t apic_id, enum apic_delivery delivery, uint8_t vector)
{
    uint64_t command = ICR_ASSERT | field_put(ICR_DELIVERY, delivery) | vector;
    __asm__ volatile("mfence; lfence" : : : "memory");
    if (!apic_registers) {
        cpu_wrmsr(MSR_X2APIC_ICR, field_put(ICR_DESTINATION, apic_id) | command);
        return;
    }
    xapic_wait();
    *xapic(XAPIC_ICR_HIGH) = (uint32_t)field_put(XAPIC_DESTINATION, apic_id);
    *xapic(MSR_X2APIC_ICR) = (uint32_t)command;
}

void apic_send_nmi(uint32_t apic_id)
{
    send(apic_id, APIC_NMI, 0);
}

void apic_send_fixed(uint32_t apic_id, uint8_t vector)
{
    send(apic_id, APIC_FIXED, vector);
}

void apic_send_init(uint32_t apic_id)
{
    send(apic_id, APIC_INIT, 0);
}

void apic_send_startup(uint32_t apic_id, uint8_t page)
{
    send(apic_id, APIC_STARTUP, page);
}

/* Is any bit set in the 256 that begin at `msr`? */
static bool any_vector(uint32_t msr)
{
    for (uint32_t i = 0; i < VECTOR_WORDS; i++)
        if (apic_read(msr + i) != 0)
            return true;
    return false;
}

uint8_t apic_in_service(void)
{
    for (uint32_t i = VECTOR_WORDS; i > 0; i--) {
        uint32_t word = apic_read(MSR_X2APIC_ISR0 + i - 1);
        if (word != 0)
            return (uint8_t)(32 * i - 1 - (uint32_t)__builtin_clz(word));
    }
    return 0;
}

static void mask_all(void)
{
    /* The number of the last entry says which of them exist. */
    static const struct {
        uint32_t msr, last;
    } entries[] = {
        {MSR_X2APIC_LVT_TIMER, 0}, {MSR_X2APIC_LVT_LINT0, 0}, {MSR_X2APIC_LVT_LINT1, 0},
        {MSR_X2APIC_LVT_ERROR, 3}, {MSR_X2APIC_LVT_PERF, 4},  {MSR_X2APIC_LVT_THERMAL, 5},
    };
    uint64_t last = field_get(APIC_VERSION_MAX_LVT, apic_read(MSR_X2APIC_VERSION));

    for (size_t i = 0; i < ARRAY_COUNT(entries); i++)
        if (last >= entries[i].last)
            apic_write(entries[i].msr, (uint32_t)LVT_RESET);
    if (last >= LAST_WITH_CMCI && (cpu_rdmsr(MSR_IA32_MCG_CAP) & MCG_CAP_CMCI_P) != 0)
        apic_write(MSR_X2APIC_LVT_CMCI, (uint32_t)LVT_RESET);
}

static bool drain(void)
{
    struct cpu *cpu = cpu_this();

    for (unsigned i = 0; i < VECTORS && any_vector(MSR_X2APIC_ISR0); i++)
        apic_write(MSR_X2APIC_EOI, 0);
    cpu->draining = 1;
    for (unsigned i = 0; i < VECTORS && any_vector(MSR_X2APIC_IRR0); i++)
        cpu_take_interrupts();
    cpu->draining = 0;
    return !any_vector(MSR_X2APIC_IRR0);
}

bool apic_reset(void)
{
    /* Enabled while draining: a disabled APIC may keep what is pending to itself. */
    apic_write(MSR_X2APIC_SVR, (uint32_t)(APIC_SVR_ENABLE | SVR_RESET));
    mask_all();
    apic_write(MSR_X2APIC_TIMER_INIT, 0);
    apic_write(MSR_X2APIC_TIMER_DIV, 0);
    if (features_tsc_deadline())
        cpu_wrmsr(MSR_IA32_TSC_DEADLINE, 0);
    apic_write(MSR_X2APIC_TPR, 0);
    bool clean = drain();
    apic_write(MSR_X2APIC_ESR, 0); /* twice: the first write latches what has happened */
    apic_write(MSR_X2APIC_ESR, 0);
    apic_write(MSR_X2APIC_SVR, (uint32_t)SVR_RESET);
    return clean;
}

static bool attention(void)
{
    return __atomic_load_n(&cpu_this()->attention, __ATOMIC_RELAXED) != 0;
}

static void sleep_until(uint64_t tsc)
{
    apic_write(MSR_X2APIC_SVR, (uint32_t)(APIC_SVR_ENABLE | SVR_RESET));
    apic_write(MSR_X2APIC_LVT_TIMER,
               (uint32_t)field_put(LVT_TIMER_MODE, LVT_TIMER_TSC) | TIMER_VECTOR);
    while (!attention() && cpu_rdtsc() < tsc) {
        cpu_wrmsr(MSR_IA32_TSC_DEADLINE, tsc);
        cpu_wait_for_event();
    }
    (void)apic_reset();
}

void apic_wait_until(uint64_t tsc)
{
    if (features_tsc_deadline()) {
        sleep_until(tsc);
        return;
    }
    while (!attention() && cpu_rdtsc() < tsc)
        cpu_pause();
}
