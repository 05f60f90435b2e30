/* SPDX-License-Identifier: MIT */
/*
 * What a byte of a guest's output means for a line that shares the terminal with other guests'
 * lines. Knows the control functions of ECMA-48 well enough to take them out whole.
 */
#ifndef BULKHEAD_KERNEL_CONSOLE_FILTER_H
#define BULKHEAD_KERNEL_CONSOLE_FILTER_H

#include "kernel/console/console.h"

enum filter_item {
    FILTER_NOTHING,
    FILTER_SHOW,     /* the byte is a character, or the first byte of one */
    FILTER_CONTINUE, /* the byte belongs to the character before it */
    FILTER_PAIR,     /* 0xc2 and the byte are a character */
    FILTER_REPLACE,  /* not text: show a question mark */
    FILTER_LINE_END,
    FILTER_RETURN,
    FILTER_BACKSPACE,
    FILTER_TAB,
    FILTER_COLOUR, /* source->sequence, between ESC [ and m */
};

/* The next byte of `source`; only its filter fields (state, utf8_left, sequence*) are used. A line
 * feed always ends the line, also amid a sequence. */
enum filter_item filter_byte(struct console_source *source, uint8_t byte);

/* Forget a sequence that was begun. */
void filter_reset(struct console_source *source);

#endif
