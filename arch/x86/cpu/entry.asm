; SPDX-License-Identifier: MIT
; Where the boot half jumps to, and single instructions around interrupts that C cannot say.

%include "arch/x86/cpu/percpu.inc"

bits 64
default rel

extern kernel_main, image_stack_top, tables_parking

section .text

; RDI = struct handoff *. The boot stack lies in the image, above a page that becomes its guard.
global _start
_start:
    cld
    lea rsp, [image_stack_top]
    xor ebp, ebp                    ; backtraces end here
    push rbp
    push rbp
    mov rbp, rsp
    call kernel_main
; Falls through.

; _Noreturn void cpu_park(void)
global cpu_park
cpu_park:
    cli
    hlt
    jmp cpu_park

; void cpu_wait_for_event(void)
; An NMI between the comparison and the HLT would be slept through: the handler continues at
; cpu_wait_abort when it interrupted these lines.
global cpu_wait_for_event, cpu_wait_start, cpu_wait_abort
cpu_wait_for_event:
cpu_wait_start:
    cmp qword [gs:CPU_ATTENTION], 0
    jne cpu_wait_abort
    sti
    hlt
cpu_wait_abort:
    cli
    ret

; void cpu_nmi_unblock(void)
global cpu_nmi_unblock
cpu_nmi_unblock:
    inc qword [gs:CPU_NMIS]
    mov qword [gs:CPU_ATTENTION], 1
    cmp dword [tables_parking], 0
    jne cpu_park
    mov rdx, rsp
    mov eax, ss
    push rax
    push rdx
    pushfq
    mov eax, cs
    push rax
    lea rax, [.return]
    push rax
    iretq
.return:
    ret

; void tables_flush(uint16_t code, uint16_t data)
; Reload the segment registers after LGDT. FS and GS keep a null selector.
global tables_flush
tables_flush:
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov ds, si
    mov es, si
    mov ss, si
    pop rax
    movzx edi, di
    push rdi
    push rax
    retfq

; void cpu_take_interrupts(void)
; One instruction long: what is pending is taken, one after the other, before the CLI.
global cpu_take_interrupts
cpu_take_interrupts:
    sti
    nop
    cli
    ret
