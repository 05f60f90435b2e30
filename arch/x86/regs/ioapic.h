/* SPDX-License-Identifier: MIT */
/* The I/O APIC. Intel "82093AA I/O Advanced Programmable Interrupt Controller"; its lower half of a
 * redirection table entry has the local vector table's fields (apic.h). */
#ifndef BULKHEAD_ARCH_X86_REGS_IOAPIC_H
#define BULKHEAD_ARCH_X86_REGS_IOAPIC_H

#include "kernel/lib/bits.h"

/* Offsets in its page, for accesses of 4 bytes. */
#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10

/* What to select. */
#define IOAPIC_VERSION         0x01
#define IOAPIC_VERSION_MAX_PIN BITS(23, 16)
#define IOAPIC_RTE(pin)        (0x10 + 2 * (pin))

/* Redirection table entry */
#define RTE_ACTIVE_LOW      BIT(13)
#define RTE_REMOTE_IRR      BIT(14)
#define RTE_LEVEL           BIT(15)
#define RTE_MASKED          BIT(16)
#define RTE_DESTINATION     BITS(63, 56)
#define RTE_DESTINATION_MAX 0xfe /* 0xff are all processors */

#endif
