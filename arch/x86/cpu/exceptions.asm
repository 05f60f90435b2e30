; SPDX-License-Identifier: MIT
; All that the IDT points at. SDM Vol. 3A "Exception and Interrupt Handling in 64-bit Mode".

%include "arch/x86/cpu/percpu.inc"

%define MSR_X2APIC_EOI  0x80b
%define MSR_X2APIC_ISR0 0x810
%define XAPIC_EOI       0x0b0
%define XAPIC_ISR0      0x100

%define ERROR_CODES 0x00227d00      ; EXC_WITH_ERROR_CODE (arch/x86/regs/exception.h)

bits 64
default rel

extern exception_report, tables_parking, cpu_park, cpu_wait_start, cpu_wait_abort, apic_registers

section .text

; Vectors 0 to 31, eight bytes each.
global exception_stubs
align 8
exception_stubs:
%assign vector 0
%rep 32
    push vector
    jmp near exception_common
    align 8
%assign vector vector + 1
%endrep

; On the stack: vector, error code if the exception has one, RIP, CS, RFLAGS, RSP, SS.
exception_common:
    push rax
    mov eax, [rsp + 8]
    cmp qword [gs:CPU_DRAINING], 0
    jne drain_low
exception_real:
    push rcx
    mov ecx, ERROR_CODES
    bt ecx, eax
    pop rcx
    jc .has_error_code
    push qword [rsp]                ; RAX again, one place down
    mov [rsp + 8], rax
    mov qword [rsp + 16], 0
.has_error_code:
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    mov rdi, rsp                    ; struct exception_frame *
    push qword [rdi + 17 * 8]       ; RIP and RBP as a call would leave them, so that a
    push rbp                        ; backtrace goes on in the interrupted function
    mov rbp, rsp
    and rsp, -16
    cld
    call exception_report           ; does not return

; While apic_reset() drains, a vector from 16 to 31 may be an interrupt that a guest sent itself
; and never took. It is one, and has no error code, if the APIC has it in service.
drain_low:
    push rcx
    push rdx
    mov rax, [apic_registers]
    test rax, rax
    jz .x2apic
    mov eax, [rax + XAPIC_ISR0]
    jmp .known
.x2apic:
    mov ecx, MSR_X2APIC_ISR0
    rdmsr
.known:
    mov ecx, [rsp + 24]
    bt eax, ecx
    jnc .exception
    call end_of_interrupt
    pop rdx
    pop rcx
    pop rax
    add rsp, 8
    iretq
.exception:
    pop rdx
    pop rcx
    mov eax, [rsp + 8]
    jmp exception_real

; Vectors 32 to 255: nobody wants them. Acknowledge and forget. For a spurious interrupt, which
; is not in service, the EOI does nothing because handlers do not nest.
global exception_drain
exception_drain:
    push rax
    push rcx
    push rdx
    call end_of_interrupt
    pop rdx
    pop rcx
    pop rax
    iretq

; Destroys RAX, RCX, RDX.
end_of_interrupt:
    mov rax, [apic_registers]
    test rax, rax
    jz .x2apic
    mov dword [rax + XAPIC_EOI], 0
    ret
.x2apic:
    mov ecx, MSR_X2APIC_EOI
    xor eax, eax
    xor edx, edx
    wrmsr
    ret

; NMI, on its own stack: another processor wants attention. GS is ours: VM exits load it before any
; instruction in root mode, and the hypervisor never changes it.
global exception_nmi
exception_nmi:
    inc qword [gs:CPU_NMIS]
    mov qword [gs:CPU_ATTENTION], 1
    cmp dword [tables_parking], 0
    jne cpu_park
    push rax
    push rcx
    mov rax, [rsp + 16]             ; RIP
    cmp rax, [gs:CPU_WINDOW_START]
    jb .not_entering
    cmp rax, [gs:CPU_WINDOW_END]
    jae .not_entering
    mov rax, [gs:CPU_WINDOW_ABORT]
    mov [rsp + 16], rax
.not_entering:
    lea rcx, [cpu_wait_start]
    cmp rax, rcx
    jb .not_waiting
    lea rcx, [cpu_wait_abort]
    cmp rax, rcx
    jae .not_waiting
    mov [rsp + 16], rcx
.not_waiting:
    pop rcx
    pop rax
    iretq
