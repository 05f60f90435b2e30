/* SPDX-License-Identifier: MIT */
/*
 * A guest's three counters and the port that hangs on them: Intel's "82C54 CHMOS Programmable
 * Interval Timer" data sheet, all modes, wired as a PC does it:
 *
 *   counter 0   gate high      output: interrupt 0
 *   counter 1   gate high      output: refresh, seen as bit 4 of port 0x61
 *   counter 2   gate 0x61.0    output: 0x61.5
 *
 * Nothing ticks: counters and outputs are computed from `now` when somebody looks, each in a
 * handful of instructions. `now` must not go back from call to call.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VPIT_H
#define BULKHEAD_KERNEL_VDEV_VPIT_H

#include <stdbool.h>
#include <stdint.h>

#define VPIT_COUNTERS 3
#define VPIT_PORT     0x40 /* and the three behind it */
#define VPIT_SYSTEM_B 0x61

/* Ticks are those of the 8254's clock; vpit.c says from where it counts. */
struct vpit_counter {
    uint64_t start;     /* when `count` was loaded */
    uint64_t elapsed;   /* how far it had come when the gate stopped it */
    uint64_t reload_at; /* when `reload` follows; VCLOCK_NEVER: at the next trigger */
    uint32_t count;     /* in effect, 1..65536; 0: none yet */
    uint32_t reload;    /* written but not in effect; 0: none */
    uint16_t latch;
    uint8_t latched; /* bytes of `latch` that are still to be read */
    uint8_t status;
    bool status_latched;
    uint8_t mode;   /* 0..5 */
    uint8_t access; /* 1: low byte, 2: high byte, 3: low, then high */
    bool bcd, gate;
    bool read_high, write_high; /* the next byte is the high one */
    uint8_t low;                /* the byte that was written first */
};

struct vpit {
    struct vpit_counter counter[VPIT_COUNTERS];
    uint64_t seen; /* tick up to which vpit_irq0_take() knows */
    bool rose;     /* output 0 rose because of a write */
    uint8_t speaker;
};

/* As a PC's firmware leaves them: counter 0 makes 18.2 Hz, counter 1 refreshes, 2 stands. */
void vpit_reset(struct vpit *v);

/* One byte-wide access to port 0x40..0x43 (the lowest two bits count) or to port 0x61. */
uint8_t vpit_read(struct vpit *v, uint16_t port, uint64_t now);
void vpit_write(struct vpit *v, uint16_t port, uint8_t value, uint64_t now);
uint8_t vpit_system_b_read(const struct vpit *v, uint64_t now);
void vpit_system_b_write(struct vpit *v, uint8_t value, uint64_t now);

/* When output 0 rises next, as long as nobody writes; `now` itself when it rose since the last
 * vpit_irq0_take(), VCLOCK_NEVER when it does not rise. */
uint64_t vpit_irq0_next(const struct vpit *v, uint64_t now);

/* Did output 0 rise since the last call? However often, it is one interrupt. */
bool vpit_irq0_take(struct vpit *v, uint64_t now);

#endif
