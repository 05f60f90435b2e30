/* SPDX-License-Identifier: MIT */
/* VMX: controls, exits and capability registers by the names of SDM Vol. 3C and its appendixes. */
#ifndef BULKHEAD_ARCH_X86_REGS_VMX_H
#define BULKHEAD_ARCH_X86_REGS_VMX_H

#include "kernel/lib/bits.h"

/* Pin-based VM-execution controls. */
#define PIN_EXTERNAL_INTERRUPT_EXITING BIT(0)
#define PIN_NMI_EXITING                BIT(3)
#define PIN_VIRTUAL_NMIS               BIT(5)
#define PIN_PREEMPTION_TIMER           BIT(6)
#define PIN_POSTED_INTERRUPTS          BIT(7)

/* Primary processor-based VM-execution controls. */
#define PROC_INTERRUPT_WINDOW_EXITING BIT(2)
#define PROC_USE_TSC_OFFSETTING       BIT(3)
#define PROC_HLT_EXITING              BIT(7)
#define PROC_INVLPG_EXITING           BIT(9)
#define PROC_MWAIT_EXITING            BIT(10)
#define PROC_RDPMC_EXITING            BIT(11)
#define PROC_RDTSC_EXITING            BIT(12)
#define PROC_CR3_LOAD_EXITING         BIT(15)
#define PROC_CR3_STORE_EXITING        BIT(16)
#define PROC_ACTIVATE_TERTIARY        BIT(17)
#define PROC_CR8_LOAD_EXITING         BIT(19)
#define PROC_CR8_STORE_EXITING        BIT(20)
#define PROC_USE_TPR_SHADOW           BIT(21)
#define PROC_NMI_WINDOW_EXITING       BIT(22)
#define PROC_MOV_DR_EXITING           BIT(23)
#define PROC_UNCONDITIONAL_IO_EXITING BIT(24)
#define PROC_USE_IO_BITMAPS           BIT(25)
#define PROC_MONITOR_TRAP_FLAG        BIT(27)
#define PROC_USE_MSR_BITMAPS          BIT(28)
#define PROC_MONITOR_EXITING          BIT(29)
#define PROC_PAUSE_EXITING            BIT(30)
#define PROC_ACTIVATE_SECONDARY       BIT(31)

/* Secondary processor-based VM-execution controls. */
#define PROC2_VIRTUALIZE_APIC_ACCESSES BIT(0)
#define PROC2_ENABLE_EPT               BIT(1)
#define PROC2_DESCRIPTOR_TABLE_EXITING BIT(2)
#define PROC2_ENABLE_RDTSCP            BIT(3)
#define PROC2_VIRTUALIZE_X2APIC        BIT(4)
#define PROC2_ENABLE_VPID              BIT(5)
#define PROC2_WBINVD_EXITING           BIT(6)
#define PROC2_UNRESTRICTED_GUEST       BIT(7)
#define PROC2_APIC_REGISTER            BIT(8)
#define PROC2_VIRTUAL_INTERRUPT        BIT(9)
#define PROC2_PAUSE_LOOP_EXITING       BIT(10)
#define PROC2_RDRAND_EXITING           BIT(11)
#define PROC2_ENABLE_INVPCID           BIT(12)
#define PROC2_ENABLE_VM_FUNCTIONS      BIT(13)
#define PROC2_VMCS_SHADOWING           BIT(14)
#define PROC2_ENCLS_EXITING            BIT(15)
#define PROC2_RDSEED_EXITING           BIT(16)
#define PROC2_ENABLE_PML               BIT(17)
#define PROC2_EPT_VIOLATION_VE         BIT(18)
#define PROC2_CONCEAL_VMX_FROM_PT      BIT(19)
#define PROC2_ENABLE_XSAVES            BIT(20)
#define PROC2_MODE_BASED_EXECUTE       BIT(22)
#define PROC2_PT_USES_GPA              BIT(24)
#define PROC2_USE_TSC_SCALING          BIT(25)
#define PROC2_ENABLE_USER_WAIT         BIT(26)
#define PROC2_ENABLE_PCONFIG           BIT(27)
#define PROC2_ENCLV_EXITING            BIT(28)

