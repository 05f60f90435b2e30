; SPDX-License-Identifier: MIT
; The few BIOS services without which a kernel that starts in real mode (iPXE) gets nowhere: text and
; keys by COM1, memory, time. Real-mode code for F000:8000, in the boot half alone (bios.c).
; IBM PC/AT Technical Reference "BIOS"; ACPI Specification "INT 15H, E820H".
;
; It is entered with SS:SP and the other segments as the kernel wants them, sets up vectors and data
; area, and goes on to the kernel's own entry point. linux_real.c puts `facts` behind it.

bits 16
org 0x8000

%define BIOS_SEGMENT   0xf000
%define KERNEL_SEGMENT 0x1020           ; linux_real.c
%define COM1           0x3f8
%define LSR_DATA       0x01
%define LSR_EMPTY      0x20
%define SLEEP_CONTROL  0x600            ; kernel/acpi/guest.h
%define SLEEP_NOW      0x34             ; SLP_EN, SLP_TYP 5
%define FLAG_CARRY     0x01
%define FLAG_ZERO      0x40

; BIOS data area, from segment 0
%define DATA_COM1      0x400
%define DATA_EQUIPMENT 0x410
%define DATA_MEMORY    0x413            ; KiB below 640 KiB; kernels hide memory by lowering it
%define DATA_KEY       0x41e            ; a key that was seen but not taken yet, 0: none
%define DATA_TICKS     0x46c

start:
    cld
    xor ax, ax
    mov es, ax
    xor di, di
    mov cx, 256
.vector:
    mov ax, nothing
    stosw
    mov ax, BIOS_SEGMENT
    stosw
    loop .vector
    mov word [es:0x08 * 4], tick
    mov word [es:0x10 * 4], video
    mov word [es:0x11 * 4], equipment
    mov word [es:0x12 * 4], memory_size
    mov word [es:0x13 * 4], refuse
    mov word [es:0x15 * 4], system
    mov word [es:0x16 * 4], keyboard
    mov word [es:0x18 * 4], boot_next
    mov word [es:0x19 * 4], boot_next
    mov word [es:0x1a * 4], clock
    mov word [es:DATA_COM1], COM1
    mov word [es:DATA_EQUIPMENT], 0x0200 ; one serial port
    mov word [es:DATA_MEMORY], 640

    ; 8259s to vectors 8 and 0x70, the timer's line alone open; 8254 at 18.2 Hz
    mov al, 0x11
    out 0x20, al
    out 0xa0, al
    mov al, 0x08
    out 0x21, al
    mov al, 0x70
    out 0xa1, al
    mov al, 0x04
    out 0x21, al
    mov al, 0x02
    out 0xa1, al
    mov al, 0x01
    out 0x21, al
    out 0xa1, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0xff
    out 0xa1, al
    mov al, 0x36
    out 0x43, al
    xor al, al
    out 0x40, al
    out 0x40, al

    mov ax, ds
    mov es, ax
    xor ax, ax
    xor cx, cx
    xor di, di
    jmp KERNEL_SEGMENT:0

nothing:
    iret

tick:
    push ax
    push ds
    xor ax, ax
    mov ds, ax
    inc dword [DATA_TICKS]
    mov al, 0x20
    out 0x20, al
    pop ds
    pop ax
    iret

; ---- flags of who called: BP is free ---------------------------------------------------------------
%macro give_flags 2                     ; bits to clear, bits to set
    push bp
    mov bp, sp
    and byte [bp + 6], ~(%1) & 0xff
    or byte [bp + 6], %2
    pop bp
    iret
%endmacro

refuse:
    mov ah, 0x86                        ; no such function
carry:
    give_flags 0, FLAG_CARRY
fine:
    give_flags FLAG_CARRY, 0

; ---- INT 10h: text goes to COM1, there is no screen ------------------------------------------------
video:
    cmp ah, 0x0e
    je .character
    cmp ah, 0x03
    je .cursor
    cmp ah, 0x08
    je .read
    cmp ah, 0x0f
    je .mode
    iret
.character:
    push dx
    push ax
    mov dx, COM1 + 5
.busy:
    in al, dx
    test al, LSR_EMPTY
    jz .busy
    pop ax
    mov dx, COM1
    out dx, al
    pop dx
    iret
