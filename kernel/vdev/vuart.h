/* SPDX-License-Identifier: MIT */
/*
 * A guest's serial port: the register model of National's PC16550D data sheet, as a PC wires it
 * (interrupt gated by OUT2, carrier and data set always there). There is no baud rate: a byte that
 * is written has been sent, as long as the host side has room.
 *
 * Every value that a guest writes is legal; every access is a handful of instructions. Only the
 * processor that runs the guest's vCPU 0 (or holds the guest's device lock) calls these functions.
 * After each call that changes state the caller takes vuart_irq() to the I/O APIC; the line falls
 * and rises between two accesses, which is what an edge-triggered pin needs to see.
 *
 * Flow control: the transmitter counts as empty (THRE and TEMT) while the host's ring takes a whole
 * FIFO of VUART_FIFO bytes, because a driver that saw THRE writes that many without looking again.
 * The caller tells vuart_room() the ring's free space after each byte that it put and whenever the
 * ring was drained; that brings the interrupt for which a waiting driver sleeps.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VUART_H
#define BULKHEAD_KERNEL_VDEV_VUART_H

#include <stdbool.h>
#include <stdint.h>

#define VUART_FIFO  16 /* bytes */
#define VUART_PORTS 8  /* registers, one byte each */

struct vuart {
    uint8_t ier, lcr, mcr, scr, dll, dlm;
    uint8_t msr_delta; /* low half of MSR */
    bool fifo_on;
    bool overrun;      /* LSR.OE */
    bool room;         /* the host takes VUART_FIFO bytes */
    bool thre_pending; /* the transmitter became empty and IIR has not told it yet */
    uint8_t rx_first, rx_count;
    uint8_t rx[VUART_FIFO];
};

/* Power-on state; also what a reset of the guest does. The host is taken to have room. */
void vuart_reset(struct vuart *v);

/* One byte-wide access to register offset & 7. Reading clears what the data sheet says it clears.
 */
uint8_t vuart_read(struct vuart *v, uint16_t offset);

/*
 * Returns true when `value` is a byte that goes out to the console. The caller puts it into the
 * guest's ring (or drops it when that is full: the guest wrote although THRE was clear) and then
 * calls vuart_room().
 */
bool vuart_write(struct vuart *v, uint16_t offset, uint8_t value);

/* A byte for the guest. False: the FIFO is full or in loopback; offer it again later. */
bool vuart_receive(struct vuart *v, uint8_t byte);

/* `space`: bytes that the host's ring takes now. */
void vuart_room(struct vuart *v, uint32_t space);

/* The level of the interrupt line, active high. */
bool vuart_irq(const struct vuart *v);

#endif
