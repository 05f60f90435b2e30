/* SPDX-License-Identifier: MIT */
/* What the files of the reader share. Of kernel/report alone. */
#ifndef BULKHEAD_KERNEL_REPORT_WORK_H
#define BULKHEAD_KERNEL_REPORT_WORK_H

#include "kernel/report/facts.h"

/* A piece of a line, printable ASCII. */
struct report_word {
    const char *text;
    uint32_t length;
    uint32_t column; /* from 1 */
};

struct report_reader {
    const char *text;
    size_t size, offset; /* `offset`: of the next line */
    struct report *report;
    struct diag *diag;
    uint32_t seen;        /* bits of enum report_kind: of which there may be one */
    bool scope_of_region; /* whether a region or a unit was the last that scopes can belong to */
    bool ended;           /* the line "end" was read */
    /* The line that is being read, without its end. */
    const char *row;
    uint32_t length, line;
    bool cut; /* the text ends in it */
};

/* A line "keyword field=value ..." and the record that it is read into. */
struct report_line {
    enum report_kind kind;
    void *record;
    struct report_bar bar; /* the record of FACT_BAR */
    uint32_t fields;       /* bits: which fields have stood there */
    uint32_t columns[32];  /* where their values are */
};

/* A diagnosis about the line that is being read. Returns false. */
bool report_refuse(struct report_reader *reader, uint32_t column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For "%.*s": as much of a word as a message may show. */
int report_shown(const struct report_word *word);

/*
 * Put the value that `word` says into the record's field (values.c). False: a diagnosis at the
 * word.
 */
bool report_take_value(struct report_reader *reader, const struct report_field *field,
                       const struct report_word *word, void *record);

/*
 * Find the record that a line of line->kind goes to, all zero where it is a new one (records.c).
 * False: there is no room, or nothing that it could belong to.
 */
bool report_begin(struct report_reader *reader, struct report_line *line);

/* The record has been read and is sound: from now on it counts (records.c). */
void report_keep(struct report_reader *reader, const struct report_line *line);

#endif
