/* SPDX-License-Identifier: MIT */
#include "boot/clock.h"

#include "arch/cpu.h"
#include "boot/calendar.h"
#include "boot/firmware.h"

void clock_read(uint64_t *seconds, uint64_t *tsc)
{
    EFI_TIME time;

    *seconds = 0;
    *tsc = 0;
    if (EFI_ERROR(firmware.runtime->GetTime(&time, NULL)))
        return;
    uint64_t now = cpu_rdtsc();
    struct calendar calendar = {
        .year = time.Year,
        .month = time.Month,
        .day = time.Day,
        .hour = time.Hour,
        .minute = time.Minute,
        .second = time.Second,
        .zone = time.TimeZone,
    };
    if (calendar_seconds(&calendar, seconds))
        *tsc = now;
}
