/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/model/cr_policy.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "kernel/lib/types.h"
#include "tests/unit/vmx_captured.h"

/* A processor with everything, or with nothing. */
static struct cpuid_regs all_ones(void *context, uint32_t leaf, uint32_t subleaf)
{
    (void)context;
    if (leaf == 0)
        return (struct cpuid_regs){.eax = 0x20};
    if (leaf == CPUID_AMD_MAX)
        return (struct cpuid_regs){.eax = 0x80000008};
    if (leaf == CPUID_CACHE_PARAM || (leaf == CPUID_XSTATE && subleaf > 1))
        return (struct cpuid_regs){0};
    return (struct cpuid_regs){~0u, ~0u, ~0u, ~0u};
}

static struct cpuid_regs all_zeros(void *context, uint32_t leaf, uint32_t subleaf)
{
    (void)context;
    (void)leaf;
    (void)subleaf;
    return (struct cpuid_regs){0};
}

static struct cr_policy policy_of(struct cpuid_regs (*read)(void *, uint32_t, uint32_t))
{
    struct cpuid_source source = {read, NULL};
    struct cpuid_guest guest = {
        .vcpu_count = 1, .threads_per_core = 1, .phys_bits = 39, .invpcid = true, .rdtscp = true};
    static struct cpuid_table table;
    struct vmx_controls controls;
    struct vmx_caps caps = *CAPTURED_SKYLAKE;
    struct cr_policy policy;
    struct diag diag;
    caps.cr4_fixed1 = 0xffffff;
    cpuid_policy_build(&source, &guest, &table);
    assert_true(vmx_controls_derive(&caps, &controls, &diag));
    struct cr_limits limits = cr_limits_vmx(&controls);
    cr_policy_build(&limits, &table, &policy);
    return policy;
}

