/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/model/msr_policy.h"
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/types.h"

#define ALL_FEATURES 0xffffffffu
#define NO_FEATURES  (1u << MSR_ALWAYS)

static void table_is_sorted_and_sane(void **state)
{
    (void)state;
    for (unsigned i = 0; i < msr_rule_count; i++) {
        const struct msr_rule *rule = &msr_rules[i];
        assert_true(rule->count >= 1);
        assert_true(rule->read == MSR_DENY || rule->read == MSR_NATIVE ||
                    rule->read == MSR_CONSTANT || rule->read == MSR_EMULATE);
        assert_true(rule->write == MSR_DENY || rule->write == MSR_NATIVE ||
                    rule->write == MSR_IGNORE || rule->write == MSR_EMULATE);
        assert_true(rule->read != MSR_DENY || rule->write != MSR_DENY);
        bool emulated = rule->read == MSR_EMULATE || rule->write == MSR_EMULATE;
        bool native = rule->read == MSR_NATIVE || rule->write == MSR_NATIVE;
        assert_true(!emulated || rule->kind != MSR_KIND_NONE);
        /* A kind without emulation is for backends that cannot go native. */
        assert_true(rule->kind == MSR_KIND_NONE || emulated || native);
        assert_true(rule->kind < MSR_KIND_COUNT);
        assert_true(rule->read == MSR_CONSTANT || rule->constant == 0);
        if (i > 0)
            assert_true(rule->msr >= msr_rules[i - 1].msr + msr_rules[i - 1].count);
    }
}

static void every_rule_is_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < msr_rule_count; i++) {
        const struct msr_rule *rule = &msr_rules[i];
        for (unsigned n = 0; n < rule->count; n++) {
            assert_ptr_equal(msr_rule_find(rule->msr + n, ALL_FEATURES), rule);
            const struct msr_rule *bare = msr_rule_find(rule->msr + n, NO_FEATURES);
            assert_ptr_equal(bare, rule->need == MSR_ALWAYS ? rule : NULL);
        }
        if (i == 0 || msr_rules[i - 1].msr + msr_rules[i - 1].count < rule->msr)
            assert_null(msr_rule_find(rule->msr - 1, ALL_FEATURES));
    }
    assert_null(msr_rule_find(0, ALL_FEATURES));
    assert_null(msr_rule_find(~0u, ALL_FEATURES));
}

static bool bit_of(const uint8_t *bitmap, unsigned base, uint32_t index)
{
    return (bitmap[base + index / 8] >> index % 8 & 1) != 0;
}

/* Every MSR that a bitmap can describe, against the table. */
static void compare_bitmap(const uint8_t *bitmap, uint32_t features, bool apic_exits,
                           bool vmcb_exits)
{
    for (uint32_t i = 0; i < 0x4000; i++) {
        uint32_t msr = i < 0x2000 ? i : 0xc0000000u + (i - 0x2000);
        unsigned half = i < 0x2000 ? 0 : 1024;
        const struct msr_rule *rule = msr_rule_find(msr, features);
        bool apic = msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST;
        bool vmcb = msr == MSR_IA32_PAT || msr == MSR_IA32_EFER;
        bool native = !(apic && apic_exits) && !(vmcb && vmcb_exits);
        bool read = native && rule != NULL && rule->read == MSR_NATIVE;
        bool write = native && rule != NULL && rule->write == MSR_NATIVE;
        if (bit_of(bitmap, half, i % 0x2000) == read)
            fail_msg("read of %#x", msr);
        if (bit_of(bitmap, 2048 + half, i % 0x2000) == write)
            fail_msg("write of %#x", msr);
    }
}

static void bitmap_agrees_with_table(void **state)
{
    (void)state;
    uint8_t bitmap[4096];
    static const uint32_t features[] = {ALL_FEATURES, NO_FEATURES, NO_FEATURES | 1u << MSR_NEED_XSS,
                                        NO_FEATURES | 1u << MSR_NEED_DEADLINE};
    static const struct {
        uint32_t exiting;
        bool apic, vmcb;
    } hosts[] = {
        {0, false, false},
        {MSR_KINDS_APIC, true, false},
        {MSR_KINDS_SVM, false, true},
        {MSR_KINDS_APIC | MSR_KINDS_SVM, true, true},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(features); i++)
        for (unsigned h = 0; h < ARRAY_COUNT(hosts); h++) {
            msr_bitmap_build(bitmap, features[i], hosts[h].exiting);
            compare_bitmap(bitmap, features[i], hosts[h].apic, hosts[h].vmcb);
        }
}

