/* SPDX-License-Identifier: MIT */
/* VMRUN, and from the VMCB's exit fields to the neutral record. APM Vol. 2 "#VMEXIT". */
#include "arch/x86/svm/svm.h"

#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "kernel/panic.h"

typedef void decode_fn(struct virt_vcpu *vcpu, struct vm_exit *exit);

/* Common code has to read the instruction. */
static void mark_undecoded(const struct vmcb *v, struct vm_exit *exit)
{
    bool flat = (v->efer & EFER_LMA) && (v->cs.attributes & VMCB_ATTR_LONG);
    exit->undecoded = true;
    exit->at = gva(flat ? v->rip : v->cs.base + v->rip);
    exit->cr3 = v->cr3;
}

/* The length of the instruction that exited, where the processor tells. */
static void length_read(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    const struct vmcb *v = vmcb_of(vcpu);
    if (svm_caps()->features & SVM_NRIPS)
        exit->length = (uint8_t)(v->next_rip - v->rip);
    else
        mark_undecoded(v, exit);
}

static void decode_io(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    const struct vmcb *v = vmcb_of(vcpu);
    exit->length = (uint8_t)(v->exit_info2 - v->rip);
    exit->io.size = (uint8_t)field_get(IOIO_SIZE, v->exit_info1);
    exit->io.in = (v->exit_info1 & IOIO_IN) != 0;
    exit->io.string = (v->exit_info1 & IOIO_STRING) != 0;
    exit->io.rep = (v->exit_info1 & IOIO_REP) != 0;
    exit->io.port = (uint16_t)field_get(IOIO_PORT, v->exit_info1);
}

static void decode_msr(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    if (vmcb_of(vcpu)->exit_info1 == MSR_INFO_WRITE)
        exit->kind = EXIT_MSR_WRITE;
    length_read(vcpu, exit);
}

static void decode_memory(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    const struct vmcb *v = vmcb_of(vcpu);
    exit->memory.at = gpa(v->exit_info2);
    exit->memory.write = (v->exit_info1 & NPF_WRITE) != 0;
    exit->memory.fetch = (v->exit_info1 & NPF_FETCH) != 0;
    exit->memory.table = (v->exit_info1 & NPF_TABLE) != 0;
    exit->memory.event = (v->exit_int_info & EVENT_VALID) != 0;
}

static void decode_iret(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    (void)exit;
    svm_nmi_over(vcpu);
}

/* INT1 is a trap: its handler returns behind it. */
static void decode_icebp(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    length_read(vcpu, exit);
    exit->exception.vector = EXC_DB;
    exit->exception.has_error = false;
    exit->exception.causes = 0;
    exit->exception.behind = true;
}

/* Indexed by the exit code; those below are decoded apart. */
static const struct decoding {
    uint8_t kind;
    decode_fn *decode; /* NULL: the kind says it all */
} decodings[] = {
    [SVM_EXIT_NMI] = {EXIT_ATTENTION, NULL},
    [SVM_EXIT_INIT] = {EXIT_INIT, NULL},
    [SVM_EXIT_VINTR] = {EXIT_WINDOW, NULL},
    [SVM_EXIT_RDPMC] = {EXIT_RDPMC, NULL},
    [SVM_EXIT_CPUID] = {EXIT_CPUID, length_read},
    [SVM_EXIT_RSM] = {EXIT_VIRT_INSN, NULL},
    [SVM_EXIT_IRET] = {EXIT_RESUME, decode_iret},
    [SVM_EXIT_INVD] = {EXIT_CACHE, length_read},
    [SVM_EXIT_INVLPGA] = {EXIT_VIRT_INSN, NULL},
    [SVM_EXIT_IOIO] = {EXIT_IO, decode_io},
    [SVM_EXIT_MSR] = {EXIT_MSR_READ, decode_msr},
    [SVM_EXIT_TASK_SWITCH] = {EXIT_TASK_SWITCH, NULL},
    [SVM_EXIT_SHUTDOWN] = {EXIT_TRIPLE_FAULT, NULL},
    [SVM_EXIT_VMRUN] = {EXIT_VIRT_INSN, NULL},
    [SVM_EXIT_VMMCALL] = {EXIT_HYPERCALL, NULL},
    [SVM_EXIT_VMLOAD] = {EXIT_VIRT_INSN, NULL},
    [SVM_EXIT_VMSAVE] = {EXIT_VIRT_INSN, NULL},
    [SVM_EXIT_STGI] = {EXIT_VIRT_INSN, NULL},
    [SVM_EXIT_CLGI] = {EXIT_VIRT_INSN, NULL},
    [SVM_EXIT_SKINIT] = {EXIT_VIRT_INSN, NULL},
    [SVM_EXIT_ICEBP] = {EXIT_EXCEPTION, decode_icebp},
    [SVM_EXIT_WBINVD] = {EXIT_CACHE, length_read},
    [SVM_EXIT_XSETBV] = {EXIT_XSETBV, length_read},
    [SVM_EXIT_RDPRU] = {EXIT_VIRT_INSN, NULL},
};

/* Bochs exits for a write to CR0 with EFER.LMA changed already, as if the write had been done. */
static void lma_repair(struct vmcb *v)
{
    bool long_mode = (v->efer & EFER_LME) && (v->cr0 & CR0_PG);
    v->efer = long_mode ? v->efer | EFER_LMA : v->efer & ~EFER_LMA;
}

