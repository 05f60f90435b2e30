/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/msr_policy.h"

#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/mem.h"

/* What reads do, then what writes do (one word: both), and the kind. */
#define NATIVE               MSR_NATIVE, MSR_NATIVE, MSR_KIND_NONE
#define NATIVE_OR(kind)      MSR_NATIVE, MSR_NATIVE, MSR_KIND_##kind
#define READ_OR(kind)        MSR_NATIVE, MSR_DENY, MSR_KIND_##kind
#define WRITE_OR(kind)       MSR_DENY, MSR_NATIVE, MSR_KIND_##kind
#define NATIVE_IGNORE        MSR_NATIVE, MSR_IGNORE, MSR_KIND_NONE
#define NATIVE_EMULATE(kind) MSR_NATIVE, MSR_EMULATE, MSR_KIND_##kind
#define DENY_NATIVE          MSR_DENY, MSR_NATIVE, MSR_KIND_NONE
#define CONSTANT_DENY        MSR_CONSTANT, MSR_DENY, MSR_KIND_NONE
#define CONSTANT_IGNORE      MSR_CONSTANT, MSR_IGNORE, MSR_KIND_NONE
#define EMULATE(kind)        MSR_EMULATE, MSR_EMULATE, MSR_KIND_##kind
#define EMULATE_DENY(kind)   MSR_EMULATE, MSR_DENY, MSR_KIND_##kind
#define EMULATE_IGNORE(kind) MSR_EMULATE, MSR_IGNORE, MSR_KIND_##kind

/* IA32_FEATURE_CONTROL: no VMX, and nothing to be done about it. */
#define LOCKED FEATURE_CONTROL_LOCK

/*
 * Linux 6.1 reads some MSRs at boot with no net under it, so they must not fault although they
 * have nothing to say: MTRRCAP and MTRR_DEF_TYPE (CPUID shows MTRRs, since PAT hangs on them),
 * MCG_CAP (CPUID shows MCA), MISC_ENABLE (fast strings), BIOS_SIGN_ID (zeroed, then read),
 * APIC_BASE. With a net, but asked by tools or other kernels: PLATFORM_ID, SMI_COUNT,
 * FEATURE_CONTROL, PLATFORM_INFO.
 */
