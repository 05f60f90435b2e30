/* SPDX-License-Identifier: MIT */
/* Date and time of the firmware's clock as seconds. Pure. */
#ifndef BULKHEAD_BOOT_CALENDAR_H
#define BULKHEAD_BOOT_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/* UEFI Specification "EFI_RUNTIME_SERVICES.GetTime()": local time = UTC - zone. */
#define CALENDAR_ZONE_UNKNOWN 2047 /* EFI_UNSPECIFIED_TIMEZONE: taken as UTC */

struct calendar {
    uint32_t year;
    uint32_t month;  /* 1..12 */
    uint32_t day;    /* 1..31 */
    uint32_t hour;   /* 0..23 */
    uint32_t minute; /* 0..59 */
    uint32_t second; /* 0..59 */
    int32_t zone;    /* minutes, -1440..1440 or CALENDAR_ZONE_UNKNOWN */
};

/* Seconds since 1970-01-01 00:00 UTC. False: no such moment, or not between 1970 and 9999. */
bool calendar_seconds(const struct calendar *calendar, uint64_t *seconds);

#endif
