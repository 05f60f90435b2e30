/* SPDX-License-Identifier: MIT */
/* Model-specific registers and their fields. SDM Vol. 4; the KVM ones: Linux documentation. */
#ifndef BULKHEAD_ARCH_X86_REGS_MSR_H
#define BULKHEAD_ARCH_X86_REGS_MSR_H

#include "kernel/lib/bits.h"

#define MSR_IA32_TSC                0x10u
#define MSR_KVM_WALL_CLOCK_OLD      0x11u /* the numbers before KVM had a range of its own */
#define MSR_KVM_SYSTEM_TIME_OLD     0x12u
#define MSR_IA32_PLATFORM_ID        0x17u
#define MSR_IA32_APIC_BASE          0x1bu
#define MSR_TEST_CTRL               0x33u
#define MSR_SMI_COUNT               0x34u
#define MSR_CORE_THREAD_COUNT       0x35u
#define MSR_IA32_FEATURE_CONTROL    0x3au
#define MSR_IA32_TSC_ADJUST         0x3bu
#define MSR_IA32_SPEC_CTRL          0x48u
#define MSR_IA32_PRED_CMD           0x49u
#define MSR_IA32_BIOS_UPDT_TRIG     0x79u
#define MSR_IA32_BIOS_SIGN_ID       0x8bu
#define MSR_IA32_SMM_MONITOR_CTL    0x9bu
#define MSR_PLATFORM_INFO           0xceu
#define MSR_IA32_CORE_CAPABILITIES  0xcfu
#define MSR_IA32_MPERF              0xe7u
#define MSR_IA32_APERF              0xe8u
#define MSR_IA32_MTRRCAP            0xfeu
#define MSR_IA32_ARCH_CAPABILITIES  0x10au
#define MSR_IA32_FLUSH_CMD          0x10bu
#define MSR_MISC_FEATURES_ENABLES   0x140u
#define MSR_IA32_SYSENTER_CS        0x174u
#define MSR_IA32_SYSENTER_ESP       0x175u
#define MSR_IA32_SYSENTER_EIP       0x176u
#define MSR_IA32_MCG_CAP            0x179u
#define MSR_IA32_MCG_STATUS         0x17au
#define MSR_IA32_MCG_CTL            0x17bu
#define MSR_IA32_PERF_STATUS        0x198u
#define MSR_IA32_PERF_CTL           0x199u
#define MSR_IA32_THERM_INTERRUPT    0x19bu
#define MSR_IA32_THERM_STATUS       0x19cu
#define MSR_IA32_MISC_ENABLE        0x1a0u
#define MSR_IA32_ENERGY_PERF_BIAS   0x1b0u
#define MSR_IA32_DEBUGCTL           0x1d9u
#define MSR_IA32_MTRR_PHYSBASE0     0x200u
#define MSR_IA32_MTRR_FIX64K_00000  0x250u
#define MSR_IA32_PAT                0x277u
#define MSR_IA32_MTRR_DEF_TYPE      0x2ffu
#define MSR_IA32_PERF_GLOBAL_CTRL   0x38fu
#define MSR_IA32_MC0_CTL            0x400u
#define MSR_IA32_VMX_BASIC          0x480u
#define MSR_IA32_VMX_PINBASED       0x481u
#define MSR_IA32_VMX_PROCBASED      0x482u
#define MSR_IA32_VMX_EXIT           0x483u
#define MSR_IA32_VMX_ENTRY          0x484u
#define MSR_IA32_VMX_MISC           0x485u
#define MSR_IA32_VMX_CR0_FIXED0     0x486u
#define MSR_IA32_VMX_CR0_FIXED1     0x487u
#define MSR_IA32_VMX_CR4_FIXED0     0x488u
#define MSR_IA32_VMX_CR4_FIXED1     0x489u
#define MSR_IA32_VMX_VMCS_ENUM      0x48au
#define MSR_IA32_VMX_PROCBASED2     0x48bu
#define MSR_IA32_VMX_EPT_VPID_CAP   0x48cu
#define MSR_IA32_VMX_TRUE_PINBASED  0x48du
#define MSR_IA32_VMX_TRUE_PROCBASED 0x48eu
#define MSR_IA32_VMX_TRUE_EXIT      0x48fu
#define MSR_IA32_VMX_TRUE_ENTRY     0x490u
#define MSR_IA32_VMX_VMFUNC         0x491u
#define MSR_IA32_VMX_PROCBASED3     0x492u
#define MSR_IA32_TSC_DEADLINE       0x6e0u
#define MSR_IA32_XSS                0xda0u
#define MSR_IA32_EFER               0xc0000080u
#define MSR_IA32_STAR               0xc0000081u
#define MSR_IA32_LSTAR              0xc0000082u
#define MSR_IA32_CSTAR              0xc0000083u
#define MSR_IA32_FMASK              0xc0000084u
#define MSR_IA32_FS_BASE            0xc0000100u
#define MSR_IA32_GS_BASE            0xc0000101u
#define MSR_IA32_KERNEL_GS_BASE     0xc0000102u
#define MSR_IA32_TSC_AUX            0xc0000103u
#define MSR_AMD_SYSCFG              0xc0010010u /* AMD: APM Vol. 2 "MSR Cross-Reference" */
#define MSR_AMD_HWCR                0xc0010015u
#define MSR_AMD_NB_CFG              0xc001001fu
#define MSR_AMD_LS_CFG              0xc0011020u
#define MSR_AMD_DE_CFG              0xc0011029u
#define MSR_KVM_WALL_CLOCK          0x4b564d00u
#define MSR_KVM_SYSTEM_TIME         0x4b564d01u

