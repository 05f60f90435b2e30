/* SPDX-License-Identifier: MIT */
#include "kernel/lib/diag.h"

#include <stdarg.h>

#include "kernel/lib/fmt.h"

bool diag_set(struct diag *diag, const char *format, ...)
{
    va_list args;

    diag->line = 0;
    diag->column = 0;
    diag->hint[0] = '\0';
    va_start(args, format);
    fmt_vprint(diag->message, sizeof(diag->message), format, args);
    va_end(args);
    return false;
}

bool diag_hint(struct diag *diag, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fmt_vprint(diag->hint, sizeof(diag->hint), format, args);
    va_end(args);
    return false;
}

bool diag_at(struct diag *diag, uint32_t line, uint32_t column)
{
    diag->line = line;
    diag->column = column;
    return false;
}
