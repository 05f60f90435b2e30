/* SPDX-License-Identifier: MIT */
/*
 * What a guest may do with its local APIC: modes, values of registers, interrupt commands and whom
 * they reach. Registers have their x2APIC names in both modes (arch/x86/regs/apic.h); which of them
 * a guest may touch is in the table of msr_policy.h, for both modes.
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_APIC_POLICY_H
#define BULKHEAD_ARCH_X86_MODEL_APIC_POLICY_H

#include "arch/x86/regs/apic.h"
#include <stdbool.h>
#include <stdint.h>

/* ---- modes ---- */

/* SDM Vol. 3A "x2APIC States". */
enum apic_mode { APIC_MODE_DISABLED, APIC_MODE_XAPIC, APIC_MODE_X2APIC };

/* What IA32_APIC_BASE reads. */
uint64_t apic_base_value(enum apic_mode mode, bool bsp);

/*
 * A write to it: *mode becomes the new one. False is #GP: a transition that the manual forbids, or
 * anything but the mode would change: the page stays where it is, the processor what it is.
 */
bool apic_base_write(enum apic_mode *mode, uint64_t value, bool bsp);

/* ---- values: `value` is the guest's, false is #GP ---- */

/* A register that is not emulated. `deadline`: the timer has its TSC-deadline mode. */
bool apic_value_check(uint32_t msr, uint64_t value, bool deadline);

/*
 * A write to an LVT entry that exits (CMCI, THERMAL, PERF, LINT0, LINT1, ERROR). False: reserved
 * bits. *shadow is what the guest reads back, whatever its delivery mode. *real belongs into the
 * hardware's entry: for ERROR what the guest wrote; for the others "masked", since neither the pins
 * nor the processor's thermal, machine-check and performance events belong to a guest, so the
 * caller masks those once when it takes the processor and then never touches them.
 */
bool lvt_write(uint32_t msr, uint64_t value, uint32_t *shadow, uint32_t *real);

/*
 * A write in xAPIC mode, where reserved bits are lost and nothing faults: what is left of it for
 * the checks above. Not for registers that the two modes do not share.
 */
uint32_t xapic_value(uint32_t msr, uint32_t value);

/* ---- interrupt commands ---- */

/* Decoded: to whom, and what. Ids are the guest's. */
struct ipi {
    enum apic_delivery delivery;   /* FIXED, LOWEST, NMI, INIT, STARTUP */
    enum apic_shorthand shorthand; /* when not TO_DESTINATION the next three mean nothing */
    bool logical;
    bool narrow; /* the destination has 8 bits: from an xAPIC or an I/O APIC */
    uint32_t destination;
    uint8_t vector;
    bool drop; /* valid, but has no effect: INIT level de-assert, illegal vector, SMI, ... */
};

/*
 * The ICR of an x2APIC. False: reserved bits, #GP. SMI, remote read, and shorthands that hardware
 * does not allow with the delivery mode come back with `drop`.
 */
bool icr_decode(uint64_t value, struct ipi *out);

/* The same of an xAPIC: `low` as xapic_value() leaves it, `high` with the destination. */
void xapic_icr_decode(uint32_t low, uint32_t high, struct ipi *out);

/*
 * A message that a device writes to raise an interrupt (SDM Vol. 3A "Message Signalled
 * Interrupts"): fixed or lowest-priority delivery. False: it is none that a guest's processors
 * would take.
 */
bool msi_decode(uint64_t address, uint32_t data, struct ipi *out);

/* By what a local APIC knows that it is meant. */
struct apic_address {
    uint32_t id;
    enum apic_mode mode;
    uint32_t ldr, dfr; /* the registers in xAPIC mode; in x2APIC mode the id says it */
};

/* Is `to` addressed by `ipi`, sent by the APIC with id `self`? A disabled one never is. */
bool ipi_matches(const struct ipi *ipi, const struct apic_address *to, uint32_t self);

/*
 * Of the ids below `count`, those outside this range are not addressed: a large guest is not looked
 * through for each IPI. A logical destination of 32 bits means x2APICs alone.
 */
struct ipi_range {
    uint32_t first, end;
};
struct ipi_range ipi_range(const struct ipi *ipi, uint32_t count);

/* Logical destination register of an x2APIC id. SDM Vol. 3A "Logical Destination Mode in x2APIC".
 */
uint32_t x2apic_ldr(uint32_t id);

#endif
