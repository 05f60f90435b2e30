/* SPDX-License-Identifier: MIT */
/* Channel 0 of the 8254 as a one-shot timer: Intel "82C54 Programmable Interval Timer". */
#ifndef BULKHEAD_DRIVERS_PIT_H
#define BULKHEAD_DRIVERS_PIT_H

#include <stdbool.h>
#include <stdint.h>

#define PIT_IRQ 0

#define PIT_ONESHOT_MAX_US 54000

/* Interrupt once after so many microseconds, at most PIT_ONESHOT_MAX_US. */
void pit_oneshot(uint32_t us);

/* Is the time over (by the channel's output pin)? */
bool pit_oneshot_over(void);

#endif
