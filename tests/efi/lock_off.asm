; SPDX-License-Identifier: MIT
; A UEFI program that does what some firmware does: it locks virtualization off until the next reset.
; For a test of what Bulkhead says then. REGISTER and VALUE come from the command line: 0x3a and 1 for
; VT-x (SDM Vol. 3D "Enabling and Entering VMX Operation": IA32_FEATURE_CONTROL), 0xc0010114 and 0x18
; for AMD-V (APM Vol. 2 "SVM Related MSRs": VM_CR).
;   nasm -f bin -DREGISTER=0x3a -DVALUE=1 lock_off.asm -o lock_off.efi
; With -DOTHERS all processors but the one that runs UEFI are locked, by its MP services (UEFI Platform
; Initialization Specification, Vol. 2 "MP Services Protocol").
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
%ifndef OTHERS
text:
%else
LOCATE_PROTOCOL equ 0x140               ; in the boot services
BOOT_SERVICES   equ 0x60                ; in the system table
START_ALL       equ 0x10                ; in the protocol: StartupAllAPs

text:   sub     rsp, 0x48
        mov     rax, [rdx + BOOT_SERVICES]
        lea     rcx, [rel guid]
        xor     edx, edx
        lea     r8, [rsp + 0x38]
        call    [rax + LOCATE_PROTOCOL]
        test    rax, rax
        jnz     .end
        mov     rcx, [rsp + 0x38]
        lea     rdx, [rel lock_off]
        xor     r8d, r8d                ; all at once
        xor     r9d, r9d                ; wait here
        mov     [rsp + 0x20], r9        ; for ever
        mov     [rsp + 0x28], r9        ; no argument
        mov     [rsp + 0x30], r9
        call    [rcx + START_ALL]
.end:   add     rsp, 0x48
        ret

guid:   dd      0x3fdda605
        dw      0xa76e, 0x4f46
        db      0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08
%endif
lock_off:
        mov     ecx, REGISTER
        mov     eax, VALUE
        xor     edx, edx
        wrmsr
        xor     eax, eax                ; EFI_SUCCESS
        ret
        align   ALIGNMENT, db 0
text_end:
