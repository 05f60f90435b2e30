/* SPDX-License-Identifier: MIT */
/* VM entry, and from the VMCS's exit fields to the neutral record. SDM Vol. 3C "VM Exits". */
#include "arch/x86/vmx/vmx.h"

#include "arch/x86/cpu/tables.h"
#include "arch/x86/regs/vmx.h"
#include "kernel/lib/bits.h"
#include "kernel/panic.h"

typedef void decode_fn(struct virt_vcpu *vcpu, struct vm_exit *exit);

/* An IRET that faulted has unblocked NMIs already; when it is run again they must be blocked. */
static void nmi_block_again(void)
{
    vmcs_write(VMCS_GUEST_INTERRUPTIBILITY_STATE,
               vmcs_read(VMCS_GUEST_INTERRUPTIBILITY_STATE) | BLOCKED_BY_NMI);
}

static void decode_exception(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    uint64_t info = vmcs_read(VMCS_EXIT_INTERRUPTION_INFO);
    if (field_get(INTR_INFO_TYPE, info) == VMX_INTR_NMI) {
        exit->kind = EXIT_ATTENTION;
        cpu_nmi_unblock();
        return;
    }
    if (info & INTR_INFO_NMI_UNBLOCK)
        nmi_block_again();
    exit->exception.behind = field_get(INTR_INFO_TYPE, info) == VMX_INTR_PRIVILEGED; /* INT1 */
    exit->exception.causes = vmcs_read(VMCS_EXIT_QUALIFICATION);
    exit->exception.vector = (uint8_t)field_get(INTR_INFO_VECTOR, info);
    exit->exception.has_error = (info & INTR_INFO_ERROR_VALID) != 0;
    exit->exception.error =
        exit->exception.has_error ? (uint32_t)vmcs_read(VMCS_EXIT_INTERRUPTION_ERROR_CODE) : 0;
}

static void decode_io(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    uint64_t info = vmcs_read(VMCS_EXIT_QUALIFICATION);
    exit->io.size = (uint8_t)(field_get(IO_SIZE, info) + 1);
    exit->io.in = (info & IO_IN) != 0;
    exit->io.string = (info & IO_STRING) != 0;
    exit->io.rep = (info & IO_REP) != 0;
    exit->io.port = (uint16_t)field_get(IO_PORT, info);
}

static void decode_memory(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    uint64_t info = vmcs_read(VMCS_EXIT_QUALIFICATION);
    exit->memory.at = gpa(vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS));
    exit->memory.write = (info & EPT_VIOLATION_WRITE) != 0;
    exit->memory.fetch = (info & EPT_VIOLATION_FETCH) != 0;
    exit->memory.table = (info & EPT_VIOLATION_LINEAR_VALID) && !(info & EPT_VIOLATION_TRANSLATED);
    exit->memory.event = (vmcs_read(VMCS_IDT_VECTORING_INFO) & INTR_INFO_VALID) != 0;
    if ((info & EPT_VIOLATION_NMI_UNBLOCK) && !exit->memory.event)
        nmi_block_again();
}

/* `number` is a field of four bits. */
static uint64_t general_register(struct virt_vcpu *vcpu, uint64_t number)
{
    return number == GPR_RSP ? vmcs_read(VMCS_GUEST_RSP) : vcpu->gpr[number];
}

static void decode_cr(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    uint64_t info = vmcs_read(VMCS_EXIT_QUALIFICATION);
    exit->cr.number = (uint8_t)field_get(CR_ACCESS_NUMBER, info);
    switch (field_get(CR_ACCESS_TYPE, info)) {
    case VMX_CR_WRITE:
        exit->cr.access = CR_MOV_TO;
        exit->cr.value = general_register(vcpu, field_get(CR_ACCESS_REGISTER, info));
        break;
    case VMX_CR_CLTS:
        exit->cr.access = CR_CLTS;
        exit->cr.value = 0;
        break;
    case VMX_CR_LMSW:
        exit->cr.access = CR_LMSW;
        exit->cr.value = field_get(CR_ACCESS_LMSW_SOURCE, info);
        break;
    default: /* MOV from CR exits for CR3 and CR8 alone, which we do not ask for */
        exit->kind = EXIT_UNEXPECTED;
    }
}

