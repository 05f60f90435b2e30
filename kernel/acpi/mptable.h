/* SPDX-License-Identifier: MIT */
/*
 * What a guest without ACPI finds in the BIOS area instead: processors, the ISA bus, the I/O APIC
 * and its lines. MultiProcessor Specification 1.4 "MP Configuration Table".
 */
#ifndef BULKHEAD_KERNEL_ACPI_MPTABLE_H
#define BULKHEAD_KERNEL_ACPI_MPTABLE_H

#include "kernel/lib/types.h"

#define MPTABLE_MAX_VCPUS 254 /* APIC ids have 8 bits, and 255 means all of them */

struct mptable_params {
    gpa_t base;          /* where the buffer will lie: a multiple of 16 in the BIOS area */
    uint32_t vcpu_count; /* 1 .. MPTABLE_MAX_VCPUS; their APIC ids are 0 .. count - 1 */
    uint32_t signature;  /* EAX and EDX of their CPUID leaf 1 */
    uint32_t features;
};

/*
 * Build the floating pointer structure and, behind it, the table into `buffer` (`size` bytes, any
 * alignment); *used is how many bytes there are. Returns false, with *used 0, when the parameters
 * are not as above or the buffer is too small: 1,536 bytes are enough for 64 vCPUs.
 */
bool mptable_build(const struct mptable_params *params, void *buffer, size_t size, size_t *used);

#endif
