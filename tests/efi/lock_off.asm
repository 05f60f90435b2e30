; SPDX-License-Identifier: MIT
; A UEFI program that does what some firmware does: it locks virtualization off until the next reset.
; For a test of what Bulkhead says then. REGISTER and VALUE come from the command line: 0x3a and 1 for
; VT-x (SDM Vol. 3D "Enabling and Entering VMX Operation": IA32_FEATURE_CONTROL), 0xc0010114 and 0x18
; for AMD-V (APM Vol. 2 "SVM Related MSRs": VM_CR).
;   nasm -f bin -DREGISTER=0x3a -DVALUE=1 lock_off.asm -o lock_off.efi
; The smallest PE32+ file that UEFI takes: one section, nothing to relocate. Microsoft "PE Format".
bits 64

ALIGNMENT equ 0x200

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
text:   mov     ecx, REGISTER
        mov     eax, VALUE
        xor     edx, edx
        wrmsr
        xor     eax, eax                ; EFI_SUCCESS
        ret
        align   ALIGNMENT, db 0
text_end:
