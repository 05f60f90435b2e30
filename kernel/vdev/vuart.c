/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vuart.h"

#include "kernel/vdev/ns16550.h"

void vuart_reset(struct vuart *v)
{
    *v = (struct vuart){.dll = 1, .room = true};
}

static bool loopback(const struct vuart *v)
{
    return (v->mcr & MCR_LOOP) != 0;
}

static bool transmitter_empty(const struct vuart *v)
{
    return v->room || loopback(v);
}

/* The upper half of MSR. In loopback the four modem outputs are wired to the four inputs. */
static uint8_t modem_lines(uint8_t mcr)
{
    uint8_t lines = 0;

    if (!(mcr & MCR_LOOP))
        return MSR_DCD | MSR_DSR | MSR_CTS;
    if (mcr & MCR_RTS)
        lines |= MSR_CTS;
    if (mcr & MCR_DTR)
        lines |= MSR_DSR;
    if (mcr & MCR_OUT1)
        lines |= MSR_RI;
    if (mcr & MCR_OUT2)
        lines |= MSR_DCD;
    return lines;
}

static void write_mcr(struct vuart *v, uint8_t value)
{
    uint8_t before = modem_lines(v->mcr);
    uint8_t after, changed;

    v->mcr = value & MCR_ALL;
    after = modem_lines(v->mcr);
    changed = before ^ after;
    v->msr_delta |= (uint8_t)(changed >> 4) & MSR_DELTAS_CTS_DSR;
    if (changed & MSR_DCD)
        v->msr_delta |= MSR_DDCD;
    if (changed & before & MSR_RI) /* the trailing edge only */
        v->msr_delta |= MSR_TERI;
}

static uint8_t rx_capacity(const struct vuart *v)
{
    return v->fifo_on ? VUART_FIFO : 1;
}

static bool rx_push(struct vuart *v, uint8_t byte)
{
    if (v->rx_count >= rx_capacity(v))
        return false;
    v->rx[(v->rx_first + v->rx_count) % VUART_FIFO] = byte;
    v->rx_count++;
    return true;
}

static uint8_t rx_pop(struct vuart *v)
{
    uint8_t byte;

    if (v->rx_count == 0)
        return 0;
    byte = v->rx[v->rx_first];
    v->rx_first = (v->rx_first + 1) % VUART_FIFO;
    v->rx_count--;
    return byte;
}

/* The cause with the highest priority. Data below the trigger level would be told as a time-out a
 * moment later; the guest need not wait for it. */
static uint8_t interrupt_cause(const struct vuart *v)
{
    if ((v->ier & IER_ELSI) && v->overrun)
        return IIR_LINE;
    if ((v->ier & IER_ERBFI) && v->rx_count != 0)
        return IIR_DATA;
    if ((v->ier & IER_ETBEI) && v->thre_pending)
        return IIR_THRE;
    if ((v->ier & IER_EDSSI) && v->msr_delta != 0)
        return IIR_MODEM;
    return IIR_NONE;
}

static uint8_t read_iir(struct vuart *v)
{
    uint8_t cause = interrupt_cause(v);

    if (cause == IIR_THRE)
        v->thre_pending = false;
    return v->fifo_on ? cause | IIR_FIFO_ON : cause;
}

static uint8_t read_lsr(struct vuart *v)
{
    uint8_t value = 0;

    if (v->rx_count != 0)
        value |= LSR_DR;
    if (v->overrun)
        value |= LSR_OE;
    if (transmitter_empty(v))
        value |= LSR_THRE | LSR_TEMT;
    v->overrun = false;
    return value;
}

static uint8_t read_msr(struct vuart *v)
{
    uint8_t value = modem_lines(v->mcr) | v->msr_delta;

    v->msr_delta = 0;
    return value;
}

uint8_t vuart_read(struct vuart *v, uint16_t offset)
{
    bool dlab = (v->lcr & LCR_DLAB) != 0;

    switch (offset % VUART_PORTS) {
    case REG_DATA:
        return dlab ? v->dll : rx_pop(v);
    case REG_IER:
        return dlab ? v->dlm : v->ier;
    case REG_IIR:
        return read_iir(v);
    case REG_LCR:
        return v->lcr;
    case REG_MCR:
        return v->mcr;
    case REG_LSR:
        return read_lsr(v);
    case REG_MSR:
        return read_msr(v);
    default:
        return v->scr;
    }
}

/* Switching the interrupt on while the transmitter is empty raises it at once, each time: Linux
 * tests for that and falls back to polling with a timer where it is not so. */
static void write_ier(struct vuart *v, uint8_t value)
{
    uint8_t raised = value & ~v->ier;

    v->ier = value & IER_ALL;
    if ((raised & IER_ETBEI) && transmitter_empty(v))
        v->thre_pending = true;
}

static void write_fcr(struct vuart *v, uint8_t value)
{
    bool on = (value & FCR_ENABLE) != 0;

    if (on != v->fifo_on || (on && (value & FCR_CLEAR_RX)))
        v->rx_count = 0;
    v->fifo_on = on;
}

static bool transmit(struct vuart *v, uint8_t value)
{
    v->thre_pending = transmitter_empty(v);
    if (!loopback(v))
        return true;
    if (!rx_push(v, value))
        v->overrun = true;
    return false;
}

bool vuart_write(struct vuart *v, uint16_t offset, uint8_t value)
{
    bool dlab = (v->lcr & LCR_DLAB) != 0;

    switch (offset % VUART_PORTS) {
    case REG_DATA:
        if (!dlab)
            return transmit(v, value);
        v->dll = value;
        break;
    case REG_IER:
        if (dlab)
            v->dlm = value;
        else
            write_ier(v, value);
        break;
    case REG_IIR:
        write_fcr(v, value);
        break;
    case REG_LCR:
        v->lcr = value;
        break;
    case REG_MCR:
        write_mcr(v, value);
        break;
    case REG_SCR:
        v->scr = value;
        break;
    default: /* LSR and MSR are for reading */
        break;
    }
    return false;
}

bool vuart_receive(struct vuart *v, uint8_t byte)
{
    return !loopback(v) && rx_push(v, byte);
}

void vuart_room(struct vuart *v, uint32_t space)
{
    bool room = space >= VUART_FIFO;

    if (room == v->room)
        return;
    v->room = room;
    v->thre_pending = room;
}

bool vuart_irq(const struct vuart *v)
{
    return (v->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && interrupt_cause(v) != IIR_NONE;
}
