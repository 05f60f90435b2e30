; SPDX-License-Identifier: MIT
; Interrupts of both processors, and the way of the second one from its SIPI to second_main().

%include "tests/guests/long_mode.inc"

%define SELECTOR_CODE64 0x10            ; entry.asm
%define SELECTOR_DATA   0x18
%define LAPIC           0xfee00000
%define LAPIC_ID        0x20
%define LAPIC_EOI       0xb0

extern gdt_pointer, second_main, interrupts
global second_code, second_gdt, second_cr3, second_code_end, interrupt_timer, interrupt_ipi

section .text

; Copied to the page of the SIPI: CS holds its paragraph, IP is 0.
bits 16
second_code:
    cli
    o32 lgdt [cs:second_gdt - second_code]
    TO_LONG_MODE [cs:second_cr3 - second_code], SELECTOR_CODE64, second_long
second_gdt:                             ; filled in, like what follows: the first one's
    times 6 db 0
second_cr3:
    dd 0
second_code_end:

bits 64
second_long:
    SEGMENTS SELECTOR_DATA
    mov rsp, second_stack_top
    lgdt [gdt_pointer]
    call second_main

; INTERRUPT name, column: one more in the processor's row of interrupts[2][2]
%macro INTERRUPT 2
%1:
    push rax
    push rcx
    mov eax, LAPIC
    mov ecx, [rax + LAPIC_ID]
    shr ecx, 24
    inc dword [interrupts + rcx * 8 + %2 * 4]
    mov dword [rax + LAPIC_EOI], 0
    pop rcx
    pop rax
    iretq
%endmacro

INTERRUPT interrupt_timer, 0
INTERRUPT interrupt_ipi, 1

section .tables nobits alloc noexec write align=4096
    resb 4096
second_stack_top:
