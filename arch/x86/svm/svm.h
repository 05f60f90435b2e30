/* SPDX-License-Identifier: MIT */
/* Shared inside the SVM backend; kernel/vm sees arch/virt.h alone. */
#ifndef BULKHEAD_ARCH_X86_SVM_SVM_H
#define BULKHEAD_ARCH_X86_SVM_SVM_H

#include "arch/virt.h"
#include "arch/x86/model/svm_caps.h"
#include "arch/x86/regs/svm.h"

/*
 * Run the guest once; false: attention came first, it was not entered. `host` is the VMCB page that
 * holds the hypervisor's own side. The vCPU's VMCB is complete but for the general registers. With
 * interrupts off. entry.asm
 */
bool svm_enter(struct virt_vcpu *vcpu, uint64_t host);

static inline struct vmcb *vmcb_of(const struct virt_vcpu *vcpu)
{
    return vcpu->control_page;
}

/* What the processors can do; probe fills it in. */
extern struct svm_caps svm_machine;

static inline const struct svm_caps *svm_caps(void)
{
    return &svm_machine;
}

/* state.c: the VMCB from nothing. */
void svm_state_write(struct virt_vcpu *vcpu, const struct virt_start *start);

/* svm.c: permission maps of all guests. */
hpa_t svm_io_map(void);
hpa_t svm_msr_map(const struct virt_vcpu *vcpu);

/* exit.c: member of svm_ops */
void svm_enter_guest(struct virt_vcpu *vcpu, struct vm_exit *exit);

/* event.c: members of svm_ops */
uint64_t svm_get(struct virt_vcpu *vcpu, enum vcpu_reg reg);
void svm_set(struct virt_vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
void svm_skip_insn(struct virt_vcpu *vcpu, const struct vm_exit *exit);
void svm_inject(struct virt_vcpu *vcpu, const struct virt_event *event);
void svm_window(struct virt_vcpu *vcpu, enum event_kind kind, bool on);
bool svm_ready(struct virt_vcpu *vcpu, enum event_kind kind);

/* event.c: the guest leaves its NMI handler (IRET exits); false: another exit kind's business. */
void svm_nmi_over(struct virt_vcpu *vcpu);
/* event.c: was this #DB the end of svm_nmi_over()'s step? Then it is not the guest's. */
bool svm_nmi_stepped(struct virt_vcpu *vcpu);

#endif