static void masks(void **state)
{
    (void)state;
    struct cr_policy rich = policy_of(all_ones);
    assert_int_equal(rich.cr0_mask, ~UINT64_C(0x8005001f));
    assert_int_equal(rich.cr0_one, CR0_NE);
    assert_int_equal(rich.cr4_valid, 0x770fff);
    assert_int_equal(rich.cr4_one, CR4_VMXE | CR4_MCE);
    assert_int_equal(rich.cr4_mask, ~UINT64_C(0x770fbf));
    assert_int_equal(rich.efer_valid, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
    assert_int_equal(rich.xcr0_valid, 0x2e7);
    struct cr_policy poor = policy_of(all_zeros);
    assert_int_equal(poor.cr4_valid, CR4_TSD | CR4_PCE);
    assert_int_equal(poor.efer_valid, 0);
    assert_int_equal(poor.xcr0_valid, 0);
}

/* Hardware that cannot have a bit is not asked to, whatever CPUID says. */
static void fixed_bits_of_cr4_win(void **state)
{
    (void)state;
    struct vmx_controls controls = {.cr4_fixed0 = CR4_VMXE, .cr4_fixed1 = CR4_VMXE | CR4_PAE};
    struct cpuid_source source = {all_ones, NULL};
    struct cpuid_guest guest = {.vcpu_count = 1, .threads_per_core = 1, .phys_bits = 39};
    static struct cpuid_table table;
    struct cr_policy policy;
    struct cr_limits limits = cr_limits_vmx(&controls);
    cpuid_policy_build(&source, &guest, &table);
    cr_policy_build(&limits, &table, &policy);
    assert_int_equal(policy.cr4_valid, CR4_PAE);
    assert_int_equal(policy.cr4_one, CR4_VMXE);
}

/* AMD-V insists on nothing: CR0.NE and CR4.VMXE stay as the guest wants them. */
static void limits_of_svm(void **state)
{
    (void)state;
    const struct cr_limits limits = {.cr4_valid = ~UINT64_C(0)};
    struct cpuid_source source = {all_ones, NULL};
    struct cpuid_guest guest = {.vcpu_count = 1, .threads_per_core = 1, .phys_bits = 39};
    static struct cpuid_table table;
    struct cr_policy policy;
    cpuid_policy_build(&source, &guest, &table);
    cr_policy_build(&limits, &table, &policy);
    assert_int_equal(policy.cr0_mask, ~UINT64_C(0x8005001f));
    assert_int_equal(policy.cr0_one, 0);
    assert_int_equal(policy.cr4_one, 0);
    assert_int_equal(policy.cr4_valid, 0x770fff);
    assert_int_equal(policy.cr4_mask, ~UINT64_C(0x770fff));
    struct cr_state old = {.cr0 = CR0_PE | CR0_ET};
    struct cr_verdict cr0 = cr0_write(&policy, &old, CR0_PE | CR0_ET | CR0_CD);
    assert_true(cr0.ok);
    assert_int_equal(cr0.real, CR0_PE | CR0_ET);
    assert_int_equal(cr0.shadow, CR0_PE | CR0_ET | CR0_CD);
    struct cr_verdict cr4 = cr4_write(&policy, &old, CR4_PSE);
    assert_true(cr4.ok);
    assert_int_equal(cr4.real, CR4_PSE);
    assert_false(cr4_write(&policy, &old, CR4_VMXE).ok);
    assert_false(cr4_write(&policy, &old, CR4_LA57).ok);
    assert_false(efer_write(&policy, &old, EFER_SVME).ok);
    assert_false(efer_write(&policy, &old, EFER_LMSLE).ok);
    assert_false(efer_write(&policy, &old, EFER_FFXSR).ok);
    assert_false(efer_write(&policy, &old, EFER_TCE).ok);
}

#define PROTECTED (CR0_PE | CR0_ET | CR0_NE)
#define PAGED     (PROTECTED | CR0_PG)
#define LONG_EFER (EFER_LME | EFER_LMA)

struct cr0_case {
    const char *name;
    struct cr_state old;
    uint64_t value;
    struct cr_verdict want;
};

#define REFUSED {.ok = false}

static const struct cr0_case cr0_cases[] = {
    {"nothing changes",
     {.cr0 = PROTECTED},
     PROTECTED,
     {.ok = true, .real = PROTECTED, .shadow = PROTECTED}},
    {"NE is kept on, the guest reads 0",
     {.cr0 = PROTECTED},
     CR0_PE | CR0_ET,
     {.ok = true, .real = PROTECTED, .shadow = CR0_PE | CR0_ET}},
    {"CD and NW stay in the shadow",
     {.cr0 = PROTECTED},
     PROTECTED | CR0_CD | CR0_NW,
     {.ok = true, .real = PROTECTED, .shadow = PROTECTED | CR0_CD | CR0_NW}},
    {"ET cannot be cleared",
     {.cr0 = PROTECTED},
     CR0_PE | CR0_NE,
     {.ok = true, .real = PROTECTED, .shadow = PROTECTED}},
    {"reserved low bits are ignored",
     {.cr0 = PROTECTED},
     PROTECTED | 0x0ffaffc0,
     {.ok = true, .real = PROTECTED, .shadow = PROTECTED}},
    {"high bits", {.cr0 = PROTECTED}, PROTECTED | BIT(32), REFUSED},
    {"PG without PE", {.cr0 = PROTECTED}, CR0_PG | CR0_NE, REFUSED},
    {"NW without CD", {.cr0 = PROTECTED}, PROTECTED | CR0_NW, REFUSED},
    {"paging on",
     {.cr0 = PROTECTED},
     PAGED,
     {.ok = true, .real = PAGED, .shadow = PAGED, .flush_tlb = true}},
    {"PAE paging on",
     {.cr0 = PROTECTED, .cr4 = CR4_PAE},
     PAGED,
     {.ok = true, .real = PAGED, .shadow = PAGED, .flush_tlb = true, .load_pdptes = true}},
    {"PAE paging, CD changes",
     {.cr0 = PAGED, .cr4 = CR4_PAE},
     PAGED | CR0_CD,
     {.ok = true, .real = PAGED, .shadow = PAGED | CR0_CD, .load_pdptes = true}},
    {"PAE paging, TS changes",
     {.cr0 = PAGED, .cr4 = CR4_PAE},
     PAGED | CR0_TS,
     {.ok = true, .real = PAGED | CR0_TS, .shadow = PAGED | CR0_TS}},
    {"into long mode",
     {.cr0 = PROTECTED, .cr4 = CR4_PAE, .efer = EFER_LME},
     PAGED,
     {.ok = true, .real = PAGED, .shadow = PAGED, .efer = LONG_EFER, .flush_tlb = true}},
    {"into long mode without PAE", {.cr0 = PROTECTED, .efer = EFER_LME}, PAGED, REFUSED},
    {"into long mode with CS.L",
     {.cr0 = PROTECTED, .cr4 = CR4_PAE, .efer = EFER_LME, .cs_l = true},
     PAGED,
     REFUSED},
    {"out of long mode",
     {.cr0 = PAGED, .cr4 = CR4_PAE, .efer = LONG_EFER},
     PROTECTED,
     {.ok = true, .real = PROTECTED, .shadow = PROTECTED, .efer = EFER_LME, .flush_tlb = true}},
    {"out of long mode from 64-bit code",
     {.cr0 = PAGED, .cr4 = CR4_PAE, .efer = LONG_EFER, .cs_l = true},
     PROTECTED,
     REFUSED},
    {"out of long mode with PCIDE",
     {.cr0 = PAGED, .cr4 = CR4_PAE | CR4_PCIDE, .efer = LONG_EFER},
     PROTECTED,
     REFUSED},
    {"long mode, CD changes",
     {.cr0 = PAGED, .cr4 = CR4_PAE, .efer = LONG_EFER, .cs_l = true},
     PAGED | CR0_CD,
     {.ok = true, .real = PAGED, .shadow = PAGED | CR0_CD, .efer = LONG_EFER}},
};

static void compare(const struct cr_verdict *got, const struct cr_verdict *want, const char *name)
{
    if (got->ok != want->ok)
        fail_msg("%s: ok", name);
    if (!want->ok)
        return;
    if (got->real != want->real || got->shadow != want->shadow || got->efer != want->efer)
        fail_msg("%s: real %#llx, shadow %#llx, efer %#llx", name, (unsigned long long)got->real,
                 (unsigned long long)got->shadow, (unsigned long long)got->efer);
    if (got->load_pdptes != want->load_pdptes || got->flush_tlb != want->flush_tlb)
        fail_msg("%s: load_pdptes %d, flush_tlb %d", name, got->load_pdptes, got->flush_tlb);
}

static void cr0(void **state)
{
    (void)state;
    struct cr_policy policy = policy_of(all_ones);
    for (unsigned i = 0; i < ARRAY_COUNT(cr0_cases); i++) {
        struct cr_verdict got = cr0_write(&policy, &cr0_cases[i].old, cr0_cases[i].value);
        compare(&got, &cr0_cases[i].want, cr0_cases[i].name);
    }
}

#define OWN (CR4_VMXE | CR4_MCE)

static const struct cr0_case cr4_cases[] = {
    {"MCE and VMXE are on, whatever the guest reads",
     {.cr0 = PROTECTED},
     CR4_PSE,
     {.ok = true, .real = OWN | CR4_PSE, .shadow = CR4_PSE, .flush_tlb = true}},
    {"MCE as the guest wants to read it",
     {.cr0 = PROTECTED},
     CR4_MCE,
     {.ok = true, .real = OWN, .shadow = CR4_MCE}},
    {"VMXE", {.cr0 = PROTECTED}, CR4_VMXE, REFUSED},
    {"SMXE", {.cr0 = PROTECTED}, CR4_SMXE, REFUSED},
    {"LA57", {.cr0 = PROTECTED}, CR4_LA57, REFUSED},
    {"CET", {.cr0 = PROTECTED}, CR4_CET, REFUSED},
    {"reserved", {.cr0 = PROTECTED}, BIT(31), REFUSED},
    {"high bits", {.cr0 = PROTECTED}, BIT(63), REFUSED},
    {"PCIDE outside long mode", {.cr0 = PROTECTED}, CR4_PCIDE, REFUSED},
    {"PCIDE in long mode",
     {.cr0 = PAGED, .cr4 = CR4_PAE, .efer = LONG_EFER, .cr3 = 0x1000},
     CR4_PAE | CR4_PCIDE,
     {.ok = true,
      .real = OWN | CR4_PAE | CR4_PCIDE,
      .shadow = CR4_PAE | CR4_PCIDE,
      .efer = LONG_EFER,
      .flush_tlb = true}},
    {"PCIDE with a PCID in CR3",
     {.cr0 = PAGED, .cr4 = CR4_PAE, .efer = LONG_EFER, .cr3 = 0x1001},
     CR4_PAE | CR4_PCIDE,
     REFUSED},
    {"PAE off in long mode", {.cr0 = PAGED, .cr4 = CR4_PAE, .efer = LONG_EFER}, 0, REFUSED},
    {"PAE on under paging",
     {.cr0 = PAGED},
     CR4_PAE,
     {.ok = true,
      .real = OWN | CR4_PAE,
      .shadow = CR4_PAE,
      .flush_tlb = true,
      .load_pdptes = true}},
    {"SMEP on in PAE paging",
     {.cr0 = PAGED, .cr4 = CR4_PAE},
     CR4_PAE | CR4_SMEP,
     {.ok = true,
      .real = OWN | CR4_PAE | CR4_SMEP,
      .shadow = CR4_PAE | CR4_SMEP,
      .flush_tlb = true,
      .load_pdptes = true}},
    {"SMEP off in long mode",
     {.cr0 = PAGED, .cr4 = CR4_PAE | CR4_SMEP, .efer = LONG_EFER},
     CR4_PAE,
     {.ok = true, .real = OWN | CR4_PAE, .shadow = CR4_PAE, .efer = LONG_EFER}},
    {"OSXSAVE",
     {.cr0 = PROTECTED},
     CR4_OSXSAVE,
     {.ok = true, .real = OWN | CR4_OSXSAVE, .shadow = CR4_OSXSAVE}},
};

static void cr4(void **state)
{
    (void)state;
    struct cr_policy policy = policy_of(all_ones);
    for (unsigned i = 0; i < ARRAY_COUNT(cr4_cases); i++) {
        struct cr_verdict got = cr4_write(&policy, &cr4_cases[i].old, cr4_cases[i].value);
        compare(&got, &cr4_cases[i].want, cr4_cases[i].name);
    }
}

#define EFER_OK(value) {.ok = true, .real = (value), .shadow = (value), .efer = (value)}

static const struct cr0_case efer_cases[] = {
    {"SCE", {.cr0 = PAGED}, EFER_SCE, EFER_OK(EFER_SCE)},
    {"LME before paging", {.cr0 = PROTECTED}, EFER_LME, EFER_OK(EFER_LME)},
    {"LME under paging", {.cr0 = PAGED}, EFER_LME, REFUSED},
    {"LME off in long mode", {.cr0 = PAGED, .efer = LONG_EFER}, EFER_LMA, REFUSED},
    {"LMA cannot be cleared", {.cr0 = PAGED, .efer = LONG_EFER}, EFER_LME, EFER_OK(LONG_EFER)},
    {"LMA cannot be set", {.cr0 = PROTECTED}, EFER_LMA, EFER_OK(0)},
    {"NXE flushes",
     {.cr0 = PAGED, .efer = LONG_EFER},
     LONG_EFER | EFER_NXE,
     {.ok = true,
      .real = LONG_EFER | EFER_NXE,
      .shadow = LONG_EFER | EFER_NXE,
      .efer = LONG_EFER | EFER_NXE,
      .flush_tlb = true}},
    {"SVME", {.cr0 = PROTECTED}, EFER_SVME, REFUSED},
    {"reserved", {.cr0 = PROTECTED}, BIT(1), REFUSED},
    {"high bits", {.cr0 = PROTECTED}, BIT(63), REFUSED},
};

static void efer(void **state)
{
    (void)state;
    struct cr_policy policy = policy_of(all_ones);
    for (unsigned i = 0; i < ARRAY_COUNT(efer_cases); i++) {
        struct cr_verdict got = efer_write(&policy, &efer_cases[i].old, efer_cases[i].value);
        compare(&got, &efer_cases[i].want, efer_cases[i].name);
    }
    struct cr_policy poor = policy_of(all_zeros);
    struct cr_state old = {.cr0 = PROTECTED};
    assert_false(efer_write(&poor, &old, EFER_NXE).ok);
}

static void lmsw(void **state)
{
    (void)state;
    assert_int_equal(cr0_after_lmsw(PROTECTED, 0), PROTECTED);
    assert_int_equal(cr0_after_lmsw(CR0_NE, 1), CR0_NE | CR0_PE);
    assert_int_equal(cr0_after_lmsw(PROTECTED | CR0_TS, 0xfff6), PROTECTED | CR0_MP | CR0_EM);
}

static void xcr0(void **state)
{
    (void)state;
    static const struct {
        uint64_t valid;
        uint32_t index;
        uint64_t value;
        bool ok;
    } cases[] = {
        {0x2e7, 0, 1, true},         {0x2e7, 0, 3, true},      {0x2e7, 0, 7, true},
        {0x2e7, 0, 0xe7, true},      {0x2e7, 0, 0x2e7, true},  {0x2e7, 0, 0x201, true},
        {0x2e7, 0, 0, false},        {0x2e7, 0, 2, false},     {0x2e7, 0, 5, false},
        {0x2e7, 0, 0x27, false},     {0x2e7, 0, 0xe3, false},  {0x2e7, 0, 0x1f, false},
        {0x7, 0, 0xe7, false},       {0x2e7, 1, 1, false},     {0x2e7, 0, BIT(63) | 1, false},
        {0x1f, 0, 0xf, false},       {0x1f, 0, 0x1f, true},    {0x602e7, 0, 0x20007, false},
        {0x602e7, 0, 0x60007, true}, {0x107, 0, 0x100, false},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++)
        if (xcr0_check(cases[i].valid, cases[i].index, cases[i].value) != cases[i].ok)
            fail_msg("case %u: XCR%u = %#llx", i, cases[i].index,
                     (unsigned long long)cases[i].value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks),         cmocka_unit_test(fixed_bits_of_cr4_win),
        cmocka_unit_test(limits_of_svm), cmocka_unit_test(cr0),
        cmocka_unit_test(cr4),           cmocka_unit_test(efer),
        cmocka_unit_test(lmsw),          cmocka_unit_test(xcr0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
