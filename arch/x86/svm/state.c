/* SPDX-License-Identifier: MIT */
/* A VMCB from nothing: intercepts, then guest state. APM Vol. 2 "VMCB Layout". */
#include "arch/x86/svm/svm.h"

#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/mem.h"

/* #DB and #AC: their delivery may raise them again, for ever. #MC: the machine's business. */
#define EXCEPTIONS_INTERCEPTED (BIT(EXC_DB) | BIT(EXC_AC) | BIT(EXC_MC))

#define INTERCEPTED                                                                                \
    (INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_CR0_SELECTIVE | INTERCEPT_RDPMC |                  \
     INTERCEPT_CPUID | INTERCEPT_RSM | INTERCEPT_INVD | INTERCEPT_INVLPGA | INTERCEPT_IOIO |       \
     INTERCEPT_MSR | INTERCEPT_TASK_SWITCH | INTERCEPT_SHUTDOWN | INTERCEPT_VMRUN |                \
     INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE | INTERCEPT_STGI | INTERCEPT_CLGI |   \
     INTERCEPT_SKINIT | INTERCEPT_ICEBP | INTERCEPT_WBINVD | INTERCEPT_XSETBV | INTERCEPT_RDPRU)

/* Descriptor attributes without the limit's bits: G, D/B, L from bit 11 down, P, DPL, S, type. */
#define ATTR_CODE_64  0xa9b
#define ATTR_CODE_32  0xc9b
#define ATTR_CODE_16  0x09b
#define ATTR_DATA     0xc93
#define ATTR_DATA_16  0x093
#define ATTR_TSS_BUSY 0x08b
#define ATTR_LDT      0x082

static struct vmcb_segment segment(uint16_t selector, uint32_t attributes, bool real)
{
    return (struct vmcb_segment){
        .selector = selector,
        .attributes = (uint16_t)attributes,
        .limit = real ? UINT16_MAX : UINT32_MAX,
        .base = real ? selector * UINT64_C(16) : 0,
    };
}

static void segments_write(struct vmcb *v, const struct virt_start *start)
{
    static const uint16_t code[] = {
        [START_REAL] = ATTR_CODE_16, [START_PROTECTED] = ATTR_CODE_32, [START_LONG] = ATTR_CODE_64};
    bool real = start->mode == START_REAL;
    v->cs = segment(start->code_selector, code[start->mode], real);
    v->ds = segment(start->data_selector, real ? ATTR_DATA_16 : ATTR_DATA, real);
    v->es = v->ss = v->fs = v->gs = v->ds;
    v->tr = (struct vmcb_segment){.attributes = ATTR_TSS_BUSY, .limit = UINT16_MAX};
    v->ldtr = (struct vmcb_segment){.attributes = ATTR_LDT};
    v->gdtr = (struct vmcb_segment){.base = start->gdt.raw, .limit = start->gdt_limit};
    v->idtr = (struct vmcb_segment){.limit = real ? UINT16_MAX : 0};
}

/*
 * Of all guests: a processor has its own TLB and runs one vCPU, and there may be fewer ASIDs (QEMU
 * has 16) than processors.
 */
#define GUEST_ASID 1

static void controls_write(struct vmcb *v, const struct virt_vcpu *vcpu)
{
    v->cr_intercepts = (uint32_t)INTERCEPT_CR_WRITE(4);
    v->exception_intercepts = (uint32_t)EXCEPTIONS_INTERCEPTED;
    v->intercepts[0] = (uint32_t)INTERCEPTED;
    v->intercepts[1] = (uint32_t)(INTERCEPTED >> 32);
    v->iopm_base = svm_io_map().raw;
    v->msrpm_base = svm_msr_map(vcpu).raw;
    v->asid = GUEST_ASID;
    v->np_control = NP_ENABLE;
    v->nested_cr3 = vcpu->tables.raw;
}

void svm_state_write(struct virt_vcpu *vcpu, const struct virt_start *start)
{
    struct vmcb *v = vmcb_of(vcpu);
    memset(v, 0, sizeof(*v));
    controls_write(v, vcpu);
    segments_write(v, start);
    v->efer = EFER_SVME | (start->mode == START_LONG ? EFER_LME | EFER_LMA : 0);
    v->cr0 = start->cr0;
    v->cr3 = start->page_tables.raw;
    v->cr4 = start->cr4;
    v->dr6 = DR6_INITIAL;
    v->dr7 = DR7_INITIAL;
    v->rflags = RFLAGS_ONE;
    v->rip = start->rip;
    v->rsp = start->rsp;
    v->g_pat = PAT_RESET;
}