struct decoding {
    enum exit_kind kind : 8;
    decode_fn *decode; /* NULL: the kind says it all */
};

/* Indexed by the basic exit reason: SDM Vol. 3D "VMX Basic Exit Reasons". */
static const struct decoding decodings[] = {
    [VMX_EXIT_EXCEPTION_NMI] = {EXIT_EXCEPTION, decode_exception},
    [VMX_EXIT_TRIPLE_FAULT] = {EXIT_TRIPLE_FAULT, NULL},
    [VMX_EXIT_INIT_SIGNAL] = {EXIT_INIT, NULL},
    [VMX_EXIT_STARTUP_IPI] = {EXIT_SIPI, NULL},
    [VMX_EXIT_INTERRUPT_WINDOW] = {EXIT_WINDOW, NULL},
    [VMX_EXIT_NMI_WINDOW] = {EXIT_WINDOW, NULL},
    [VMX_EXIT_TASK_SWITCH] = {EXIT_TASK_SWITCH, NULL},
    [VMX_EXIT_CPUID] = {EXIT_CPUID, NULL},
    [VMX_EXIT_GETSEC] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_INVD] = {EXIT_CACHE, NULL},
    [VMX_EXIT_RDPMC] = {EXIT_RDPMC, NULL},
    [VMX_EXIT_VMCALL] = {EXIT_HYPERCALL, NULL},
    [VMX_EXIT_VMCLEAR] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMLAUNCH] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMPTRLD] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMPTRST] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMREAD] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMRESUME] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMWRITE] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMXOFF] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMXON] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_CR_ACCESS] = {EXIT_CR, decode_cr},
    [VMX_EXIT_IO] = {EXIT_IO, decode_io},
    [VMX_EXIT_RDMSR] = {EXIT_MSR_READ, NULL},
    [VMX_EXIT_WRMSR] = {EXIT_MSR_WRITE, NULL},
    [VMX_EXIT_ENTRY_GUEST_STATE] = {EXIT_ENTRY_FAILED, NULL},
    [VMX_EXIT_ENTRY_MSR_LOAD] = {EXIT_ENTRY_FAILED, NULL},
    [VMX_EXIT_ENTRY_MACHINE_CHECK] = {EXIT_ENTRY_FAILED, NULL},
    [VMX_EXIT_EPT_VIOLATION] = {EXIT_MEMORY, decode_memory},
    [VMX_EXIT_INVEPT] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_INVVPID] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_WBINVD] = {EXIT_CACHE, NULL},
    [VMX_EXIT_XSETBV] = {EXIT_XSETBV, NULL},
    [VMX_EXIT_ENCLS] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_VMFUNC] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_ENCLV] = {EXIT_VIRT_INSN, NULL},
    [VMX_EXIT_PCONFIG] = {EXIT_VIRT_INSN, NULL},
};

static void exit_decode(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    static const struct decoding unknown = {EXIT_UNEXPECTED, NULL};
    uint64_t reason = vmcs_read(VMCS_EXIT_REASON);
    uint64_t basic = field_get(EXIT_REASON_BASIC, reason);
    const struct decoding *decoding = basic < ARRAY_COUNT(decodings) ? &decodings[basic] : &unknown;
    exit->reason = reason;
    exit->kind = decoding->kind;
    exit->undecoded = false;
    exit->length = (uint8_t)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
    if (decoding->decode)
        decoding->decode(vcpu, exit);
}

static void not_entered(enum vmx_entry_result result, struct vm_exit *exit)
{
    if (result == ENTRY_FAILED)
        panic("VM entry: VM-instruction error %u", (unsigned)vmcs_read(VMCS_INSTRUCTION_ERROR));
    exit->kind = EXIT_ATTENTION;
}

void vmx_enter_guest(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    enum vmx_entry_result result = vmx_enter(vcpu);
    vcpu->entered = result == ENTRY_EXITED;
    if (result == ENTRY_EXITED)
        exit_decode(vcpu, exit);
    else
        not_entered(result, exit);
}
