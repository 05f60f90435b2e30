/* SPDX-License-Identifier: MIT */
/* The hypervisor's own faults. No value that a guest chooses may lead here. */
#ifndef BULKHEAD_KERNEL_PANIC_H
#define BULKHEAD_KERNEL_PANIC_H

#include <stdarg.h>
#include <stdint.h>

/* Show the sentence and a backtrace on every console, stop all processors. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One more line of the report before panic(): registers of an exception, say. */
void panic_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* In release builds too. */
#define assert(condition)                                                                          \
    ((condition) ? (void)0 : panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))

#endif
