/* SPDX-License-Identifier: MIT */
/*
 * How a guest switches itself off and on again: the sleep and reset registers that its generated
 * ACPI tables name (kernel/acpi/guest.h), and the two ways that a PC had before (reset control
 * register 0xcf9, pulse by the keyboard controller 0x64). There is no state.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VPM_H
#define BULKHEAD_KERNEL_VDEV_VPM_H

#include <stdint.h>

/* Ports of the PC that are not the generated tables' choice. */
#define VPM_SYSTEM_B  0x61 /* NMI status and speaker */
#define VPM_KEYBOARD  0x64 /* keyboard controller: status, command */
#define VPM_RESET_CF9 0xcf9

enum vpm_action { PM_NOTHING, PM_POWEROFF, PM_REBOOT };

/* One byte-wide access to one of those ports; another port reads 0 and does nothing. */
uint8_t vpm_read(uint16_t port);
enum vpm_action vpm_write(uint16_t port, uint8_t value);

#endif