// clang-format off
const struct msr_rule msr_rules[] = {
    {MSR_IA32_TSC,               1,  NATIVE_IGNORE,                MSR_ALWAYS,         0},
    {MSR_IA32_PLATFORM_ID,       1,  CONSTANT_DENY,                MSR_ALWAYS,         0},
    {MSR_IA32_APIC_BASE,         1,  EMULATE(APIC_BASE),           MSR_ALWAYS,         0},
    {MSR_SMI_COUNT,              1,  CONSTANT_DENY,                MSR_ALWAYS,         0},
    {MSR_IA32_FEATURE_CONTROL,   1,  CONSTANT_DENY,                MSR_ALWAYS,         LOCKED},
    {MSR_IA32_SPEC_CTRL,         1,  NATIVE,                       MSR_NEED_SPEC_CTRL, 0},
    {MSR_IA32_PRED_CMD,          1,  DENY_NATIVE,                  MSR_NEED_PRED_CMD,  0},
    {MSR_IA32_BIOS_SIGN_ID,      1,  EMULATE_IGNORE(BIOS_SIGN_ID), MSR_ALWAYS,         0},
    {MSR_PLATFORM_INFO,          1,  CONSTANT_DENY,                MSR_ALWAYS,         0},
    {MSR_IA32_MTRRCAP,           1,  CONSTANT_DENY,                MSR_ALWAYS,         MTRRCAP_WC},
    {MSR_IA32_ARCH_CAPABILITIES, 1,  EMULATE_DENY(ARCH_CAP),       MSR_NEED_ARCH_CAP,  0},
    {MSR_IA32_FLUSH_CMD,         1,  DENY_NATIVE,                  MSR_NEED_FLUSH_CMD, 0},
    {MSR_IA32_SYSENTER_CS,       3,  NATIVE,                       MSR_ALWAYS,         0},
    {MSR_IA32_MCG_CAP,           1,  CONSTANT_DENY,                MSR_ALWAYS,         0},
    {MSR_IA32_MCG_STATUS,        1,  EMULATE(MCG_STATUS),          MSR_ALWAYS,         0},
    {MSR_IA32_MISC_ENABLE,       1,  EMULATE_IGNORE(MISC_ENABLE),  MSR_ALWAYS,         0},
    {MSR_IA32_DEBUGCTL,          1,  EMULATE(DEBUGCTL),            MSR_ALWAYS,         0},
    {MSR_IA32_PAT,               1,  NATIVE_OR(PAT),               MSR_ALWAYS,         0},
    {MSR_IA32_MTRR_DEF_TYPE,     1,  EMULATE(MTRR_DEF_TYPE),       MSR_ALWAYS,         0},
    {MSR_IA32_TSC_DEADLINE,      1,  NATIVE,                       MSR_NEED_DEADLINE,  0},
    {MSR_X2APIC_ID,              1,  EMULATE_DENY(X2APIC_ID),      MSR_ALWAYS,         0},
    {MSR_X2APIC_VERSION,         1,  READ_OR(X2APIC),               MSR_ALWAYS,         0},
    {MSR_X2APIC_TPR,             1,  NATIVE_OR(X2APIC),             MSR_ALWAYS,         0},
    {MSR_X2APIC_PPR,             1,  READ_OR(X2APIC),               MSR_ALWAYS,         0},
    {MSR_X2APIC_EOI,             1,  WRITE_OR(X2APIC_EOI),          MSR_ALWAYS,         0},
    {MSR_X2APIC_LDR,             1,  EMULATE_DENY(X2APIC_LDR),     MSR_ALWAYS,         0},
    {MSR_X2APIC_SVR,             1,  NATIVE_OR(X2APIC),             MSR_ALWAYS,         0},
    {MSR_X2APIC_ISR0,            24, READ_OR(X2APIC),               MSR_ALWAYS,         0},
    {MSR_X2APIC_ESR,             1,  NATIVE_OR(X2APIC),             MSR_ALWAYS,         0},
    {MSR_X2APIC_LVT_CMCI,        1,  EMULATE(X2APIC_LVT),          MSR_ALWAYS,         0},
    {MSR_X2APIC_ICR,             1,  EMULATE(X2APIC_ICR),          MSR_ALWAYS,         0},
    {MSR_X2APIC_LVT_TIMER,       1,  NATIVE_OR(X2APIC),             MSR_ALWAYS,         0},
    {MSR_X2APIC_LVT_THERMAL,     5,  EMULATE(X2APIC_LVT),          MSR_ALWAYS,         0},
    {MSR_X2APIC_TIMER_INIT,      1,  NATIVE_OR(X2APIC),             MSR_ALWAYS,         0},
    {MSR_X2APIC_TIMER_COUNT,     1,  READ_OR(X2APIC),               MSR_ALWAYS,         0},
    {MSR_X2APIC_TIMER_DIV,       1,  NATIVE_OR(X2APIC),             MSR_ALWAYS,         0},
    {MSR_X2APIC_SELF_IPI,        1,  WRITE_OR(X2APIC),              MSR_ALWAYS,         0},
    {MSR_IA32_XSS,               1,  EMULATE(XSS),                 MSR_NEED_XSS,       0},
    {MSR_KVM_WALL_CLOCK,         1,  EMULATE(KVM_WALL_CLOCK),      MSR_ALWAYS,         0},
    {MSR_KVM_SYSTEM_TIME,        1,  EMULATE(KVM_SYSTEM_TIME),     MSR_ALWAYS,         0},
    {MSR_IA32_EFER,              1,  NATIVE_EMULATE(EFER),         MSR_ALWAYS,         0},
    {MSR_IA32_STAR,              4,  NATIVE,                       MSR_ALWAYS,         0},
    {MSR_IA32_FS_BASE,           3,  NATIVE,                       MSR_ALWAYS,         0},
    {MSR_IA32_TSC_AUX,           1,  NATIVE,                       MSR_NEED_TSC_AUX,   0},
    {MSR_AMD_SYSCFG,             1,  CONSTANT_IGNORE,              MSR_NEED_AMD,       0},
    {MSR_AMD_HWCR,               1,  CONSTANT_IGNORE,              MSR_NEED_AMD,       AMD_HWCR_TSC_FREQ},
    {MSR_AMD_NB_CFG,             1,  CONSTANT_IGNORE,              MSR_NEED_AMD,       0},
    {MSR_AMD_LS_CFG,             1,  CONSTANT_IGNORE,              MSR_NEED_AMD,       0},
    {MSR_AMD_DE_CFG,             1,  CONSTANT_IGNORE,              MSR_NEED_AMD,       AMD_DE_CFG_LFENCE},
};
// clang-format on

