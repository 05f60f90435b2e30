/* SPDX-License-Identifier: MIT */
/* A VMCS from nothing: controls, host state, guest state. SDM Vol. 3C "VMCS Layout". */
#include "arch/x86/vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/tables.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/regs/vmx.h"
#include "kernel/lib/bits.h"

/*
 * #DB and #AC: a guest can arrange that delivering one raises it again, for ever, inside the
 * processor and deaf to NMIs. #MC: the machine's business.
 */
#define EXCEPTIONS_INTERCEPTED (BIT(EXC_DB) | BIT(EXC_AC) | BIT(EXC_MC))

#define LINK_POINTER_NONE (~UINT64_C(0))

void vmx_controls_write(struct virt_vcpu *vcpu)
{
    const struct vmx_controls *controls = vmx_controls();
    vmcs_write(VMCS_PIN_CONTROLS, controls->pin);
    vmcs_write(VMCS_PROC_CONTROLS, controls->proc);
    vmcs_write(VMCS_PROC2_CONTROLS, controls->proc2);
    vmcs_write(VMCS_EXIT_CONTROLS, controls->exit);
    vmcs_write(VMCS_ENTRY_CONTROLS, controls->entry);

    vmcs_write(VMCS_EXCEPTION_BITMAP, EXCEPTIONS_INTERCEPTED);
    vmcs_write(VMCS_PAGE_FAULT_ERROR_MASK, 0);
    vmcs_write(VMCS_PAGE_FAULT_ERROR_MATCH, 0);
    vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
    vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
    vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
    vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
    vmcs_write(VMCS_ENTRY_INTERRUPTION_INFO, 0);
    vmcs_write(VMCS_IO_BITMAP_A, vmx_io_bitmap().raw);
    vmcs_write(VMCS_IO_BITMAP_B, vmx_io_bitmap().raw + PAGE_4K);
    vmcs_write(VMCS_MSR_BITMAPS, vmx_msr_bitmap().raw);
    vmcs_write(VMCS_TSC_OFFSET, 0);
    vmcs_write(VMCS_EPT_POINTER, vcpu->tables.raw | controls->eptp_bits);
    vmcs_write(VMCS_VPID, vcpu->tag);
    vmcs_write(VMCS_CR0_MASK, vcpu->cr0_owned);
    vmcs_write(VMCS_CR4_MASK, vcpu->cr4_owned);
    if (controls->xsaves)
        vmcs_write(VMCS_XSS_EXITING_BITMAP, 0);
    if (controls->encls_bitmap)
        vmcs_write(VMCS_ENCLS_EXITING_BITMAP, ~UINT64_C(0));
    if (controls->enclv_bitmap)
        vmcs_write(VMCS_ENCLV_EXITING_BITMAP, ~UINT64_C(0));
    vmcs_write(VMCS_VMCS_LINK_POINTER, LINK_POINTER_NONE);
}

static void host_tables_write(void)
{
    const struct cpu *cpu = cpu_this();
    vmcs_write(VMCS_HOST_CS_SELECTOR, TABLES_SELECTOR_CODE);
    vmcs_write(VMCS_HOST_SS_SELECTOR, TABLES_SELECTOR_DATA);
    vmcs_write(VMCS_HOST_DS_SELECTOR, 0);
    vmcs_write(VMCS_HOST_ES_SELECTOR, 0);
    vmcs_write(VMCS_HOST_FS_SELECTOR, 0);
    vmcs_write(VMCS_HOST_GS_SELECTOR, 0);
    vmcs_write(VMCS_HOST_TR_SELECTOR, TABLES_SELECTOR_TSS);
    vmcs_write(VMCS_HOST_TR_BASE, tables_tss_base(cpu));
    vmcs_write(VMCS_HOST_GDTR_BASE, tables_gdt_base(cpu));
    vmcs_write(VMCS_HOST_IDTR_BASE, tables_idt_base());
}

void vmx_host_state_write(void)
{
    host_tables_write();
    vmcs_write(VMCS_HOST_CR0, cpu_read_cr0());
    vmcs_write(VMCS_HOST_CR3, memory_cr3());
    vmcs_write(VMCS_HOST_CR4, cpu_read_cr4());
    vmcs_write(VMCS_HOST_FS_BASE, 0);
    vmcs_write(VMCS_HOST_GS_BASE, (uint64_t)(uintptr_t)cpu_this());
    vmcs_write(VMCS_HOST_IA32_SYSENTER_CS, 0);
    vmcs_write(VMCS_HOST_IA32_SYSENTER_ESP, 0);
    vmcs_write(VMCS_HOST_IA32_SYSENTER_EIP, 0);
    vmcs_write(VMCS_HOST_IA32_EFER, cpu_rdmsr(MSR_IA32_EFER));
    vmcs_write(VMCS_HOST_IA32_PAT, cpu_rdmsr(MSR_IA32_PAT));
    vmcs_write(VMCS_HOST_RIP, (uint64_t)(uintptr_t)vmx_exit);
}

