/* SPDX-License-Identifier: MIT */
/*
 * A guest's event timer: Intel's "IA-PC HPET (High Precision Event Timers) Specification" 1.0a. A
 * main counter of 64 bits that counts 10 ns, three comparators of 64 bits, each of them one-shot or
 * periodic, edge or level, and legacy replacement. No front side bus messages.
 *
 * The counter is computed from `now`, and so is what the comparators have done since the last look:
 * however long that was, it takes the same time. `now` must not go back from call to call.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VHPET_H
#define BULKHEAD_KERNEL_VDEV_VHPET_H

#include <stdbool.h>
#include <stdint.h>

#define VHPET_TIMERS    3
#define VHPET_SIZE      0x400                /* bytes of registers */
#define VHPET_NS        10                   /* for each count */
#define VHPET_ROUTES    UINT32_C(0x00f00000) /* pins of the I/O APIC that a timer may take */
#define VHPET_PIN_TIMER 2                    /* legacy replacement: timer 0 */
#define VHPET_PIN_CLOCK 8                    /* and timer 1 */

struct vhpet_timer {
    uint64_t config;
    uint64_t comparator;
    uint64_t period;
};

struct vhpet {
    uint64_t config;
    uint64_t base; /* the counter; while it counts, what it was at time 0 */
    uint64_t seen; /* the counter up to which `fired` and `status` know */
    uint32_t status;
    uint32_t fired; /* edges that nobody has taken yet, a bit for each timer */
    struct vhpet_timer timer[VHPET_TIMERS];
};

void vhpet_reset(struct vhpet *v);

/* `offset` below VHPET_SIZE. Registers take aligned accesses of 4 or 8 bytes; others read all ones
 * and write nothing. */
uint64_t vhpet_read(struct vhpet *v, uint32_t offset, unsigned size, uint64_t now);
void vhpet_write(struct vhpet *v, uint32_t offset, unsigned size, uint64_t value, uint64_t now);

/* Timers 0 and 1 take the place of the 8254 and the clock. */
bool vhpet_replaces_legacy(const struct vhpet *v);

/* The timer's pin of the I/O APIC; -1 when its interrupt is off or goes nowhere. */
int vhpet_pin(const struct vhpet *v, unsigned timer);

/* Timers whose edge came since the last call, a bit for each. */
uint32_t vhpet_take(struct vhpet *v, uint64_t now);

/* Timers whose level-triggered line is high, as of the last vhpet_take(). */
uint32_t vhpet_levels(const struct vhpet *v);

/* When this timer (below VHPET_TIMERS) next has news; VCLOCK_NEVER: not before somebody writes. */
uint64_t vhpet_next(const struct vhpet *v, unsigned timer, uint64_t now);

#endif
