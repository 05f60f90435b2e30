; SPDX-License-Identifier: MIT
; A UEFI program that does what some firmware does: it locks VT-x off until the next reset
; (SDM Vol. 3D "Enabling and Entering VMX Operation"). For a test of what Bulkhead says then.
;   nasm -f bin lock_vmx.asm -o lock_vmx.efi
; The smallest PE32+ file that UEFI takes: one section, nothing to relocate. Microsoft "PE Format".
bits 64

IA32_FEATURE_CONTROL equ 0x3a
LOCKED               equ 1
ALIGNMENT            equ 0x200

        db      'MZ'
        times 0x3c - ($ - $$) db 0
        dd      pe - $$

pe:     db      'PE', 0, 0
        dw      0x8664                  ; x86-64
        dw      1                       ; sections
        dd      0, 0, 0                 ; time stamp, symbols
        dw      optional_end - optional
        dw      0x0022                  ; executable, large addresses

optional:
        dw      0x020b                  ; PE32+
        dw      0                       ; linker's version
        dd      text_end - text, 0, 0   ; sizes: code, data, zeroed data
        dd      text - $$               ; entry point
        dd      text - $$               ; base of code
        dq      0                       ; image base
        dd      ALIGNMENT, ALIGNMENT    ; of sections, of the file
        dw      0, 0, 0, 0, 0, 0        ; versions: system, image, subsystem
        dd      0
        dd      text_end - $$           ; size of the image
        dd      text - $$               ; size of the headers
        dd      0                       ; check sum
        dw      10, 0                   ; EFI application
        dq      0, 0, 0, 0              ; stack and heap
        dd      0
        dd      0                       ; data directories
optional_end:

        db      '.text', 0, 0, 0
        dd      text_end - text, text - $$
        dd      text_end - text, text - $$
        dd      0, 0, 0
        dd      0x60000020              ; code, may be executed and read

        align   ALIGNMENT, db 0
text:   mov     ecx, IA32_FEATURE_CONTROL
        mov     eax, LOCKED
        xor     edx, edx
        wrmsr
        xor     eax, eax                ; EFI_SUCCESS
        ret
        align   ALIGNMENT, db 0
text_end:
