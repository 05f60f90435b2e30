/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/cpuid_masks.h"

#include "arch/x86/regs/cpuid.h"

/*
 * What is not here is hidden, on purpose:
 *
 * Leaf 1: VMX SMX; DTES64 DS_CPL DS PBE PDCM (PMU); EIST TM TM2 ACPI (thermal); SDBG XTPR DCA PSN.
 *
 * Leaf 7: SGX; HLE RTM; MPX; RDT; PT; TSC_ADJUST (would move the real TSC); WAITPKG; CET; LA57; TME
 * KL ENQCMD PKS UINTR AMX; SRBDS_CTRL PCONFIG ARCH_LBR CORE_CAP BUS_LOCK.
 *
 * Others: 0xA (PMU), 0xF and 0x10 (RDT), 0x12 (SGX), 0x14 (PT), 0x17 and up but 0x1F: all 0.
 */
#define ALLOW_1_ECX                                                                                \
    (CPUID_1_ECX_SSE3 | CPUID_1_ECX_PCLMULQDQ | CPUID_1_ECX_MONITOR | CPUID_1_ECX_SSSE3 |          \
     CPUID_1_ECX_FMA | CPUID_1_ECX_CX16 | CPUID_1_ECX_PCID | CPUID_1_ECX_SSE4_1 |                  \
     CPUID_1_ECX_SSE4_2 | CPUID_1_ECX_MOVBE | CPUID_1_ECX_POPCNT | CPUID_1_ECX_TSC_DEADLINE |      \
     CPUID_1_ECX_AESNI | CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX | CPUID_1_ECX_F16C |                  \
     CPUID_1_ECX_RDRAND)
#define ALLOW_1_EDX                                                                                \
    (CPUID_1_EDX_FPU | CPUID_1_EDX_VME | CPUID_1_EDX_DE | CPUID_1_EDX_PSE | CPUID_1_EDX_TSC |      \
     CPUID_1_EDX_MSR | CPUID_1_EDX_PAE | CPUID_1_EDX_MCE | CPUID_1_EDX_CX8 | CPUID_1_EDX_APIC |    \
     CPUID_1_EDX_SEP | CPUID_1_EDX_MTRR | CPUID_1_EDX_PGE | CPUID_1_EDX_MCA | CPUID_1_EDX_CMOV |   \
     CPUID_1_EDX_PAT | CPUID_1_EDX_PSE36 | CPUID_1_EDX_CLFSH | CPUID_1_EDX_MMX |                   \
     CPUID_1_EDX_FXSR | CPUID_1_EDX_SSE | CPUID_1_EDX_SSE2 | CPUID_1_EDX_SS)
#define ALLOW_7_EBX                                                                                \
    (CPUID_7_EBX_FSGSBASE | CPUID_7_EBX_BMI1 | CPUID_7_EBX_AVX2 | CPUID_7_EBX_FDP_EXCPTN |         \
     CPUID_7_EBX_SMEP | CPUID_7_EBX_BMI2 | CPUID_7_EBX_ERMS | CPUID_7_EBX_INVPCID |                \
     CPUID_7_EBX_FCS_FDS | CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ | CPUID_7_EBX_RDSEED |       \
     CPUID_7_EBX_ADX | CPUID_7_EBX_SMAP | CPUID_7_EBX_AVX512IFMA | CPUID_7_EBX_CLFLUSHOPT |        \
     CPUID_7_EBX_CLWB | CPUID_7_EBX_AVX512CD | CPUID_7_EBX_SHA | CPUID_7_EBX_AVX512BW |            \
     CPUID_7_EBX_AVX512VL)
#define ALLOW_7_ECX                                                                                \
    (CPUID_7_ECX_AVX512VBMI | CPUID_7_ECX_UMIP | CPUID_7_ECX_PKU | CPUID_7_ECX_AVX512VBMI2 |       \
     CPUID_7_ECX_GFNI | CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMULQDQ | CPUID_7_ECX_AVX512VNNI |       \
     CPUID_7_ECX_AVX512BITALG | CPUID_7_ECX_AVX512VPOPCNTDQ | CPUID_7_ECX_RDPID |                  \
     CPUID_7_ECX_CLDEMOTE | CPUID_7_ECX_MOVDIRI | CPUID_7_ECX_MOVDIR64B)
#define ALLOW_7_EDX                                                                                \
    (CPUID_7_EDX_FSRM | CPUID_7_EDX_AVX512VP2I | CPUID_7_EDX_MD_CLEAR | CPUID_7_EDX_SERIALIZE |    \
     CPUID_7_EDX_AVX512FP16 | CPUID_7_EDX_SPEC_CTRL | CPUID_7_EDX_STIBP | CPUID_7_EDX_FLUSH_L1D |  \
     CPUID_7_EDX_ARCH_CAP | CPUID_7_EDX_SSBD)
