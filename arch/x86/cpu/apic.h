/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of the processor that runs this: in x2APIC mode, where there is such a thing, else
 * in xAPIC mode. Registers have their x2APIC names in both. SDM Vol. 3A "Advanced Programmable
 * Interrupt Controller (APIC)", "Extended XAPIC (x2APIC)".
 *
 * While a guest runs on a processor the APIC's registers are the guest's; the hypervisor then only
 * sends IPIs (ICR) and reads the id.
 */
#ifndef BULKHEAD_ARCH_X86_CPU_APIC_H
#define BULKHEAD_ARCH_X86_CPU_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Does the processor offer x2APIC? Then guests may use its registers without an exit. */
bool apic_is_x2(void);

/* Has firmware left it in x2APIC mode? Before apic_enable(). */
bool apic_was_x2(void);

/* Before the first of all others, and before memory_seal(). */
void apic_map(void);

/* A register by its x2APIC MSR number, which exists in both modes: not the ICR. */
uint32_t apic_read(uint32_t msr);
void apic_write(uint32_t msr, uint32_t value);

/*
 * Enter x2APIC or xAPIC mode from whatever mode firmware left; then apic_reset(). The 8259 pair is
 * masked by then (ioapic_init()): not every machine keeps its interrupts out where LINT0 is masked.
 */
void apic_enable(void);

/* Its id. After apic_enable(). */
uint32_t apic_id(void);

/* IPIs to one processor by its x2APIC id. Ordered behind all earlier stores. */
void apic_send_nmi(uint32_t apic_id);
void apic_send_fixed(uint32_t apic_id, uint8_t vector);
void apic_send_init(uint32_t apic_id);
/* `page` is the 4 KiB page number below 1 MiB at which the processor starts. */
void apic_send_startup(uint32_t apic_id, uint8_t page);

/* The vector that the next EOI ends, also one of a guest; 0: none. */
uint8_t apic_in_service(void);

/*
 * Bring the registers to their state after INIT as far as software can: LVTs masked, timer stopped,
 * TPR 0, nothing in service, nothing pending, software-disabled. Pending interrupts are taken and
 * thrown away (also those on exception vectors 16..31), bounded. Needs tables_load() and interrupts
 * off. Returns false when something is still pending after that.
 */
bool apic_reset(void);

/*
 * Sleep until the TSC reaches `tsc` or `attention` is set (by the time of the call or later; left
 * set). Only where no guest owns the APIC: afterwards it is as apic_reset() leaves it. Sleeps in
 * HLT with the TSC-deadline timer, or spins with PAUSE where there is none.
 */
void apic_wait_until(uint64_t tsc);

#endif
