/* SPDX-License-Identifier: MIT */
/* Control and debug registers, descriptor tables, XCR0: every value that makes no sense. */
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define WRITE_ACTION(name, instruction)                                                            \
    static void name(void *argument)                                                               \
    {                                                                                              \
        const uint64_t *value = argument;                                                          \
        __asm__ volatile(instruction : : "r"(*value) : "memory", "cc");                            \
    }
WRITE_ACTION(set_cr0, "mov %0, %%cr0")
WRITE_ACTION(set_cr3, "mov %0, %%cr3")
WRITE_ACTION(set_cr4, "mov %0, %%cr4")
WRITE_ACTION(set_cr8, "mov %0, %%cr8")
WRITE_ACTION(set_lmsw, "lmsw %w0")
WRITE_ACTION(set_dr4, "mov %0, %%db4")
WRITE_ACTION(set_dr6, "mov %0, %%db6")
WRITE_ACTION(set_dr7, "mov %0, %%db7")
WRITE_ACTION(set_tr, "ltr %w0")
WRITE_ACTION(set_ldt, "lldt %w0")
WRITE_ACTION(set_ss, "mov %w0, %%ss")
WRITE_ACTION(set_ds, "mov %w0, %%ds")

/* Toggle one bit; returns whether that was taken, and puts the old value back. */
static bool toggle(action_fn *set, uint64_t old, uint64_t bits, struct trap *trap)
{
    uint64_t value = old ^ bits;
    bool done = probe(set, &value, trap);
    if (done)
        probe(set, &old, &(struct trap){0});
    return done;
}

static void cr0_bits(struct report *report)
{
    const uint64_t refused = CR0_PE | CR0_PG | CR0_NW | BITS(63, 32);
    uint64_t old = read_cr0();
    struct trap trap;
    for (unsigned bit = 0; bit < 64; bit++) {
        bool done = toggle(set_cr0, old, BIT(bit), &trap);
        expect(report, done || trap_is(&trap, EXC_GP), "CR0 bit %u: vector %u", bit, trap.vector);
        expect(report, done == ((BIT(bit) & refused) == 0), "CR0 bit %u: %s", bit,
               done ? "taken" : "refused");
        expect(report, read_cr0() == old, "CR0 bit %u: it reads %lx afterwards", bit, read_cr0());
    }
    toggle(set_cr0, old, CR0_CD | CR0_NW, &trap);
    toggle(set_cr0, old, CR0_PG | CR0_CD, &trap);
    expect(report, trap_is(&trap, EXC_GP), "CR0.PG with CD: vector %u", trap.vector);
    toggle(set_cr0, old, CR0_PE | CR0_PG, &trap);
    expect(report, trap_is(&trap, EXC_GP), "CR0 PE and PG: vector %u", trap.vector);
    for (uint64_t value = 0; value < 16; value++) {
        expect(report, probe(set_lmsw, &value, &trap), "lmsw %lx: vector %u", value, trap.vector);
        expect(report, (read_cr0() & 0xf) == ((value & 0xe) | CR0_PE), "lmsw %lx: CR0 is %lx",
               value, read_cr0());
    }
    write_cr0(old | CR0_TS);
    __asm__ volatile("clts" : : : "memory");
    expect(report, (read_cr0() & CR0_TS) == 0, "CLTS does nothing");
    write_cr0(old);
}

/* Where the processor cannot show CD, reads of CR0 exit; those of the others must not suffer. */
static void reads_with_cd(struct report *report)
{
    uint64_t cr0 = read_cr0(), cr2 = read_cr2(), cr3 = read_cr3(), cr4 = read_cr4();
    uint64_t cr8 = read_cr8();
    write_cr0(cr0 | CR0_CD);
    write_cr2(0x1234567890);
    write_cr8(5);
    expect(report, read_cr0() == (cr0 | CR0_CD), "CR0 with CD is %lx", read_cr0());
    expect(report, read_cr2() == 0x1234567890, "CR2 with CR0.CD is %lx", read_cr2());
    expect(report, read_cr3() == cr3, "CR3 with CR0.CD is %lx", read_cr3());
    expect(report, read_cr4() == cr4, "CR4 with CR0.CD is %lx", read_cr4());
    expect(report, read_cr8() == 5, "CR8 with CR0.CD is %lx", read_cr8());
    write_cr8(cr8);
    write_cr2(cr2);
    write_cr0(cr0);
}