/* VM-exit controls. */
#define EXIT_SAVE_DEBUG_CONTROLS   BIT(2)
#define EXIT_HOST_ADDRESS_SPACE    BIT(9)
#define EXIT_LOAD_PERF_GLOBAL_CTRL BIT(12)
#define EXIT_ACK_INTERRUPT         BIT(15)
#define EXIT_SAVE_PAT              BIT(18)
#define EXIT_LOAD_PAT              BIT(19)
#define EXIT_SAVE_EFER             BIT(20)
#define EXIT_LOAD_EFER             BIT(21)
#define EXIT_SAVE_PREEMPTION_TIMER BIT(22)
#define EXIT_CLEAR_BNDCFGS         BIT(23)
#define EXIT_CONCEAL_VMX_FROM_PT   BIT(24)
#define EXIT_LOAD_CET              BIT(28)
#define EXIT_LOAD_PKRS             BIT(29)

/* VM-entry controls. */
#define ENTRY_LOAD_DEBUG_CONTROLS   BIT(2)
#define ENTRY_IA32E_MODE_GUEST      BIT(9)
#define ENTRY_TO_SMM                BIT(10)
#define ENTRY_DEACTIVATE_DUAL       BIT(11)
#define ENTRY_LOAD_PERF_GLOBAL_CTRL BIT(13)
#define ENTRY_LOAD_PAT              BIT(14)
#define ENTRY_LOAD_EFER             BIT(15)
#define ENTRY_LOAD_BNDCFGS          BIT(16)
#define ENTRY_CONCEAL_VMX_FROM_PT   BIT(17)
#define ENTRY_LOAD_CET              BIT(20)
#define ENTRY_LOAD_PKRS             BIT(22)

/* IA32_VMX_BASIC. */
#define VMX_BASIC_REVISION    BITS(30, 0)
#define VMX_BASIC_REGION_SIZE BITS(44, 32)
#define VMX_BASIC_32BIT_ADDR  BIT(48)
#define VMX_BASIC_MEMORY_TYPE BITS(53, 50)
#define VMX_BASIC_INS_OUTS    BIT(54) /* VM-exit instruction information on INS and OUTS */
#define VMX_BASIC_TRUE        BIT(55) /* the IA32_VMX_TRUE_ registers exist */

/* A control capability register: what must be 1 (allowed-0 settings), what may be 1. */
#define VMX_CAP_ALLOWED0 BITS(31, 0)
#define VMX_CAP_ALLOWED1 BITS(63, 32)

/* IA32_VMX_MISC. */
#define VMX_MISC_SAVES_LMA       BIT(5)
#define VMX_MISC_ACTIVITY_HLT    BIT(6)
#define VMX_MISC_ACTIVITY_SHUT   BIT(7)
#define VMX_MISC_ACTIVITY_SIPI   BIT(8)
#define VMX_MISC_CR3_TARGETS     BITS(24, 16)
#define VMX_MISC_ZERO_LEN_INJECT BIT(30)

/* IA32_VMX_EPT_VPID_CAP. */
#define EPT_CAP_EXECUTE_ONLY    BIT(0)
#define EPT_CAP_WALK_4          BIT(6)
#define EPT_CAP_WALK_5          BIT(7)
#define EPT_CAP_UC              BIT(8)
#define EPT_CAP_WB              BIT(14)
#define EPT_CAP_2M              BIT(16)
#define EPT_CAP_1G              BIT(17)
#define EPT_CAP_INVEPT          BIT(20)
#define EPT_CAP_ACCESSED_DIRTY  BIT(21)
#define EPT_CAP_INVEPT_SINGLE   BIT(25)
#define EPT_CAP_INVEPT_ALL      BIT(26)
#define VPID_CAP_INVVPID        BIT(32)
#define VPID_CAP_INVVPID_SINGLE BIT(41)
#define VPID_CAP_INVVPID_ALL    BIT(42)

