; SPDX-License-Identifier: MIT
; The kernel's ELF file inside the UEFI application. KERNEL_ELF is its path, from the build.

section .kernel progbits alloc noexec nowrite align=4096

global kernel_file:data
global kernel_file_end:data

kernel_file:
    incbin KERNEL_ELF
kernel_file_end:
