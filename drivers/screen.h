/* SPDX-License-Identifier: MIT */
/*
 * Text on the firmware's linear framebuffer: a grid of 8x16 cells (enlarged on big screens), light
 * grey on black, ASCII. The grid is kept in memory too, one byte a cell, because reading a
 * framebuffer takes microseconds and writing it is slow: only cells whose character changes are
 * painted. For the same reason the text scrolls by half a screen at a time, so that a long log
 * repaints the screen once in many lines and not with each.
 *
 * Nothing outside the framebuffer's `size` bytes is ever written, whatever width, height and stride
 * say; they come from firmware.
 */
#ifndef BULKHEAD_DRIVERS_SCREEN_H
#define BULKHEAD_DRIVERS_SCREEN_H

#include "boot/handoff.h"

#define SCREEN_MAX_COLUMNS 160
#define SCREEN_MAX_ROWS    75

/* Private but for its size. */
struct screen {
    uint32_t *pixels; /* NULL: no screen */
    uint32_t stride;  /* pixels */
    const uint8_t *glyphs;
    uint32_t scale;
    uint32_t columns, rows;
    uint32_t column, row; /* where the next character goes; column == columns: to the next row */
    uint8_t escape;       /* of the sequence that is being swallowed */
    char cells[SCREEN_MAX_ROWS * SCREEN_MAX_COLUMNS];
};

/* Built in by drivers/font.nasm: a PSF console font, cut off after its last ASCII glyph. */
extern const uint8_t screen_font_start[], screen_font_end[];

/*
 * Clear the screen and start writing at its top. `what` describes the framebuffer, `pixels` is
 * where it is mapped (its `size` bytes, best as write-combining). `font`: a PSF version 1 or 2 font
 * of 8x16 pixels in which the glyphs 32 to 126 are there and are ASCII's; what follows them may be
 * missing. False when there is no screen, no room for a cell, or no such font; screen_write() then
 * does nothing.
 */
bool screen_init(struct screen *screen, const struct handoff_screen *what, void *pixels,
                 const uint8_t *font, size_t font_size);

/* The framebuffer is mapped elsewhere now; what is shown stays. */
void screen_move(struct screen *screen, void *pixels);

/*
 * Show text. \n goes to the start of the next row, \r to the start of the row, \b one cell back
 * (not beyond the start), \t to the next multiple of 8; escape sequences are swallowed; bytes that
 * are not ASCII show as ?. Rows that are too long go on in the next one.
 */
void screen_write(struct screen *screen, const char *text, size_t length);

#endif
