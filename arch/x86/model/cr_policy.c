/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/cr_policy.h"

#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "kernel/lib/mem.h"

/* Bits of CR0 that exist, and those that the guest changes without an exit. */
#define CR0_DEFINED                                                                                \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD |     \
     CR0_PG)
#define CR0_NATIVE (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_WP | CR0_AM | CR0_PG)
#define CR0_CACHE  (CR0_CD | CR0_NW)
#define CR4_ALWAYS (CR4_TSD | CR4_PCE)

/* Which bit of CR4 or EFER needs which CPUID bit. */
static const struct bit_need {
    uint32_t bit;
    uint32_t leaf;
    uint8_t word; /* 1 EBX, 2 ECX, 3 EDX */
    uint32_t feature;
} cr4_needs[] = {
    {CR4_VME | CR4_PVI, CPUID_FEATURES, 3, CPUID_1_EDX_VME},
    {CR4_DE, CPUID_FEATURES, 3, CPUID_1_EDX_DE},
    {CR4_PSE, CPUID_FEATURES, 3, CPUID_1_EDX_PSE},
    {CR4_PAE, CPUID_FEATURES, 3, CPUID_1_EDX_PAE},
    {CR4_MCE, CPUID_FEATURES, 3, CPUID_1_EDX_MCE},
    {CR4_PGE, CPUID_FEATURES, 3, CPUID_1_EDX_PGE},
    {CR4_OSFXSR, CPUID_FEATURES, 3, CPUID_1_EDX_FXSR},
    {CR4_OSXMMEXCPT, CPUID_FEATURES, 3, CPUID_1_EDX_SSE},
    {CR4_PCIDE, CPUID_FEATURES, 2, CPUID_1_ECX_PCID},
    {CR4_OSXSAVE, CPUID_FEATURES, 2, CPUID_1_ECX_XSAVE},
    {CR4_FSGSBASE, CPUID_EXTENDED, 1, CPUID_7_EBX_FSGSBASE},
    {CR4_SMEP, CPUID_EXTENDED, 1, CPUID_7_EBX_SMEP},
    {CR4_SMAP, CPUID_EXTENDED, 1, CPUID_7_EBX_SMAP},
    {CR4_UMIP, CPUID_EXTENDED, 2, CPUID_7_ECX_UMIP},
    {CR4_PKE, CPUID_EXTENDED, 2, CPUID_7_ECX_PKU},
};

static const struct bit_need efer_needs[] = {
    {EFER_SCE, CPUID_AMD_FEATURES, 3, CPUID_81_EDX_SYSCALL},
    {EFER_LME | EFER_LMA, CPUID_AMD_FEATURES, 3, CPUID_81_EDX_LM},
    {EFER_NXE, CPUID_AMD_FEATURES, 3, CPUID_81_EDX_NX},
};

static uint64_t offered(const struct cpuid_table *cpuid, const struct bit_need *needs,
                        unsigned count)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct cpuid_regs *r = &cpuid_lookup(cpuid, needs[i].leaf, 0)->regs;
        uint32_t word = needs[i].word == 1 ? r->ebx : needs[i].word == 2 ? r->ecx : r->edx;
        if ((word & needs[i].feature) != 0)
            bits |= needs[i].bit;
    }
    return bits;
}

/* With CR4.MCE set a machine check exits, whatever the guest thinks of it. */
struct cr_limits cr_limits_vmx(const struct vmx_controls *controls)
{
    return (struct cr_limits){
        .cr0_one = controls->cr0_fixed0,
        .cr4_one = controls->cr4_fixed0 | (CR4_MCE & controls->cr4_fixed1),
        .cr4_valid = controls->cr4_fixed1,
    };
}

void cr_policy_build(const struct cr_limits *limits, const struct cpuid_table *cpuid,
                     struct cr_policy *out)
{
    memset(out, 0, sizeof(*out));
    out->cr0_mask = ~CR0_NATIVE;
    out->cr0_one = limits->cr0_one;
    out->cr4_valid =
        CR4_ALWAYS | offered(cpuid, cr4_needs, sizeof(cr4_needs) / sizeof(cr4_needs[0]));
    out->cr4_valid &= limits->cr4_valid;
    out->cr4_one = limits->cr4_one;
    out->cr4_mask = ~out->cr4_valid | out->cr4_one;
    out->efer_valid = offered(cpuid, efer_needs, sizeof(efer_needs) / sizeof(efer_needs[0]));
    out->xcr0_valid = cpuid_xcr0_mask(cpuid);
}

static struct cr_verdict refuse(void)
{
    return (struct cr_verdict){.ok = false};
}

