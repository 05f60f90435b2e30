; SPDX-License-Identifier: MIT
; Interrupt and exception entry, and the frame in which an action may fault (probe_run).

bits 64
default rel

%include "tests/guests/attacker/layout.inc"

extern trap_handle
global trap_stubs, probe_run, probe_abort, probe_rsp, soft_stub, soft_count

; Vectors that push an error code: 8, 10..14, 17, 21.
%define WITH_ERROR ((1 << 8) | (0x1f << 10) | (1 << 17) | (1 << 21))

section .text

; 256 stubs of 16 bytes.
    align 16
trap_stubs:
%assign vector 0
%rep 256
    align 16
%if vector > 31 || ((WITH_ERROR >> vector) & 1) == 0
    push 0
%endif
    push strict dword vector
    jmp near trap_common
%assign vector vector + 1
%endrep

    align 16
trap_common:
    push rax
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
    cld
    mov rdi, rsp
    mov rbp, rsp
    and rsp, -16
    call trap_handle
    mov rsp, rbp
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq

; For INT n, which never pushes an error code.
soft_stub:
    inc qword [soft_count]
    iretq

; uint64_t probe_run(void (*action)(void *argument), void *argument): 0, or 1 when it faulted.
probe_run:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push qword [probe_rsp]              ; one may run inside another
    mov [probe_rsp], rsp
    mov rax, rdi
    mov rdi, rsi
    call rax
    xor eax, eax
    jmp probe_end

; trap_handle() continues here, with RSP as it was stored in probe_rsp.
probe_abort:
    mov ecx, SELECTOR_DATA              ; the action may have loaded others
    mov ds, ecx
    mov es, ecx
    cld
    mov eax, 1
probe_end:
    pop qword [probe_rsp]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

section .bss
    alignb 8
probe_rsp: resq 1
soft_count: resq 1
