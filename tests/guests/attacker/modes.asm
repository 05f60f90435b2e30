; SPDX-License-Identifier: MIT
; Excursions out of 64-bit mode: 32-bit protected mode without paging, real mode, and three ways to
; end there. SDM Vol. 3A "Switching Out of IA-32e Mode", "Mode Switching".

%include "tests/guests/attacker/layout.inc"

extern gdt, gdt_pointer
global protected_run, mode32_devices, mode32_real, mode32_ac_storm, mode32_task_switch
global mode32_bad_entry

%define CR0_PE   1
%define CR0_AM   (1 << 18)
%define CR0_CD   (1 << 30)
%define CR0_PG   (1 << 31)
%define EFER     0xc0000080
%define EFER_LME (1 << 8)
%define EFLAGS_AC_ONE 0x40002
%define HOLE     0xd0000000
%define NO_PORT  0xe0
%define REAL_AT  0x7000                 ; real-mode code, in RAM that nobody uses
%define REAL_SEG (REAL_AT >> 4)

section .text

bits 64
; uint32_t protected_run(uint32_t code, bool flip_cd)
protected_run:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [abs saved_rsp], rsp
    mov rax, cr3
    mov [abs saved_cr3], eax
    mov rax, cr4
    mov [abs saved_cr4], eax
    mov [abs code_at], edi
    movzx esi, sil
    shl esi, 30
    mov [abs flip], esi
    push SELECTOR_CODE32
    push .compatibility
    retfq

bits 32
.compatibility:
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, stack32_top
    mov eax, cr0
    and eax, ~CR0_PG
    xor eax, [flip]
    mov cr0, eax
    mov ecx, EFER
    rdmsr
    and eax, ~EFER_LME
    wrmsr
    call [code_at]
    mov [result], eax

    mov eax, [saved_cr4]
    mov cr4, eax
    mov eax, [saved_cr3]
    mov cr3, eax
    mov ecx, EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PG
    xor eax, [flip]
    mov cr0, eax
    jmp SELECTOR_CODE64:.long

bits 64
.long:
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov rsp, [abs saved_rsp]
    mov eax, [abs result]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

bits 32
; Device accesses, decoded as 32-bit code. EDI collects the failures, a bit each.
mode32_devices:
    push ebx
    push edi
    xor edi, edi
    mov eax, [HOLE]
    cmp eax, -1
    je .r32
    or edi, 1 << 0
.r32:
    mov ecx, HOLE
    xor eax, eax
    mov ax, [ecx + 2]
    cmp eax, 0xffff
    je .r16
    or edi, 1 << 1
.r16:
    mov bl, 0
    mov bl, [ecx + eax * 4]
    cmp bl, 0xff
    je .r8
    or edi, 1 << 2
.r8:
    mov bh, 0
    mov bh, [ecx]
    cmp bx, 0xffff
    je .rh
    or edi, 1 << 3
.rh:
    mov dword [ecx], 0x12345678
    mov [ecx + 1], al
    xchg eax, [ecx]
    cmp eax, -1
    je .xchg
    or edi, 1 << 4
.xchg:
    mov dx, NO_PORT
    out dx, eax
    xor eax, eax
    in ax, dx
    cmp eax, 0xffff
    je .in
    or edi, 1 << 5
.in:
    push edi
    mov edi, scratch
    mov ecx, 5
    rep insd
    cmp ecx, 0
    pop edi
    jne .ins_bad
    cmp dword [scratch + 16], -1
    je .ins
.ins_bad:
    or edi, 1 << 6
.ins:
    mov eax, 0x40000100
    cpuid
    cmp ebx, 'Bulk'
    je .cpuid
    or edi, 1 << 7
.cpuid:
    ; PAE paging with tables in RAM: the entries of the directory pointers are checked and kept.
    mov eax, cr4
    or eax, 1 << 5
    mov cr4, eax
    mov eax, pdptes
    mov cr3, eax
    mov eax, pae_directory + 1
    mov [pdptes], eax
    mov dword [pae_directory], 0x83
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    mov ecx, [scratch + 16]
    mov eax, cr0
    xor eax, CR0_CD                     ; an exit under PAE paging
    mov cr0, eax
    xor eax, CR0_CD
    mov cr0, eax
    and eax, ~CR0_PG
    mov cr0, eax
    cmp ecx, -1
    je .pae
    or edi, 1 << 8
.pae:
    mov eax, edi
    pop edi
    pop ebx
    ret

; Copy the real-mode code to where it can run, and go there by way of a 16-bit segment.
mode32_real:
    push ebx
    push esi
    push edi
    push ebp
    mov esi, real_blob
    mov edi, REAL_AT
    mov ecx, real_blob_end - real_blob
    rep movsb
    mov [saved_esp], esp
    jmp SELECTOR_CODE16:REAL_AT
mode32_real_back:
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, [saved_esp]
    movzx eax, word [REAL_AT + real_failures - real_blob]
    pop ebp
    pop edi
    pop esi
    pop ebx
    ret

; #AC whose delivery raises #AC: a handler in ring 3, on a stack that is not aligned.
; CVE-2015-5307: without an intercept the processor is gone for good.
mode32_ac_storm:
    mov eax, user_code
    mov [idt32 + 17 * 8], ax
    mov word [idt32 + 17 * 8 + 2], SELECTOR_USER_CODE32
    mov word [idt32 + 17 * 8 + 4], 0xee00 ; interrupt gate, DPL 3
    shr eax, 16
    mov [idt32 + 17 * 8 + 6], ax
    lidt [idt32_pointer]
    mov eax, cr0
    or eax, CR0_AM
    mov cr0, eax
    push dword SELECTOR_USER_DATA
    push dword stack32_user + 2
    push dword EFLAGS_AC_ONE
    push dword SELECTOR_USER_CODE32
    push dword user_code
    iretd
user_code:
    mov eax, [esp]
    jmp user_code

; A hardware task switch, which exits always and which Bulkhead does not do for a guest.
mode32_task_switch:
    mov eax, tss_old
    mov ecx, SELECTOR_TSS32_OLD
    call .describe
    mov eax, tss_new
    mov ecx, SELECTOR_TSS32_NEW
    call .describe
    mov dword [tss_new + 32], .arrived  ; EIP
    mov dword [tss_new + 36], 2         ; EFLAGS
    mov dword [tss_new + 56], stack32_top
    mov dword [tss_new + 72], SELECTOR_DATA   ; ES
    mov dword [tss_new + 76], SELECTOR_CODE32 ; CS
    mov dword [tss_new + 80], SELECTOR_DATA   ; SS
    mov dword [tss_new + 84], SELECTOR_DATA   ; DS
    mov eax, SELECTOR_TSS32_OLD
    ltr ax
    jmp SELECTOR_TSS32_NEW:0
.arrived:
    cli
    hlt
    jmp .arrived
.describe:                              ; EAX base, ECX selector: an available 32-bit TSS
    mov dword [gdt + ecx], 103
    mov [gdt + ecx + 2], ax
    shr eax, 16
    mov [gdt + ecx + 4], al
    mov byte [gdt + ecx + 5], 0x89
    mov byte [gdt + ecx + 6], 0
    mov [gdt + ecx + 7], ah
    ret

; Into IA-32e mode with a 16-bit TSS loaded, which VM entry refuses; the change of CD makes it exit.
mode32_bad_entry:
    mov dword [gdt + SELECTOR_TSS16], 43
    mov eax, tss_old
    mov [gdt + SELECTOR_TSS16 + 2], ax
    shr eax, 16
    mov [gdt + SELECTOR_TSS16 + 4], al
    mov byte [gdt + SELECTOR_TSS16 + 5], 0x81
    mov byte [gdt + SELECTOR_TSS16 + 6], 0
    mov [gdt + SELECTOR_TSS16 + 7], ah
    mov eax, SELECTOR_TSS16
    ltr ax
    mov dword [flip], CR0_CD
    ret                                 ; protected_run() does the rest

