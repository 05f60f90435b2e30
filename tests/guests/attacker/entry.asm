; SPDX-License-Identifier: MIT
; The code behind the setup: 32-bit entry at 0, 64-bit entry at 0x200, RSI is boot_params. The
; Linux/x86 Boot Protocol. Also the GDT, which the excursions of modes.asm share.

%include "tests/guests/attacker/layout.inc"

extern attacker_main, bss_start, bss_end
global gdt, gdt_pointer, stack_top

%define CR4_PAE  (1 << 5)
%define CR0_PG   (1 << 31)
%define EFER     0xc0000080
%define EFER_LME (1 << 8)
%define ENTRY_TABLE 3                   ; present, writable
%define ENTRY_2M    0x83

section .head progbits alloc exec nowrite

bits 32
entry_32:
    cli
    cld
    ; 4 GiB mapped to itself: a root, a table of four directories, the directories.
    mov edi, boot_tables
    mov eax, boot_tables + 0x1000 + ENTRY_TABLE
    mov [edi], eax
    mov dword [edi + 4], 0
    mov ecx, 4
    mov eax, boot_tables + 0x2000 + ENTRY_TABLE
    lea edi, [boot_tables + 0x1000]
.directory:
    mov [edi], eax
    mov dword [edi + 4], 0
    add eax, 0x1000
    add edi, 8
    dec ecx
    jnz .directory
    mov ecx, 4 * 512
    mov eax, ENTRY_2M
    mov edi, boot_tables + 0x2000
.page:
    mov [edi], eax
    mov dword [edi + 4], 0
    add eax, 0x200000
    add edi, 8
    dec ecx
    jnz .page

    mov eax, boot_tables
    mov cr3, eax
    mov eax, CR4_PAE
    mov cr4, eax
    mov ecx, EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    lgdt [gdt_pointer]
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp SELECTOR_CODE64:entry_64

    times 0x200 - ($ - $$) db 0

bits 64
entry_64:
    cli
    cld
    lgdt [gdt_pointer]
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov rsp, stack_top
    push SELECTOR_CODE64
    push .reloaded
    retfq
.reloaded:
    mov rdi, bss_start
    mov rcx, bss_end
    sub rcx, rdi
    xor eax, eax
    rep stosb
    mov rdi, rsi
    call attacker_main
.stop:
    cli
    hlt
    jmp .stop

section .data
    align 16
gdt:
    dq 0
    dq 0x00cf9b000000ffff               ; SELECTOR_CODE32
    dq 0x00af9b000000ffff               ; SELECTOR_CODE64
    dq 0x00cf93000000ffff               ; SELECTOR_DATA
    dq 0x00009b000000ffff               ; SELECTOR_CODE16
    dq 0x000093000000ffff               ; SELECTOR_DATA16
    dq 0x00cffb000000ffff               ; SELECTOR_USER_CODE32
    dq 0x00cff3000000ffff               ; SELECTOR_USER_DATA
    times GDT_ENTRIES - 8 dq 0          ; TSSs, from C
gdt_pointer:
    dw GDT_ENTRIES * 8 - 1
    dq gdt

section .tables nobits alloc noexec write align=4096
boot_tables:
    resb 6 * 4096
    resb 32 * 1024
stack_top:
