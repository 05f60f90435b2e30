/* SPDX-License-Identifier: MIT */
/*
 * All virtual devices of a guest, and the wires between them:
 *
 *   8254 --0-->+--------+
 *   8042 -1,12>|  8259  |--> vpic_pending(), vpic_acknowledge(): for the processor's INTR
 *   COM1 --4-->|  pair  |
 *   clock -8-->+--------+
 *   HPET       | I/O    |--> vioapic_take(): messages for the local APICs
 *     (0,8,20-23)  APIC |    the 8254's line is its pin 2, the others have their own number
 *              +--------+
 *
 * `now` is nanoseconds since the guest's start; when a caller is late with it, the latest that was
 * seen counts. Each call is bounded, whatever the guest wrote and however long ago the last one
 * was.
 *
 * Who calls this looks at `news` after each call. When it is set, both outputs want to be looked
 * at, and vplatform_advance() is to be called at what vplatform_next() says then. That is never for
 * a guest that has let no timer interrupt: what a timer does behind a masked line is found out when
 * somebody looks.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VPLATFORM_H
#define BULKHEAD_KERNEL_VDEV_VPLATFORM_H

#include "kernel/lib/types.h"
#include "kernel/vdev/ports.h"
#include "kernel/vdev/vhpet.h"
#include "kernel/vdev/vioapic.h"
#include "kernel/vdev/vkbd.h"
#include "kernel/vdev/vpci.h"
#include "kernel/vdev/vpic.h"
#include "kernel/vdev/vpit.h"
#include "kernel/vdev/vrtc.h"
#include "kernel/vdev/vtext.h"
#include "kernel/vdev/vuart.h"

/* No guest makes its timers ask for attention more often than this: each time costs the processor
 * that attends to the machine's timer some microseconds, and that may be another guest's. */
#define VPLATFORM_GAP_NS 250000

struct vplatform {
    struct vuart uart;
    struct vioapic ioapic;
    struct vpic pic;
    struct vpit pit;
    struct vrtc rtc;
    struct vhpet hpet;
    struct vkbd keyboard;
    struct vtext text;
    struct vpci pci;
    uint8_t dma_page[PORTS_DMA_PAGE_COUNT];
    uint32_t hpet_high; /* pins that the HPET's level-triggered timers hold high */
    uint64_t served;    /* when a timer last interrupted */
    uint64_t latest;    /* the devices' time */
    bool news;          /* outputs or vplatform_next() may have changed; for the caller to clear */
};

/* What the caller has to do after a write. */
enum vplatform_action {
    PLATFORM_NOTHING,
    PLATFORM_OUTPUT, /* the byte that was written goes out to the console: see vuart_write() */
    PLATFORM_PCI,    /* a passed-through function has news: see vpci.h */
    PLATFORM_POWEROFF,
    PLATFORM_REBOOT,
};

/* `utc`: ns since 1970 when the guest starts; `memory`: its bytes. */
void vplatform_reset(struct vplatform *p, uint64_t utc, uint64_t memory);

/* An access of `size` bytes (1, 2, 4) to a port; where nobody answers it reads all ones. */
uint32_t vplatform_port_read(struct vplatform *p, uint16_t port, int size, uint64_t now);
enum vplatform_action vplatform_port_write(struct vplatform *p, uint16_t port, int size,
                                           uint32_t value, uint64_t now);

/* Likewise for memory, 1, 2, 4 or 8 bytes: the registers of the I/O APIC and the HPET, PCI
 * configuration space. */
uint64_t vplatform_memory_read(struct vplatform *p, gpa_t at, unsigned size, uint64_t now);
enum vplatform_action vplatform_memory_write(struct vplatform *p, gpa_t at, unsigned size,
                                             uint64_t value, uint64_t now);

/* The caller gave vuart a byte or told it about room: take its line to the interrupt controllers.
 */
void vplatform_uart_update(struct vplatform *p);

/* The processor takes what vpic_pending() told: its vector. */
uint8_t vplatform_acknowledge(struct vplatform *p);

/* Do what the timers have to do by now. */
void vplatform_advance(struct vplatform *p, uint64_t now);

/* When vplatform_advance() next has something to do, `now` or later; VCLOCK_NEVER: it does not. */
uint64_t vplatform_next(const struct vplatform *p, uint64_t now);

#endif
