/* SPDX-License-Identifier: MIT */
/* CPUID leaves and feature bits. SDM Vol. 2A "CPUID"; hypervisor leaves: Linux documentation. */
#ifndef BULKHEAD_ARCH_X86_REGS_CPUID_H
#define BULKHEAD_ARCH_X86_REGS_CPUID_H

#include "kernel/lib/bits.h"

#define CPUID_VENDOR       0x0u
#define CPUID_FEATURES     0x1u
#define CPUID_CACHE        0x2u
#define CPUID_CACHE_PARAM  0x4u
#define CPUID_MWAIT        0x5u
#define CPUID_THERMAL      0x6u
#define CPUID_EXTENDED     0x7u
#define CPUID_TOPOLOGY     0xbu
#define CPUID_XSTATE       0xdu
#define CPUID_TSC          0x15u
#define CPUID_FREQUENCY    0x16u
#define CPUID_TOPOLOGY_V2  0x1fu
#define CPUID_HYPERVISOR   0x40000000u
#define CPUID_KVM_FEATURES 0x40000001u
#define CPUID_AMD_MAX      0x80000000u
#define CPUID_AMD_FEATURES 0x80000001u
#define CPUID_BRAND_FIRST  0x80000002u
#define CPUID_BRAND_LAST   0x80000004u
#define CPUID_L1_CACHE_AMD 0x80000005u
#define CPUID_L2_CACHE     0x80000006u
#define CPUID_POWER        0x80000007u
#define CPUID_ADDRESS      0x80000008u
#define CPUID_SVM          0x8000000au
#define CPUID_TLB_1G       0x80000019u
#define CPUID_OPTIMIZE     0x8000001au
#define CPUID_CACHE_AMD    0x8000001du
#define CPUID_TOPOLOGY_AMD 0x8000001eu
#define CPUID_FEATURES_AMD 0x80000021u

/* Leaf 1 EAX. SDM Vol. 2A "CPUID", "Version Information". */
#define CPUID_1_EAX_MODEL      BITS(7, 4)
#define CPUID_1_EAX_FAMILY     BITS(11, 8)
#define CPUID_1_EAX_MODEL_EXT  BITS(19, 16)
#define CPUID_1_EAX_FAMILY_EXT BITS(27, 20) /* to be added when the family is this: */
#define CPUID_FAMILY_EXTENDED  0xf

/* Leaf 1 EBX. */
#define CPUID_1_EBX_BRAND   BITS(7, 0)
#define CPUID_1_EBX_CLFLUSH BITS(15, 8)
#define CPUID_1_EBX_LOGICAL BITS(23, 16)
#define CPUID_1_EBX_APIC_ID BITS(31, 24)

/* Leaf 1 ECX. */
#define CPUID_1_ECX_SSE3         BIT(0)
#define CPUID_1_ECX_PCLMULQDQ    BIT(1)
#define CPUID_1_ECX_DTES64       BIT(2)
#define CPUID_1_ECX_MONITOR      BIT(3)
#define CPUID_1_ECX_DS_CPL       BIT(4)
#define CPUID_1_ECX_VMX          BIT(5)
#define CPUID_1_ECX_SMX          BIT(6)
#define CPUID_1_ECX_EIST         BIT(7)
#define CPUID_1_ECX_TM2          BIT(8)
#define CPUID_1_ECX_SSSE3        BIT(9)
#define CPUID_1_ECX_SDBG         BIT(11)
#define CPUID_1_ECX_FMA          BIT(12)
#define CPUID_1_ECX_CX16         BIT(13)
#define CPUID_1_ECX_XTPR         BIT(14)
#define CPUID_1_ECX_PDCM         BIT(15)
#define CPUID_1_ECX_PCID         BIT(17)
#define CPUID_1_ECX_DCA          BIT(18)
#define CPUID_1_ECX_SSE4_1       BIT(19)
#define CPUID_1_ECX_SSE4_2       BIT(20)
#define CPUID_1_ECX_X2APIC       BIT(21)
#define CPUID_1_ECX_MOVBE        BIT(22)
#define CPUID_1_ECX_POPCNT       BIT(23)
#define CPUID_1_ECX_TSC_DEADLINE BIT(24)
#define CPUID_1_ECX_AESNI        BIT(25)
#define CPUID_1_ECX_XSAVE        BIT(26)
#define CPUID_1_ECX_OSXSAVE      BIT(27)
#define CPUID_1_ECX_AVX          BIT(28)
#define CPUID_1_ECX_F16C         BIT(29)
#define CPUID_1_ECX_RDRAND       BIT(30)
#define CPUID_1_ECX_HYPERVISOR   BIT(31)

