/* SPDX-License-Identifier: MIT */
/* The firmware's clock. */
#ifndef BULKHEAD_BOOT_CLOCK_H
#define BULKHEAD_BOOT_CLOCK_H

#include <stdint.h>

/*
 * Seconds since 1970 (UTC) and the TSC at that moment, to a second. Both 0 when the firmware has no
 * clock or shows no possible time. A clock without time zone is taken as UTC.
 */
void clock_read(uint64_t *seconds, uint64_t *tsc);

#endif