.cursor:
    xor dx, dx
    mov cx, 0x0607
    iret
.read:
    mov ax, 0x0720                      ; a blank in grey
    iret
.mode:
    mov ax, 80 << 8 | 3
    mov bh, 0
    iret

; ---- INT 11h, 12h ------------------------------------------------------------------------------------
equipment:
    mov ax, DATA_EQUIPMENT
    jmp word_of_data
memory_size:
    mov ax, DATA_MEMORY
word_of_data:
    push ds
    push bx
    mov bx, ax
    xor ax, ax
    mov ds, ax
    mov ax, [bx]
    pop bx
    pop ds
    iret

; ---- INT 15h: memory; A20 is always open -------------------------------------------------------------
system:
    cmp ax, 0xe820
    je .map
    cmp ax, 0xe801
    je .extended
    cmp ah, 0x88
    je .extended_old
    cmp ah, 0x24
    jne refuse
    cmp al, 1
    jne .a20_more
    mov ah, 0
    jmp fine
.a20_more:
    cmp al, 2
    jne refuse
    mov ax, 1                           ; it is open
    jmp fine
.extended:
    mov ax, [cs:facts.below_16m]
    mov bx, [cs:facts.above_16m]
    mov cx, ax
    mov dx, bx
    jmp fine
.extended_old:
    mov ax, [cs:facts.below_16m]
    jmp fine
.map:
    cmp edx, 0x534d4150                 ; "SMAP"
    jne refuse
    cmp ecx, 20
    jb refuse
    cmp ebx, [cs:facts.count]
    jae refuse
    push ds
    push si
    push di
    mov ax, cs
    mov ds, ax
    imul si, bx, 20
    add si, facts.ranges
    mov cx, 20
    cld
    rep movsb
    pop di
    pop si
    pop ds
    inc ebx
    cmp ebx, [cs:facts.count]
    jb .more
    xor ebx, ebx
.more:
    mov ecx, 20
    mov eax, edx
    jmp fine

; ---- INT 16h: COM1 is the keyboard -------------------------------------------------------------------
; DS = 0, AL = the next key or 0
look:
    xor ax, ax
    mov ds, ax
    mov al, [DATA_KEY]
    test al, al
    jnz .done
    mov dx, COM1 + 5
    in al, dx
    test al, LSR_DATA
    mov al, 0
    jz .done
    mov dx, COM1
    in al, dx
    mov [DATA_KEY], al
.done:
    ret

keyboard:
    push ds
    push dx
    and ah, ~0x10                       ; the same functions for enhanced keyboards
    jz .take
    cmp ah, 1
    je .seen
    mov al, 0                           ; no shift keys
    pop dx
    pop ds
    iret
.take:
    call look
    test al, al
    jz .take
    mov byte [DATA_KEY], 0
    pop dx
    pop ds
    iret
.seen:
    call look
    test al, al
    pop dx
    pop ds
    jz .none
    give_flags FLAG_ZERO, 0
.none:
    give_flags 0, FLAG_ZERO

; ---- INT 18h, 19h: a kernel that has found nothing to start gives up -----------------------------------
boot_next:
    cld
    mov si, .text
.next:
    cs lodsb
    test al, al
    jz .off
    mov ah, 0x0e
    int 0x10
    jmp .next
.off:
    mov dx, SLEEP_CONTROL
    mov al, SLEEP_NOW
    out dx, al
.text: db 13, 10, "Nothing else to boot: power-off", 13, 10, 0

; ---- INT 1Ah: ticks ----------------------------------------------------------------------------------
clock:
    test ah, ah
    jnz refuse
    push ds
    xor ax, ax
    mov ds, ax
    mov dx, [DATA_TICKS]
    mov cx, [DATA_TICKS + 2]
    mov al, 0                           ; it is not past midnight
    pop ds
    iret

    align 4, db 0
facts:
.below_16m: equ facts                   ; word: KiB from 1 to 16 MiB
.above_16m: equ facts + 2               ; word: 64 KiB units from 16 MiB on
.count:     equ facts + 4               ; dword: ranges of the memory map
.ranges:    equ facts + 8               ; 20 bytes each
