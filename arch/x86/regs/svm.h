/* SPDX-License-Identifier: MIT */
/*
 * SVM: the VMCB, intercepts and exit codes. APM Vol. 2 "Secure Virtual Machine", "Layout of VMCB",
 * "SVM Intercept Exit Codes".
 */
#ifndef BULKHEAD_ARCH_X86_REGS_SVM_H
#define BULKHEAD_ARCH_X86_REGS_SVM_H

#include "kernel/lib/bits.h"
#include <stddef.h>
#include <stdint.h>

/* CPUID Fn8000_000A: EBX is the number of ASIDs, EDX the features. */
#define SVM_NP             BIT(0) /* nested paging */
#define SVM_NRIPS          BIT(3)
#define SVM_VMCB_CLEAN     BIT(5)
#define SVM_FLUSH_BY_ASID  BIT(6)
#define SVM_DECODE_ASSISTS BIT(7)

#define MSR_VM_CR       0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define VM_CR_LOCK      BIT(3)
#define VM_CR_SVMDIS    BIT(4)

/* Intercepts of control registers: reads below, writes above. */
#define INTERCEPT_CR_READ(n)  BIT(n)
#define INTERCEPT_CR_WRITE(n) BIT(16 + (n))

/* The two words of other intercepts, as one of 64 bits. */
#define INTERCEPT_NMI           BIT(1)
#define INTERCEPT_SMI           BIT(2)
#define INTERCEPT_INIT          BIT(3)
#define INTERCEPT_VINTR         BIT(4)
#define INTERCEPT_CR0_SELECTIVE BIT(5)
#define INTERCEPT_RDPMC         BIT(15)
#define INTERCEPT_CPUID         BIT(18)
#define INTERCEPT_RSM           BIT(19)
#define INTERCEPT_IRET          BIT(20)
#define INTERCEPT_INVD          BIT(22)
#define INTERCEPT_INVLPGA       BIT(26)
#define INTERCEPT_IOIO          BIT(27)
#define INTERCEPT_MSR           BIT(28)
#define INTERCEPT_TASK_SWITCH   BIT(29)
#define INTERCEPT_SHUTDOWN      BIT(31)
#define INTERCEPT_VMRUN         BIT(32)
#define INTERCEPT_VMMCALL       BIT(33)
#define INTERCEPT_VMLOAD        BIT(34)
#define INTERCEPT_VMSAVE        BIT(35)
#define INTERCEPT_STGI          BIT(36)
#define INTERCEPT_CLGI          BIT(37)
#define INTERCEPT_SKINIT        BIT(38)
#define INTERCEPT_ICEBP         BIT(40)
#define INTERCEPT_WBINVD        BIT(41)
#define INTERCEPT_XSETBV        BIT(45)
#define INTERCEPT_RDPRU         BIT(46)

#define TLB_FLUSH_ALL  1u
#define TLB_FLUSH_ASID 3u

/* Virtual interrupt control. */
#define V_IRQ         BIT(8)
#define V_INTR_PRIO   BITS(19, 16)
#define V_IGN_TPR     BIT(20)
#define V_INTR_VECTOR BITS(39, 32)

#define INTERRUPT_SHADOW BIT(0)
#define NP_ENABLE        BIT(0)

/* EVENTINJ and EXITINTINFO. */
#define EVENT_VECTOR     BITS(7, 0)
#define EVENT_TYPE       BITS(10, 8)
#define EVENT_ERROR_OK   BIT(11)
#define EVENT_VALID      BIT(31)
#define EVENT_ERROR      BITS(63, 32)
#define EVENT_TYPE_INTR  0u
#define EVENT_TYPE_NMI   2u
#define EVENT_TYPE_FAULT 3u
#define EVENT_TYPE_SOFT  4u /* INT n */

/* VMCB clean field: what the processor need not load again. */
#define CLEAN_INTERCEPTS BIT(0)
#define CLEAN_ASID       BIT(2)
#define CLEAN_TPR        BIT(3)
#define CLEAN_CRX        BIT(5)
#define CLEAN_DRX        BIT(6)
#define CLEAN_DT         BIT(7)
#define CLEAN_SEG        BIT(8)
#define CLEAN_CR2        BIT(9)
#define CLEAN_LBR        BIT(10)
#define CLEAN_ALL        BITS(10, 0)