/* Leaf 1 EDX. */
#define CPUID_1_EDX_FPU   BIT(0)
#define CPUID_1_EDX_VME   BIT(1)
#define CPUID_1_EDX_DE    BIT(2)
#define CPUID_1_EDX_PSE   BIT(3)
#define CPUID_1_EDX_TSC   BIT(4)
#define CPUID_1_EDX_MSR   BIT(5)
#define CPUID_1_EDX_PAE   BIT(6)
#define CPUID_1_EDX_MCE   BIT(7)
#define CPUID_1_EDX_CX8   BIT(8)
#define CPUID_1_EDX_APIC  BIT(9)
#define CPUID_1_EDX_SEP   BIT(11)
#define CPUID_1_EDX_MTRR  BIT(12)
#define CPUID_1_EDX_PGE   BIT(13)
#define CPUID_1_EDX_MCA   BIT(14)
#define CPUID_1_EDX_CMOV  BIT(15)
#define CPUID_1_EDX_PAT   BIT(16)
#define CPUID_1_EDX_PSE36 BIT(17)
#define CPUID_1_EDX_PSN   BIT(18)
#define CPUID_1_EDX_CLFSH BIT(19)
#define CPUID_1_EDX_DS    BIT(21)
#define CPUID_1_EDX_ACPI  BIT(22)
#define CPUID_1_EDX_MMX   BIT(23)
#define CPUID_1_EDX_FXSR  BIT(24)
#define CPUID_1_EDX_SSE   BIT(25)
#define CPUID_1_EDX_SSE2  BIT(26)
#define CPUID_1_EDX_SS    BIT(27)
#define CPUID_1_EDX_HTT   BIT(28)
#define CPUID_1_EDX_TM    BIT(29)
#define CPUID_1_EDX_PBE   BIT(31)

/* Leaf 4 EAX. */
#define CPUID_4_EAX_TYPE    BITS(4, 0) /* 0: no more caches */
#define CPUID_4_EAX_LEVEL   BITS(7, 5)
#define CPUID_4_EAX_SHARING BITS(25, 14) /* logical processors that share it, minus 1 */
#define CPUID_4_EAX_CORES   BITS(31, 26) /* cores in the package, minus 1 */

/* Leaf 5 ECX. */
#define CPUID_5_ECX_EXTENSIONS      BIT(0)
#define CPUID_5_ECX_INTERRUPT_BREAK BIT(1)

/* Leaf 6 EAX. */
#define CPUID_6_EAX_ARAT BIT(2)

/* Leaf 7.0 EBX. */
#define CPUID_7_EBX_FSGSBASE   BIT(0)
#define CPUID_7_EBX_TSC_ADJUST BIT(1)
#define CPUID_7_EBX_SGX        BIT(2)
#define CPUID_7_EBX_BMI1       BIT(3)
#define CPUID_7_EBX_HLE        BIT(4)
#define CPUID_7_EBX_AVX2       BIT(5)
#define CPUID_7_EBX_FDP_EXCPTN BIT(6)
#define CPUID_7_EBX_SMEP       BIT(7)
#define CPUID_7_EBX_BMI2       BIT(8)
#define CPUID_7_EBX_ERMS       BIT(9)
#define CPUID_7_EBX_INVPCID    BIT(10)
#define CPUID_7_EBX_RTM        BIT(11)
#define CPUID_7_EBX_RDT_M      BIT(12)
#define CPUID_7_EBX_FCS_FDS    BIT(13)
#define CPUID_7_EBX_MPX        BIT(14)
#define CPUID_7_EBX_RDT_A      BIT(15)
#define CPUID_7_EBX_AVX512F    BIT(16)
#define CPUID_7_EBX_AVX512DQ   BIT(17)
#define CPUID_7_EBX_RDSEED     BIT(18)
#define CPUID_7_EBX_ADX        BIT(19)
#define CPUID_7_EBX_SMAP       BIT(20)
#define CPUID_7_EBX_AVX512IFMA BIT(21)
#define CPUID_7_EBX_CLFLUSHOPT BIT(23)
#define CPUID_7_EBX_CLWB       BIT(24)
#define CPUID_7_EBX_PT         BIT(25)
#define CPUID_7_EBX_AVX512CD   BIT(28)
#define CPUID_7_EBX_SHA        BIT(29)
#define CPUID_7_EBX_AVX512BW   BIT(30)
#define CPUID_7_EBX_AVX512VL   BIT(31)

