; SPDX-License-Identifier: MIT
; The last instructions of the boot half.

bits 64
default rel

CR4_PGE equ 1 << 7

section .text.jump progbits alloc exec nowrite align=64

; jump.h: RDI = hand-over, RSI = entry, RDX = tables, RCX = stack.
; This code lies at its physical address before and after the change of page tables. Without
; CR4.PGE, loading CR3 forgets the firmware's global translations too (SDM Vol. 3A "Invalidation of
; TLBs and Paging-Structure Caches").
global jump
jump:
    cli
    cld
    mov rax, cr4
    and rax, ~CR4_PGE
    mov cr4, rax
    mov cr3, rdx
    mov rsp, rcx
    xor ebp, ebp
    push rbp ; where a return address would be: backtraces end here, and the stack is aligned
    jmp rsi
.end:

%if jump.end - jump > 64
    %error "jump may cross a page: its page is the only executable one"
%endif