/* The promises of the design by name, so that an edit of the table cannot break one silently. */
static void named_promises(void **state)
{
    (void)state;
    static const struct {
        uint32_t msr;
        uint8_t read, write;
    } rules[] = {
        {MSR_IA32_TSC, MSR_NATIVE, MSR_IGNORE},
        {MSR_IA32_APIC_BASE, MSR_EMULATE, MSR_EMULATE},
        {MSR_IA32_SPEC_CTRL, MSR_NATIVE, MSR_NATIVE},
        {MSR_IA32_PRED_CMD, MSR_DENY, MSR_NATIVE},
        {MSR_IA32_SYSENTER_EIP, MSR_NATIVE, MSR_NATIVE},
        {MSR_IA32_PAT, MSR_NATIVE, MSR_NATIVE},
        {MSR_IA32_EFER, MSR_NATIVE, MSR_EMULATE},
        {MSR_IA32_FMASK, MSR_NATIVE, MSR_NATIVE},
        {MSR_IA32_KERNEL_GS_BASE, MSR_NATIVE, MSR_NATIVE},
        {MSR_IA32_TSC_AUX, MSR_NATIVE, MSR_NATIVE},
        {MSR_IA32_TSC_DEADLINE, MSR_NATIVE, MSR_NATIVE},
        {MSR_IA32_XSS, MSR_EMULATE, MSR_EMULATE},
        {MSR_X2APIC_ID, MSR_EMULATE, MSR_DENY},
        {MSR_X2APIC_TPR, MSR_NATIVE, MSR_NATIVE},
        {MSR_X2APIC_EOI, MSR_DENY, MSR_NATIVE},
        {MSR_X2APIC_LDR, MSR_EMULATE, MSR_DENY},
        {MSR_X2APIC_IRR0 + 7, MSR_NATIVE, MSR_DENY},
        {MSR_X2APIC_ICR, MSR_EMULATE, MSR_EMULATE},
        {MSR_X2APIC_LVT_TIMER, MSR_NATIVE, MSR_NATIVE},
        {MSR_X2APIC_LVT_LINT0, MSR_EMULATE, MSR_EMULATE},
        {MSR_X2APIC_LVT_ERROR, MSR_EMULATE, MSR_EMULATE},
        {MSR_X2APIC_SELF_IPI, MSR_DENY, MSR_NATIVE},
        {MSR_IA32_MTRRCAP, MSR_CONSTANT, MSR_DENY},
        {MSR_IA32_MCG_CAP, MSR_CONSTANT, MSR_DENY},
        {MSR_IA32_MISC_ENABLE, MSR_EMULATE, MSR_IGNORE},
        {MSR_IA32_BIOS_SIGN_ID, MSR_EMULATE, MSR_IGNORE},
        {MSR_IA32_FEATURE_CONTROL, MSR_CONSTANT, MSR_DENY},
    };
    static const uint32_t denied[] = {
        MSR_KVM_WALL_CLOCK_OLD,
        MSR_KVM_SYSTEM_TIME_OLD,
        MSR_IA32_TSC_ADJUST,
        MSR_IA32_VMX_BASIC,
        MSR_IA32_VMX_PROCBASED3,
        MSR_IA32_BIOS_UPDT_TRIG,
        MSR_IA32_SMM_MONITOR_CTL,
        MSR_IA32_MTRR_PHYSBASE0,
        MSR_IA32_MTRR_FIX64K_00000,
        MSR_IA32_MC0_CTL,
        MSR_IA32_PERF_GLOBAL_CTRL,
        MSR_IA32_PERF_CTL,
        MSR_IA32_THERM_STATUS,
        MSR_X2APIC_FIRST,
        0x80e,
        0x831,
        MSR_X2APIC_LAST,
        0x40000000,
        0xc0000104,
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rules); i++) {
        const struct msr_rule *rule = msr_rule_find(rules[i].msr, ALL_FEATURES);
        assert_non_null(rule);
        assert_int_equal(rule->read, rules[i].read);
        assert_int_equal(rule->write, rules[i].write);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(denied); i++)
        assert_null(msr_rule_find(denied[i], ALL_FEATURES));
    assert_int_equal(msr_rule_find(MSR_IA32_MTRRCAP, NO_FEATURES)->constant, MTRRCAP_WC);
    assert_int_equal(msr_rule_find(MSR_IA32_FEATURE_CONTROL, NO_FEATURES)->constant, 1);
}

/* A host that answers one feature register with one bit. */
struct one_bit {
    uint32_t leaf, subleaf;
    unsigned word;
    uint32_t bit;
};