const unsigned msr_rule_count = sizeof(msr_rules) / sizeof(msr_rules[0]);

uint32_t msr_features(const struct cpuid_table *table)
{
    const struct cpuid_regs *leaf1 = &cpuid_lookup(table, CPUID_FEATURES, 0)->regs;
    const struct cpuid_regs *leaf7 = &cpuid_lookup(table, CPUID_EXTENDED, 0)->regs;
    const struct cpuid_regs *leafd = &cpuid_lookup(table, CPUID_XSTATE, 1)->regs;
    const struct cpuid_regs *leaf0 = &cpuid_lookup(table, CPUID_VENDOR, 0)->regs;
    const struct cpuid_regs *leaf88 = &cpuid_lookup(table, CPUID_ADDRESS, 0)->regs;
    const struct cpuid_regs *leaf81 = &cpuid_lookup(table, CPUID_AMD_FEATURES, 0)->regs;
    const struct {
        uint32_t word;
        uint32_t any;
        enum msr_need need;
    } needs[] = {
        {leaf7->edx, CPUID_7_EDX_SPEC_CTRL | CPUID_7_EDX_STIBP | CPUID_7_EDX_SSBD,
         MSR_NEED_SPEC_CTRL},
        {leaf7->edx, CPUID_7_EDX_SPEC_CTRL, MSR_NEED_PRED_CMD},
        {leaf7->edx, CPUID_7_EDX_FLUSH_L1D, MSR_NEED_FLUSH_CMD},
        {leaf7->edx, CPUID_7_EDX_ARCH_CAP, MSR_NEED_ARCH_CAP},
        {leaf7->ecx, CPUID_7_ECX_RDPID, MSR_NEED_TSC_AUX},
        {leaf81->edx, CPUID_81_EDX_RDTSCP, MSR_NEED_TSC_AUX},
        {leaf1->ecx, CPUID_1_ECX_TSC_DEADLINE, MSR_NEED_DEADLINE},
        {leafd->eax, CPUID_D_1_EAX_XSAVES, MSR_NEED_XSS},
        {leaf88->ebx, CPUID_88_EBX_IBRS | CPUID_88_EBX_STIBP | CPUID_88_EBX_SSBD,
         MSR_NEED_SPEC_CTRL},
        {leaf88->ebx, CPUID_88_EBX_IBPB, MSR_NEED_PRED_CMD},
        {cpuid_is_amd(leaf0), 1, MSR_NEED_AMD},
    };
    uint32_t features = 1u << MSR_ALWAYS;
    for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        if ((needs[i].word & needs[i].any) != 0)
            features |= 1u << needs[i].need;
    return features;
}

const struct msr_rule *msr_rule_find(uint32_t msr, uint32_t features)
{
    unsigned low = 0;
    unsigned high = msr_rule_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct msr_rule *rule = &msr_rules[middle];
        if (msr < rule->msr)
            high = middle;
        else if (msr - rule->msr >= rule->count)
            low = middle + 1;
        else
            return (features >> rule->need & 1) != 0 ? rule : NULL;
    }
    return NULL;
}

static bool goes_native(const struct msr_rule *rule, uint32_t features, uint32_t exiting)
{
    return (features >> rule->need & 1) != 0 && (exiting >> rule->kind & 1) == 0;
}

#define HIGH_FIRST 0xc0000000u
#define RANGE      0x2000u