#define APIC_BASE_BSP   BIT(8)
#define APIC_BASE_EXTD  BIT(10) /* x2APIC mode */
#define APIC_BASE_EN    BIT(11)
#define APIC_BASE_ADDR  BITS(51, 12)
#define APIC_BASE_RESET 0xfee00000u

#define FEATURE_CONTROL_LOCK            BIT(0)
#define FEATURE_CONTROL_VMX_INSIDE_SMX  BIT(1)
#define FEATURE_CONTROL_VMX_OUTSIDE_SMX BIT(2)

#define AMD_HWCR_TSC_FREQ BIT(24) /* the TSC counts at the frequency of P-state 0 */
#define AMD_DE_CFG_LFENCE BIT(1)  /* LFENCE serializes */

#define MISC_ENABLE_FAST_STRINGS BIT(0)
#define MISC_ENABLE_BTS_UNAVAIL  BIT(11)
#define MISC_ENABLE_PEBS_UNAVAIL BIT(12)
#define MISC_ENABLE_MONITOR_FSM  BIT(18)
#define MISC_ENABLE_LIMIT_CPUID  BIT(22)
#define MISC_ENABLE_XD_DISABLE   BIT(34)

#define MTRRCAP_VCNT  BITS(7, 0)
#define MTRRCAP_FIX   BIT(8)
#define MTRRCAP_WC    BIT(10)
#define MTRR_DEF_TYPE BITS(7, 0)
#define MTRR_DEF_FE   BIT(10)
#define MTRR_DEF_E    BIT(11)

/* Memory types, in MTRRs, PAT entries and EPT entries alike. */
#define MEMTYPE_UC       0u
#define MEMTYPE_WC       1u
#define MEMTYPE_WT       4u
#define MEMTYPE_WP       5u
#define MEMTYPE_WB       6u
#define MEMTYPE_UC_MINUS 7u /* PAT only */

#define PAT_RESET UINT64_C(0x0007040600070406)

#define DEBUGCTL_LBR BIT(0)
#define DEBUGCTL_BTF BIT(1)

#define BIOS_SIGN_ID_REVISION BITS(63, 32)

#define ARCH_CAP_RDCL_NO           BIT(0)
#define ARCH_CAP_IBRS_ALL          BIT(1)
#define ARCH_CAP_RSBA              BIT(2)
#define ARCH_CAP_SSB_NO            BIT(4)
#define ARCH_CAP_MDS_NO            BIT(5)
#define ARCH_CAP_IF_PSCHANGE_MC_NO BIT(6)
#define ARCH_CAP_TAA_NO            BIT(8)
#define ARCH_CAP_SBDR_SSDP_NO      BIT(13)
#define ARCH_CAP_FBSDP_NO          BIT(14)
#define ARCH_CAP_PSDP_NO           BIT(15)
#define ARCH_CAP_FB_CLEAR          BIT(17)
#define ARCH_CAP_RRSBA             BIT(19)
#define ARCH_CAP_BHI_NO            BIT(20)
#define ARCH_CAP_PBRSB_NO          BIT(24)
#define ARCH_CAP_GDS_NO            BIT(26)
#define ARCH_CAP_RFDS_NO           BIT(27)
#define ARCH_CAP_RFDS_CLEAR        BIT(28)

/* Bit 0 of MSR_KVM_SYSTEM_TIME; the rest is the GPA of the clock page. */
#define KVM_SYSTEM_TIME_ENABLE BIT(0)

#endif
