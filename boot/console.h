/* SPDX-License-Identifier: MIT */
/*
 * Text for the person at the machine, on every console: the firmware's (ConOut), and COM1 as well
 * where ConOut does not already go to a serial port.
 */
#ifndef BULKHEAD_BOOT_CONSOLE_H
#define BULKHEAD_BOOT_CONSOLE_H

#include <stdbool.h>

#include "kernel/lib/diag.h"

/* After firmware_init(). */
void console_init(void);

/* Text as it is; "\n" becomes CR LF. At most 511 bytes, ASCII. */
void console_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "file:line:column: message" or "bulkhead: message", then the hint. */
void console_diag(const struct diag *diag);

/* Keys that were pressed until now are not waited for. Before the text that asks for one. */
void console_forget_keys(void);

/* Wait for a key that came since console_forget_keys(), `seconds` at most. */
void console_wait(unsigned seconds);

/* After ExitBootServices was called: COM1 alone, without the firmware. */
void console_last_words(const char *text);

#endif
