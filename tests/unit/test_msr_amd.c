/* SPDX-License-Identifier: MIT */
/* MSRs on AMD's processors, and of hosts that cannot let a guest have its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/apic_policy.h"
#include "arch/x86/model/msr_policy.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/regs/svm.h"
#include "kernel/lib/types.h"

#define ALL_FEATURES 0xffffffffu
#define NO_FEATURES  (1u << MSR_ALWAYS)
#define AMD_FEATURES (NO_FEATURES | 1u << MSR_NEED_AMD)

/* ---- the permission map ---- */

/* Does VT-x' bitmap let the access through? Quarters: low and high reads, low and high writes. */
static bool bitmap_native(const uint8_t *bitmap, uint32_t msr, bool write)
{
    unsigned base = (write ? 2048u : 0) + (msr >= 0xc0000000u ? 1024u : 0);
    return (bitmap[base + (msr & 0x1fff) / 8] >> msr % 8 & 1) == 0;
}

/* The same of the permission map: pairs of bits, 2 KiB a range, three ranges and an unused one. */
static bool map_native(const uint8_t *map, unsigned range, uint32_t index, bool write)
{
    uint32_t bit = index * 2 + (write ? 1 : 0);
    return (map[range * 2048 + bit / 8] >> bit % 8 & 1) == 0;
}

static void compare_maps(uint32_t features, uint32_t exiting)
{
    static uint8_t map[MSR_MAP_SIZE], bitmap[4096];
    msr_map_build(map, features, exiting);
    msr_bitmap_build(bitmap, features, exiting);
    for (unsigned range = 0; range < 2; range++)
        for (uint32_t index = 0; index < 0x2000; index++) {
            uint32_t msr = (range == 0 ? 0 : 0xc0000000u) + index;
            for (unsigned write = 0; write < 2; write++)
                if (map_native(map, range, index, write) != bitmap_native(bitmap, msr, write))
                    fail_msg("%s of %#x", write ? "write" : "read", msr);
        }
    for (unsigned i = 4096; i < MSR_MAP_SIZE; i++) /* 0xc0010000 and on, and what is unused */
        assert_int_equal(map[i], 0xff);
}

static void map_gives_the_same_rights(void **state)
{
    (void)state;
    for (unsigned need = 0; need < 16; need++)
        for (unsigned kinds = 0; kinds < 4; kinds++) {
            uint32_t exiting = (kinds & 1 ? MSR_KINDS_APIC : 0) | (kinds & 2 ? MSR_KINDS_SVM : 0);
            compare_maps(NO_FEATURES | 1u << need, exiting);
            compare_maps(ALL_FEATURES, exiting);
        }
}

/* By name and by bit: read below, write above. */
static void named_bits(void **state)
{
    (void)state;
    static uint8_t map[MSR_MAP_SIZE];
    static const struct {
        unsigned offset, shift;
        uint8_t bits; /* 0: native, 1: reads exit, 2: writes exit */
    } cases[] = {
        {0x10 / 4, 0, 2},           /* TSC */
        {0x1b / 4, 6, 3},           /* APIC_BASE */
        {0x174 / 4, 0, 0},          /* SYSENTER_CS */
        {0x277 / 4, 6, 3},          /* PAT is in the VMCB */
        {0x808 / 4, 0, 0},          /* TPR */
        {0x80b / 4, 6, 1},          /* EOI */
        {0x830 / 4, 0, 3},          /* ICR */
        {0x800 + 0x80 / 4, 0, 3},   /* EFER is in the VMCB */
        {0x800 + 0x82 / 4, 4, 0},   /* LSTAR */
        {0x800 + 0x102 / 4, 4, 0},  /* KERNEL_GS_BASE */
        {0x800 + 0x104 / 4, 0, 3},  /* TSC_RATIO */
        {0x1000 + 0x114 / 4, 0, 3}, /* VM_CR */
        {0x1000 + 0x117 / 4, 6, 3}, /* VM_HSAVE_PA */
        {0x1000 + 0x15 / 4, 2, 3},  /* HWCR */
    };
    msr_map_build(map, AMD_FEATURES, MSR_KINDS_SVM);
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(map[cases[i].offset] >> cases[i].shift & 3, cases[i].bits);
}

/* ---- who has which ---- */