static struct cpuid_regs one_bit(void *context, uint32_t leaf, uint32_t subleaf)
{
    const struct one_bit *one = context;
    uint32_t words[4] = {0};
    if (leaf == one->leaf && subleaf == one->subleaf)
        words[one->word] = one->bit;
    if (leaf == 0)
        words[0] = 0x20;
    if (leaf == CPUID_AMD_MAX)
        words[0] = 0x80000008;
    if (leaf == CPUID_FEATURES)
        words[2] |= (uint32_t)CPUID_1_ECX_XSAVE;
    return (struct cpuid_regs){words[0], words[1], words[2], words[3]};
}

static struct cpuid_table table_of(struct one_bit one)
{
    struct cpuid_source source = {one_bit, &one};
    struct cpuid_guest guest = {
        .vcpu_count = 1, .threads_per_core = 1, .phys_bits = 39, .xsaves = true, .rdtscp = true};
    struct cpuid_table table;
    cpuid_policy_build(&source, &guest, &table);
    return table;
}

static void features_follow_cpuid(void **state)
{
    (void)state;
    static const struct {
        struct one_bit one;
        uint32_t features;
    } cases[] = {
        {{CPUID_EXTENDED, 0, 3, (uint32_t)CPUID_7_EDX_SPEC_CTRL},
         1u << MSR_NEED_SPEC_CTRL | 1u << MSR_NEED_PRED_CMD},
        {{CPUID_EXTENDED, 0, 3, (uint32_t)CPUID_7_EDX_SSBD}, 1u << MSR_NEED_SPEC_CTRL},
        {{CPUID_EXTENDED, 0, 3, (uint32_t)CPUID_7_EDX_FLUSH_L1D}, 1u << MSR_NEED_FLUSH_CMD},
        {{CPUID_EXTENDED, 0, 3, (uint32_t)CPUID_7_EDX_ARCH_CAP}, 1u << MSR_NEED_ARCH_CAP},
        {{CPUID_EXTENDED, 0, 2, (uint32_t)CPUID_7_ECX_RDPID}, 1u << MSR_NEED_TSC_AUX},
        {{CPUID_AMD_FEATURES, 0, 3, (uint32_t)CPUID_81_EDX_RDTSCP}, 1u << MSR_NEED_TSC_AUX},
        {{CPUID_FEATURES, 0, 2, (uint32_t)CPUID_1_ECX_TSC_DEADLINE}, 1u << MSR_NEED_DEADLINE},
        {{CPUID_XSTATE, 1, 0, (uint32_t)CPUID_D_1_EAX_XSAVES}, 1u << MSR_NEED_XSS},
        {{CPUID_EXTENDED, 0, 1, (uint32_t)CPUID_7_EBX_TSC_ADJUST}, 0},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct cpuid_table table = table_of(cases[i].one);
        assert_int_equal(msr_features(&table), NO_FEATURES | cases[i].features);
    }
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(msr_arch_capabilities(~UINT64_C(0)), 0x1d1ae177);
    assert_int_equal(msr_arch_capabilities(0), 0);
    struct cpuid_table with =
        table_of((struct one_bit){CPUID_FEATURES, 0, 2, (uint32_t)CPUID_1_ECX_MONITOR});
    struct cpuid_table without = table_of((struct one_bit){0, 0, 0, 0});
    assert_int_equal(msr_misc_enable(&with, 0x850089), 0x41801);
    assert_int_equal(msr_misc_enable(&without, 0), 0x1800);
}

static void write_checks(void **state)
{
    (void)state;
    static const uint64_t good_mtrr[] = {0, 0x806, 0xc06, 0x801, 0x804, 0x805};
    static const uint64_t bad_mtrr[] = {2, 3, 7, 0x807, 0x1006, 0x906, BIT(32)};
    for (unsigned i = 0; i < ARRAY_COUNT(good_mtrr); i++)
        assert_true(mtrr_def_check(good_mtrr[i]));
    for (unsigned i = 0; i < ARRAY_COUNT(bad_mtrr); i++)
        assert_false(mtrr_def_check(bad_mtrr[i]));
    assert_true(mtrr_def_check(MSR_MTRR_DEF_TYPE_INITIAL));
    assert_true(debugctl_check(0));
    assert_true(debugctl_check(DEBUGCTL_BTF));
    assert_false(debugctl_check(DEBUGCTL_LBR));
    assert_false(debugctl_check(0x40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sorted_and_sane),
        cmocka_unit_test(every_rule_is_found),
        cmocka_unit_test(bitmap_agrees_with_table),
        cmocka_unit_test(named_promises),
        cmocka_unit_test(features_follow_cpuid),
        cmocka_unit_test(values),
        cmocka_unit_test(write_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
