; SPDX-License-Identifier: MIT
; The console font of drivers/screen.c, without what follows its last ASCII glyph: a PSF version 1
; font of 16 rows has a header of 4 bytes and 16 bytes for each glyph. The Makefile makes font.psf.
bits 64

section .rodata align=16
global screen_font_start, screen_font_end

screen_font_start:
    incbin "font.psf", 0, 4 + 127 * 16
screen_font_end:
