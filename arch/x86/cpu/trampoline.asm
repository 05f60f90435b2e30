; SPDX-License-Identifier: MIT
; The way of a started processor from real mode to the kernel. SDM Vol. 3A "Initializing IA-32e Mode".
;
; One page below 1 MiB is all the memory it needs, because that page is also its page table, on all
; four levels: entry 0 links to the page itself, so that the walk of an address below 2 MiB comes
; back to it, and the entry with the page's own number maps it where it lies. The upper entries are
; those of the hypervisor's tables. smp.c lays the page out:
;
;   0      jump to the code; from the switch to paging on, entry 0 (the code overwrites it)
;   n * 8  entry n (n: the page's number), read and execute only
;   2048   this file: code and arguments; as entries they would map addresses that nothing uses
;   4080   the hypervisor's entries 510 and 511
;
; No processor runs in it any more when the next one is started.

%define TRAMPOLINE_OFFSET 2048
%define at(label) (label - trampoline_start + TRAMPOLINE_OFFSET)

%define CODE32 0x08
%define DATA32 0x10
%define CODE64 0x18

%define ENTRY_PRESENT 1
%define CR0_PROTECTED 0x00000011        ; ET, PE
%define CR0_PAGED     0x80010031        ; PG, WP, NE, ET, PE: caches on (CD, NW clear)
%define CR4_PAE       0x00000020
%define MSR_IA32_EFER 0xc0000080
%define EFER_LME_NXE  0x00000900

extern smp_main

section .rodata

global trampoline_start, trampoline_end, trampoline_arguments

bits 16
trampoline_start:
    cli
    cld
    xor ebx, ebx
    mov bx, cs
    mov ds, bx
    shl ebx, 4                          ; address of the page
    add [at(gdt_pointer.base)], ebx
    add [at(to_protected)], ebx
    add [at(to_long)], ebx
    o32 lgdt [at(gdt_pointer)]
    mov eax, CR0_PROTECTED
    mov cr0, eax
    jmp dword far [at(to_protected)]

bits 32
protected:
    mov ax, DATA32
    mov ds, ax
    mov ss, ax
    lea eax, [ebx + ENTRY_PRESENT]
    mov [ebx], eax
    mov dword [ebx + 4], 0
    mov eax, CR4_PAE
    mov cr4, eax
    mov cr3, ebx
    mov ecx, MSR_IA32_EFER
    rdmsr
    or eax, EFER_LME_NXE
    wrmsr
    mov eax, CR0_PAGED
    mov cr0, eax
    jmp far [ebx + at(to_long)]

bits 64
in_long:
    mov rax, [rbx + at(arguments.cr3)]
    mov rsp, [rbx + at(arguments.stack)]
    mov rdi, [rbx + at(arguments.cpu)]
    jmp [rbx + at(arguments.entry)]

align 8
gdt:
    dq 0
    dq 0x00cf9b000000ffff               ; CODE32
    dq 0x00cf93000000ffff               ; DATA32
    dq 0x00af9b000000ffff               ; CODE64
gdt_pointer:
    dw gdt_pointer - gdt - 1
.base:
    dd at(gdt)
to_protected:
    dd at(protected)
    dw CODE32
to_long:
    dd at(in_long)
    dw CODE64

; struct trampoline_arguments (smp.c)
align 8
trampoline_arguments:
arguments:
.cr3:   dq 0
.stack: dq 0
.cpu:   dq 0
.entry: dq smp_enter
trampoline_end:

section .text

; In the hypervisor's half, which both sets of tables map. RAX: CR3, RDI: struct cpu *.
global smp_enter
bits 64
smp_enter:
    mov cr3, rax
    xor ebp, ebp
    push rbp
    push rbp
    mov rbp, rsp
    call smp_main                       ; does not return
