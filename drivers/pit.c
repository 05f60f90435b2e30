/* SPDX-License-Identifier: MIT */
#include "drivers/pit.h"

#include "arch/io.h"

#define PIT_HZ               1193182u
#define PIT_CHANNEL_0        0x40
#define PIT_CONTROL          0x43
#define PIT_MODE_0_WORD      0x30 /* channel 0, low then high byte, mode 0: output rises at zero */
#define PIT_READ_BACK_STATUS 0xe2 /* latch the status of channel 0 */
#define PIT_STATUS_OUT       0x80

void pit_oneshot(uint32_t us)
{
    uint32_t ticks = (uint32_t)((uint64_t)us * PIT_HZ / 1000000);
    if (ticks > UINT16_MAX)
        ticks = UINT16_MAX;
    io_out8(PIT_CONTROL, PIT_MODE_0_WORD);
    io_out8(PIT_CHANNEL_0, (uint8_t)ticks);
    io_out8(PIT_CHANNEL_0, (uint8_t)(ticks >> 8));
}

bool pit_oneshot_over(void)
{
    io_out8(PIT_CONTROL, PIT_READ_BACK_STATUS);
    return (io_in8(PIT_CHANNEL_0) & PIT_STATUS_OUT) != 0;
}