; ---- real mode ----
; A fault handler continues at [resume]. What went wrong is a bit in real_failures.

section .rodata
bits 16
%define resume        real_resume - real_blob
%define sp_before     real_sp - real_blob
%define faulted       real_faulted - real_blob
%define failures      real_failures - real_blob

real_blob:
    mov ax, SELECTOR_DATA16
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, cr0
    and al, ~CR0_PE & 0xff
    mov cr0, eax
    jmp REAL_SEG:(.real - real_blob)
.real:
    mov ax, REAL_SEG
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x2ff0
    lidt [real_idt_pointer - real_blob]

    mov dx, NO_PORT
    mov eax, 0x12345678
    in al, dx
    cmp eax, 0x123456ff
    je .in
    or word [failures], 1 << 0
.in:
    mov di, real_end - real_blob
    mov cx, 3
    rep insw
    cmp word [real_end - real_blob + 4], 0xffff
    je .ins
    or word [failures], 1 << 1
.ins:
    mov eax, 0x40000100
    cpuid
    cmp ebx, 'Bulk'
    je .cpuid
    or word [failures], 1 << 2
.cpuid:
    mov ecx, 0x480                      ; IA32_VMX_BASIC
    mov word [resume], .gp - real_blob
    mov [sp_before], sp
    mov byte [faulted], 0
    rdmsr
.gp:
    call .look
    jnc .gp_good
    or word [failures], 1 << 3
.gp_good:
    mov word [resume], .ud - real_blob
    mov byte [faulted], 0
    vmcall
.ud:
    call .look
    jnc .ud_good
    or word [failures], 1 << 4
.ud_good:
    mov word [resume], .cr - real_blob
    mov byte [faulted], 0
    mov eax, cr4
    or eax, 1 << 13                     ; VMXE
    mov cr4, eax
.cr:
    call .look
    jnc .cr_good
    or word [failures], 1 << 5
.cr_good:
    int 0x1f                            ; through the same handler, comes back by itself
    mov word [resume], .back - real_blob
.back:
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp dword SELECTOR_CODE32:mode32_real_back

; Carry: there was no fault, or the stack is not as it was. Puts it right.
.look:
    pop bx
    cmp sp, [sp_before]
    mov sp, [sp_before]
    jne .bad
    cmp byte [faulted], 1
    jne .bad
    clc
    jmp bx
.bad:
    stc
    jmp bx

real_fault:
    push bp
    push ax
    mov bp, sp
    mov byte [cs:faulted], 1
    mov ax, [cs:resume]
    mov [bp + 4], ax
    pop ax
    pop bp
    iret
real_soft:
    iret

    align 4
real_idt:
%rep 31
    dw real_fault - real_blob, REAL_SEG
%endrep
    dw real_soft - real_blob, REAL_SEG
real_idt_pointer:
    dw 32 * 4 - 1
    dd REAL_AT + real_idt - real_blob
real_resume:   dw 0
real_sp:       dw 0
real_failures: dw 0
real_faulted:  db 0
real_end:
real_blob_end:

section .data
    align 8
idt32_pointer:
    dw 32 * 8 - 1
    dd idt32

section .bss
    alignb 4096
pae_directory: resb 4096
pdptes:        resb 32
    alignb 16
    resb 4096
stack32_top:
    resb 4096
stack32_user:
    resb 16
saved_rsp:     resq 1
saved_esp:     resd 1
saved_cr3:     resd 1
saved_cr4:     resd 1
code_at:       resd 1
flip:          resd 1
result:        resd 1
scratch:       resb 64
idt32:         resb 32 * 8
tss_old:       resb 104
tss_new:       resb 104
