; SPDX-License-Identifier: MIT
; VMRUN and what it leaves to software: general registers but RAX and RSP, which are in the VMCB, and
; what VMLOAD and VMSAVE exchange. What a guest keeps in FPU and debug registers stays there. APM
; Vol. 3 "VMRUN", "VMLOAD", "VMSAVE", "STGI", "CLGI".

%include "arch/x86/cpu/gprs.inc"
%include "arch/x86/cpu/percpu.inc"

bits 64
default rel

; struct virt_vcpu (arch/virt.h); its general registers come first
%define VCPU_CONTROL 144

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
    GPRS_LOAD
    vmrun
    vmsave                              ; RAX and RSP are ours again, nothing else is

    push rdi
    mov rdi, [rsp + 8]
    GPRS_STORE
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