/* Types of INVEPT and INVVPID. */
#define INVEPT_SINGLE  1u
#define INVEPT_ALL     2u
#define INVVPID_SINGLE 1u
#define INVVPID_ALL    2u

/* EPT pointer. */
#define EPTP_MEMORY_TYPE    BITS(2, 0)
#define EPTP_WALK           BITS(5, 3) /* walk length minus 1 */
#define EPTP_ACCESSED_DIRTY BIT(6)
#define EPTP_SUPERVISOR_SSS BIT(7)
#define EPTP_ADDRESS        BITS(51, 12)

/* Exit reason: number and flags. SDM Vol. 3D "VMX Basic Exit Reasons". */
#define EXIT_REASON_BASIC        BITS(15, 0)
#define EXIT_REASON_ENTRY_FAILED BIT(31)

// clang-format off
#define VMX_EXITS(X)                                                                               \
    X(EXCEPTION_NMI,       0)  X(EXTERNAL_INTERRUPT,  1)  X(TRIPLE_FAULT,        2)                \
    X(INIT_SIGNAL,         3)  X(STARTUP_IPI,         4)  X(IO_SMI,              5)                \
    X(OTHER_SMI,           6)  X(INTERRUPT_WINDOW,    7)  X(NMI_WINDOW,          8)                \
    X(TASK_SWITCH,         9)  X(CPUID,              10)  X(GETSEC,             11)                \
    X(HLT,                12)  X(INVD,               13)  X(INVLPG,             14)                \
    X(RDPMC,              15)  X(RDTSC,              16)  X(RSM,                17)                \
    X(VMCALL,             18)  X(VMCLEAR,            19)  X(VMLAUNCH,           20)                \
    X(VMPTRLD,            21)  X(VMPTRST,            22)  X(VMREAD,             23)                \
    X(VMRESUME,           24)  X(VMWRITE,            25)  X(VMXOFF,             26)                \
    X(VMXON,              27)  X(CR_ACCESS,          28)  X(DR_ACCESS,          29)                \
    X(IO,                 30)  X(RDMSR,              31)  X(WRMSR,              32)                \
    X(ENTRY_GUEST_STATE,  33)  X(ENTRY_MSR_LOAD,     34)  X(MWAIT,              36)                \
    X(MONITOR_TRAP_FLAG,  37)  X(MONITOR,            39)  X(PAUSE,              40)                \
    X(ENTRY_MACHINE_CHECK,41)  X(TPR_THRESHOLD,      43)  X(APIC_ACCESS,        44)                \
    X(VIRTUALIZED_EOI,    45)  X(GDTR_IDTR,          46)  X(LDTR_TR,            47)                \
    X(EPT_VIOLATION,      48)  X(EPT_MISCONFIG,      49)  X(INVEPT,             50)                \
    X(RDTSCP,             51)  X(PREEMPTION_TIMER,   52)  X(INVVPID,            53)                \
    X(WBINVD,             54)  X(XSETBV,             55)  X(APIC_WRITE,         56)                \
    X(RDRAND,             57)  X(INVPCID,            58)  X(VMFUNC,             59)                \
    X(ENCLS,              60)  X(RDSEED,             61)  X(PML_FULL,           62)                \
    X(XSAVES,             63)  X(XRSTORS,            64)  X(PCONFIG,            65)                \
    X(SPP_EVENT,          66)  X(UMWAIT,             67)  X(TPAUSE,             68)                \
    X(LOADIWKEY,          69)  X(ENCLV,              70)  X(ENQCMD_PASID,       72)                \
    X(ENQCMDS_PASID,      73)  X(BUS_LOCK,           74)  X(INSTRUCTION_TIMEOUT,75)
// clang-format on

#define VMX_EXIT_AS_ENUM(NAME, number) VMX_EXIT_##NAME = (number),
enum vmx_exit_reason { VMX_EXITS(VMX_EXIT_AS_ENUM) };
#undef VMX_EXIT_AS_ENUM

#define VMX_EXIT_REASONS 76 /* one more than the highest */

