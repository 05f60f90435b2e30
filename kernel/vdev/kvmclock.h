/* SPDX-License-Identifier: MIT */
/*
 * The clock page that stock kernels know: Linux "KVM-specific MSRs" (Documentation/virt/kvm). The
 * guest computes
 *
 *     ns = system_time + (((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul >> 32)
 *
 * with a shift to the right where tsc_shift is negative. Here the TSC is invariant and the same on
 * all of a guest's processors, so a page is written once and holds for good.
 */
#ifndef BULKHEAD_KERNEL_VDEV_KVMCLOCK_H
#define BULKHEAD_KERNEL_VDEV_KVMCLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define KVMCLOCK_TSC_STABLE 0x01 /* flags: readings of all vCPUs are comparable */

/* MSR_KVM_SYSTEM_TIME_NEW; 4-byte aligned in the guest's memory. */
struct kvmclock_time {
    uint32_t version; /* odd while it is being written */
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time; /* ns */
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad[2];
};
_Static_assert(sizeof(struct kvmclock_time) == 32, "ABI of MSR_KVM_SYSTEM_TIME_NEW");

/* MSR_KVM_WALL_CLOCK_NEW: UTC at the moment when the system time was 0. */
struct kvmclock_wall {
    uint32_t version;
    uint32_t sec; /* since 1970, cut to 32 bits as the interface has it */
    uint32_t nsec;
};
_Static_assert(sizeof(struct kvmclock_wall) == 12, "ABI of MSR_KVM_WALL_CLOCK_NEW");

/*
 * Fill in `out` for a TSC of `tsc_khz` (as the guest sees it) that reads `tsc_base` at the guest's
 * system time 0. The version is 2, an even one: a caller whose guest might be looking copies it
 * last. Returns false when tsc_khz is 0; `out` is then untouched.
 */
bool kvmclock_time(struct kvmclock_time *out, uint32_t tsc_khz, uint64_t tsc_base);

/* `nsec` below 1,000,000,000. */
void kvmclock_wall(struct kvmclock_wall *out, uint64_t sec, uint32_t nsec);

#endif