/* Which bits of CR4 CPUID promises. */
static uint64_t cr4_promised(void)
{
    struct cpuid_regs one = cpuid(CPUID_FEATURES, 0), seven = cpuid(CPUID_EXTENDED, 0);
    const struct {
        uint32_t word;
        uint64_t feature, bits;
    } rules[] = {
        {one.edx, CPUID_1_EDX_VME, CR4_VME | CR4_PVI},
        {one.edx, CPUID_1_EDX_DE, CR4_DE},
        {one.edx, CPUID_1_EDX_PSE, CR4_PSE},
        {one.edx, CPUID_1_EDX_MCE, CR4_MCE},
        {one.edx, CPUID_1_EDX_PGE, CR4_PGE},
        {one.edx, CPUID_1_EDX_FXSR, CR4_OSFXSR},
        {one.edx, CPUID_1_EDX_SSE, CR4_OSXMMEXCPT},
        {one.ecx, CPUID_1_ECX_PCID, CR4_PCIDE},
        {one.ecx, CPUID_1_ECX_XSAVE, CR4_OSXSAVE},
        {seven.ebx, CPUID_7_EBX_FSGSBASE, CR4_FSGSBASE},
        {seven.ebx, CPUID_7_EBX_SMEP, CR4_SMEP},
        {seven.ebx, CPUID_7_EBX_SMAP, CR4_SMAP},
        {seven.ecx, CPUID_7_ECX_UMIP, CR4_UMIP},
        {seven.ecx, CPUID_7_ECX_PKU, CR4_PKE},
    };
    uint64_t bits = CR4_TSD | CR4_PCE;
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++)
        if ((rules[i].word & rules[i].feature) != 0)
            bits |= rules[i].bits;
    return bits;
}

static void cr4_bits(struct report *report)
{
    uint64_t old = read_cr4(), promised = cr4_promised();
    struct trap trap;
    for (unsigned bit = 0; bit < 64; bit++) {
        bool done = toggle(set_cr4, old, BIT(bit), &trap);
        expect(report, done || trap_is(&trap, EXC_GP), "CR4 bit %u: vector %u", bit, trap.vector);
        expect(report, done == ((promised & BIT(bit)) != 0), "CR4 bit %u: %s", bit,
               done ? "taken" : "refused");
        expect(report, read_cr4() == old, "CR4 bit %u: it reads %lx afterwards", bit, read_cr4());
    }
    toggle(set_cr4, old, CR4_VMXE | CR4_MCE, &trap);
    expect(report, trap_is(&trap, EXC_GP), "CR4 VMXE and MCE: vector %u", trap.vector);
}

/* PCIDE may be set only while the PCID is 0; with it, bit 63 of CR3 is a hint. */
static void pcid(struct report *report)
{
    uint64_t old = read_cr4(), cr3 = read_cr3(), value;
    struct trap trap;
    if ((cr4_promised() & CR4_PCIDE) == 0)
        return;
    write_cr3(cr3 | CR3_PCD);
    value = old | CR4_PCIDE;
    expect(report, !probe(set_cr4, &value, &trap) && trap_is(&trap, EXC_GP),
           "CR4.PCIDE with PCID bits set: vector %u", trap.vector);
    write_cr3(cr3);
    write_cr4(old | CR4_PCIDE);
    for (uint64_t i = 0; i < 4096; i += 129) {
        value = cr3 | i | CR3_NO_FLUSH;
        expect(report, probe(set_cr3, &value, &trap), "PCID %lu: vector %u", i, trap.vector);
    }
    write_cr3(cr3);
    write_cr4(old);
}

