/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/ports.h"

#include <stddef.h>

#include "kernel/acpi/guest.h"
#include "kernel/lib/types.h"
#include "kernel/vdev/vkbd.h"
#include "kernel/vdev/vpci.h"
#include "kernel/vdev/vpic.h"
#include "kernel/vdev/vpit.h"
#include "kernel/vdev/vpm.h"
#include "kernel/vdev/vtext.h"
#include "kernel/vdev/vuart.h"

_Static_assert(GUEST_COM1 % VUART_PORTS == 0 && GUEST_RTC % 2 == 0, "ports serve as offsets");

/* Sets of access sizes: the sum of the sizes. */
enum { BYTE = 1, WORD = 2, DWORD = 4, ANY = 1 | 2 | 4 };

struct port_range {
    uint16_t first, last;
    uint8_t device; /* enum port_device */
    uint8_t sizes;
};

/* The ones that guests use most, or in loops, come first. */
static const struct port_range map[] = {
    {GUEST_COM1, GUEST_COM1 + VUART_PORTS - 1, PORT_UART, BYTE},
    {VPIT_SYSTEM_B, VPIT_SYSTEM_B, PORT_SYSTEM_B, BYTE},
    {VPIT_PORT, VPIT_PORT + 3, PORT_PIT, BYTE},
    {VPIC_FIRST, VPIC_FIRST + 1, PORT_PIC, BYTE},
    {VPIC_SECOND, VPIC_SECOND + 1, PORT_PIC, BYTE},
    {VPCI_DATA, VPCI_DATA + 3, PORT_PCI, ANY},
    {VPCI_ADDRESS, VPCI_ADDRESS + 3, PORT_PCI, DWORD},
    {GUEST_PM_TIMER, GUEST_PM_TIMER + 3, PORT_PM_TIMER, ANY},
    {PORTS_DMA_PAGE, PORTS_DMA_PAGE + PORTS_DMA_PAGE_COUNT - 1, PORT_DMA_PAGE, BYTE},
    {VTEXT_FIRST, VTEXT_LAST, PORT_TEXT, BYTE | WORD},
    {GUEST_RTC, GUEST_RTC + 1, PORT_RTC, BYTE},
    {VKBD_DATA, VKBD_DATA, PORT_KEYBOARD, BYTE},
    {VKBD_COMMAND, VKBD_COMMAND, PORT_KEYBOARD, BYTE},
    {VKBD_SYSTEM_A, VKBD_SYSTEM_A, PORT_KEYBOARD, BYTE},
    {VPIC_ELCR, VPIC_ELCR + 1, PORT_PIC, BYTE},
    {VPM_RESET_CF9, VPM_RESET_CF9, PORT_PM, BYTE},
    {GUEST_SLEEP_CONTROL, GUEST_SLEEP_CONTROL, PORT_PM, BYTE},
    {GUEST_SLEEP_STATUS, GUEST_SLEEP_STATUS, PORT_PM, BYTE},
    {GUEST_RESET, GUEST_RESET, PORT_PM, BYTE},
};

enum port_device ports_find(uint16_t port, int size)
{
    for (size_t i = 0; i < ARRAY_COUNT(map); i++) {
        const struct port_range *range = &map[i];

        if (port >= range->first && port + size - 1 <= range->last && (range->sizes & size))
            return (enum port_device)range->device;
    }
    return PORT_NOBODY;
}