#define ALLOW_7_1_EAX                                                                              \
    (CPUID_7_1_EAX_AVX_VNNI | CPUID_7_1_EAX_AVX512_BF16 | CPUID_7_1_EAX_FZRM |                     \
     CPUID_7_1_EAX_FSRS | CPUID_7_1_EAX_FSRC | CPUID_7_1_EAX_AVX_IFMA)
#define ALLOW_7_2_EDX                                                                              \
    (CPUID_7_2_EDX_PSFD | CPUID_7_2_EDX_IPRED | CPUID_7_2_EDX_RRSBA | CPUID_7_2_EDX_DDPD |         \
     CPUID_7_2_EDX_BHI | CPUID_7_2_EDX_MCDT_NO)
#define ALLOW_D_1_EAX                                                                              \
    (CPUID_D_1_EAX_XSAVEOPT | CPUID_D_1_EAX_XSAVEC | CPUID_D_1_EAX_XGETBV1 | CPUID_D_1_EAX_XSAVES)
#define ALLOW_81_ECX (CPUID_81_ECX_LAHF64 | CPUID_81_ECX_LZCNT | CPUID_81_ECX_PREFETCHW)
#define ALLOW_81_EDX                                                                               \
    (CPUID_81_EDX_SYSCALL | CPUID_81_EDX_NX | CPUID_81_EDX_PAGE1G | CPUID_81_EDX_RDTSCP |          \
     CPUID_81_EDX_LM)

/* The same for AMD's processors alone: other vendors are free to give these bits a meaning. */
#define ALLOW_81_ECX_AMD                                                                           \
    (ALLOW_81_ECX | CPUID_81_ECX_CR8 | CPUID_81_ECX_SSE4A | CPUID_81_ECX_MISALIGN |                \
     CPUID_81_ECX_XOP | CPUID_81_ECX_FMA4 | CPUID_81_ECX_TBM | CPUID_81_ECX_TOPOLOGY)
#define ALLOW_81_EDX_AMD (ALLOW_81_EDX | CPUID_81_EDX_MMXEXT | CPUID_81_EDX_COMMON)
#define ALLOW_21_EAX     (CPUID_21_EAX_LFENCE | CPUID_21_EAX_NULL_SEL)

#define ALL UINT32_MAX

const struct leaf_mask cpuid_masks[MASK_COUNT] = {
    [MASK_1] = {CPUID_FEATURES,
                0,
                {ALL, CPUID_1_EBX_BRAND | CPUID_1_EBX_CLFLUSH, ALLOW_1_ECX, ALLOW_1_EDX}},
    [MASK_7_0] = {CPUID_EXTENDED, 0, {ALL, ALLOW_7_EBX, ALLOW_7_ECX, ALLOW_7_EDX}},
    [MASK_7_1] = {CPUID_EXTENDED, 1, {ALLOW_7_1_EAX, 0, 0, 0}},
    [MASK_7_2] = {CPUID_EXTENDED, 2, {0, 0, 0, ALLOW_7_2_EDX}},
    [MASK_D_1] = {CPUID_XSTATE, 1, {ALLOW_D_1_EAX, 0, 0, 0}},
    [MASK_81] = {CPUID_AMD_FEATURES, 0, {0, 0, ALLOW_81_ECX, ALLOW_81_EDX}},
    [MASK_81_AMD] = {CPUID_AMD_FEATURES, 0, {0, 0, ALLOW_81_ECX_AMD, ALLOW_81_EDX_AMD}},
    /* From here on without further changes, and whatever ECX is. */
    [MASK_FIRST_PLAIN] = {CPUID_CACHE, 0, {ALL, ALL, ALL, ALL}},
    {CPUID_THERMAL, 0, {CPUID_6_EAX_ARAT, 0, 0, 0}},
    {CPUID_BRAND_FIRST, 0, {ALL, ALL, ALL, ALL}},
    {CPUID_BRAND_FIRST + 1, 0, {ALL, ALL, ALL, ALL}},
    {CPUID_BRAND_LAST, 0, {ALL, ALL, ALL, ALL}},
    {CPUID_L2_CACHE, 0, {ALL, ALL, ALL, ALL}},
    {CPUID_POWER, 0, {0, 0, 0, CPUID_87_EDX_INVARIANT_TSC}},
    /* From here on AMD's processors only. */
    [MASK_FIRST_AMD] = {CPUID_L1_CACHE_AMD, 0, {ALL, ALL, ALL, ALL}},
    {CPUID_TLB_1G, 0, {ALL, ALL, ALL, ALL}},
    {CPUID_OPTIMIZE, 0, {ALL, ALL, ALL, ALL}},
    {CPUID_FEATURES_AMD, 0, {ALLOW_21_EAX, 0, 0, 0}},
};
