/* SPDX-License-Identifier: MIT */
#include "drivers/screen.h"

#include "kernel/lib/mem.h"

#define GLYPH_WIDTH  8
#define GLYPH_HEIGHT 16 /* bytes of a glyph, too: one for each row of 8 pixels */
#define GLYPH_LAST   126

/* Cells are enlarged while the screen still has room for so many. */
#define WANTED_COLUMNS 120
#define WANTED_ROWS    30

#define INK   UINT32_C(0x00aaaaaa) /* grey, so the order of the colours does not matter */
#define PAPER 0                    /* a byte, for memset() */

/* What is being swallowed. */
enum { ESCAPE_NONE, ESCAPE_BEGIN, ESCAPE_CSI, ESCAPE_STRING };

static uint32_t little32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Where glyph 0 is, NULL when this is not a font that we can use. */
static const uint8_t *find_glyphs(const uint8_t *font, size_t size)
{
    size_t header;

    if (size >= 4 && font[0] == 0x36 && font[1] == 0x04) { /* PSF version 1 */
        if (font[3] != GLYPH_HEIGHT)
            return NULL;
        header = 4;
    } else if (size >= 32 && little32(font) == UINT32_C(0x864ab572)) { /* version 2 */
        header = little32(font + 8);
        if (little32(font + 20) != GLYPH_HEIGHT || little32(font + 24) != GLYPH_HEIGHT ||
            little32(font + 28) != GLYPH_WIDTH)
            return NULL;
    } else {
        return NULL;
    }
    if (header > size || size - header < (GLYPH_LAST + 1) * GLYPH_HEIGHT)
        return NULL;
    return font + header;
}

static uint32_t smaller(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

bool screen_init(struct screen *screen, const struct handoff_screen *what, void *pixels,
                 const uint8_t *font, size_t font_size)
{
    uint32_t width, height;

    *screen = (struct screen){.scale = 1, .stride = what->stride};
    screen->glyphs = find_glyphs(font, font_size);
    if (what->pixels == PIXELS_NONE || what->stride == 0 || pixels == NULL || !screen->glyphs)
        return false;
    width = smaller(what->width, what->stride);
    height = smaller(what->height, what->size / sizeof(uint32_t) / what->stride);
    screen->scale =
        smaller(width / (WANTED_COLUMNS * GLYPH_WIDTH), height / (WANTED_ROWS * GLYPH_HEIGHT));
    if (screen->scale == 0)
        screen->scale = 1;
    screen->columns = smaller(width / (GLYPH_WIDTH * screen->scale), SCREEN_MAX_COLUMNS);
    screen->rows = smaller(height / (GLYPH_HEIGHT * screen->scale), SCREEN_MAX_ROWS);
    if (screen->columns == 0 || screen->rows == 0)
        return false;
    screen->pixels = pixels;
    for (uint32_t y = 0; y < height; y++)
        memset(screen->pixels + (size_t)y * what->stride, PAPER, (size_t)width * sizeof(uint32_t));
    memset(screen->cells, ' ', sizeof(screen->cells));
    return true;
}

/* One row of a glyph, `scale` pixels for each of its 8. */
static void paint_line(uint32_t *to, uint8_t bits, uint32_t scale)
{
    for (uint32_t x = 0; x < GLYPH_WIDTH; x++)
        for (uint32_t i = 0; i < scale; i++)
            *to++ = bits & 0x80 >> x ? INK : PAPER;
}

static void paint(struct screen *screen, uint32_t row, uint32_t column, char letter)
{
    char *cell = &screen->cells[row * screen->columns + column];
    const uint8_t *glyph = screen->glyphs + (size_t)letter * GLYPH_HEIGHT;
    uint32_t height = GLYPH_HEIGHT * screen->scale;
    size_t first = (size_t)row * height * screen->stride;

    if (*cell == letter)
        return;
    *cell = letter;
    first += (size_t)column * GLYPH_WIDTH * screen->scale;
    for (uint32_t y = 0; y < height; y++)
        paint_line(screen->pixels + first + (size_t)y * screen->stride, glyph[y / screen->scale],
                   screen->scale);
}

static void scroll(struct screen *screen)
{
    uint32_t by = (screen->rows + 1) / 2;

    for (uint32_t row = 0; row < screen->rows; row++) {
        for (uint32_t column = 0; column < screen->columns; column++) {
            bool below = row + by < screen->rows;
            uint32_t from = (row + by) * screen->columns + column;

            paint(screen, row, column, below ? screen->cells[from] : ' ');
        }
    }
    screen->row -= by;
}

static void next_row(struct screen *screen)
{
    screen->column = 0;
    screen->row++;
    if (screen->row == screen->rows)
        scroll(screen);
}

static void show(struct screen *screen, char letter)
{
    if (screen->column == screen->columns)
        next_row(screen);
    paint(screen, screen->row, screen->column, letter);
    screen->column++;
}

static void control(struct screen *screen, char byte)
{
    switch (byte) {
    case '\n':
        next_row(screen);
        break;
    case '\r':
        screen->column = 0;
        break;
    case '\b':
        if (screen->column != 0)
            screen->column--;
        break;
    case '\t':
        screen->column = smaller((screen->column | 7) + 1, screen->columns);
        break;
    case '\x1b':
        screen->escape = ESCAPE_BEGIN;
        break;
    default:
        break;
    }
}

/* ESC [ ends with a letter or so, ESC ] and the like with BEL or another escape sequence; a line
 * feed is never part of one. */
static void swallow(struct screen *screen, char byte)
{
    if (byte == '\x1b') {
        screen->escape = ESCAPE_BEGIN;
    } else if (screen->escape == ESCAPE_BEGIN) {
        if (byte == '[')
            screen->escape = ESCAPE_CSI;
        else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
            screen->escape = ESCAPE_STRING;
        else if (byte >= 0x30)
            screen->escape = ESCAPE_NONE;
    } else if (screen->escape == ESCAPE_CSI) {
        if (byte >= 0x40)
            screen->escape = ESCAPE_NONE;
    } else if (byte == '\a') {
        screen->escape = ESCAPE_NONE;
    }
}

void screen_move(struct screen *screen, void *pixels)
{
    if (screen->pixels)
        screen->pixels = pixels;
}

void screen_write(struct screen *screen, const char *text, size_t length)
{
    if (!screen->pixels)
        return;
    for (size_t i = 0; i < length; i++) {
        char byte = text[i];

        if (byte == '\n')
            screen->escape = ESCAPE_NONE;
        if (screen->escape != ESCAPE_NONE)
            swallow(screen, byte);
        else if (byte >= 0 && byte < ' ')
            control(screen, byte);
        else if (byte != 0x7f)
            show(screen, byte >= ' ' && byte <= GLYPH_LAST ? byte : '?');
    }
}
