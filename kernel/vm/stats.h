/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU's exits cost, by kind. Written by the vCPU's own processor only; read by any, whose
 * figures may then be one exit apart.
 */
#ifndef BULKHEAD_KERNEL_VM_STATS_H
#define BULKHEAD_KERNEL_VM_STATS_H

#include "kernel/lib/types.h"

/* The order is part of the interface: CPUID leaves 0x40000110 + n tell the same counters. */
enum stat_kind {
    STAT_ATTENTION, /* another processor or the console asked for this one (NMI) */
    STAT_CPUID,
    STAT_MSR,     /* other than the local APIC's */
    STAT_IO,      /* ports other than the console's */
    STAT_CONSOLE, /* the virtual UART's ports */
    STAT_MEMORY,  /* EPT/NPT violations: memory-mapped devices, holes */
    STAT_CR,
    STAT_XSETBV,
    STAT_EXCEPTION,
    STAT_OTHER,
    STAT_APIC, /* local APIC registers but the ICR: timer and EOI where the machine has an xAPIC */
    STAT_IPI,  /* the local APIC's ICR */
    STAT_KINDS
};

struct stat_counter {
    uint64_t count;
    uint64_t cycles; /* TSC, in the handler and the epilogue; entry, decoding and this bookkeeping,
                        110 to 150 instructions an exit, are outside */
    uint64_t worst;
};

struct stats {
    struct stat_counter kinds[STAT_KINDS];
};

const char *stat_name(enum stat_kind kind);

static inline void stats_count(struct stats *stats, enum stat_kind kind, uint64_t cycles)
{
    struct stat_counter *counter = &stats->kinds[kind];
    counter->count++;
    counter->cycles += cycles;
    if (cycles > counter->worst)
        counter->worst = cycles;
}

/* All kinds together. */
struct stat_counter stats_total(const struct stats *stats);

/*
 * The machine-readable line `stats guest=web vcpu=0 exits=N cpuid=N/C/W ... cycles=C worst=W`: for
 * each kind and for all together the count N, the TSC cycles C and the worst single exit W.
 */
void stats_print(const struct stats *stats, const char *guest, uint32_t vcpu, char *text,
                 uint32_t size);

#endif
