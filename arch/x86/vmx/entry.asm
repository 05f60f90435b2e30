; SPDX-License-Identifier: MIT
; VM entry and VM exit: the only code between a guest and C. It exchanges the general registers and
; nothing else; what a guest keeps in FPU, debug and system call registers stays there, since the
; hypervisor uses none of them. SDM Vol. 3C "VMX Instruction Reference", "VM Entries", "VM Exits".

bits 64
default rel

%define VMCS_HOST_RSP 0x6c14

; struct virt_vcpu (arch/virt.h)
%define VCPU_GPR(n)   ((n) * 8)
%define VCPU_HOST_RSP 128
%define VCPU_LAUNCHED 136

; struct cpu (arch/x86/cpu/percpu.h), behind GS
%define CPU_ATTENTION 8

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
    mov rax, [rdi + VCPU_GPR(0)]        ; mov leaves the flags of the comparison alone
    mov rcx, [rdi + VCPU_GPR(1)]
    mov rdx, [rdi + VCPU_GPR(2)]
    mov rbx, [rdi + VCPU_GPR(3)]
    mov rbp, [rdi + VCPU_GPR(5)]
    mov rsi, [rdi + VCPU_GPR(6)]
    mov r8, [rdi + VCPU_GPR(8)]
    mov r9, [rdi + VCPU_GPR(9)]
    mov r10, [rdi + VCPU_GPR(10)]
    mov r11, [rdi + VCPU_GPR(11)]
    mov r12, [rdi + VCPU_GPR(12)]
    mov r13, [rdi + VCPU_GPR(13)]
    mov r14, [rdi + VCPU_GPR(14)]
    mov r15, [rdi + VCPU_GPR(15)]
    mov rdi, [rdi + VCPU_GPR(7)]
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
    mov [rdi + VCPU_GPR(0)], rax
    mov [rdi + VCPU_GPR(1)], rcx
    mov [rdi + VCPU_GPR(2)], rdx
    mov [rdi + VCPU_GPR(3)], rbx
    mov [rdi + VCPU_GPR(5)], rbp
    mov [rdi + VCPU_GPR(6)], rsi
    pop qword [rdi + VCPU_GPR(7)]
    mov [rdi + VCPU_GPR(8)], r8
    mov [rdi + VCPU_GPR(9)], r9
    mov [rdi + VCPU_GPR(10)], r10
    mov [rdi + VCPU_GPR(11)], r11
    mov [rdi + VCPU_GPR(12)], r12
    mov [rdi + VCPU_GPR(13)], r13
    mov [rdi + VCPU_GPR(14)], r14
    mov [rdi + VCPU_GPR(15)], r15
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