/* Switching paging on or off with EFER.LME set is what enters and leaves IA-32e mode. */
static bool cr0_check(const struct cr_state *old, uint64_t value)
{
    bool paging = (value & CR0_PG) != 0;
    bool was_paging = (old->cr0 & CR0_PG) != 0;
    bool long_mode = (old->efer & EFER_LMA) != 0;
    if (value >> 32 != 0)
        return false;
    if (paging && (value & CR0_PE) == 0)
        return false;
    if ((value & CR0_NW) != 0 && (value & CR0_CD) == 0)
        return false;
    if (paging && !was_paging && (old->efer & EFER_LME) != 0 &&
        ((old->cr4 & CR4_PAE) == 0 || old->cs_l))
        return false;
    if (!paging && was_paging && ((long_mode && old->cs_l) || (old->cr4 & CR4_PCIDE) != 0))
        return false;
    return true;
}

struct cr_verdict cr0_write(const struct cr_policy *policy, const struct cr_state *old,
                            uint64_t value)
{
    if (!cr0_check(old, value))
        return refuse();
    value = (value & CR0_DEFINED) | CR0_ET; /* other bits below 32 are ignored */
    uint64_t changed = value ^ old->cr0;
    bool long_mode = (value & CR0_PG) != 0 && (old->efer & EFER_LME) != 0;
    return (struct cr_verdict){
        .ok = true,
        .real = (value & ~CR0_CACHE) | policy->cr0_one,
        .shadow = value,
        .efer = long_mode ? old->efer | EFER_LMA : old->efer & ~EFER_LMA,
        .load_pdptes = (value & CR0_PG) != 0 && (old->cr4 & CR4_PAE) != 0 && !long_mode &&
                       (changed & (CR0_PG | CR0_CACHE)) != 0,
        .flush_tlb = (changed & CR0_PG) != 0,
    };
}

struct cr_verdict cr4_write(const struct cr_policy *policy, const struct cr_state *old,
                            uint64_t value)
{
    bool long_mode = (old->efer & EFER_LMA) != 0;
    uint64_t changed = value ^ old->cr4;
    uint64_t set = value & changed;
    if ((value & ~policy->cr4_valid) != 0)
        return refuse();
    if (long_mode && (value & CR4_PAE) == 0)
        return refuse();
    if ((set & CR4_PCIDE) != 0 && (!long_mode || (old->cr3 & CR3_PCID) != 0))
        return refuse();
    uint64_t paging = CR4_PGE | CR4_PSE | CR4_PAE;
    return (struct cr_verdict){
        .ok = true,
        .real = value | policy->cr4_one,
        .shadow = value,
        .efer = old->efer,
        .load_pdptes = (old->cr0 & CR0_PG) != 0 && (value & CR4_PAE) != 0 && !long_mode &&
                       (changed & (paging | CR4_SMEP)) != 0,
        .flush_tlb = (changed & (paging | CR4_PCIDE)) != 0 || (set & CR4_SMEP) != 0,
    };
}

struct cr_verdict efer_write(const struct cr_policy *policy, const struct cr_state *old,
                             uint64_t value)
{
    if ((value & ~policy->efer_valid) != 0)
        return refuse();
    uint64_t changed = value ^ old->efer;
    if ((changed & EFER_LME) != 0 && (old->cr0 & CR0_PG) != 0)
        return refuse();
    value = (value & ~EFER_LMA) | (old->efer & EFER_LMA); /* read only, writes are ignored */
    return (struct cr_verdict){
        .ok = true,
        .real = value,
        .shadow = value,
        .efer = value,
        .flush_tlb = (changed & EFER_NXE) != 0,
    };
}

uint64_t cr0_after_lmsw(uint64_t cr0, uint16_t source)
{
    uint64_t low = CR0_MP | CR0_EM | CR0_TS;
    return (cr0 & ~low) | (source & (low | CR0_PE));
}

bool xcr0_check(uint64_t valid, uint32_t index, uint64_t value)
{
    /* A component in the first column needs all of the second. */
    static const struct {
        uint32_t any;
        uint32_t all;
    } rules[] = {
        {XCR0_AVX, XCR0_SSE},
        {XCR0_MPX, XCR0_MPX},
        {XCR0_AVX512, XCR0_AVX512 | XCR0_AVX},
        {XCR0_AMX, XCR0_AMX},
    };
    if (index != 0 || (value & ~valid) != 0 || (value & XCR0_X87) == 0)
        return false;
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if ((value & rules[i].any) != 0 && (value & rules[i].all) != rules[i].all)
            return false;
    return true;
}