static void amd_only(void **state)
{
    (void)state;
    static const struct {
        uint32_t msr, constant;
    } shown[] = {
        {MSR_AMD_SYSCFG, 0}, {MSR_AMD_HWCR, 1u << 24}, {MSR_AMD_NB_CFG, 0},
        {MSR_AMD_LS_CFG, 0}, {MSR_AMD_DE_CFG, 2},
    };
    static const uint32_t denied[] = {
        MSR_VM_CR,  MSR_VM_HSAVE_PA, 0xc0010118, /* SVM_KEY */
        0xc0000104,                              /* TSC_RATIO */
        0xc0010000,                              /* PERF_CTL0 */
        0xc0010016,                              /* IORR_BASE0 */
        0xc001001a,                              /* TOP_MEM */
        0xc0010030,                              /* processor name */
        0xc0010061, 0xc0010062,      0xc0010064, /* P-states */
        0xc0010111, 0xc0010112,      0xc0010113, /* SMM */
        0xc0010130, 0xc0010131,                  /* SEV */
        0xc0010140,                              /* OSVW */
        0xc001100c,                              /* NODE_ID */
        0xc0011019,                              /* DR1_ADDR_MASK */
    };
    for (unsigned i = 0; i < ARRAY_COUNT(shown); i++) {
        const struct msr_rule *rule = msr_rule_find(shown[i].msr, AMD_FEATURES);
        assert_non_null(rule);
        assert_int_equal(rule->read, MSR_CONSTANT);
        assert_int_equal(rule->constant, shown[i].constant);
        assert_int_equal(rule->write, MSR_IGNORE);
        assert_null(msr_rule_find(shown[i].msr, ALL_FEATURES & ~(1u << MSR_NEED_AMD)));
    }
    for (unsigned i = 0; i < ARRAY_COUNT(denied); i++)
        assert_null(msr_rule_find(denied[i], ALL_FEATURES));
}

/* A host of some vendor that has one bit in 0x80000008 EBX. */
struct vendor_bit {
    const char *vendor; /* EBX EDX ECX */
    uint32_t ebx;
};

static struct cpuid_regs vendor_bit(void *context, uint32_t leaf, uint32_t subleaf)
{
    const struct vendor_bit *host = context;
    struct cpuid_regs r = {0};
    (void)subleaf;
    if (leaf == CPUID_VENDOR) {
        r.eax = 0x10;
        memcpy(&r.ebx, host->vendor, 4);
        memcpy(&r.edx, host->vendor + 4, 4);
        memcpy(&r.ecx, host->vendor + 8, 4);
    }
    if (leaf == CPUID_AMD_MAX)
        r.eax = 0x80000021;
    if (leaf == CPUID_ADDRESS)
        r.ebx = host->ebx;
    return r;
}

#define AMD   "AuthenticAMD"
#define HYGON "HygonGenuine"
#define INTEL "GenuineIntel"

static void features_follow_the_vendor(void **state)
{
    (void)state;
    static const struct {
        struct vendor_bit host;
        uint32_t features;
    } cases[] = {
        {{AMD, 0}, 0},
        {{AMD, (uint32_t)CPUID_88_EBX_IBRS}, 1u << MSR_NEED_SPEC_CTRL},
        {{AMD, (uint32_t)CPUID_88_EBX_STIBP}, 1u << MSR_NEED_SPEC_CTRL},
        {{AMD, (uint32_t)CPUID_88_EBX_SSBD}, 1u << MSR_NEED_SPEC_CTRL},
        {{AMD, (uint32_t)CPUID_88_EBX_IBPB}, 1u << MSR_NEED_PRED_CMD},
        {{AMD, (uint32_t)CPUID_88_EBX_CLZERO}, 0},
        {{AMD, 1u << 25}, 0}, /* VIRT_SSBD: an MSR that is not there */
        {{HYGON, (uint32_t)CPUID_88_EBX_IBPB}, 1u << MSR_NEED_PRED_CMD},
        {{INTEL, ~0u}, 0},
        {{"CentaurHauls", ~0u}, 0},
        {{"AuthenticAMd", ~0u}, 0},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct vendor_bit host = cases[i].host;
        struct cpuid_source source = {vendor_bit, &host};
        struct cpuid_guest guest = {.vcpu_count = 1, .threads_per_core = 1, .phys_bits = 40};
        struct cpuid_table table;
        bool amd = strcmp(host.vendor, AMD) == 0 || strcmp(host.vendor, HYGON) == 0;
        cpuid_policy_build(&source, &guest, &table);
        uint32_t want = (amd ? AMD_FEATURES : NO_FEATURES) | cases[i].features;
        if (msr_features(&table) != want)
            fail_msg("%s, %#x: %#x", host.vendor, host.ebx, msr_features(&table));
    }
}

