/* SPDX-License-Identifier: MIT */
/* What an earlier guest, or our own earlier life, left behind: in memory and in registers. */
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "kernel/image/linux_boot.h"
#include "kernel/image/paging.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define BOOT_DATA_START  0x10000 /* kernel/image/linux_boot.h */
#define BOOT_DATA_END    (0x13000 + PAGING_PAGES * LINUX_PAGE_SIZE)
#define APIC_BITMAP_MSRS 24 /* ISR, TMR, IRR */
#define RAMDISK_IMAGE    0x218
#define RAMDISK_SIZE     0x21c

static uint64_t image_first(void)
{
    return (uint64_t)(uintptr_t)image_start;
}

static uint64_t image_last(void)
{
    return align_up((uint64_t)(uintptr_t)image_end, PAGE_4K);
}

static bool is_zero(const uint64_t *from, size_t words)
{
    uint64_t bits = 0;
    for (size_t i = 0; i + 8 <= words; i += 8)
        bits |= from[i] | from[i + 1] | from[i + 2] | from[i + 3] | from[i + 4] | from[i + 5] |
                from[i + 6] | from[i + 7];
    return bits == 0;
}

static bool overlaps(uint64_t page, uint64_t start, uint64_t end)
{
    return page < end && page + PAGE_4K > start;
}

/* The loader put it there; or it is our own. */
static bool is_filled(uint64_t page)
{
    uint32_t initrd, size;
    memcpy(&initrd, options.boot_params + RAMDISK_IMAGE, 4);
    memcpy(&size, options.boot_params + RAMDISK_SIZE, 4);
    return overlaps(page, BOOT_DATA_START, BOOT_DATA_END) ||
           overlaps(page, image_first(), image_last()) ||
           overlaps(page, initrd, (uint64_t)initrd + size);
}

typedef void page_fn(void *context, uint64_t page, uint64_t *words);

/* All pages of RAM that the loader left empty. */
static void each_page(page_fn *visit, void *context)
{
    struct ram_range range;
    for (uint32_t i = 0; ram_range(i, &range); i++)
        for (uint64_t page = align_up(range.start, PAGE_4K); page + PAGE_4K <= range.end;
             page += PAGE_4K)
            if (!is_filled(page))
                visit(context, page, window(page));
}

struct scan {
    struct report *report;
    uint64_t pages;
};

static void scan_page(void *context, uint64_t page, uint64_t *words)
{
    struct scan *scan = context;
    scan->pages++;
    bool clean = is_zero(words, PAGE_4K / 8);
    uint64_t found = 0;
    for (unsigned i = 0; i < 512 && !clean && found == 0; i++)
        found = words[i];
    expect(scan->report, clean, "page %lx holds %lx", page, found);
}

void attack_scrub(struct report *report)
{
    struct scan scan = {.report = report};
    each_page(scan_page, &scan);
    say(report, "%lu KiB are zero", scan.pages * 4);
}

static void fill_page(void *context, uint64_t page, uint64_t *words)
{
    (void)page;
    const uint64_t *pattern = context;
    for (unsigned i = 0; i < 512; i++)
        words[i] = *pattern;
}

/* SDM Vol. 1 "FXSAVE Area". */
struct fxsave {
    uint16_t control, status;
    uint8_t tag, reserved;
    uint16_t opcode;
    uint64_t rip, rdp;
    uint32_t mxcsr, mxcsr_mask;
    uint64_t st[16], xmm[32], rest[12];
};
_Static_assert(sizeof(struct fxsave) == 512, "FXSAVE area");

static _Alignas(64) struct fxsave fpu;
static _Alignas(64) uint8_t ymm[32];

static void fpu_registers(struct report *report)
{
    uint64_t old = read_cr4();
    write_cr4(old | CR4_OSFXSR);
    __asm__ volatile("fxsave64 %0" : "=m"(fpu));
    uint64_t bits = 0;
    for (unsigned i = 0; i < 16; i++)
        bits |= fpu.st[i] | fpu.xmm[2 * i] | fpu.xmm[2 * i + 1];
    expect(report, bits == 0, "FPU or SSE registers hold %lx", bits);
    expect(report, fpu.mxcsr == 0x1f80 && fpu.rip == 0 && fpu.rdp == 0,
           "mxcsr %x, last instruction %lx, last operand %lx", fpu.mxcsr, fpu.rip, fpu.rdp);
    write_cr4(old);
}

static void avx_registers(struct report *report)
{
    struct cpuid_regs one = cpuid(CPUID_FEATURES, 0);
    if ((one.ecx & CPUID_1_ECX_AVX) == 0)
        return;
    uint64_t old = read_cr4();
    write_cr4(old | CR4_OSFXSR | CR4_OSXSAVE);
    uint64_t xcr0 = xgetbv(0);
    expect(report, xcr0 == XCR0_X87, "XCR0 is %lx", xcr0);
    xsetbv(0, XCR0_X87 | XCR0_SSE | XCR0_AVX);
    uint64_t high = 0;
    __asm__ volatile("vmovdqu %%ymm7, %0" : "=m"(ymm));
    memcpy(&high, ymm + 24, 8);
    expect(report, high == 0, "YMM7 holds %lx", high);
    xsetbv(0, xcr0);
    write_cr4(old);
}

