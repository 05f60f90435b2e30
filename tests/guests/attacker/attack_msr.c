/* SPDX-License-Identifier: MIT */
/* MSRs: read all that there may be, write what would hurt. */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

struct counts {
    uint32_t answered, refused, written;
};

/* Writing back what was read does nothing, but for these. */
static bool writes_act(uint32_t msr)
{
    return msr == MSR_X2APIC_ICR || msr == MSR_X2APIC_TIMER_INIT || msr == MSR_IA32_TSC_DEADLINE;
}

static void sweep_one(struct report *report, uint32_t msr, struct counts *counts)
{
    struct trap trap;
    uint64_t value;
    if (!probe_rdmsr(msr, &value, &trap)) {
        counts->refused++;
        expect(report, trap_is(&trap, EXC_GP), "rdmsr %x: vector %u error %x", msr, trap.vector,
               trap.error);
        return;
    }
    counts->answered++;
    if (writes_act(msr))
        return;
    if (probe_wrmsr(msr, value, &trap))
        counts->written++;
    else
        expect(report, trap_is(&trap, EXC_GP), "wrmsr %x %lx: vector %u error %x", msr, value,
               trap.vector, trap.error);
}

void attack_msr_sweep(struct report *report)
{
    static const struct {
        uint32_t first, count, step;
    } parts[] = {
        {0, 0x2000, 1},         {0x2000, 64, 0x1001},     {0x40000000, 0x1000, 2},
        {0x4b564d00, 0x100, 1}, {0x80000000, 64, 0x3fff}, {0xc0000000, 0x2000, 1},
        {0xc0010000, 0x800, 1}, {0xc0010800, 64, 0x3ff},  {0xc0020000, 64, 0xffff},
        {0xfffffff0, 16, 1},
    };
    struct counts counts = {0, 0, 0};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        for (uint32_t j = 0; j < parts[i].count; j++)
            sweep_one(report, parts[i].first + j * parts[i].step, &counts);
    expect(report, counts.answered > 0 && counts.refused > 0, "%u answered, %u refused",
           counts.answered, counts.refused);
    say(report, "%u answered, %u refused, %u written back", counts.answered, counts.refused,
        counts.written);
}

/* What a write that was not refused may do. */
enum effect {
    MAY_CHANGE,     /* the guest's own: the value is put back */
    MUST_NOT_CHANGE /* reads as before, or was refused before and after */
};

struct target {
    uint32_t msr;
    uint16_t count;
    enum effect effect;
};

