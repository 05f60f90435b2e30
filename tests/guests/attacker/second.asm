; SPDX-License-Identifier: MIT
; The second processor: from where a SIPI starts it to C, and its interrupts. It has an IDT of its
; own with two handlers and no exceptions: any of those is a triple fault.

%include "tests/guests/attacker/layout.inc"
%include "tests/guests/long_mode.inc"

extern gdt, second_main, second_interrupts, second_nmis
global second_code, second_cr3, second_code_end, second_stack_top, second_interrupt, second_nmi

%define X2APIC_EOI 0x80b

section .text

; Copied to the page of the SIPI: CS holds its paragraph, IP is 0.
bits 16
second_code:
    cli
    cs lgdt [.gdt - second_code]
    TO_LONG_MODE [cs:second_cr3 - second_code], SELECTOR_CODE64, second_long
.gdt:
    dw GDT_ENTRIES * 8 - 1
    dd gdt
second_cr3:                             ; filled in: the first one's
    dd 0
second_code_end:

bits 64
second_long:
    SEGMENTS SELECTOR_DATA
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