/* Interruption information: VM-entry, VM-exit and IDT-vectoring alike. */
#define INTR_INFO_VECTOR      BITS(7, 0)
#define INTR_INFO_TYPE        BITS(10, 8) /* enum vmx_interruption */
#define INTR_INFO_ERROR_VALID BIT(11)
#define INTR_INFO_NMI_UNBLOCK BIT(12) /* VM-exit information only: NMI unblocking due to IRET */
#define INTR_INFO_RESERVED    BITS(30, 12)
#define INTR_INFO_VALID       BIT(31)

enum vmx_interruption {
    VMX_INTR_EXTERNAL = 0,
    VMX_INTR_RESERVED = 1,
    VMX_INTR_NMI = 2,
    VMX_INTR_HARDWARE = 3,
    VMX_INTR_SOFTWARE = 4,
    VMX_INTR_PRIVILEGED = 5, /* INT1 */
    VMX_INTR_SOFTWARE_EXCEPTION = 6,
    VMX_INTR_OTHER = 7,
};

/* Guest interruptibility state. */
#define BLOCKED_BY_STI    BIT(0)
#define BLOCKED_BY_MOV_SS BIT(1)
#define BLOCKED_BY_SMI    BIT(2)
#define BLOCKED_BY_NMI    BIT(3)
#define ENCLAVE_INTERRUPT BIT(4)
#define BLOCKED_RESERVED  BITS(31, 5)

/* Guest activity state. */
#define ACTIVITY_ACTIVE    0u
#define ACTIVITY_HLT       1u
#define ACTIVITY_SHUTDOWN  2u
#define ACTIVITY_WAIT_SIPI 3u

/* Pending debug exceptions. */
#define PENDING_DEBUG_BREAKPOINTS BITS(3, 0)
#define PENDING_DEBUG_ENABLED     BIT(12)
#define PENDING_DEBUG_BS          BIT(14)
#define PENDING_DEBUG_RTM         BIT(16)

/* Segment access rights as in the VMCS. */
#define SEG_AR_TYPE     BITS(3, 0)
#define SEG_AR_S        BIT(4) /* code or data */
#define SEG_AR_DPL      BITS(6, 5)
#define SEG_AR_P        BIT(7)
#define SEG_AR_RESERVED (BITS(11, 8) | BITS(31, 17))
#define SEG_AR_AVL      BIT(12)
#define SEG_AR_L        BIT(13)
#define SEG_AR_DB       BIT(14)
#define SEG_AR_G        BIT(15)
#define SEG_AR_UNUSABLE BIT(16)

/* Exit qualification: control-register accesses. */
#define CR_ACCESS_NUMBER      BITS(3, 0)
#define CR_ACCESS_TYPE        BITS(5, 4) /* enum vmx_cr_access */
#define CR_ACCESS_LMSW_MEMORY BIT(6)
#define CR_ACCESS_REGISTER    BITS(11, 8) /* RAX RCX RDX RBX RSP RBP RSI RDI R8.. */
#define CR_ACCESS_LMSW_SOURCE BITS(31, 16)

enum vmx_cr_access { VMX_CR_WRITE = 0, VMX_CR_READ = 1, VMX_CR_CLTS = 2, VMX_CR_LMSW = 3 };

/* Exit qualification: MOV DR. */
#define DR_ACCESS_NUMBER   BITS(2, 0)
#define DR_ACCESS_READ     BIT(4)
#define DR_ACCESS_REGISTER BITS(11, 8)

/* Exit qualification: I/O instructions. */
#define IO_SIZE      BITS(2, 0) /* bytes minus 1 */
#define IO_IN        BIT(3)
#define IO_STRING    BIT(4)
#define IO_REP       BIT(5)
#define IO_IMMEDIATE BIT(6)
#define IO_PORT      BITS(31, 16)

/* Exit instruction information: INS and OUTS. */
#define IO_INFO_ADDRESS_SIZE BITS(9, 7)   /* 0: 16, 1: 32, 2: 64 bits */
#define IO_INFO_SEGMENT      BITS(17, 15) /* enum vmcs_segment */

