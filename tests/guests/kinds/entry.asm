; SPDX-License-Identifier: MIT
; One start for each kind of image; all end in kinds_main() in 64-bit mode. KIND says which header is
; in front: PVH, MULTIBOOT, AOUT, MULTIBOOT2, FLAT16, FLAT32 or FLAT64.

%define PVH        1
%define MULTIBOOT  2
%define AOUT       3
%define MULTIBOOT2 4
%define FLAT16     5
%define FLAT32     6
%define FLAT64     7

%define SELECTOR_CODE32 0x08
%define SELECTOR_CODE64 0x10
%define SELECTOR_DATA   0x18
%define CR0_PE          1
%define CR0_PG          0x80000000
%define CR4_PAE         0x20
%define EFER            0xc0000080
%define EFER_LME        0x100
%define ENTRY_TABLE     0x03
%define ENTRY_2M        0x83

extern image_base, image_file_end, image_end, bss_start, bss_end, kinds_main

section .head progbits alloc exec nowrite

; A flat image starts at its first byte.
%if KIND = FLAT16
bits 16
    cli
    cld
    mov [cs:seen_sp - flat_start], sp   ; at most 64 KiB behind the start: CS is where that lies
    mov [cs:seen_cs - flat_start], cs
    lgdt [cs:gdt_pointer - flat_start]
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp dword SELECTOR_CODE32:real_done
bits 32
real_done:
    mov ecx, SELECTOR_DATA
    mov ds, ecx
    mov es, ecx
    mov ss, ecx
    xor eax, eax
    xor ebx, ebx
    jmp entry_32
flat_start equ $$
%elif KIND = FLAT32
bits 32
    jmp entry_32
%elif KIND = FLAT64
bits 64
    mov [rel seen_sp], rsp
    mov rax, cr3
    mov [rel seen_cr3], rax
    jmp entry_64
%endif

%if KIND = MULTIBOOT
    align 4
    dd 0x1badb002, 3, -(0x1badb002 + 3)
%elif KIND = AOUT
    align 4
header:
    dd 0x1badb002, 0x10003, -(0x1badb002 + 0x10003)
    dd header, image_base, image_file_end, image_end, entry_32
%elif KIND = MULTIBOOT2
    align 8
header:
    dd 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
    dw 1, 0                             ; all information that there is
    dd information_end - $ + 4
    dd 1, 2, 3, 4, 6, 14, 15, 21
information_end:
    align 8, db 0
    dw 6, 0                             ; modules on page boundaries
    dd 8
    dw 5, 1                             ; a screen would be nice
    dd 20
    dd 1024, 768, 32
    align 8, db 0
    dw 0, 0
    dd 8
header_end:
%endif

bits 32
global entry_32
entry_32:
    cli
    cld
    mov [seen_eax], eax
    mov [seen_ebx], ebx
%if KIND != FLAT16
    mov [seen_sp], esp
%endif
    ; 4 GiB mapped to itself: a root, a table of four directories, the directories.
    mov edi, boot_tables
    mov ecx, 6 * 1024
    xor eax, eax
    rep stosd
    mov dword [boot_tables], boot_tables + 0x1000 + ENTRY_TABLE
    mov ecx, 4
    mov eax, boot_tables + 0x2000 + ENTRY_TABLE
    mov edi, boot_tables + 0x1000
.directory:
    mov [edi], eax
    add eax, 0x1000
    add edi, 8
    loop .directory
    mov ecx, 4 * 512
    mov eax, ENTRY_2M
    mov edi, boot_tables + 0x2000
.page:
    mov [edi], eax
    add eax, 0x200000
    add edi, 8
    loop .page

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

bits 64
entry_64:
    cli
    cld
    lgdt [rel gdt_pointer]
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
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
    call kinds_main
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
gdt_pointer:
    dw $ - gdt - 1
    dq gdt

global gdt_pointer, seen_eax, seen_ebx, seen_sp, seen_cr3, seen_cs, kind
seen_eax: dd 0
seen_ebx: dd 0
seen_sp:  dq 0
seen_cr3: dq 0
seen_cs:  dd 0
kind:     dd KIND

%if KIND = PVH
section .note.pvh note alloc noexec nowrite align=4
    dd 4, 4, 18                         ; XEN_ELFNOTE_PHYS32_ENTRY
    db "Xen", 0
    dd entry_32
%endif

section .tables nobits alloc noexec write align=4096
boot_tables:
    resb 6 * 4096
    resb 16 * 1024
stack_top:
