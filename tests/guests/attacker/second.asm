; SPDX-License-Identifier: MIT
; The second processor: from where a SIPI starts it to C, and its interrupts. It has an IDT of its
; own with two handlers and no exceptions: any of those is a triple fault.

%include "tests/guests/attacker/layout.inc"

extern gdt, second_main, second_interrupts, second_nmis
global second_code, second_cr3, second_code_end, second_stack_top, second_interrupt, second_nmi

%define CR0_PE_PG  0x80000001
%define CR4_PAE    (1 << 5)
%define EFER       0xc0000080
%define EFER_LME   (1 << 8)
%define X2APIC_EOI 0x80b

section .text

; Copied to the page of the SIPI: CS holds its paragraph, IP is 0.
bits 16
second_code:
    cli
    cs lgdt [.gdt - second_code]
    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, [cs:second_cr3 - second_code]
    mov cr3, eax
    mov ecx, EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, CR0_PE_PG
    mov cr0, eax
    jmp dword SELECTOR_CODE64:second_long
.gdt:
    dw GDT_ENTRIES * 8 - 1
    dd gdt
second_cr3:                             ; filled in: the first one's
    dd 0
second_code_end:

bits 64
second_long:
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov rsp, second_stack_top
    call second_main
.stop:
    cli
    hlt
    jmp .stop

second_interrupt:
    push rax
    push rcx
    push rdx
    inc dword [abs second_interrupts]
    mov ecx, X2APIC_EOI
    xor eax, eax
    xor edx, edx
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iretq

second_nmi:
    inc dword [abs second_nmis]
    iretq

section .tables nobits alloc noexec write align=4096
    resb 4096
second_stack_top:
