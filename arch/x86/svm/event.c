/* SPDX-License-Identifier: MIT */
/* Registers and events of a VMCB. APM Vol. 2 "Event Injection", "Interrupt Support". */
#include "arch/x86/svm/svm.h"

#include "arch/x86/model/event.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"

/* Where a register lies in the VMCB, and what the processor must not take for unchanged. */
static const struct place {
    uint16_t offset;
    uint16_t clean;
} places[VREG_COUNT] = {
    [VREG_RIP] = {offsetof(struct vmcb, rip), 0},
    [VREG_RSP] = {offsetof(struct vmcb, rsp), 0},
    [VREG_RFLAGS] = {offsetof(struct vmcb, rflags), 0},
    [VREG_CR0] = {offsetof(struct vmcb, cr0), CLEAN_CRX},
    [VREG_CR3] = {offsetof(struct vmcb, cr3), CLEAN_CRX},
    [VREG_CR4] = {offsetof(struct vmcb, cr4), CLEAN_CRX},
    [VREG_EFER] = {offsetof(struct vmcb, efer), CLEAN_CRX},
    [VREG_CS_BASE] = {offsetof(struct vmcb, cs.base), CLEAN_SEG},
    [VREG_DS_BASE] = {offsetof(struct vmcb, ds.base), CLEAN_SEG},
    [VREG_ES_BASE] = {offsetof(struct vmcb, es.base), CLEAN_SEG},
    [VREG_SS_BASE] = {offsetof(struct vmcb, ss.base), CLEAN_SEG},
    [VREG_FS_BASE] = {offsetof(struct vmcb, fs.base), 0},
    [VREG_GS_BASE] = {offsetof(struct vmcb, gs.base), 0},
    [VREG_DEBUGCTL] = {offsetof(struct vmcb, debugctl), CLEAN_LBR},
    [VREG_DR6] = {offsetof(struct vmcb, dr6), CLEAN_DRX},
    [VREG_DR7] = {offsetof(struct vmcb, dr7), CLEAN_DRX},
    [VREG_CR2] = {offsetof(struct vmcb, cr2), CLEAN_CR2},
    [VREG_PAT] = {offsetof(struct vmcb, g_pat), 1 << 4},
    [VREG_EXIT_QUALIFICATION] = {offsetof(struct vmcb, exit_info1), 0},
};

static uint64_t *place_of(struct virt_vcpu *vcpu, enum vcpu_reg reg)
{
    return (uint64_t *)(void *)((char *)vcpu->control_page + places[reg].offset);
}

/* To the form of SDM Vol. 3C "Guest Register State": the upper four bits lie four further up. */
static uint64_t attributes(const struct vmcb_segment *s)
{
    return (s->attributes & 0xffu) | (s->attributes & 0xf00u) << 4;
}

uint64_t svm_get(struct virt_vcpu *vcpu, enum vcpu_reg reg)
{
    const struct vmcb *v = vmcb_of(vcpu);
    switch ((unsigned)reg) {
    case VREG_CR0_SHADOW:
        return vcpu->cr0_shadow;
    case VREG_CR4_SHADOW:
        return vcpu->cr4_shadow;
    case VREG_EFER:
        return v->efer & ~EFER_SVME;
    case VREG_CS:
        return v->cs.selector;
    case VREG_CS_ATTR:
        return attributes(&v->cs);
    case VREG_SS_ATTR: /* whose DPL is the CPL, which has a place of its own here */
        return (attributes(&v->ss) & ~VMCB_ATTR_DPL) | field_put(VMCB_ATTR_DPL, v->cpl);
    case VREG_PDPTE0: /* the processor reads them from memory */
    case VREG_PDPTE1:
    case VREG_PDPTE2:
    case VREG_PDPTE3:
        return 0;
    default:
        return *place_of(vcpu, reg);
    }
}

/* A guest reads CR0 as it is, so reads must exit while CD or NW is not what it wrote. */
static void cr0_shadow_write(struct virt_vcpu *vcpu, uint64_t value)
{
    uint32_t reads = (uint32_t)INTERCEPT_CR_READ(0);
    struct vmcb *v = vmcb_of(vcpu);
    vcpu->cr0_shadow = value;
    v->cr_intercepts =
        value & (CR0_CD | CR0_NW) ? v->cr_intercepts | reads : v->cr_intercepts & ~reads;
    vcpu->clean &= ~CLEAN_INTERCEPTS;
}

void svm_set(struct virt_vcpu *vcpu, enum vcpu_reg reg, uint64_t value)
{
    switch ((unsigned)reg) {
    case VREG_CR0_SHADOW:
        cr0_shadow_write(vcpu, value);
        break;
    case VREG_CR4_SHADOW:
        vcpu->cr4_shadow = value;
        break;
    case VREG_CS: /* nobody writes these */
    case VREG_CS_ATTR:
    case VREG_SS_ATTR:
    case VREG_EXIT_QUALIFICATION:
    case VREG_PDPTE0:
    case VREG_PDPTE1:
    case VREG_PDPTE2:
    case VREG_PDPTE3:
        break;
    default:
        *place_of(vcpu, reg) = reg == VREG_EFER ? value | EFER_SVME : value;
        vcpu->clean &= ~(uint64_t)places[reg].clean;
    }
}