/* Access rights, SDM Vol. 3C "Guest Register State" */
#define RIGHTS_CODE_64  0xa09b /* G, L, present, execute/read, accessed */
#define RIGHTS_CODE_32  0xc09b /* G, D, the same */
#define RIGHTS_CODE_16  0x009b
#define RIGHTS_DATA     0xc093 /* G, B, present, read/write, accessed */
#define RIGHTS_DATA_16  0x0093
#define RIGHTS_TSS_BUSY 0x008b /* present, busy TSS */
#define RIGHTS_UNUSABLE 0x10000

static void segment_write(enum vmcs_segment segment, uint16_t selector, uint64_t base,
                          uint32_t limit, uint32_t rights)
{
    vmcs_write(vmcs_segment_field(VMCS_GUEST_ES_SELECTOR, segment), selector);
    vmcs_write(vmcs_segment_field(VMCS_GUEST_ES_BASE, segment), base);
    vmcs_write(vmcs_segment_field(VMCS_GUEST_ES_LIMIT, segment), limit);
    vmcs_write(vmcs_segment_field(VMCS_GUEST_ES_ACCESS_RIGHTS, segment), rights);
}

static void guest_segments_write(const struct virt_start *start)
{
    static const enum vmcs_segment data[] = {VMCS_SEG_ES, VMCS_SEG_SS, VMCS_SEG_DS, VMCS_SEG_FS,
                                             VMCS_SEG_GS};
    static const uint32_t code_rights[] = {[START_REAL] = RIGHTS_CODE_16,
                                           [START_PROTECTED] = RIGHTS_CODE_32,
                                           [START_LONG] = RIGHTS_CODE_64};
    bool real = start->mode == START_REAL;
    uint32_t limit = real ? UINT16_MAX : UINT32_MAX, paragraph = real ? 16 : 0;
    segment_write(VMCS_SEG_CS, start->code_selector, start->code_selector * paragraph, limit,
                  code_rights[start->mode]);
    for (unsigned i = 0; i < ARRAY_COUNT(data); i++)
        segment_write(data[i], start->data_selector, start->data_selector * paragraph, limit,
                      real ? RIGHTS_DATA_16 : RIGHTS_DATA);
    segment_write(VMCS_SEG_TR, 0, 0, 0xffff, RIGHTS_TSS_BUSY);
    segment_write(VMCS_SEG_LDTR, 0, 0, 0, RIGHTS_UNUSABLE);
    vmcs_write(VMCS_GUEST_GDTR_BASE, start->gdt.raw);
    vmcs_write(VMCS_GUEST_GDTR_LIMIT, start->gdt_limit);
    vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
    vmcs_write(VMCS_GUEST_IDTR_LIMIT, real ? 0xffff : 0);
}

void vmx_guest_state_write(const struct virt_start *start)
{
    uint64_t efer = start->mode == START_LONG ? EFER_LME | EFER_LMA : 0;
    guest_segments_write(start);
    vmcs_write(VMCS_GUEST_CR0, start->cr0);
    vmcs_write(VMCS_CR0_READ_SHADOW, start->cr0_shadow);
    vmcs_write(VMCS_GUEST_CR3, start->page_tables.raw);
    vmcs_write(VMCS_GUEST_CR4, start->cr4);
    vmcs_write(VMCS_CR4_READ_SHADOW, start->cr4_shadow);
    vmcs_write(VMCS_GUEST_IA32_EFER, efer);
    vmcs_write(VMCS_ENTRY_CONTROLS, vmx_entry_controls(vmx_controls()->entry, efer));
    vmcs_write(VMCS_GUEST_IA32_PAT, PAT_RESET);
    vmcs_write(VMCS_GUEST_DR7, DR7_INITIAL);
    vmcs_write(VMCS_GUEST_IA32_DEBUGCTL, 0);
    vmcs_write(VMCS_GUEST_IA32_SYSENTER_CS, 0);
    vmcs_write(VMCS_GUEST_IA32_SYSENTER_ESP, 0);
    vmcs_write(VMCS_GUEST_IA32_SYSENTER_EIP, 0);
    vmcs_write(VMCS_GUEST_RIP, start->rip);
    vmcs_write(VMCS_GUEST_RSP, start->rsp);
    vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_ONE);
    vmcs_write(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
    vmcs_write(VMCS_GUEST_ACTIVITY_STATE, 0);
    vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
}