static void efer_bits(struct report *report)
{
    const uint64_t kept = EFER_SCE | EFER_NXE;
    uint64_t old = rdmsr(MSR_IA32_EFER);
    for (unsigned bit = 0; bit < 64; bit++) {
        struct trap trap;
        bool done = probe_wrmsr(MSR_IA32_EFER, old ^ BIT(bit), &trap);
        uint64_t now = rdmsr(MSR_IA32_EFER);
        expect(report, done || trap_is(&trap, EXC_GP), "EFER bit %u: vector %u", bit, trap.vector);
        if ((BIT(bit) & kept) != 0)
            expect(report, done && now == (old ^ BIT(bit)), "EFER bit %u: it is %lx", bit, now);
        else
            expect(report, now == old && (!done || BIT(bit) == EFER_LMA), "EFER bit %u: it is %lx",
                   bit, now);
        probe_wrmsr(MSR_IA32_EFER, old, &trap);
    }
}

void attack_cr(struct report *report)
{
    cr0_bits(report);
    reads_with_cd(report);
    cr4_bits(report);
    pcid(report);
    efer_bits(report);
    uint64_t cr3 = read_cr3();
    for (uint64_t value = 0; value < 64; value++) {
        struct trap trap;
        bool done = probe(set_cr8, &value, &trap);
        expect(report, done == (value < 16), "CR8 %lx: %s", value, done ? "taken" : "refused");
    }
    write_cr8(0);
    for (unsigned bit = 52; bit < 64; bit++) {
        struct trap trap;
        bool done = toggle(set_cr3, cr3, BIT(bit), &trap);
        expect(report, !done && trap_is(&trap, EXC_GP), "CR3 bit %u: vector %u", bit, trap.vector);
    }
}

static void general_detect(void *argument)
{
    (void)argument;
    write_dr7(DR7_INITIAL | DR7_GD);
    (void)read_dr0();
}

static void icebp(void *argument)
{
    (void)argument;
    __asm__ volatile(".byte 0xf1\n\t.globl icebp_end\nicebp_end:\n\tnop");
}

void attack_debug(struct report *report)
{
    extern uint8_t icebp_end[];
    struct trap trap;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t value = BIT(bit);
        bool high = bit >= 32;
        expect(report, probe(set_dr6, &value, &trap) == !high, "DR6 bit %u: vector %u", bit,
               trap.vector);
        if (BIT(bit) == DR7_GD || (bit < 8))
            continue;
        expect(report, probe(set_dr7, &value, &trap) == !high, "DR7 bit %u: vector %u", bit,
               trap.vector);
    }
    write_dr7(DR7_INITIAL);
    write_dr6(DR6_INITIAL);
    uint64_t cr4 = read_cr4(), six = DR6_INITIAL;
    expect(report, probe(set_dr4, &six, &trap), "DR4 without DE: vector %u", trap.vector);
    write_cr4(cr4 | CR4_DE);
    expect(report, !probe(set_dr4, &six, &trap) && trap_is(&trap, EXC_UD), "DR4 with DE: vector %u",
           trap.vector);
    write_cr4(cr4);

    probe(general_detect, NULL, &trap);
    expect(report, trap_is(&trap, EXC_DB), "DR7.GD: vector %u", trap.vector);
    /* #DB clears GD; if it is still set, this ends in another #DB, which is not ours to catch. */
    struct trap again;
    uint64_t initial = DR7_INITIAL;
    bool cleared = probe(set_dr7, &initial, &again);
    expect(report, cleared, "DR7.GD is still set after #DB");
    expect(report, !cleared || (read_dr6() & BIT(13)) != 0, "DR6.BD is not set");
    probe(icebp, NULL, &trap);
    expect(report, trap_is(&trap, EXC_DB), "ICEBP: vector %u", trap.vector);
    expect(report, trap.rip == (uint64_t)(uintptr_t)icebp_end,
           "ICEBP: #DB at %lx instead of %lx behind it", trap.rip, (uint64_t)(uintptr_t)icebp_end);
    probe(set_dr7, &initial, &again);
}

static void load_idt_at(void *argument)
{
    load_idt(argument);
}

static void load_gdt_at(void *argument)
{
    load_gdt(argument);
}