/* EXITINFO1 of port accesses. */
#define IOIO_IN     BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_REP    BIT(3)
#define IOIO_SIZE   BITS(6, 4) /* one bit each for 1, 2 and 4 bytes: the field is the size */
#define IOIO_PORT   BITS(31, 16)

/* EXITINFO1 of nested page faults and of MOV to and from control registers. */
#define NPF_WRITE      BIT(1)
#define NPF_FETCH      BIT(4)
#define NPF_TABLE      BIT(33)
#define CR_DECODED     BIT(63)
#define CR_DECODED_GPR BITS(3, 0)
#define MSR_INFO_WRITE 1u

enum svm_exit {
    SVM_EXIT_CR_READ = 0x000, /* + register */
    SVM_EXIT_CR_WRITE = 0x010,
    SVM_EXIT_EXCEPTION = 0x040, /* + vector */
    SVM_EXIT_NMI = 0x061,
    SVM_EXIT_SMI = 0x062,
    SVM_EXIT_INIT = 0x063,
    SVM_EXIT_VINTR = 0x064,
    SVM_EXIT_CR0_SELECTIVE = 0x065,
    SVM_EXIT_RDPMC = 0x06f,
    SVM_EXIT_CPUID = 0x072,
    SVM_EXIT_RSM = 0x073,
    SVM_EXIT_IRET = 0x074,
    SVM_EXIT_INVD = 0x076,
    SVM_EXIT_INVLPGA = 0x07a,
    SVM_EXIT_IOIO = 0x07b,
    SVM_EXIT_MSR = 0x07c,
    SVM_EXIT_TASK_SWITCH = 0x07d,
    SVM_EXIT_SHUTDOWN = 0x07f,
    SVM_EXIT_VMRUN = 0x080,
    SVM_EXIT_VMMCALL = 0x081,
    SVM_EXIT_VMLOAD = 0x082,
    SVM_EXIT_VMSAVE = 0x083,
    SVM_EXIT_STGI = 0x084,
    SVM_EXIT_CLGI = 0x085,
    SVM_EXIT_SKINIT = 0x086,
    SVM_EXIT_ICEBP = 0x088,
    SVM_EXIT_WBINVD = 0x089,
    SVM_EXIT_XSETBV = 0x08d,
    SVM_EXIT_RDPRU = 0x08e,
    SVM_EXIT_NPF = 0x400,
};
#define SVM_EXIT_INVALID (~UINT64_C(0))

/* A segment register; the attributes are those of a descriptor, less the limit's bits. */
struct vmcb_segment {
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit;
    uint64_t base;
};

#define VMCB_ATTR_DPL  BITS(6, 5)
#define VMCB_ATTR_LONG BIT(9)
#define VMCB_ATTR_BIG  BIT(10)

struct vmcb {
    uint32_t cr_intercepts;
    uint32_t dr_intercepts;
    uint32_t exception_intercepts;
    uint32_t intercepts[2];
    uint32_t intercepts_more;
    uint8_t reserved_018[0x040 - 0x018];
    uint64_t iopm_base;
    uint64_t msrpm_base;
    uint64_t tsc_offset;
    uint32_t asid;
    uint32_t tlb_control;
    uint64_t interrupt_control;
    uint64_t interrupt_shadow;
    uint64_t exit_code;
    uint64_t exit_info1;
    uint64_t exit_info2;
    uint64_t exit_int_info;
    uint64_t np_control;
    uint8_t reserved_098[0x0a8 - 0x098];
    uint64_t event_injection;
    uint64_t nested_cr3;
    uint64_t lbr_control;
    uint64_t clean;
    uint64_t next_rip;
    uint8_t bytes_fetched;
    uint8_t bytes[15];
    uint8_t reserved_0e0[0x400 - 0x0e0];
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved_4a0[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved_4cc;
    uint64_t efer;
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved_580[0x5d8 - 0x580];
    uint64_t rsp, s_cet, ssp, isst, rax;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved_648[0x668 - 0x648];
    uint64_t g_pat, debugctl;
    uint8_t reserved_678[0x1000 - 0x678];
};
_Static_assert(sizeof(struct vmcb) == 4096, "a VMCB is a page");
_Static_assert(offsetof(struct vmcb, iopm_base) == 0x040, "VMCB layout");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x070, "VMCB layout");
_Static_assert(offsetof(struct vmcb, event_injection) == 0x0a8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, next_rip) == 0x0c8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB layout");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB layout");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "VMCB layout");

#endif