/* ---- values ---- */

static void pat(void **state)
{
    (void)state;
    static const bool types[8] = {true, true, false, false, true, true, true, true};
    assert_true(pat_check(PAT_RESET));
    for (unsigned entry = 0; entry < 8; entry++)
        for (unsigned value = 0; value < 256; value++) {
            uint64_t others = PAT_RESET & ~(UINT64_C(0xff) << entry * 8);
            bool want = value < 8 && types[value];
            if (pat_check(others | (uint64_t)value << entry * 8) != want)
                fail_msg("entry %u: %#x", entry, value);
        }
}

/* Which bits may be set, by hand from the registers' pictures in the manual. */
static void apic_values(void **state)
{
    (void)state;
    static const struct {
        uint32_t msr;
        bool deadline;
        uint64_t valid;
    } cases[] = {
        {MSR_X2APIC_TPR, false, 0xff},
        {MSR_X2APIC_EOI, false, 0},
        {MSR_X2APIC_SVR, false, 0x1ff},
        {MSR_X2APIC_ESR, false, 0},
        {MSR_X2APIC_TIMER_DIV, false, 0xb},
        {MSR_X2APIC_SELF_IPI, false, 0xff},
        {MSR_X2APIC_TIMER_INIT, false, 0xffffffff},
        {MSR_X2APIC_LVT_TIMER, false, 0x310ff},
        {MSR_X2APIC_LVT_TIMER, true, 0x710ff},
        {MSR_X2APIC_TPR, true, 0xff},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_true(apic_value_check(cases[i].msr, 0, cases[i].deadline));
        for (unsigned bit = 0; bit < 64; bit++) {
            uint64_t value = UINT64_C(1) << bit;
            bool want = (cases[i].valid & value) != 0;
            if (apic_value_check(cases[i].msr, value, cases[i].deadline) != want)
                fail_msg("%#x: bit %u", cases[i].msr, bit);
        }
    }
}

/* Timer modes: one-shot, periodic, TSC deadline; the fourth is reserved. */
static void timer_modes(void **state)
{
    (void)state;
    static const bool without[4] = {true, true, false, false};
    static const bool with[4] = {true, true, true, false};
    for (unsigned mode = 0; mode < 4; mode++) {
        uint64_t value = (uint64_t)mode << 17 | 0xec;
        assert_int_equal(apic_value_check(MSR_X2APIC_LVT_TIMER, value, false), without[mode]);
        assert_int_equal(apic_value_check(MSR_X2APIC_LVT_TIMER, value, true), with[mode]);
    }
}

/* Each register that goes to the machine when its rule exits is one that can be written. */
static void forwarded_registers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < msr_rule_count; i++) {
        const struct msr_rule *rule = &msr_rules[i];
        if (rule->kind != MSR_KIND_X2APIC && rule->kind != MSR_KIND_X2APIC_EOI)
            continue;
        assert_in_range(rule->msr, MSR_X2APIC_FIRST, MSR_X2APIC_LAST);
        assert_true(rule->read == MSR_NATIVE || rule->read == MSR_DENY);
        assert_true(rule->write == MSR_NATIVE || rule->write == MSR_DENY);
        assert_false(apic_value_check(rule->msr, BIT(32), true));
    }
}

/* Who has to know of EOIs gets them, and nothing else. */
static void eoi_exits_alone(void **state)
{
    static uint8_t plain[MSR_MAP_SIZE], with[MSR_MAP_SIZE];
    (void)state;
    msr_map_build(plain, 1u << MSR_ALWAYS, MSR_KINDS_SVM);
    msr_map_build(with, 1u << MSR_ALWAYS, MSR_KINDS_SVM | MSR_KINDS_EOI);
    assert_int_equal(plain[0x80b / 4] & 0x80, 0);
    plain[0x80b / 4] |= 0x80;
    assert_memory_equal(with, plain, MSR_MAP_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_gives_the_same_rights),
        cmocka_unit_test(named_bits),
        cmocka_unit_test(amd_only),
        cmocka_unit_test(features_follow_the_vendor),
        cmocka_unit_test(pat),
        cmocka_unit_test(apic_values),
        cmocka_unit_test(timer_modes),
        cmocka_unit_test(forwarded_registers),
        cmocka_unit_test(eoi_exits_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
