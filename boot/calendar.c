/* SPDX-License-Identifier: MIT */
#include "boot/calendar.h"

static bool is_leap(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t days_in(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

static bool is_valid(const struct calendar *c)
{
    return c->year >= 1970 && c->year <= 9999 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in(c->year, c->month) && c->hour <= 23 && c->minute <= 59 &&
           c->second <= 59 &&
           (c->zone == CALENDAR_ZONE_UNKNOWN || (c->zone >= -1440 && c->zone <= 1440));
}

bool calendar_seconds(const struct calendar *calendar, uint64_t *seconds)
{
    if (!is_valid(calendar))
        return false;

    uint32_t before = calendar->year - 1;
    /* Leap days in the years 1 to `before`, minus those up to 1969. */
    uint64_t days = (calendar->year - 1970) * 365u + (before / 4 - before / 100 + before / 400) -
                    (1969 / 4 - 1969 / 100 + 1969 / 400);
    for (uint32_t month = 1; month < calendar->month; month++)
        days += days_in(calendar->year, month);
    days += calendar->day - 1;

    int64_t total =
        (int64_t)(days * 86400 + calendar->hour * 3600 + calendar->minute * 60 + calendar->second);
    if (calendar->zone != CALENDAR_ZONE_UNKNOWN)
        total += (int64_t)calendar->zone * 60;
    if (total < 0)
        return false;
    *seconds = (uint64_t)total;
    return true;
}
