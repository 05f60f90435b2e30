/* SPDX-License-Identifier: MIT */
/* The hypervisor's own log: one line a call, shown on every console and kept in a ring. */
#ifndef BULKHEAD_KERNEL_LOG_H
#define BULKHEAD_KERNEL_LOG_H

#include <stdarg.h>

/* One line without line end, at most 255 bytes. Any processor, not from an NMI or #MC handler. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
