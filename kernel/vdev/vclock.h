/* SPDX-License-Identifier: MIT */
/*
 * The counters of virtual devices do not tick: who looks at one gets what it would show by now. All
 * times are nanoseconds since the guest's start.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VCLOCK_H
#define BULKHEAD_KERNEL_VDEV_VCLOCK_H

#include <stdint.h>

#define VCLOCK_NEVER  UINT64_MAX
#define VCLOCK_SECOND UINT64_C(1000000000)

/* A frequency as an exact fraction: `ticks` in `ns` nanoseconds, neither of them 0. */
struct vclock_rate {
    uint32_t ticks, ns;
};

/* A PC's crystal makes 315/22 MHz. The 8254 takes a twelfth of it, ACPI's timer a quarter. */
#define VCLOCK_PIT   ((struct vclock_rate){105, 88000})
#define VCLOCK_PM    ((struct vclock_rate){315, 88000})
#define VCLOCK_32KHZ ((struct vclock_rate){64, 1953125})

/* How often a clock of this rate has ticked at `ns`. */
uint64_t vclock_ticks(struct vclock_rate rate, uint64_t ns);

/* The first nanosecond at which vclock_ticks() says `ticks`; VCLOCK_NEVER when that is too far. */
uint64_t vclock_ns(struct vclock_rate rate, uint64_t ticks);

#endif