/* A register's number and value, or what common code must read from the instruction. */
static void decode_cr(struct virt_vcpu *vcpu, struct vm_exit *exit, unsigned number, bool write)
{
    struct vmcb *v = vmcb_of(vcpu);
    unsigned gpr = (unsigned)field_get(CR_DECODED_GPR, v->exit_info1);
    lma_repair(v);
    length_read(vcpu, exit);
    exit->kind = EXIT_CR;
    exit->cr.number = (uint8_t)number;
    exit->cr.access = write ? CR_MOV_TO : CR_MOV_FROM;
    exit->cr.gpr = (uint8_t)gpr;
    if (!(svm_caps()->features & SVM_DECODE_ASSISTS) || !(v->exit_info1 & CR_DECODED))
        mark_undecoded(v, exit);
    else
        exit->cr.value = gpr == GPR_RSP ? v->rsp : vcpu->gpr[gpr];
}

static void decode_exception(struct virt_vcpu *vcpu, struct vm_exit *exit, unsigned vector)
{
    const struct vmcb *v = vmcb_of(vcpu);
    exit->kind = EXIT_EXCEPTION;
    if (vector == EXC_DB && svm_nmi_stepped(vcpu)) {
        exit->kind = EXIT_WINDOW;
        return;
    }
    exit->exception.vector = (uint8_t)vector;
    exit->exception.has_error = vector == EXC_AC;
    exit->exception.error = (uint32_t)v->exit_info1;
    exit->exception.causes = v->dr6; /* updated before the exit, as is DR7.GD */
    exit->exception.behind = false;
}

/* Codes that stand for a register or vector each, and those beyond the table. */
static __attribute__((noinline)) void decode_ranges(struct virt_vcpu *vcpu, struct vm_exit *exit,
                                                    uint64_t code)
{
    exit->kind = EXIT_UNEXPECTED;
    if (code == SVM_EXIT_CR0_SELECTIVE) {
        decode_cr(vcpu, exit, 0, true);
    } else if (code < SVM_EXIT_CR_WRITE) {
        decode_cr(vcpu, exit, (unsigned)code, false);
    } else if (code < SVM_EXIT_CR_WRITE + 16) {
        decode_cr(vcpu, exit, (unsigned)code - SVM_EXIT_CR_WRITE, true);
    } else if (code >= SVM_EXIT_EXCEPTION && code < SVM_EXIT_EXCEPTION + 32) {
        decode_exception(vcpu, exit, (unsigned)code - SVM_EXIT_EXCEPTION);
    } else if (code == SVM_EXIT_NPF) {
        exit->kind = EXIT_MEMORY;
        decode_memory(vcpu, exit);
    } else if ((uint32_t)code == (uint32_t)SVM_EXIT_INVALID) { /* QEMU has 32 bits of it */
        exit->kind = EXIT_ENTRY_FAILED;
    }
}

static void exit_decode(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    uint64_t code = vmcb_of(vcpu)->exit_code;
    exit->reason = code;
    exit->length = 0;
    if (code >= ARRAY_COUNT(decodings) || decodings[code].kind == EXIT_UNEXPECTED) {
        decode_ranges(vcpu, exit, code);
        return;
    }
    exit->kind = (enum exit_kind)decodings[code].kind;
    if (decodings[code].decode)
        decodings[code].decode(vcpu, exit);
}

/*
 * What the exit kept from the guest while it was being delivered, for the next entry: an interrupt
 * has left the APIC, and a #DB of a trap does not come again. INT n, INT3 and INTO are executed
 * again instead. A handler that injects something itself replaces it, as the later event does on a
 * processor. APM Vol. 2 "Event Injection", "EXITINTINFO".
 */
static uint64_t event_interrupted(uint64_t event)
{
    if (!(event & EVENT_VALID))
        return 0;
    uint64_t type = field_get(EVENT_TYPE, event), vector = field_get(EVENT_VECTOR, event);
    bool instruction = type == EVENT_TYPE_SOFT ||
                       (type == EVENT_TYPE_FAULT && (vector == EXC_BP || vector == EXC_OF));
    return instruction ? 0 : event;
}

void svm_enter_guest(struct virt_vcpu *vcpu, struct vm_exit *exit)
{
    struct vmcb *v = vmcb_of(vcpu);
    exit->undecoded = false;
    vcpu->entered = false;
    if (vcpu->nmi_wanted && svm_ready(vcpu, EVENT_NMI)) {
        exit->kind = EXIT_WINDOW; /* open already: no processor would say so */
        return;
    }
    v->rax = vcpu->gpr[GPR_RAX];
    v->clean = vcpu->clean;
    vcpu->entered = svm_enter(vcpu, cpu_this()->virt_host);
    if (!vcpu->entered) {
        exit->kind = EXIT_ATTENTION;
        return;
    }
    vcpu->gpr[GPR_RAX] = v->rax;
    vcpu->clean = svm_caps()->clean;
    v->tlb_control = 0;
    /* The processor clears the valid bit of the last one; not all emulators do. */
    v->event_injection = event_interrupted(v->exit_int_info);
    exit_decode(vcpu, exit);
}