/* Quarters of VT-x' bitmap. SDM Vol. 3C "MSR-Bitmap Address". */
#define BITMAP_READ  0u
#define BITMAP_WRITE 2048u
#define BITMAP_HIGH  1024u

static void bitmap_allow(uint8_t *half, uint32_t msr)
{
    if (msr >= HIGH_FIRST) {
        half += BITMAP_HIGH;
        msr -= HIGH_FIRST;
    }
    if (msr < RANGE) /* others always exit */
        half[msr / 8] &= (uint8_t)~(1u << msr % 8);
}

void msr_bitmap_build(uint8_t bitmap[4096], uint32_t features, uint32_t exiting)
{
    memset(bitmap, 0xff, 4096);
    for (unsigned i = 0; i < msr_rule_count; i++) {
        const struct msr_rule *rule = &msr_rules[i];
        for (unsigned n = 0; n < rule->count && goes_native(rule, features, exiting); n++) {
            if (rule->read == MSR_NATIVE)
                bitmap_allow(bitmap + BITMAP_READ, rule->msr + n);
            if (rule->write == MSR_NATIVE)
                bitmap_allow(bitmap + BITMAP_WRITE, rule->msr + n);
        }
    }
}

/* SVM's map: two bits an MSR, read and write, 2 KiB each range. */
#define MAP_HIGH      2048u
#define MAP_READ_BIT  1u
#define MAP_WRITE_BIT 2u

static void map_allow(uint8_t *map, uint32_t msr, uint32_t bits)
{
    if (msr >= HIGH_FIRST) {
        map += MAP_HIGH;
        msr -= HIGH_FIRST;
    }
    if (msr < RANGE)
        map[msr / 4] &= (uint8_t)~(bits << msr % 4 * 2);
}

void msr_map_build(uint8_t map[MSR_MAP_SIZE], uint32_t features, uint32_t exiting)
{
    memset(map, 0xff, MSR_MAP_SIZE);
    for (unsigned i = 0; i < msr_rule_count; i++) {
        const struct msr_rule *rule = &msr_rules[i];
        uint32_t bits = (rule->read == MSR_NATIVE ? MAP_READ_BIT : 0) |
                        (rule->write == MSR_NATIVE ? MAP_WRITE_BIT : 0);
        for (unsigned n = 0; n < rule->count && goes_native(rule, features, exiting); n++)
            map_allow(map, rule->msr + n, bits);
    }
}

bool pat_check(uint64_t value)
{
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t type = value >> i & 0xff;
        if (type > MEMTYPE_UC_MINUS || type == 2 || type == 3)
            return false;
    }
    return true;
}

/* Left out: statements about TSX, and each bit that announces a further MSR. */
uint64_t msr_arch_capabilities(uint64_t host)
{
    return host & (ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA | ARCH_CAP_SSB_NO |
                   ARCH_CAP_MDS_NO | ARCH_CAP_IF_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO |
                   ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO |
                   ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO | ARCH_CAP_PBRSB_NO |
                   ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO | ARCH_CAP_RFDS_CLEAR);
}

uint64_t msr_misc_enable(const struct cpuid_table *table, uint64_t host)
{
    uint64_t value = MISC_ENABLE_BTS_UNAVAIL | MISC_ENABLE_PEBS_UNAVAIL;
    value |= host & MISC_ENABLE_FAST_STRINGS;
    if ((cpuid_lookup(table, CPUID_FEATURES, 0)->regs.ecx & CPUID_1_ECX_MONITOR) != 0)
        value |= MISC_ENABLE_MONITOR_FSM;
    return value;
}

bool mtrr_def_check(uint64_t value)
{
    uint64_t type = field_get(MTRR_DEF_TYPE, value);
    if ((value & ~(MTRR_DEF_TYPE | MTRR_DEF_FE | MTRR_DEF_E)) != 0)
        return false;
    return type == MEMTYPE_UC || type == MEMTYPE_WC || type == MEMTYPE_WT || type == MEMTYPE_WP ||
           type == MEMTYPE_WB;
}

bool debugctl_check(uint64_t value)
{
    return (value & ~DEBUGCTL_BTF) == 0;
}
