/* SPDX-License-Identifier: MIT */
#include "arch/x86/cpu/features.h"

#include "arch/cpu.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/types.h"
#include "kernel/mm/pagetable.h"

enum reg { REG_EAX, REG_EBX, REG_ECX, REG_EDX };

/* One bit of CPUID: what it is called and which bit of CR4 turns it on. */
struct feature {
    uint32_t leaf;
    enum reg reg;
    uint64_t bit;
    const char *name; /* set: the hypervisor cannot do without */
    uint64_t cr4;
};

static const struct feature features[] = {
    {CPUID_FEATURES, REG_EDX, CPUID_1_EDX_TSC, "a time-stamp counter", 0},
    {CPUID_FEATURES, REG_EDX, CPUID_1_EDX_MSR, "model-specific registers", 0},
    {CPUID_FEATURES, REG_EDX, CPUID_1_EDX_APIC, "a local APIC", 0},
    {CPUID_FEATURES, REG_EDX, CPUID_1_EDX_PGE, "global pages", CR4_PGE},
    {CPUID_FEATURES, REG_EDX, CPUID_1_EDX_PAT, "the page attribute table", 0},
    {CPUID_AMD_FEATURES, REG_EDX, CPUID_81_EDX_NX, "no-execute pages", 0},
    {CPUID_FEATURES, REG_EDX, CPUID_1_EDX_MCE, NULL, CR4_MCE},
    {CPUID_FEATURES, REG_ECX, CPUID_1_ECX_XSAVE, NULL, CR4_OSXSAVE},
    {CPUID_EXTENDED, REG_EBX, CPUID_7_EBX_SMEP, NULL, CR4_SMEP},
    {CPUID_EXTENDED, REG_EBX, CPUID_7_EBX_SMAP, NULL, CR4_SMAP},
    {CPUID_EXTENDED, REG_ECX, CPUID_7_ECX_UMIP, NULL, CR4_UMIP},
};

static bool has(uint32_t leaf, enum reg reg, uint64_t bit)
{
    if (cpu_cpuid(leaf & CPUID_AMD_MAX, 0).eax < leaf)
        return false;
    struct cpu_cpuid_regs r = cpu_cpuid(leaf, 0);
    const uint32_t values[] = {r.eax, r.ebx, r.ecx, r.edx};
    return (values[reg] & bit) != 0;
}

bool features_check(struct diag *diag)
{
    for (size_t i = 0; i < ARRAY_COUNT(features); i++) {
        const struct feature *f = &features[i];
        if (f->name == NULL || has(f->leaf, f->reg, f->bit))
            continue;
        diag_set(diag, "the processor lacks %s", f->name);
        if (f->bit == CPUID_81_EDX_NX && f->leaf == CPUID_AMD_FEATURES)
            diag_hint(diag, "turn on \"Execute Disable\" (NX, XD) in the firmware setup");
        return false;
    }
    if (cpu_read_cr4() & CR4_LA57)
        return diag_set(diag, "the boot half left 5-level paging on");
    return true;
}

static struct cpuid_regs machine_cpuid(void *context, uint32_t leaf, uint32_t subleaf)
{
    (void)context;
    struct cpu_cpuid_regs r = cpu_cpuid(leaf, subleaf);
    return (struct cpuid_regs){r.eax, r.ebx, r.ecx, r.edx};
}

const struct cpuid_source cpuid_machine = {.read = machine_cpuid};

bool features_amd(void)
{
    struct cpuid_regs vendor = machine_cpuid(NULL, CPUID_VENDOR, 0);
    return cpuid_is_amd(&vendor);
}

bool features_tsc_invariant(void)
{
    return has(CPUID_POWER, REG_EDX, CPUID_87_EDX_INVARIANT_TSC);
}

bool features_tsc_deadline(void)
{
    return has(CPUID_FEATURES, REG_ECX, CPUID_1_ECX_TSC_DEADLINE);
}

void features_enable(void)
{
    uint64_t cr4 = CR4_PAE | CR4_DE;

    for (size_t i = 0; i < ARRAY_COUNT(features); i++)
        if (features[i].cr4 != 0 && has(features[i].leaf, features[i].reg, features[i].bit))
            cr4 |= features[i].cr4;
    cpu_wrmsr(MSR_IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    cpu_write_cr0(CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
    cpu_wrmsr(MSR_IA32_PAT, PAGETABLE_HOST_PAT);
    /* Without PGE in between, global translations and old memory types are forgotten too. */
    cpu_write_cr4(cr4 & ~CR4_PGE);
    cpu_write_cr4(cr4);
}