static const struct target targets[] = {
    {MSR_IA32_PLATFORM_ID, 1, MUST_NOT_CHANGE},
    {MSR_IA32_APIC_BASE, 1, MUST_NOT_CHANGE},
    {MSR_TEST_CTRL, 3, MUST_NOT_CHANGE},            /* with SMI count, core and thread count */
    {MSR_IA32_FEATURE_CONTROL, 2, MUST_NOT_CHANGE}, /* and TSC_ADJUST */
    {MSR_IA32_SPEC_CTRL, 1, MAY_CHANGE},
    {MSR_IA32_PRED_CMD, 1, MAY_CHANGE},
    {MSR_IA32_BIOS_UPDT_TRIG, 1, MUST_NOT_CHANGE},
    {0x7a, 1, MUST_NOT_CHANGE},                  /* FEATURE_ACTIVATION */
    {MSR_IA32_BIOS_SIGN_ID, 5, MUST_NOT_CHANGE}, /* and the SGX launch key's hash */
    {MSR_IA32_SMM_MONITOR_CTL, 4, MUST_NOT_CHANGE},
    {0xc1, 8, MUST_NOT_CHANGE}, /* PMCs */
    {MSR_PLATFORM_INFO, 2, MUST_NOT_CHANGE},
    {0xe2, 1, MUST_NOT_CHANGE}, /* C-state control */
    {MSR_IA32_MPERF, 2, MUST_NOT_CHANGE},
    {MSR_IA32_MTRRCAP, 1, MUST_NOT_CHANGE},
    {MSR_IA32_ARCH_CAPABILITIES, 2, MUST_NOT_CHANGE},
    {0x122, 2, MUST_NOT_CHANGE}, /* TSX, MCU_OPT control */
    {0x13c, 1, MUST_NOT_CHANGE}, /* AES lock */
    {MSR_MISC_FEATURES_ENABLES, 1, MUST_NOT_CHANGE},
    {MSR_IA32_SYSENTER_CS, 3, MAY_CHANGE},
    {MSR_IA32_MCG_CAP, 3, MUST_NOT_CHANGE},
    {0x186, 8, MUST_NOT_CHANGE},                /* event selects */
    {MSR_IA32_PERF_STATUS, 6, MUST_NOT_CHANGE}, /* performance, clock, thermal */
    {MSR_IA32_MISC_ENABLE, 3, MUST_NOT_CHANGE},
    {0x1aa, 4, MUST_NOT_CHANGE}, /* power management, turbo ratios */
    {MSR_IA32_ENERGY_PERF_BIAS, 3, MUST_NOT_CHANGE},
    {0x1c8, 2, MUST_NOT_CHANGE}, /* LBR */
    {MSR_IA32_DEBUGCTL, 1, MAY_CHANGE},
    {0x1f2, 3, MUST_NOT_CHANGE}, /* SMRR, DCA */
    {0x1fc, 1, MUST_NOT_CHANGE}, /* POWER_CTL */
    {MSR_IA32_MTRR_PHYSBASE0, 32, MUST_NOT_CHANGE},
    {MSR_IA32_MTRR_FIX64K_00000, 32, MUST_NOT_CHANGE},
    {MSR_IA32_PAT, 1, MAY_CHANGE},
    {0x280, 32, MUST_NOT_CHANGE}, /* CMCI */
    {MSR_IA32_MTRR_DEF_TYPE, 1, MAY_CHANGE},
    {0x309, 4, MUST_NOT_CHANGE}, /* fixed counters */
    {0x345, 1, MUST_NOT_CHANGE},
    {0x38d, 5, MUST_NOT_CHANGE},
    {0x3f1, 2, MUST_NOT_CHANGE}, /* PEBS */
    {MSR_IA32_MC0_CTL, 64, MUST_NOT_CHANGE},
    {MSR_IA32_VMX_BASIC, 20, MUST_NOT_CHANGE},
    {0x4c1, 8, MUST_NOT_CHANGE},
    {0x500, 2, MUST_NOT_CHANGE},  /* SGX owner epoch, SVN */
    {0x560, 24, MUST_NOT_CHANGE}, /* processor trace */
    {0x600, 32, MUST_NOT_CHANGE}, /* DS area, power limits */
    {0x638, 16, MUST_NOT_CHANGE},
    {0x680, 32, MUST_NOT_CHANGE},
    {0x6a0, 9, MUST_NOT_CHANGE}, /* CET */
    {0x6e1, 1, MUST_NOT_CHANGE},
    {0x770, 8, MUST_NOT_CHANGE}, /* HWP */
    {MSR_X2APIC_ID, 2, MUST_NOT_CHANGE},
    {MSR_X2APIC_PPR, 1, MUST_NOT_CHANGE},
    {MSR_X2APIC_LDR, 1, MUST_NOT_CHANGE},
    {MSR_X2APIC_ISR0, 24, MUST_NOT_CHANGE},
    {MSR_X2APIC_LVT_CMCI, 1, MAY_CHANGE},
    {MSR_X2APIC_LVT_THERMAL, 5, MAY_CHANGE},
    {MSR_X2APIC_TIMER_DIV, 1, MAY_CHANGE},
    {0xc80, 2, MUST_NOT_CHANGE}, /* debug interface, cache allocation */
    {0xc8d, 4, MUST_NOT_CHANGE},
    {0xd10, 4, MUST_NOT_CHANGE},
    {0xd90, 1, MUST_NOT_CHANGE},
    {MSR_IA32_XSS, 1, MUST_NOT_CHANGE},
    {MSR_IA32_STAR, 4, MAY_CHANGE},
    {MSR_IA32_FS_BASE, 3, MAY_CHANGE},
    {MSR_IA32_TSC_AUX, 2, MAY_CHANGE},
    {0xc0000104, 1, MUST_NOT_CHANGE}, /* AMD: TSC ratio */
    {0xc0010000, 16, MUST_NOT_CHANGE},
    {0xc0010010, 16, MUST_NOT_CHANGE}, /* SYSCFG, HWCR, IORR, TOP_MEM */
    {0xc0010055, 2, MUST_NOT_CHANGE},
    {0xc0010061, 4, MUST_NOT_CHANGE}, /* P-states */
    {0xc0010111, 8, MUST_NOT_CHANGE}, /* SMM, VM_CR, host save area */
};

static const uint64_t patterns[] = {
    0,
    ~UINT64_C(0),
    UINT32_MAX,
    1,
    UINT64_C(0x5555555555555555),
    UINT64_C(1) << 63,
    UINT64_C(0xfee00d00),
    0x100,
    0x80000000u,
};

