/* SPDX-License-Identifier: MIT */
#include "kernel/log.h"

#include "kernel/lib/fmt.h"
#include "kernel/terminal.h"

#define LINE_MAX 720 /* of a statistics line with numbers of any size */

void log_line(const char *format, ...)
{
    char line[LINE_MAX];
    va_list args;
    va_start(args, format);
    size_t length = fmt_vprint(line, sizeof(line), format, args);
    va_end(args);
    terminal_log(line, (uint32_t)(length < sizeof(line) ? length : sizeof(line) - 1));
}
