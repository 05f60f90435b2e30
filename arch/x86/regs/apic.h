/* SPDX-License-Identifier: MIT */
/*
 * The local APIC in x2APIC mode. SDM Vol. 3A "Advanced Programmable Interrupt Controller (APIC)",
 * "Extended XAPIC (x2APIC)". The xAPIC register of MSR 0x800 + n lies at offset n * 16.
 */
#ifndef BULKHEAD_ARCH_X86_REGS_APIC_H
#define BULKHEAD_ARCH_X86_REGS_APIC_H

#include "kernel/lib/bits.h"

#define MSR_X2APIC_FIRST       0x800u
#define MSR_X2APIC_LAST        0x8ffu
#define MSR_X2APIC_ID          0x802u
#define MSR_X2APIC_VERSION     0x803u
#define MSR_X2APIC_TPR         0x808u
#define MSR_X2APIC_PPR         0x80au
#define MSR_X2APIC_EOI         0x80bu
#define MSR_X2APIC_LDR         0x80du
#define MSR_X2APIC_SVR         0x80fu
#define MSR_X2APIC_ISR0        0x810u
#define MSR_X2APIC_TMR0        0x818u
#define MSR_X2APIC_IRR0        0x820u
#define MSR_X2APIC_ESR         0x828u
#define MSR_X2APIC_LVT_CMCI    0x82fu
#define MSR_X2APIC_ICR         0x830u
#define MSR_X2APIC_LVT_TIMER   0x832u
#define MSR_X2APIC_LVT_THERMAL 0x833u
#define MSR_X2APIC_LVT_PERF    0x834u
#define MSR_X2APIC_LVT_LINT0   0x835u
#define MSR_X2APIC_LVT_LINT1   0x836u
#define MSR_X2APIC_LVT_ERROR   0x837u
#define MSR_X2APIC_TIMER_INIT  0x838u
#define MSR_X2APIC_TIMER_COUNT 0x839u
#define MSR_X2APIC_TIMER_DIV   0x83eu
#define MSR_X2APIC_SELF_IPI    0x83fu

/* Registers of an xAPIC alone, numbered as if they had MSRs; ICR is its low half there. */
#define XAPIC_DFR      0x80eu
#define XAPIC_ICR_HIGH 0x831u

#define XAPIC_STEP        16           /* bytes from one register to the next */
#define XAPIC_DESTINATION BITS(31, 24) /* in ICR_HIGH; and where LDR and ID have theirs */
#define XAPIC_BROADCAST   0xffu
#define XAPIC_DFR_MODEL   BITS(31, 28) /* the other bits are 1 */
#define XAPIC_DFR_CLUSTER 0u
#define XAPIC_DFR_RESET   0xffffffffu /* flat */

#define APIC_VERSION_NUMBER  BITS(7, 0)
#define APIC_VERSION_MAX_LVT BITS(23, 16)

#define APIC_SVR_VECTOR BITS(7, 0)
#define APIC_SVR_ENABLE BIT(8)

/* Local vector table entries. */
#define LVT_VECTOR        BITS(7, 0)
#define LVT_DELIVERY      BITS(10, 8) /* enum apic_delivery; not in the timer's and error's entry */
#define LVT_STATUS        BIT(12)     /* read only */
#define LVT_POLARITY      BIT(13)     /* LINT0, LINT1 */
#define LVT_REMOTE_IRR    BIT(14)     /* LINT0, LINT1; read only */
#define LVT_LEVEL         BIT(15)     /* LINT0, LINT1 */
#define LVT_MASKED        BIT(16)
#define LVT_TIMER_MODE    BITS(18, 17)
#define LVT_TIMER_ONESHOT 0u
#define LVT_TIMER_PERIOD  1u
#define LVT_TIMER_TSC     2u
#define LVT_RESET         LVT_MASKED

/* What a device writes to raise an interrupt. SDM Vol. 3A "Message Signalled Interrupts". */
#define MSI_ADDRESS_BASE UINT64_C(0xfee00000)
#define MSI_DESTINATION  BITS(19, 12)
#define MSI_REDIRECTION  BIT(3) /* hint: the processor of lowest priority will do */
#define MSI_LOGICAL      BIT(2)
#define MSI_DELIVERY     BITS(10, 8) /* of the data: enum apic_delivery */
#define MSI_VECTOR       BITS(7, 0)

/* Interrupt command register, 64 bits as in x2APIC mode. */
#define ICR_VECTOR      BITS(7, 0)  /* from APIC_VECTOR_FIRST on */
#define ICR_DELIVERY    BITS(10, 8) /* enum apic_delivery */
#define ICR_LOGICAL     BIT(11)
#define ICR_BUSY        BIT(12) /* in xAPIC mode; read only */
#define ICR_ASSERT      BIT(14)
#define ICR_LEVEL       BIT(15)
#define ICR_SHORTHAND   BITS(19, 18) /* enum apic_shorthand */
#define ICR_DESTINATION BITS(63, 32)

#define APIC_VECTOR_FIRST 16

/* Physical and logical destination in x2APIC mode that means everybody. */
#define APIC_BROADCAST 0xffffffffu

enum apic_delivery {
    APIC_FIXED = 0,
    APIC_LOWEST = 1, /* not offered by x2APIC hardware */
    APIC_SMI = 2,
    APIC_RESERVED_3 = 3, /* remote read, once */
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6, /* ICR only */
    APIC_EXTINT = 7,  /* LVT only */
};

enum apic_shorthand {
    APIC_TO_DESTINATION = 0,
    APIC_TO_SELF = 1,
    APIC_TO_ALL = 2,
    APIC_TO_OTHERS = 3,
};

#endif
