/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vpm.h"

#include "kernel/acpi/guest.h"
#include "kernel/vdev/vclock.h"

/* ACPI Specification "Sleep Control and Status Registers" */
enum { SLP_TYP_SHIFT = 2, SLP_TYP_MASK = 7, SLP_EN = 0x20 };

enum { CF9_RST_CPU = 0x04 };

uint32_t vpm_timer(uint64_t now)
{
    return (uint32_t)vclock_ticks(VCLOCK_PM, now);
}

enum vpm_action vpm_write(uint16_t port, uint8_t value)
{
    switch (port) {
    case GUEST_SLEEP_CONTROL:
        if (!(value & SLP_EN) || (value >> SLP_TYP_SHIFT & SLP_TYP_MASK) != GUEST_SLEEP_TYPE_S5)
            return PM_NOTHING;
        return PM_POWEROFF;
    case GUEST_RESET:
        return value == GUEST_RESET_VALUE ? PM_REBOOT : PM_NOTHING;
    case VPM_RESET_CF9:
        return value & CF9_RST_CPU ? PM_REBOOT : PM_NOTHING;
    default:
        return PM_NOTHING;
    }
}