static const uint32_t residue_msrs[] = {
    MSR_IA32_STAR,           MSR_IA32_LSTAR,       MSR_IA32_CSTAR,        MSR_IA32_FMASK,
    MSR_IA32_KERNEL_GS_BASE, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
    MSR_IA32_TSC_AUX,        MSR_KVM_SYSTEM_TIME,  MSR_KVM_WALL_CLOCK,    MSR_IA32_SPEC_CTRL,
};

/* Interrupts that an earlier life asked for, or never finished. */
static void apic_registers(struct report *report)
{
    struct trap trap;
    uint64_t value;
    expect(report, rdmsr(MSR_IA32_APIC_BASE) == (APIC_BASE_RESET | APIC_BASE_EN | APIC_BASE_BSP),
           "IA32_APIC_BASE is %lx", rdmsr(MSR_IA32_APIC_BASE));
    expect(report, apic_to_x2(), "there is no x2APIC");
    for (uint32_t i = 0; i < APIC_BITMAP_MSRS; i++)
        if (probe_rdmsr(MSR_X2APIC_ISR0 + i, &value, &trap))
            expect(report, value == 0, "local APIC register %x holds %lx", MSR_X2APIC_ISR0 + i,
                   value);
    if (probe_rdmsr(MSR_X2APIC_LVT_TIMER, &value, &trap))
        expect(report, value == LVT_RESET, "the timer's LVT entry is %lx", value);
    if (probe_rdmsr(MSR_X2APIC_TIMER_COUNT, &value, &trap))
        expect(report, value == 0, "the timer counts, at %lx", value);
    if (probe_rdmsr(MSR_X2APIC_TPR, &value, &trap))
        expect(report, value == 0, "TPR is %lx", value);
}

void attack_residue(struct report *report)
{
    struct trap trap;
    uint64_t value;
    for (size_t i = 0; i < ARRAY_COUNT(residue_msrs); i++)
        if (probe_rdmsr(residue_msrs[i], &value, &trap))
            expect(report, value == 0, "MSR %x holds %lx", residue_msrs[i], value);
    const uint64_t debug[] = {read_dr0(), read_dr1(), read_dr2(), read_dr3()};
    for (size_t i = 0; i < ARRAY_COUNT(debug); i++)
        expect(report, debug[i] == 0, "DR%u holds %lx", (unsigned)i, debug[i]);
    expect(report, read_dr7() == DR7_INITIAL, "DR7 is %lx", read_dr7());
    expect(report, read_cr2() == 0, "CR2 holds %lx", read_cr2());
    expect(report, read_cr8() == 0, "CR8 is %lx", read_cr8());
    apic_registers(report);
    fpu_registers(report);
    avx_registers(report);
}

/* One interrupt in service for ever, others pending, a timer on its way. */
static void fill_apic(void)
{
    static const uint8_t vectors[] = {0x21, 0x55, 0x9c, 0xf3};
    traps_soft_install(); /* its handlers give no EOI */
    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        struct trap trap;
        probe_wrmsr(MSR_X2APIC_SELF_IPI, vectors[i], &trap);
        if (i % 2 == 1)
            interrupts_in();
    }
    struct trap trap;
    probe_wrmsr(MSR_X2APIC_LVT_TIMER, field_put(LVT_TIMER_MODE, LVT_TIMER_PERIOD) | VECTOR_TIMER,
                &trap);
    probe_wrmsr(MSR_X2APIC_TIMER_INIT, 10000000, &trap);
    probe_wrmsr(MSR_X2APIC_TPR, 0xe0, &trap);
    traps_restore();
}

static void fill_registers(uint64_t pattern)
{
    struct trap trap;
    for (size_t i = 0; i < ARRAY_COUNT(residue_msrs); i++)
        probe_wrmsr(residue_msrs[i], pattern & 0x7ffffffffffe, &trap);
    write_dr0(pattern & 0x7fffffff);
    write_dr1(pattern & 0x7fffffff);
    write_dr2(pattern & 0x7fffffff);
    write_dr3(pattern & 0x7fffffff);
    write_cr2(pattern);
    write_cr4(read_cr4() | CR4_OSFXSR);
    __asm__ volatile("movq %0, %%xmm7\n\tpunpcklqdq %%xmm7, %%xmm7" : : "r"(pattern));
    __asm__ volatile("fldpi\n\tfldpi" : :);
    if ((cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_AVX) == 0)
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    xsetbv(0, XCR0_X87 | XCR0_SSE | XCR0_AVX);
    for (unsigned i = 0; i < 4; i++)
        memcpy(ymm + 8 * i, &pattern, 8);
    __asm__ volatile("vmovdqu %0, %%ymm7" : : "m"(ymm));
}

void plant(uint64_t pattern)
{
    each_page(fill_page, &pattern);
    fill_registers(pattern);
    fill_apic();
}
