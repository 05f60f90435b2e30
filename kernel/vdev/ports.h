/* SPDX-License-Identifier: MIT */
/* Which virtual device answers at which I/O port of a guest. */
#ifndef BULKHEAD_KERNEL_VDEV_PORTS_H
#define BULKHEAD_KERNEL_VDEV_PORTS_H

#include <stdint.h>

enum port_device {
    PORT_NOBODY, /* reads all ones of the access's size, writes are ignored */
    PORT_UART,
    PORT_RTC,
    PORT_PCI,
    PORT_PM,
    PORT_PM_TIMER,
    PORT_PIT,
    PORT_SYSTEM_B,
    PORT_PIC,
    PORT_KEYBOARD,
    PORT_TEXT,
    PORT_DMA_PAGE,
};

/* The page registers of the PC/AT's DMA: latches, and where delays are written to (0x80). */
#define PORTS_DMA_PAGE       0x80
#define PORTS_DMA_PAGE_COUNT 16

/*
 * Who answers an access of `size` bytes (1, 2 or 4) at `port`, both as the guest chose them. The
 * whole access lies in the device's ports and has a width that the device takes: most are
 * byte-wide, vtext also takes two bytes at once. Each device finds its register from the port
 * itself (the first port of vuart is a multiple of 8, that of vrtc of 2), so `port` can be handed
 * to it as the offset.
 */
enum port_device ports_find(uint16_t port, int size);

#endif
