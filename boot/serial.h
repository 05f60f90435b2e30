/* SPDX-License-Identifier: MIT */
/* COM1 without the firmware: a 16550 at its usual port, 115200 8N1, output only. */
#ifndef BULKHEAD_BOOT_SERIAL_H
#define BULKHEAD_BOOT_SERIAL_H

#include <stdbool.h>

/* Set it up. False: there is no UART. */
bool serial_init(void);

/* Write one byte; gives up when the UART does not take it within some milliseconds. */
void serial_put(char byte);

#endif
