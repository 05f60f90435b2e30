/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vpm.h"

#include "kernel/acpi/guest.h"

/* ACPI Specification "Sleep Control and Status Registers" */
enum { SLP_TYP_SHIFT = 2, SLP_TYP_MASK = 7, SLP_EN = 0x20 };

enum { CF9_RST_CPU = 0x04, KEYBOARD_PULSE_RESET = 0xfe };

/* Timer 2's output is high and no NMI reason is set: who waits for the timer through this port goes
 * on, and who looks for the cause of an NMI finds none. */
enum { SYSTEM_B_IDLE = 0x20 };

uint8_t vpm_read(uint16_t port)
{
    /* 0 everywhere else: not asleep, keyboard controller ready for a command and without data. */
    return port == VPM_SYSTEM_B ? SYSTEM_B_IDLE : 0;
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
    case VPM_KEYBOARD:
        return value == KEYBOARD_PULSE_RESET ? PM_REBOOT : PM_NOTHING;
    default:
        return PM_NOTHING;
    }
}
