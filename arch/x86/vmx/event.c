/* SPDX-License-Identifier: MIT */
/* Registers and events of the current VMCS. SDM Vol. 3C "VM Entries", "Event Injection". */
#include "arch/x86/vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/x86/model/event.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/vmx.h"
#include "kernel/lib/bits.h"

#define BLOCKED_BY_INSTRUCTION (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)

static const enum vmcs_field fields[VREG_COUNT] = {
    [VREG_RIP] = VMCS_GUEST_RIP,
    [VREG_RSP] = VMCS_GUEST_RSP,
    [VREG_RFLAGS] = VMCS_GUEST_RFLAGS,
    [VREG_CR0] = VMCS_GUEST_CR0,
    [VREG_CR0_SHADOW] = VMCS_CR0_READ_SHADOW,
    [VREG_CR3] = VMCS_GUEST_CR3,
    [VREG_CR4] = VMCS_GUEST_CR4,
    [VREG_CR4_SHADOW] = VMCS_CR4_READ_SHADOW,
    [VREG_EFER] = VMCS_GUEST_IA32_EFER,
    [VREG_CS] = VMCS_GUEST_CS_SELECTOR,
    [VREG_CS_BASE] = VMCS_GUEST_CS_BASE,
    [VREG_CS_ATTR] = VMCS_GUEST_CS_ACCESS_RIGHTS,
    [VREG_SS_ATTR] = VMCS_GUEST_SS_ACCESS_RIGHTS,
    [VREG_DS_BASE] = VMCS_GUEST_DS_BASE,
    [VREG_ES_BASE] = VMCS_GUEST_ES_BASE,
    [VREG_SS_BASE] = VMCS_GUEST_SS_BASE,
    [VREG_FS_BASE] = VMCS_GUEST_FS_BASE,
    [VREG_GS_BASE] = VMCS_GUEST_GS_BASE,
    [VREG_PDPTE0] = VMCS_GUEST_PDPTE0,
    [VREG_PDPTE1] = VMCS_GUEST_PDPTE1,
    [VREG_PDPTE2] = VMCS_GUEST_PDPTE2,
    [VREG_PDPTE3] = VMCS_GUEST_PDPTE3,
    [VREG_DEBUGCTL] = VMCS_GUEST_IA32_DEBUGCTL,
    [VREG_DR7] = VMCS_GUEST_DR7,
    [VREG_PAT] = VMCS_GUEST_IA32_PAT,
    [VREG_EXIT_QUALIFICATION] = VMCS_EXIT_QUALIFICATION,
};

/* These two are the guest's own while it is out, too: the hypervisor uses neither. */
static uint64_t dr6_read(void)
{
    uint64_t value;
    __asm__ volatile("mov %%db6, %0" : "=r"(value));
    return value;
}

uint64_t vmx_get(struct virt_vcpu *vcpu, enum vcpu_reg reg)
{
    (void)vcpu;
    if (reg == VREG_CR2)
        return cpu_read_cr2();
    return reg == VREG_DR6 ? dr6_read() : vmcs_read(fields[reg]);
}

void vmx_set(struct virt_vcpu *vcpu, enum vcpu_reg reg, uint64_t value)
{
    (void)vcpu;
    if (reg == VREG_CR2)
        cpu_write_cr2(value);
    else if (reg == VREG_DR6)
        __asm__ volatile("mov %0, %%db6" : : "r"(value));
    else
        vmcs_write(fields[reg], value);
    if (reg == VREG_EFER) /* VM entry insists that its control follows LMA */
        vmcs_write(VMCS_ENTRY_CONTROLS, vmx_entry_controls(vmx_controls()->entry, value));
}

/* An instruction ends the shadow of STI and MOV SS, and raises #DB when single-stepped. */
void vmx_skip_insn(struct virt_vcpu *vcpu, const struct vm_exit *exit)
{
    (void)vcpu;
    uint64_t rip = vmcs_read(VMCS_GUEST_RIP) + exit->length;
    if (rip >> 32 == 1 && !(vmcs_read(VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_ATTR_LONG))
        rip &= UINT32_MAX; /* wraps outside 64-bit mode, where no more than that can happen */
    vmcs_write(VMCS_GUEST_RIP, rip);

    uint64_t shadow = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY_STATE);
    if (shadow & BLOCKED_BY_INSTRUCTION)
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY_STATE, shadow & ~BLOCKED_BY_INSTRUCTION);
    if (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF)
        vmcs_write(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_BS);
}

static bool becomes_double_fault(uint8_t vector)
{
    uint64_t first = vmcs_read(VMCS_IDT_VECTORING_INFO);
    return (first & INTR_INFO_VALID) && field_get(INTR_INFO_TYPE, first) == VMX_INTR_HARDWARE &&
           event_double_fault(field_get(INTR_INFO_VECTOR, first), vector);
}

/* SDM Vol. 3C "VM-Entry Controls for Event Injection" */
static uint64_t type_of(enum event_kind kind)
{
    switch (kind) {
    case EVENT_EXCEPTION:
        return VMX_INTR_HARDWARE;
    case EVENT_NMI:
        return VMX_INTR_NMI;
    case EVENT_INTERRUPT:
        return VMX_INTR_EXTERNAL;
    }
    return VMX_INTR_HARDWARE;
}

void vmx_inject(struct virt_vcpu *vcpu, const struct virt_event *event)
{
    uint64_t vector = event->vector;
    bool has_error = event->has_error;
    uint32_t error = event->error;
    if (event->kind == EVENT_EXCEPTION && vcpu->entered && becomes_double_fault(event->vector)) {
        vector = EXC_DF;
        has_error = true;
        error = 0;
    }
    /* In real mode no exception pushes an error code, and VM entry insists on that. */
    has_error = has_error && (vmcs_read(VMCS_GUEST_CR0) & CR0_PE);
    vmcs_write(VMCS_ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID |
                                                 field_put(INTR_INFO_TYPE, type_of(event->kind)) |
                                                 vector | (has_error ? INTR_INFO_ERROR_VALID : 0));
    if (has_error)
        vmcs_write(VMCS_ENTRY_EXCEPTION_ERROR_CODE, error);
}

void vmx_window(struct virt_vcpu *vcpu, enum event_kind kind, bool on)
{
    (void)vcpu;
    uint64_t window = kind == EVENT_NMI ? PROC_NMI_WINDOW_EXITING : PROC_INTERRUPT_WINDOW_EXITING;
    uint64_t proc = vmcs_read(VMCS_PROC_CONTROLS);
    vmcs_write(VMCS_PROC_CONTROLS, on ? proc | window : proc & ~window);
}

bool vmx_ready(struct virt_vcpu *vcpu, enum event_kind kind)
{
    (void)vcpu;
    uint64_t blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY_STATE);
    if (vmcs_read(VMCS_ENTRY_INTERRUPTION_INFO) & INTR_INFO_VALID)
        return false;
    if (kind == EVENT_NMI)
        return !(blocking & (BLOCKED_BY_INSTRUCTION | BLOCKED_BY_NMI));
    return !(blocking & BLOCKED_BY_INSTRUCTION) && (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF);
}
