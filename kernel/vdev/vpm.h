/* SPDX-License-Identifier: MIT */
/*
 * How a guest switches itself off and on again: the sleep and reset registers that its generated
 * ACPI tables name (kernel/acpi/guest.h), and the PC's reset control register 0xcf9 (that of the
 * keyboard controller is in vkbd). Beside them ACPI's timer. There is no state.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VPM_H
#define BULKHEAD_KERNEL_VDEV_VPM_H

#include <stdint.h>

/* The port of the PC that is not the generated tables' choice. */
#define VPM_RESET_CF9 0xcf9

enum vpm_action { PM_NOTHING, PM_POWEROFF, PM_REBOOT };

/* One byte-wide write to one of those ports; another port does nothing. All of them read 0: not
 * asleep, no reset. */
enum vpm_action vpm_write(uint16_t port, uint8_t value);

/* ACPI Specification "Power Management Timer": 3.579545 MHz, 32 bits. */
uint32_t vpm_timer(uint64_t now);

#endif
