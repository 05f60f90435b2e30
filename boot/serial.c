/* SPDX-License-Identifier: MIT */
#include "boot/serial.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "kernel/lib/bits.h"

/* The registers of a 16550, as offsets from its port. */
#define COM1     0x3f8
#define UART_THR (COM1 + 0) /* transmit holding; divisor low with DLAB */
#define UART_IER (COM1 + 1) /* interrupt enable; divisor high with DLAB */
#define UART_FCR (COM1 + 2) /* FIFO control */
#define UART_LCR (COM1 + 3) /* line control */
#define UART_MCR (COM1 + 4) /* modem control */
#define UART_LSR (COM1 + 5) /* line status */
#define UART_SCR (COM1 + 7) /* scratch */

#define LCR_8N1      0x03
#define LCR_DLAB     0x80
#define FCR_ENABLE   0x07 /* FIFOs on and emptied */
#define MCR_DTR_RTS  0x03
#define LSR_THRE     0x20
#define DIVISOR      1 /* 115200 */
#define PUT_ATTEMPTS 100000

/* A missing UART reads as all ones, and one that does not answer in time is given up. */
static bool serial_works;

bool serial_init(void)
{
    io_out8(UART_SCR, 0x5a);
    serial_works = io_in8(UART_SCR) == 0x5a && io_in8(UART_LSR) != 0xff;
    if (!serial_works)
        return false;
    io_out8(UART_IER, 0);
    io_out8(UART_LCR, LCR_DLAB);
    io_out8(UART_THR, DIVISOR);
    io_out8(UART_IER, 0);
    io_out8(UART_LCR, LCR_8N1);
    io_out8(UART_FCR, FCR_ENABLE);
    io_out8(UART_MCR, MCR_DTR_RTS);
    return true;
}

void serial_put(char byte)
{
    for (unsigned i = 0; serial_works && !(io_in8(UART_LSR) & LSR_THRE); i++) {
        cpu_pause();
        serial_works = i < PUT_ATTEMPTS;
    }
    if (serial_works)
        io_out8(UART_THR, (uint8_t)byte);
}