/* An instruction ends the interrupt shadow, and raises #DB when single-stepped. */
void svm_skip_insn(struct virt_vcpu *vcpu, const struct vm_exit *exit)
{
    struct vmcb *v = vmcb_of(vcpu);
    uint64_t rip = v->rip + exit->length;
    if (rip >> 32 == 1 && !(v->cs.attributes & VMCB_ATTR_LONG))
        rip &= UINT32_MAX;
    v->rip = rip;
    v->interrupt_shadow &= ~INTERRUPT_SHADOW;
    if (!(v->rflags & RFLAGS_TF) || (v->event_injection & EVENT_VALID))
        return;
    svm_set(vcpu, VREG_DR6, v->dr6 | DR6_BS);
    svm_inject(vcpu, &(struct virt_event){.kind = EVENT_EXCEPTION, .vector = EXC_DB});
}

static bool becomes_double_fault(const struct vmcb *v, uint8_t vector)
{
    uint64_t first = v->exit_int_info;
    return (first & EVENT_VALID) && field_get(EVENT_TYPE, first) == EVENT_TYPE_FAULT &&
           event_double_fault(field_get(EVENT_VECTOR, first), vector);
}

static void intercept(struct virt_vcpu *vcpu, uint64_t which, bool on)
{
    struct vmcb *v = vmcb_of(vcpu);
    v->intercepts[0] =
        on ? v->intercepts[0] | (uint32_t)which : v->intercepts[0] & ~(uint32_t)which;
    vcpu->clean &= ~CLEAN_INTERCEPTS;
}

void svm_inject(struct virt_vcpu *vcpu, const struct virt_event *event)
{
    static const uint8_t types[] = {[EVENT_EXCEPTION] = EVENT_TYPE_FAULT,
                                    [EVENT_NMI] = EVENT_TYPE_NMI,
                                    [EVENT_INTERRUPT] = EVENT_TYPE_INTR};
    struct vmcb *v = vmcb_of(vcpu);
    uint64_t vector = event->vector, error = event->error;
    bool has_error = event->has_error;
    if (event->kind == EVENT_EXCEPTION && vcpu->entered && becomes_double_fault(v, event->vector)) {
        vector = EXC_DF;
        has_error = true;
        error = 0;
    }
    if (event->kind == EVENT_NMI) {
        vcpu->nmi_masked = true;
        intercept(vcpu, INTERCEPT_IRET, true);
    }
    has_error = has_error && (v->cr0 & CR0_PE); /* in real mode none is pushed */
    v->event_injection = EVENT_VALID | field_put(EVENT_TYPE, types[event->kind]) | vector |
                         (has_error ? EVENT_ERROR_OK | field_put(EVENT_ERROR, error) : 0);
}

void svm_window(struct virt_vcpu *vcpu, enum event_kind kind, bool on)
{
    struct vmcb *v = vmcb_of(vcpu);
    if (kind == EVENT_NMI) {
        vcpu->nmi_wanted = on;
        return;
    }
    /* A virtual interrupt that would be taken as soon as one can be: its intercept comes first. */
    uint64_t request = V_IRQ | V_IGN_TPR | V_INTR_PRIO;
    v->interrupt_control = on ? v->interrupt_control | request : v->interrupt_control & ~request;
    intercept(vcpu, INTERCEPT_VINTR, on);
    vcpu->clean &= ~CLEAN_TPR;
}

bool svm_ready(struct virt_vcpu *vcpu, enum event_kind kind)
{
    const struct vmcb *v = vmcb_of(vcpu);
    if ((v->event_injection & EVENT_VALID) || (v->interrupt_shadow & INTERRUPT_SHADOW))
        return false;
    return kind == EVENT_NMI ? !vcpu->nmi_masked : (v->rflags & RFLAGS_IF) != 0;
}

/* NMIs stay blocked until the IRET is done: step over it when one waits. */
void svm_nmi_over(struct virt_vcpu *vcpu)
{
    intercept(vcpu, INTERCEPT_IRET, false);
    if (vcpu->nmi_wanted) {
        vcpu->nmi_stepping = true;
        vmcb_of(vcpu)->rflags |= RFLAGS_TF | RFLAGS_RF;
    } else {
        vcpu->nmi_masked = false;
    }
}

bool svm_nmi_stepped(struct virt_vcpu *vcpu)
{
    if (!vcpu->nmi_stepping)
        return false;
    vcpu->nmi_stepping = false;
    vcpu->nmi_masked = false;
    svm_set(vcpu, VREG_DR6, vmcb_of(vcpu)->dr6 & ~DR6_BS);
    return true;
}
