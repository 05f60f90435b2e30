/* SPDX-License-Identifier: MIT */
/* Formatted text without a C library. */
#ifndef BULKHEAD_KERNEL_LIB_FMT_H
#define BULKHEAD_KERNEL_LIB_FMT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Write formatted text to `out`, always ended by a zero byte when size > 0, cut off where it does
 * not fit. Returns the length that the whole text has (as snprintf does).
 *
 * Understood: %% %c %s %d %i %u %x %p with flags '-' and '0', '#' for %x, a width, a precision for
 * %s (both also as '*'), and the length modifiers hh h l ll z. A NULL for %s is "(null)", %p starts
 * with 0x. Any other conversion prints itself and takes no argument.
 */
size_t fmt_print(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t fmt_vprint(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
