/* SPDX-License-Identifier: MIT */
#include "kernel/console/filter.h"

/* CSI: ESC [ ...; STRING: what ESC ], P, X, ^ and _ begin, ended by BEL or by ESC \ (which ends it
 * like any escape sequence of two bytes would). */
enum filter_state { TEXT, ESCAPE, CSI, STRING, PAIR };

enum {
    BEL = 0x07,
    BS = 0x08,
    TAB = 0x09,
    LF = 0x0a,
    CR = 0x0d,
    CAN = 0x18,
    SUB = 0x1a,
    ESC = 0x1b,
    DEL = 0x7f,
};

#define TOO_LONG (CONSOLE_SEQUENCE + 1)

void filter_reset(struct console_source *source)
{
    source->state = TEXT;
    source->utf8_left = 0;
}

static enum filter_item control(struct console_source *s, uint8_t byte)
{
    switch (byte) {
    case BS:
        return FILTER_BACKSPACE;
    case TAB:
        return FILTER_TAB;
    case CR:
        return FILTER_RETURN;
    case ESC:
        s->state = ESCAPE;
        return FILTER_NOTHING;
    default:
        return FILTER_NOTHING;
    }
}

/* UTF-8 passes; what is not UTF-8 does not, nor do U+0080 to U+009F, which a terminal may take for
 * control functions (0x9b for ESC [). */
static enum filter_item high_byte(struct console_source *s, uint8_t byte)
{
    if (byte < 0xc0) {
        if (s->utf8_left == 0)
            return FILTER_REPLACE;
        s->utf8_left--;
        return FILTER_CONTINUE;
    }
    s->utf8_left = 0;
    if (byte == 0xc2) {
        s->state = PAIR;
        return FILTER_NOTHING;
    }
    if (byte < 0xc2 || byte > 0xf4)
        return FILTER_REPLACE;
    s->utf8_left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    return FILTER_SHOW;
}

static enum filter_item text(struct console_source *s, uint8_t byte)
{
    if (byte >= 0x80)
        return high_byte(s, byte);
    s->utf8_left = 0;
    if (byte < 0x20)
        return control(s, byte);
    return byte == DEL ? FILTER_NOTHING : FILTER_SHOW;
}

static enum filter_item pair(struct console_source *s, uint8_t byte)
{
    s->state = TEXT;
    if (byte >= 0xa0 && byte < 0xc0)
        return FILTER_PAIR;
    return byte >= 0x80 && byte < 0xa0 ? FILTER_REPLACE : text(s, byte);
}

static void escape(struct console_source *s, uint8_t byte)
{
    switch (byte) {
    case '[':
        s->state = CSI;
        s->sequence_length = 0;
        break;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        s->state = STRING;
        break;
    default: /* 0x20 to 0x2f: more follows; controls: no part of it; the rest ends it */
        if (byte >= 0x30)
            s->state = TEXT;
        break;
    }
}

static enum filter_item csi(struct console_source *s, uint8_t byte)
{
    if (byte < 0x20)
        return FILTER_NOTHING;
    if (byte < 0x40) {
        bool colour = (byte >= '0' && byte <= '9') || byte == ';' || byte == ':';
        if (colour && s->sequence_length < CONSOLE_SEQUENCE)
            s->sequence[s->sequence_length++] = (char)byte;
        else
            s->sequence_length = TOO_LONG;
        return FILTER_NOTHING;
    }
    s->state = TEXT;
    return byte == 'm' && s->sequence_length <= CONSOLE_SEQUENCE ? FILTER_COLOUR : FILTER_NOTHING;
}

enum filter_item filter_byte(struct console_source *s, uint8_t byte)
{
    if (byte == LF) {
        filter_reset(s);
        return FILTER_LINE_END;
    }
    if (s->state == TEXT)
        return text(s, byte);
    if (s->state == PAIR)
        return pair(s, byte);
    if (byte == CAN || byte == SUB || (byte == BEL && s->state == STRING)) {
        s->state = TEXT;
        return FILTER_NOTHING;
    }
    if (byte == ESC)
        s->state = ESCAPE;
    else if (s->state == ESCAPE)
        escape(s, byte);
    else if (s->state == CSI)
        return csi(s, byte);
    return FILTER_NOTHING;
}
