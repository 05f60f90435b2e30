; SPDX-License-Identifier: MIT
; The first 1024 bytes of the file: setup header of a bzImage, and what a BIOS loader jumps to. The
; Linux/x86 Boot Protocol. Bulkhead reads the header and starts the code behind it in 64-bit mode;
; the 16-bit code here is only for QEMU's -kernel, which is handy for working on the attacks.

%define KERNEL_AT   0x100000
%define INIT_SIZE   0x400000            ; attacker.ld checks it
%define BOOT_PARAMS 0x8000              ; where the 16-bit code puts what a loader would have made
%define E820_TABLE  0x2d0
%define E820_COUNT  0x1e8
%define E820_MAX    32

bits 16
org 0

    times 0x1f1 db 0
    db 1                                ; setup_sects: the setup is 1024 bytes
    dw 0                                ; root_flags
    dd (kernel_end - kernel + 15) / 16  ; syssize
    dw 0                                ; ram_size
    dw 0xffff                           ; vid_mode: normal
    dw 0                                ; root_dev
    dw 0xaa55                           ; boot_flag
    jmp short start                     ; its length also tells where the header ends
    db "HdrS"
    dw 0x020c                           ; version
    dd 0                                ; realmode_swtch
    dw 0                                ; start_sys_seg
    dw 0                                ; kernel_version
    db 0                                ; type_of_loader
    db 1                                ; loadflags: LOADED_HIGH
    dw 0                                ; setup_move_size
    dd KERNEL_AT                        ; code32_start
    dd 0                                ; ramdisk_image
    dd 0                                ; ramdisk_size
    dd 0                                ; bootsect_kludge
    dw 0                                ; heap_end_ptr
    db 0                                ; ext_loader_ver
    db 0                                ; ext_loader_type
    dd 0                                ; cmd_line_ptr
    dd 0x7fffffff                       ; initrd_addr_max
    dd 0x1000                           ; kernel_alignment
    db 0                                ; relocatable_kernel: no, it is linked to pref_address
    db 12                               ; min_alignment
    dw 1                                ; xloadflags: XLF_KERNEL_64
    dd 2047                             ; cmdline_size
    dd 0                                ; hardware_subarch
    dq 0                                ; hardware_subarch_data
    dd 0                                ; payload_offset
    dd 0                                ; payload_length
    dq 0                                ; setup_data
    dq KERNEL_AT                        ; pref_address
    dd INIT_SIZE                        ; init_size
    dd 0                                ; handover_offset
header_end:

; DS is the segment at which this file's first byte lies.
start:
    cli
    cld
    mov ax, BOOT_PARAMS >> 4
    mov es, ax
    xor di, di
    xor eax, eax
    mov cx, 4096 / 4
    rep stosd
    mov si, 0x1f1
    mov di, si
    mov cx, header_end - 0x1f1
    rep movsb

    mov di, E820_TABLE
    xor ebx, ebx
.range:
    mov eax, 0xe820
    mov edx, 0x534d4150                 ; "SMAP"
    mov ecx, 20
    int 0x15
    jc .ranges_done
    inc byte [es:E820_COUNT]
    add di, 20
    test ebx, ebx
    jz .ranges_done
    cmp byte [es:E820_COUNT], E820_MAX
    jb .range
.ranges_done:

    xor eax, eax
    mov ax, ds
    shl eax, 4
    add [gdt_pointer + 2], eax
    add [to_protected], eax
    lgdt [gdt_pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp far dword [to_protected]

bits 32
protected:
    mov ax, 0x18
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esi, BOOT_PARAMS
    mov eax, KERNEL_AT
    jmp eax

    align 8
gdt:
    dq 0, 0
    dq 0x00cf9b000000ffff               ; 0x10 code, 32 bits
    dq 0x00cf93000000ffff               ; 0x18 data
gdt_pointer:
    dw $ - gdt - 1
    dd gdt
to_protected:
    dd protected
    dw 0x10

    times 1024 - ($ - $$) db 0

kernel:
    incbin FLAT
    align 16, db 0
kernel_end:
