/* SPDX-License-Identifier: MIT */
/*
 * The config's text, line by line: what is a section, what is a key, what is a comment. Knows
 * nothing of which sections and keys there are.
 */
#ifndef BULKHEAD_KERNEL_CONFIG_LEXER_H
#define BULKHEAD_KERNEL_CONFIG_LEXER_H

#include "kernel/config/config.h"

enum config_line_kind {
    CONFIG_LINE_END,     /* no more lines */
    CONFIG_LINE_SECTION, /* [head] or [head value] */
    CONFIG_LINE_KEY,     /* head = value */
};

struct config_line {
    enum config_line_kind kind;
    struct slice head;  /* word of the section, or the key; not empty */
    struct slice value; /* rest of the section's header, or the value without its quotes */
    bool quoted;        /* the value stood in quotes; a value without them may be empty here */
};

struct lexer {
    const char *text;
    size_t size;
    size_t offset; /* of the next line */
    uint32_t line; /* number of the line that was read last */
};

/* Begin. Refuses texts that are too long or not saved as ASCII or UTF-8. */
bool lexer_init(struct lexer *lexer, const char *text, size_t size, struct diag *diag);

/* The next line that is neither blank nor a comment alone. False and a diagnosis when it is none.
 */
bool lexer_next(struct lexer *lexer, struct config_line *line, struct diag *diag);

#endif
