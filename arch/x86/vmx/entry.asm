; SPDX-License-Identifier: MIT
; VM entry and VM exit: the only code between a guest and C. It exchanges the general registers and
; nothing else; what a guest keeps in FPU, debug and system call registers stays there, since the
; hypervisor uses none of them. SDM Vol. 3C "VMX Instruction Reference", "VM Entries", "VM Exits".

%include "arch/x86/cpu/gprs.inc"
%include "arch/x86/cpu/percpu.inc"

bits 64
default rel

%define VMCS_HOST_RSP 0x6c14

; struct virt_vcpu (arch/virt.h); its general registers come first
%define VCPU_HOST_RSP 128
%define VCPU_LAUNCHED 136

; enum vmx_entry_result (arch/x86/vmx/vmx.h)
%define ENTRY_EXITED 0
%define ENTRY_GIVEN_UP 1
%define ENTRY_FAILED 2

global vmx_enter, vmx_exit, vmx_window_start, vmx_window_end, vmx_window_abort

section .text

; enum vmx_entry_result vmx_enter(struct virt_vcpu *vcpu)
vmx_enter:
    push rbp
    mov rbp, rsp
    push rbx
    push r12
    push r13
    push r14
    push r15
    push rdi                            ; vmx_exit finds the vCPU here

    cmp rsp, [rdi + VCPU_HOST_RSP]      ; the run loop calls from one depth: rarely written
    je .host_rsp_known
    mov [rdi + VCPU_HOST_RSP], rsp
    mov eax, VMCS_HOST_RSP
    vmwrite rax, rsp
.host_rsp_known:

; An NMI from here on must not be slept through: its handler continues at vmx_window_abort, where
; the guest's registers are still complete in memory (struct cpu_entry_window).
vmx_window_start:
    cmp qword [gs:CPU_ATTENTION], 0
    jne vmx_window_abort

    cmp qword [rdi + VCPU_LAUNCHED], 0
    mov rax, [rdi + GPR(0)]        ; mov leaves the flags of the comparison alone
    GPRS_LOAD
    je .first
    vmresume
    jmp vmx_window_end
.first:
    vmlaunch
vmx_window_end:
    mov eax, ENTRY_FAILED               ; VMfail: the processor went on here
    jmp restore_host

vmx_window_abort:
    mov eax, ENTRY_GIVEN_UP
    jmp restore_host

; HOST_RIP. RSP is HOST_RSP; every other general register is the guest's.
vmx_exit:
    push rdi
    mov rdi, [rsp + 8]
    mov [rdi + GPR(0)], rax
    GPRS_STORE
    mov qword [rdi + VCPU_LAUNCHED], 1
    xor eax, eax                        ; ENTRY_EXITED

restore_host:
    pop rdi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret
