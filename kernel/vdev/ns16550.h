/* SPDX-License-Identifier: MIT */
/*
 * Registers and bits of a 16550 serial port, as National's PC16550D data sheet names them: for the
 * machine's own (drivers/uart.c) and the guests' (vuart.c).
 */
#ifndef BULKHEAD_KERNEL_VDEV_NS16550_H
#define BULKHEAD_KERNEL_VDEV_NS16550_H

enum {
    REG_DATA = 0, /* RBR, THR; DLL with DLAB */
    REG_IER = 1,  /* DLM with DLAB */
    REG_IIR = 2,  /* FCR when written */
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCR = 7,
};

enum { IER_ERBFI = 0x01, IER_ETBEI = 0x02, IER_ELSI = 0x04, IER_EDSSI = 0x08, IER_ALL = 0x0f };

enum {
    IIR_MODEM = 0x00,
    IIR_NONE = 0x01,
    IIR_THRE = 0x02,
    IIR_DATA = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_CAUSE = 0x0f,
    IIR_FIFO_ON = 0xc0,
};

enum { FCR_ENABLE = 0x01, FCR_CLEAR_RX = 0x02, FCR_CLEAR_BOTH = 0x06, FCR_TRIGGER_8 = 0x80 };
enum { LCR_8_BITS = 0x03, LCR_DLAB = 0x80 };

enum {
    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MCR_ALL = 0x1f,
};

enum { LSR_DR = 0x01, LSR_OE = 0x02, LSR_THRE = 0x20, LSR_TEMT = 0x40 };

enum {
    MSR_DELTAS_CTS_DSR = 0x03,
    MSR_TERI = 0x04,
    MSR_DDCD = 0x08,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
};

#endif