static void write_patterns(struct report *report, uint32_t msr, enum effect effect,
                           struct counts *counts)
{
    struct trap trap;
    uint64_t before, after;
    bool readable = probe_rdmsr(msr, &before, &trap);
    for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
        if (probe_wrmsr(msr, patterns[i], &trap))
            counts->written++;
        else
            counts->refused++;
        expect(report, !trap.taken || trap_is(&trap, EXC_GP), "wrmsr %x %lx: vector %u error %x",
               msr, patterns[i], trap.vector, trap.error);
        bool read = probe_rdmsr(msr, &after, &trap);
        expect(report, read == readable, "rdmsr %x: another answer after wrmsr %lx", msr,
               patterns[i]);
        if (effect == MUST_NOT_CHANGE && readable && read)
            expect(report, before == after, "msr %x: wrmsr %lx changed %lx to %lx", msr,
                   patterns[i], before, after);
    }
    if (readable)
        probe_wrmsr(msr, before, &trap);
}

/* The guest may not move the TSC: the time of others' clocks must not come from it. */
static void write_tsc(struct report *report)
{
    struct trap trap;
    for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
        uint64_t before = rdtsc();
        probe_wrmsr(MSR_IA32_TSC, patterns[i], &trap);
        uint64_t passed = rdtsc() - before;
        expect(report, passed < 1000 * tsc_per_ms(), "wrmsr TSC %lx: it jumped by %lx", patterns[i],
               passed);
    }
}

static void must_refuse(struct report *report, uint32_t msr, uint64_t value)
{
    struct trap trap;
    probe_wrmsr(msr, value, &trap);
    expect(report, trap_is(&trap, EXC_GP), "wrmsr %x %lx was not refused", msr, value);
}

static void write_invalid(struct report *report)
{
    static const uint8_t bad_types[] = {2, 3, 8, 0x10, 0x80, 0xff};
    for (unsigned entry = 0; entry < 8; entry++)
        for (size_t i = 0; i < ARRAY_COUNT(bad_types); i++)
            must_refuse(report, MSR_IA32_PAT,
                        (PAT_RESET & ~(UINT64_C(0xff) << 8 * entry)) | (uint64_t)bad_types[i]
                                                                           << 8 * entry);
    for (unsigned bit = 0; bit < 64; bit++) /* without EN and EXTD together none is a mode */
        must_refuse(report, MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) ^ UINT64_C(1) << bit);
    static const uint32_t addresses[] = {MSR_IA32_LSTAR,          MSR_IA32_CSTAR,
                                         MSR_IA32_FS_BASE,        MSR_IA32_GS_BASE,
                                         MSR_IA32_KERNEL_GS_BASE, MSR_IA32_SYSENTER_EIP};
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++)
        must_refuse(report, addresses[i], UINT64_C(0x0001000000000000));
    for (unsigned bit = 2; bit < 64; bit++)
        must_refuse(report, MSR_IA32_DEBUGCTL, UINT64_C(1) << bit);
}

/* Entries for pins and events that could deliver SMI, NMI, INIT, ExtINT or illegal vectors. */
static void write_lvt(struct report *report)
{
    static const uint32_t lvts[] = {
        MSR_X2APIC_LVT_CMCI,  MSR_X2APIC_LVT_TIMER, MSR_X2APIC_LVT_THERMAL, MSR_X2APIC_LVT_PERF,
        MSR_X2APIC_LVT_LINT0, MSR_X2APIC_LVT_LINT1, MSR_X2APIC_LVT_ERROR};
    uint32_t before = interrupts_sum();
    for (size_t i = 0; i < ARRAY_COUNT(lvts); i++) {
        struct trap trap;
        for (uint32_t mode = 0; mode < 8; mode++)
            for (uint32_t vector = 0; vector < 32; vector++) {
                probe_wrmsr(lvts[i], mode << 8 | vector, &trap);
                expect(report, !trap.taken || trap_is(&trap, EXC_GP),
                       "LVT %x mode %u vector %u: vector %u", lvts[i], mode, vector, trap.vector);
                interrupts_in();
            }
        probe_wrmsr(lvts[i], LVT_MASKED, &trap);
    }
    expect(report, interrupts_sum() == before, "%u interrupts from LVT entries",
           interrupts_sum() - before);
}

static void write_svr(struct report *report)
{
    struct trap trap;
    for (uint32_t value = 0; value < 0x2000; value += 0x55)
        probe_wrmsr(MSR_X2APIC_SVR, value, &trap);
    probe_wrmsr(MSR_X2APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS, &trap);
    expect(report, !trap.taken && (rdmsr(MSR_X2APIC_SVR) & APIC_SVR_ENABLE) != 0,
           "the local APIC does not come back");
}

void attack_msr_write(struct report *report)
{
    struct counts counts = {0, 0, 0};
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++)
        for (uint32_t j = 0; j < targets[i].count; j++)
            write_patterns(report, targets[i].msr + j, targets[i].effect, &counts);
    write_tsc(report);
    write_invalid(report);
    write_lvt(report);
    write_svr(report);
    say(report, "%u refused, %u taken or ignored", counts.refused, counts.written);
}