/* Leaf 7.0 ECX. */
#define CPUID_7_ECX_AVX512VBMI      BIT(1)
#define CPUID_7_ECX_UMIP            BIT(2)
#define CPUID_7_ECX_PKU             BIT(3)
#define CPUID_7_ECX_OSPKE           BIT(4)
#define CPUID_7_ECX_WAITPKG         BIT(5)
#define CPUID_7_ECX_AVX512VBMI2     BIT(6)
#define CPUID_7_ECX_CET_SS          BIT(7)
#define CPUID_7_ECX_GFNI            BIT(8)
#define CPUID_7_ECX_VAES            BIT(9)
#define CPUID_7_ECX_VPCLMULQDQ      BIT(10)
#define CPUID_7_ECX_AVX512VNNI      BIT(11)
#define CPUID_7_ECX_AVX512BITALG    BIT(12)
#define CPUID_7_ECX_TME             BIT(13)
#define CPUID_7_ECX_AVX512VPOPCNTDQ BIT(14)
#define CPUID_7_ECX_LA57            BIT(16)
#define CPUID_7_ECX_RDPID           BIT(22)
#define CPUID_7_ECX_KL              BIT(23)
#define CPUID_7_ECX_BUS_LOCK        BIT(24)
#define CPUID_7_ECX_CLDEMOTE        BIT(25)
#define CPUID_7_ECX_MOVDIRI         BIT(27)
#define CPUID_7_ECX_MOVDIR64B       BIT(28)
#define CPUID_7_ECX_ENQCMD          BIT(29)
#define CPUID_7_ECX_SGX_LC          BIT(30)
#define CPUID_7_ECX_PKS             BIT(31)

/* Leaf 7.0 EDX. */
#define CPUID_7_EDX_FSRM       BIT(4)
#define CPUID_7_EDX_UINTR      BIT(5)
#define CPUID_7_EDX_AVX512VP2I BIT(8)
#define CPUID_7_EDX_SRBDS_CTRL BIT(9)
#define CPUID_7_EDX_MD_CLEAR   BIT(10)
#define CPUID_7_EDX_RTM_ABORT  BIT(11)
#define CPUID_7_EDX_SERIALIZE  BIT(14)
#define CPUID_7_EDX_HYBRID     BIT(15)
#define CPUID_7_EDX_PCONFIG    BIT(18)
#define CPUID_7_EDX_ARCH_LBR   BIT(19)
#define CPUID_7_EDX_CET_IBT    BIT(20)
#define CPUID_7_EDX_AMX        (BIT(22) | BIT(24) | BIT(25))
#define CPUID_7_EDX_AVX512FP16 BIT(23)
#define CPUID_7_EDX_SPEC_CTRL  BIT(26) /* IBRS and IBPB */
#define CPUID_7_EDX_STIBP      BIT(27)
#define CPUID_7_EDX_FLUSH_L1D  BIT(28)
#define CPUID_7_EDX_ARCH_CAP   BIT(29)
#define CPUID_7_EDX_CORE_CAP   BIT(30)
#define CPUID_7_EDX_SSBD       BIT(31)

/* Leaf 7.1 EAX. */
#define CPUID_7_1_EAX_AVX_VNNI    BIT(4)
#define CPUID_7_1_EAX_AVX512_BF16 BIT(5)
#define CPUID_7_1_EAX_FZRM        BIT(10)
#define CPUID_7_1_EAX_FSRS        BIT(11)
#define CPUID_7_1_EAX_FSRC        BIT(12)
#define CPUID_7_1_EAX_AVX_IFMA    BIT(23)

/* Leaf 7.2 EDX: bits of IA32_SPEC_CTRL. */
#define CPUID_7_2_EDX_PSFD    BIT(0)
#define CPUID_7_2_EDX_IPRED   BIT(1)
#define CPUID_7_2_EDX_RRSBA   BIT(2)
#define CPUID_7_2_EDX_DDPD    BIT(3)
#define CPUID_7_2_EDX_BHI     BIT(4)
#define CPUID_7_2_EDX_MCDT_NO BIT(5)

