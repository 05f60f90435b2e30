/* SPDX-License-Identifier: MIT */
/* Shared inside the VMX backend; kernel/vm sees arch/virt.h alone. */
#ifndef BULKHEAD_ARCH_X86_VMX_VMX_H
#define BULKHEAD_ARCH_X86_VMX_VMX_H

#include "arch/virt.h"
#include "arch/x86/model/controls.h"
#include "arch/x86/regs/vmcs.h"

/* entry.asm: what became of one VM entry. */
enum vmx_entry_result {
    ENTRY_EXITED,   /* the guest ran, or the processor refused its state (exit reason bit 31) */
    ENTRY_GIVEN_UP, /* attention came first */
    ENTRY_FAILED,   /* VMfail: a control or the host state is wrong, our own fault */
};

/* On the processor whose current VMCS is the vCPU's. entry.asm */
enum vmx_entry_result vmx_enter(struct virt_vcpu *vcpu);
void vmx_exit(void); /* HOST_RIP */
extern const uint8_t vmx_window_start[], vmx_window_end[], vmx_window_abort[];

_Noreturn void vmcs_access_failed(const char *what, enum vmcs_field field, uint64_t value);

/* Access to the current VMCS. A failure is our own fault and panics with field and value. */
static inline uint64_t vmcs_read(enum vmcs_field field)
{
    uint64_t value;
    bool failed;
    __asm__ volatile("vmread %2, %0"
                     : "=r"(value), "=@ccbe"(failed)
                     : "r"((uint64_t)field)
                     : "memory");
    if (failed)
        vmcs_access_failed("VMREAD", field, 0);
    return value;
}

static inline void vmcs_write(enum vmcs_field field, uint64_t value)
{
    bool failed;
    __asm__ volatile("vmwrite %1, %2"
                     : "=@ccbe"(failed)
                     : "r"(value), "r"((uint64_t)field)
                     : "memory");
    if (failed)
        vmcs_access_failed("VMWRITE", field, value);
}

/* The control words that vmx_controls_derive() found for this machine; probe fills them in. */
const struct vmx_controls *vmx_controls(void);

/* state.c: the current VMCS from nothing. */
void vmx_controls_write(struct virt_vcpu *vcpu);
void vmx_host_state_write(void);
void vmx_guest_state_write(const struct virt_start *start);

/* bitmaps.c: one I/O bitmap (every port exits) and one MSR bitmap for all guests. */
void vmx_bitmaps_build(const struct cpuid_table *cpuid);
hpa_t vmx_io_bitmap(void); /* two pages: A, B */
hpa_t vmx_msr_bitmap(void);

/* exit.c: member of vmx_ops */
void vmx_enter_guest(struct virt_vcpu *vcpu, struct vm_exit *exit);

/* event.c: members of vmx_ops */
uint64_t vmx_get(struct virt_vcpu *vcpu, enum vcpu_reg reg);
void vmx_set(struct virt_vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
void vmx_skip_insn(struct virt_vcpu *vcpu, const struct vm_exit *exit);
void vmx_inject(struct virt_vcpu *vcpu, const struct virt_event *event);
void vmx_window(struct virt_vcpu *vcpu, enum event_kind kind, bool on);
bool vmx_ready(struct virt_vcpu *vcpu, enum event_kind kind);

#endif
