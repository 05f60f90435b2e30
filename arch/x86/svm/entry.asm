; SPDX-License-Identifier: MIT
; VMRUN and what it leaves to software: general registers but RAX and RSP, which are in the VMCB, and
; what VMLOAD and VMSAVE exchange. What a guest keeps in FPU and debug registers stays there. APM
; Vol. 3 "VMRUN", "VMLOAD", "VMSAVE", "STGI", "CLGI".

bits 64
default rel

; struct virt_vcpu (arch/virt.h)
%define VCPU_GPR(n)  ((n) * 8)
%define VCPU_CONTROL 144

; struct cpu (arch/x86/cpu/percpu.h), behind GS
%define CPU_ATTENTION 8

section .text

; bool svm_enter(struct virt_vcpu *vcpu, uint64_t host)
global svm_enter
svm_enter:
    push rbp
    mov rbp, rsp
    push rbx
    push r12
    push r13
    push r14
    push r15
    push rsi
    push rdi

    clgi                                ; an NMI from here on waits until VMRUN, and ends it
    cmp qword [gs:CPU_ATTENTION], 0
    jne .given_up

    mov rax, [rdi + VCPU_CONTROL]
    vmload                              ; GS is the guest's from here on
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
    vmrun
    vmsave                              ; RAX and RSP are ours again, nothing else is

    push rdi
    mov rdi, [rsp + 8]
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
    mov rax, [rsp + 8]                  ; the hypervisor's own GS, TR and so on
    vmload
    mov eax, 1
.back:
    stgi                                ; the NMI that ended it is taken here
    pop rdi
    pop rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret
.given_up:
    xor eax, eax
    jmp .back