/* Leaf 0xB and 0x1F. */
#define CPUID_B_EAX_SHIFT BITS(4, 0)
#define CPUID_B_EBX_COUNT BITS(15, 0)
#define CPUID_B_ECX_LEVEL BITS(7, 0)
#define CPUID_B_ECX_TYPE  BITS(15, 8)
#define CPUID_LEVEL_SMT   1u
#define CPUID_LEVEL_CORE  2u

/* Leaf 0xD.1 EAX. */
#define CPUID_D_1_EAX_XSAVEOPT BIT(0)
#define CPUID_D_1_EAX_XSAVEC   BIT(1)
#define CPUID_D_1_EAX_XGETBV1  BIT(2)
#define CPUID_D_1_EAX_XSAVES   BIT(3)
#define CPUID_D_1_EAX_XFD      BIT(4)

/* Leaf 0x80000001. */
#define CPUID_81_ECX_LAHF64    BIT(0)
#define CPUID_81_ECX_SVM       BIT(2)
#define CPUID_81_ECX_LEGACY    BIT(1) /* several cores, by leaf 0x80000008 */
#define CPUID_81_ECX_CR8       BIT(4)
#define CPUID_81_ECX_LZCNT     BIT(5)
#define CPUID_81_ECX_SSE4A     BIT(6)
#define CPUID_81_ECX_MISALIGN  BIT(7)
#define CPUID_81_ECX_PREFETCHW BIT(8)
#define CPUID_81_ECX_XOP       BIT(11)
#define CPUID_81_ECX_FMA4      BIT(16)
#define CPUID_81_ECX_TBM       BIT(21)
#define CPUID_81_ECX_TOPOLOGY  BIT(22)              /* leaves 0x8000001D and 0x8000001E */
#define CPUID_81_EDX_COMMON    UINT32_C(0x0183f3ff) /* AMD: the same bits as in leaf 1 */
#define CPUID_81_EDX_SYSCALL   BIT(11)
#define CPUID_81_EDX_NX        BIT(20)
#define CPUID_81_EDX_MMXEXT    BIT(22)
#define CPUID_81_EDX_PAGE1G    BIT(26)
#define CPUID_81_EDX_RDTSCP    BIT(27)
#define CPUID_81_EDX_LM        BIT(29)

#define CPUID_87_EDX_INVARIANT_TSC BIT(8)
#define CPUID_88_EAX_PHYS_BITS     BITS(7, 0)
#define CPUID_88_EAX_LINEAR_BITS   BITS(15, 8)
#define CPUID_88_EAX_GUEST_BITS    BITS(23, 16)
#define CPUID_88_EBX_CLZERO        BIT(0)
#define CPUID_88_EBX_XSAVEERPTR    BIT(2)
#define CPUID_88_EBX_WBNOINVD      BIT(9)
#define CPUID_88_EBX_IBPB          BIT(12)
#define CPUID_88_EBX_IBRS          BIT(14)
#define CPUID_88_EBX_STIBP         BIT(15)
#define CPUID_88_EBX_IBRS_ALWAYS   BIT(16)
#define CPUID_88_EBX_STIBP_ALWAYS  BIT(17)
#define CPUID_88_EBX_IBRS_BETTER   BIT(18)
#define CPUID_88_EBX_SSBD          BIT(24)
#define CPUID_88_EBX_SSB_NO        BIT(26)
#define CPUID_88_EBX_PSFD          BIT(28)
#define CPUID_88_EBX_BTC_NO        BIT(29)
#define CPUID_88_EBX_IBPB_RET      BIT(30)
#define CPUID_88_ECX_CORES         BITS(7, 0)
#define CPUID_88_ECX_ID_BITS       BITS(15, 12)
#define CPUID_1E_EBX_THREADS       BITS(15, 8)
#define CPUID_21_EAX_LFENCE        BIT(2)
#define CPUID_21_EAX_NULL_SEL      BIT(6)

/* Leaf 0x40000001 EAX. */
#define KVM_FEATURE_NOP_IODELAY        BIT(1)
#define KVM_FEATURE_CLOCKSOURCE2       BIT(3)
#define KVM_FEATURE_CLOCKSOURCE_STABLE BIT(24)

#endif