/* Exit qualification: EPT violations. */
#define EPT_VIOLATION_READ         BIT(0)
#define EPT_VIOLATION_WRITE        BIT(1)
#define EPT_VIOLATION_FETCH        BIT(2)
#define EPT_VIOLATION_READABLE     BIT(3)
#define EPT_VIOLATION_WRITABLE     BIT(4)
#define EPT_VIOLATION_EXECUTABLE   BIT(5)
#define EPT_VIOLATION_LINEAR_VALID BIT(7)
#define EPT_VIOLATION_TRANSLATED   BIT(8) /* 0: the access was to a paging-structure entry */
#define EPT_VIOLATION_NMI_UNBLOCK  BIT(12)

/* Exit qualification: task switches. */
#define TASK_SWITCH_SELECTOR BITS(15, 0)
#define TASK_SWITCH_SOURCE   BITS(31, 30)

/* VM-instruction error numbers. SDM Vol. 3C "VM-Instruction Error Numbers". */
// clang-format off
#define VMX_ERRORS(X)                                                                              \
    X(VMCALL_IN_ROOT,          1, "VMCALL in VMX root operation")                                  \
    X(VMCLEAR_ADDRESS,         2, "VMCLEAR: bad address")                                          \
    X(VMCLEAR_VMXON,           3, "VMCLEAR: VMXON pointer")                                        \
    X(VMLAUNCH_NOT_CLEAR,      4, "VMLAUNCH: VMCS is not clear")                                   \
    X(VMRESUME_NOT_LAUNCHED,   5, "VMRESUME: VMCS is not launched")                                \
    X(VMRESUME_AFTER_VMXOFF,   6, "VMRESUME after VMXOFF")                                         \
    X(ENTRY_CONTROLS,          7, "VM entry: invalid control fields")                              \
    X(ENTRY_HOST_STATE,        8, "VM entry: invalid host-state fields")                           \
    X(VMPTRLD_ADDRESS,         9, "VMPTRLD: bad address")                                          \
    X(VMPTRLD_VMXON,          10, "VMPTRLD: VMXON pointer")                                        \
    X(VMPTRLD_REVISION,       11, "VMPTRLD: wrong VMCS revision")                                  \
    X(UNSUPPORTED_FIELD,      12, "VMREAD or VMWRITE: no such field")                              \
    X(VMWRITE_READ_ONLY,      13, "VMWRITE: read-only field")                                      \
    X(VMXON_IN_ROOT,          15, "VMXON in VMX root operation")                                   \
    X(EXECUTIVE_POINTER,      16, "VM entry: bad executive VMCS")                                  \
    X(EXECUTIVE_NOT_LAUNCHED, 17, "VM entry: executive VMCS is not launched")                      \
    X(EXECUTIVE_NOT_VMXON,    18, "VM entry: executive VMCS is not VMXON's")                       \
    X(VMCALL_NOT_CLEAR,       19, "VMCALL: VMCS is not clear")                                     \
    X(VMCALL_EXIT_CONTROLS,   20, "VMCALL: bad VM-exit controls")                                  \
    X(VMCALL_MSEG_REVISION,   22, "VMCALL: wrong MSEG revision")                                   \
    X(VMXOFF_DUAL_MONITOR,    23, "VMXOFF: dual monitor")                                          \
    X(VMCALL_SMM_FEATURES,    24, "VMCALL: bad SMM-monitor features")                              \
    X(ENTRY_EXECUTIVE,        25, "VM entry: bad controls in executive VMCS")                      \
    X(ENTRY_MOV_SS,           26, "VM entry: blocked by MOV SS")                                   \
    X(INVALID_OPERAND,        28, "INVEPT or INVVPID: invalid operand")
// clang-format on

#define VMX_ERROR_AS_ENUM(NAME, number, text) VMX_ERROR_##NAME = (number),
enum vmx_error { VMX_ERRORS(VMX_ERROR_AS_ENUM) };
#undef VMX_ERROR_AS_ENUM

#endif
