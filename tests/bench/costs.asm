; SPDX-License-Identifier: MIT
; A guest that measures what an exit costs. For each kind it runs RDTSC, one instruction, RDTSC, many
; times, and prints the ticks in between, the smallest and the middle one:
;
;   cost cpuid_0 min=128 median=128
;
; less what a NOP takes there. "nops_11" tells whether a tick is an instruction: it must cost ten.
; Lies behind the setup header of tests/guests/attacker/header.asm and starts at 0x200 by the 64-bit
; boot protocol. It needs no more of its machine than COM1 and the ports listed here.

bits 64
org 0x100000

%define COM1          0x3f8
%define LSR           (COM1 + 5)
%define LSR_THRE      0x20
%define NOBODY        0xed              ; a port that nobody owns
%define RTC_DATA      0x71
%define SYSTEM_B      0x61              ; outputs of the PIT
%define PCI_DATA      0xcfc
%define SLEEP_CONTROL 0x600
%define SLEEP_NOW     0x34              ; SLP_EN, SLP_TYP 5
%define IOAPIC        0xfec00000
%define CR4_OSXSAVE   (1 << 18)
%define ICR_TO_SELF   0x40040           ; fixed, vector 0x40; it stays pending, interrupts are off
%define ICR_TO_FIRST  0x40              ; the same for the processor with the id in EDX
%define ROUNDS        101

%define MSR_PLATFORM_ID 0x17
%define MSR_APIC_BASE   0x1b
%define APIC_BASE_EXTD  (1 << 10)
%define MSR_MISC_ENABLE 0x1a0
%define MSR_X2APIC_ID   0x802
%define MSR_X2APIC_ICR  0x830

; Bochs and QEMU bring their clocks up to date where a run of instructions begins that they have not
; linked to the one before.
%macro fresh_rdtsc 0
    jmp %%here
%%here:
    rdtsc
%endmacro

; KIND name, EAX, ECX, EDX, instruction. R13 .. R15 and RBP survive every instruction below.
%macro KIND 5
%%measure:
    mov r14d, %2
    mov ecx, %3
    mov r13d, %4
    fresh_rdtsc
    mov r15d, eax
    mov eax, r14d
    mov edx, r13d
    %5
    fresh_rdtsc
    sub eax, r15d
    ret
section .kinds
    dq %%measure, %%name
section .names
%%name: db %1, 0
section .text
%endmacro

section .kinds align=8
kinds:

section .text
    times 0x200 db 0x90
    jmp start

    KIND "nop", 0, 0, 0, nop
    KIND "nops_11", 0, 0, 0, {times 11 nop}
    KIND "cpuid_0", 0, 0, 0, cpuid
    KIND "cpuid_1", 1, 0, 0, cpuid
    KIND "cpuid_7", 7, 0, 0, cpuid
    KIND "cpuid_d", 0xd, 0, 0, cpuid
    KIND "cpuid_kvm", 0x40000000, 0, 0, cpuid
    KIND "cpuid_none", 0x7fffffff, 0, 0, cpuid
    KIND "rdmsr_constant", 0, MSR_PLATFORM_ID, 0, rdmsr
    KIND "rdmsr_misc_enable", 0, MSR_MISC_ENABLE, 0, rdmsr
    KIND "rdmsr_x2apic_id", 0, MSR_X2APIC_ID, 0, rdmsr
    KIND "wrmsr_icr", ICR_TO_FIRST, MSR_X2APIC_ICR, 0, wrmsr
    KIND "wrmsr_icr_self", ICR_TO_SELF, MSR_X2APIC_ICR, 0, wrmsr
    KIND "in_nobody", 0, 0, NOBODY, {in al, dx}
    KIND "out_nobody", 0, 0, NOBODY, {out dx, al}
    KIND "in_uart_lsr", 0, 0, LSR, {in al, dx}
    KIND "in_rtc", 0, 0, RTC_DATA, {in al, dx}
    KIND "in_port_61", 0, 0, SYSTEM_B, {in al, dx}
    KIND "in_pci", 0, 0, PCI_DATA, {in eax, dx}
    KIND "read_ioapic", 0, 0, IOAPIC, {mov eax, [rdx]}
    KIND "xsetbv", 1, 0, 0, xsetbv

section .kinds
kinds_end:

section .text
start:
    cli
    cld
    mov rax, cr4
    or rax, CR4_OSXSAVE                 ; for XSETBV
    mov cr4, rax
    mov ecx, MSR_APIC_BASE
    rdmsr
    or eax, APIC_BASE_EXTD              ; x2APIC mode
    wrmsr
    mov rbp, kinds
.kind:
    mov rdi, samples
    mov ebx, ROUNDS
.round:
    push rbx
    push rdi
    call [rbp]
    pop rdi
    pop rbx
    stosd
    dec ebx
    jnz .round
    call sort

    mov rsi, text_cost
    call print
    mov rsi, [rbp + 8]
    call print
    mov rsi, text_min
    call print
    mov eax, [samples]
    call print_cost
    mov rsi, text_median
    call print
    mov eax, [samples + ROUNDS / 2 * 4]
    call print_cost
    mov rsi, text_end
    call print
    add rbp, 16
    cmp rbp, kinds_end
    jb .kind

    mov rsi, text_done
    call print
    mov edx, SLEEP_CONTROL
    mov al, SLEEP_NOW
    out dx, al
.stop:
    hlt
    jmp .stop

; Insertion sort of the samples.
sort:
    mov ecx, 1
.next:
    mov eax, [samples + rcx * 4]
    mov edx, ecx
.sink:
    cmp [samples + rdx * 4 - 4], eax
    jbe .found
    mov ebx, [samples + rdx * 4 - 4]
    mov [samples + rdx * 4], ebx
    dec edx
    jnz .sink
.found:
    mov [samples + rdx * 4], eax
    inc ecx
    cmp ecx, ROUNDS
    jb .next
    ret

; EAX in decimal, less what the first kind, the NOP, took.
print_cost:
    cmp rbp, kinds
    jne .known
    mov [base], eax
.known:
    sub eax, [base]
    mov rsi, digits_end
    mov ecx, 10
.digit:
    xor edx, edx
    div ecx
    add dl, '0'
    dec rsi
    mov [rsi], dl
    test eax, eax
    jnz .digit
    ; falls through
; The text at RSI, up to a zero byte.
print:
    lodsb
    test al, al
    jz .end
    mov ah, al
    mov edx, LSR
.wait:
    in al, dx
    test al, LSR_THRE
    jz .wait
    mov al, ah
    mov edx, COM1
    out dx, al
    jmp print
.end:
    ret

text_cost:   db "cost ", 0
text_min:    db " min=", 0
text_median: db " median=", 0
text_end:    db 13, 10, 0
text_done:   db "costs: done", 13, 10, 0
digits:      times 12 db 0
digits_end:  db 0
align 8
base:        dd 0
samples:     times ROUNDS dd 0
