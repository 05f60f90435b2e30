/* SPDX-License-Identifier: MIT */
/* A hardware report as text, for the tests that read it again. */
#ifndef BULKHEAD_TESTS_UNIT_REPORT_TEXT_H
#define BULKHEAD_TESTS_UNIT_REPORT_TEXT_H

#include <string.h>

#include "kernel/report/report.h"

static struct report written, again;
static char text[REPORT_MAX_BYTES], text_again[REPORT_MAX_BYTES];
static size_t length;

static void keep(void *context, const char *line)
{
    size_t size = strlen(line);

    assert_true(size <= REPORT_MAX_LINE);
    assert_true(length + size + 1 < sizeof(text));
    memcpy((char *)context + length, line, size);
    length += size;
    ((char *)context)[length++] = '\n';
    ((char *)context)[length] = '\0';
}

/* `to` is one of the two texts; its length is in `length` then. */
static void write_to(char *to, const struct report *report)
{
    length = 0;
    report_write(report, keep, to);
}

#endif
