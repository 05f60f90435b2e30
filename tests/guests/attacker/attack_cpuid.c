/* SPDX-License-Identifier: MIT */
/* CPUID: every leaf answers, what is to be hidden is hidden, what is promised is there. */
#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/regs/cpuid.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

static void name_of(const struct cpuid_regs *r, char name[13])
{
    const uint32_t words[3] = {r->ebx, r->ecx, r->edx};
    for (unsigned i = 0; i < 12; i++) {
        char c = (char)(words[i / 4] >> i % 4 * 8);
        name[i] = c >= ' ' && c < 0x7f ? c : '\0';
    }
    name[12] = '\0';
}

static void hidden(struct report *report)
{
    struct cpuid_regs one = cpuid(CPUID_FEATURES, 0);
    struct cpuid_regs seven = cpuid(CPUID_EXTENDED, 0);
    struct cpuid_regs amd = cpuid(CPUID_AMD_FEATURES, 0);
    const struct {
        uint32_t word;
        uint64_t bits;
        const char *name;
    } rules[] = {
        {one.ecx, CPUID_1_ECX_VMX, "VMX"},
        {one.ecx, CPUID_1_ECX_SMX, "SMX"},
        {one.ecx, CPUID_1_ECX_PDCM | CPUID_1_ECX_DTES64 | CPUID_1_ECX_DS_CPL, "PDCM or DS"},
        {one.ecx, CPUID_1_ECX_EIST | CPUID_1_ECX_TM2, "EIST or TM2"},
        {one.edx, CPUID_1_EDX_DS | CPUID_1_EDX_ACPI | CPUID_1_EDX_TM, "DS, ACPI or TM"},
        {amd.ecx, CPUID_81_ECX_SVM, "SVM"},
        {seven.ebx, CPUID_7_EBX_SGX | CPUID_7_EBX_PT, "SGX or PT"},
        {seven.ebx, CPUID_7_EBX_RDT_M | CPUID_7_EBX_RDT_A, "RDT"},
        {seven.ebx, CPUID_7_EBX_TSC_ADJUST, "TSC_ADJUST"},
        {seven.ecx, CPUID_7_ECX_WAITPKG | CPUID_7_ECX_TME | CPUID_7_ECX_SGX_LC, "WAITPKG or TME"},
        {seven.edx, CPUID_7_EDX_PCONFIG | CPUID_7_EDX_ARCH_LBR, "PCONFIG or LBR"},
        {cpuid(0xa, 0).eax, 0xff, "performance counters"},
        {cpuid(0x12, 0).eax, UINT32_MAX, "SGX leaf"},
        {cpuid(0x14, 0).ebx, UINT32_MAX, "PT leaf"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++)
        expect(report, (rules[i].word & rules[i].bits) == 0, "%s is shown: %x", rules[i].name,
               rules[i].word);
    expect(report, (one.ecx & CPUID_1_ECX_X2APIC) != 0, "x2APIC is not shown");
    expect(report, (one.ecx & CPUID_1_ECX_HYPERVISOR) != 0, "the hypervisor bit is not set");
}

static void signatures(struct report *report)
{
    char kvm[13], own[13];
    struct cpuid_regs r = cpuid(CPUID_HYPERVISOR, 0), info;
    name_of(&r, kvm);
    r = cpuid(CPUID_BULKHEAD, 0);
    name_of(&r, own);
    info = cpuid(CPUID_BULKHEAD_INFO, 0);
    bool same = true;
    for (unsigned i = 0; i < 12; i++)
        same = same && own[i] == CPUID_BULKHEAD_NAME[i];
    expect(report, same, "leaf 40000100 says '%s'", own);
    expect(report, r.eax >= CPUID_BULKHEAD_COUNTER, "highest leaf %x", r.eax);
    expect(report, info.eax == CPUID_BULKHEAD_VERSION && info.ecx < info.edx,
           "version %u, vcpu %u of %u", info.eax, info.ecx, info.edx);
    say(report, "'%s' '%s' vcpu %u of %u", kvm, own, info.ecx, info.edx);
}

static bool is_zero(const struct cpuid_regs *r)
{
    return (r->eax | r->ebx | r->ecx | r->edx) == 0;
}

/* Leaves that nobody defined are zero: no host value leaks through. */
static void unknown_leaves(struct report *report)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < 2000; i++) {
        uint32_t leaf = (uint32_t)random_next(&state), subleaf = (uint32_t)random_next(&state);
        struct cpuid_regs r = cpuid(leaf, subleaf);
        bool known = leaf < 0x40 || leaf - CPUID_HYPERVISOR < 0x200 || leaf - CPUID_AMD_MAX < 0x40;
        expect(report, known || is_zero(&r), "leaf %x.%x: %x %x %x %x", leaf, subleaf, r.eax, r.ebx,
               r.ecx, r.edx);
    }
}

void attack_cpuid(struct report *report)
{
    static const struct {
        uint32_t first, count;
    } parts[] = {{0, 0x41}, {CPUID_HYPERVISOR, 0x201}, {CPUID_AMD_MAX, 0x41}, {0xffffffff, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        for (uint32_t j = 0; j < parts[i].count; j++)
            for (uint32_t subleaf = 0; subleaf < 9; subleaf++) {
                uint32_t leaf = parts[i].first + j;
                struct cpuid_regs a = cpuid(leaf, subleaf), b = cpuid(leaf, subleaf);
                bool counter = leaf >= CPUID_BULKHEAD_TOTAL && leaf < CPUID_HYPERVISOR + 0x200;
                bool same = a.eax == b.eax && a.ebx == b.ebx && a.ecx == b.ecx && a.edx == b.edx;
                expect(report, counter || same, "leaf %x.%x differs when read again", leaf,
                       subleaf);
            }
    hidden(report);
    unknown_leaves(report);
    signatures(report);
}