void attack_tables(struct report *report)
{
    static struct table_pointer own;
    static const uint64_t bases[] = {0, UINT64_C(0xffffffffffffffff), UINT64_C(0x0000800000000000),
                                     UINT64_C(0xd0000000), UINT64_C(0x7fffffffffff)};
    struct trap trap;
    __asm__ volatile("sgdt %0" : "=m"(own));
    for (size_t i = 0; i < ARRAY_COUNT(bases); i++) {
        struct table_pointer to = {.limit = (uint16_t)(i * 0x3333), .base = bases[i]};
        bool canonical = (bases[i] + BIT(47)) >> 48 == 0;
        bool done = probe(load_gdt_at, &to, &trap);
        load_gdt(&own);
        expect(report, done == canonical, "LGDT %lx: vector %u", bases[i], trap.vector);
        done = !canonical && probe(load_idt_at, &to, &trap);
        traps_restore();
        expect(report, !done, "LIDT %lx was taken", bases[i]);
    }
    for (uint64_t selector = 0; selector < 0x10000; selector += selector < 0x100 ? 1 : 0x1fd) {
        if ((selector & ~UINT64_C(3)) == SELECTOR_TSS)
            continue;
        expect(report, !probe(set_tr, &selector, &trap), "LTR %lx was taken", selector);
        if (selector > 3)
            expect(report, !probe(set_ldt, &selector, &trap), "LLDT %lx was taken", selector);
        if (selector > 0x100) {
            expect(report, !probe(set_ds, &selector, &trap), "DS %lx was taken", selector);
            expect(report, !probe(set_ss, &selector, &trap), "SS %lx was taken", selector);
        }
    }
    traps_restore();
}

/* Does the processor allow this XCR0? SDM Vol. 1 "Enabling the XSAVE Feature Set". */
static bool xcr0_legal(uint64_t offered, uint64_t value)
{
    if ((value & ~offered) != 0 || (value & XCR0_X87) == 0)
        return false;
    if ((value & XCR0_AVX) != 0 && (value & XCR0_SSE) == 0)
        return false;
    if ((value & XCR0_MPX) != 0 && (value & XCR0_MPX) != XCR0_MPX)
        return false;
    return (value & XCR0_AVX512) == 0 ||
           (value & (XCR0_AVX512 | XCR0_AVX)) == (XCR0_AVX512 | XCR0_AVX);
}

struct xcr {
    uint32_t index;
    uint64_t value;
};

static void set_xcr(void *argument)
{
    const struct xcr *xcr = argument;
    xsetbv(xcr->index, xcr->value);
}

static void one_xcr0(struct report *report, uint64_t offered, uint64_t value)
{
    struct trap trap;
    struct xcr xcr = {.value = value};
    bool done = probe(set_xcr, &xcr, &trap), legal = xcr0_legal(offered, value);
    expect(report, done || trap_is(&trap, EXC_GP), "XCR0 %lx: vector %u", value, trap.vector);
    expect(report, done == legal, "XCR0 %lx: %s", value, done ? "taken" : "refused");
    expect(report, !done || xgetbv(0) == value, "XCR0 %lx: it reads %lx", value, xgetbv(0));
}

void attack_xcr0(struct report *report)
{
    if ((cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_XSAVE) == 0) {
        say(report, "no XSAVE");
        return;
    }
    struct trap trap;
    struct cpuid_regs leaf = cpuid(CPUID_XSTATE, 0);
    uint64_t old = read_cr4(), offered = (uint64_t)leaf.edx << 32 | leaf.eax;
    struct xcr xcr = {.value = XCR0_X87};
    expect(report, !probe(set_xcr, &xcr, &trap) && trap_is(&trap, EXC_UD),
           "XSETBV without OSXSAVE: vector %u", trap.vector);
    write_cr4(old | CR4_OSXSAVE | CR4_OSFXSR);
    for (uint64_t value = 0; value < 1024; value++)
        one_xcr0(report, offered, value);
    for (unsigned bit = 10; bit < 64; bit++)
        one_xcr0(report, offered, XCR0_X87 | BIT(bit));
    for (uint32_t index = 1; index < 0x40; index++) {
        xcr = (struct xcr){.index = index, .value = XCR0_X87};
        expect(report, !probe(set_xcr, &xcr, &trap) && trap_is(&trap, EXC_GP),
               "XSETBV %u: vector %u", index, trap.vector);
    }
    xsetbv(0, XCR0_X87);
    write_cr4(old);
    say(report, "offered are %lx", offered);
}
