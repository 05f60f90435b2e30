/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables and what arrives through them: exceptions (fatal, reported in full), NMIs (the
 * hypervisor's own attention signal) and interrupts that nobody wants (drained).
 * SDM Vol. 3A "Interrupt and Exception Handling", "Task Management".
 */
#ifndef BULKHEAD_ARCH_X86_CPU_TABLES_H
#define BULKHEAD_ARCH_X86_CPU_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86/cpu/percpu.h"

/* Selectors of every processor's GDT; for the VMCS host state. */
#define TABLES_SELECTOR_CODE 0x08
#define TABLES_SELECTOR_DATA 0x10
#define TABLES_SELECTOR_TSS  0x18

/*
 * First thing in kernel_main: GDT, TSS, IDT and GS base of the bootstrap processor out of static
 * memory, so that cpu_this() and exception reports work. Until memory_init() the emergency stacks
 * share the page that becomes the boot stack's guard. An NMI before this call would triple-fault;
 * nothing that could send one is set up by then.
 */
void tables_init_boot(void);

/* The bootstrap processor's struct cpu, static; its index is 0. */
struct cpu *tables_boot_cpu(void);

/*
 * Give a processor its emergency stacks (NMI, #DF, #MC) with guard pages, and fill in its GDT and
 * TSS. cpu->tables points at zeroed memory. After memory_init(), before the processor runs with it;
 * memory_init() itself calls it for the bootstrap processor.
 */
void tables_prepare(struct cpu *cpu);

/* Load `cpu`'s tables and GS base into the processor that runs this. */
void tables_load(struct cpu *cpu);

/* Size of struct cpu_tables, for the allocation in smp.c. */
uint64_t tables_size(void);

/* Linear addresses for the VMCS host state. */
uint64_t tables_gdt_base(const struct cpu *cpu);
uint64_t tables_tss_base(const struct cpu *cpu);
uint64_t tables_idt_base(void);

/*
 * To be called after each VM exit because of an NMI. Such an exit leaves NMIs blocked and runs no
 * handler (SDM Vol. 3C "NMI Unblocking Due to IRET" and "Loading Host State"), so this does what
 * the handler does (attention, count, parking after a panic elsewhere) and unblocks with an IRETQ
 * to the caller.
 */
void cpu_nmi_unblock(void);

/*
 * Sleep until an NMI or an interrupt arrives; returns at once when `attention` is set already, and
 * no NMI between that look and the HLT is lost. Interrupts are taken and drained meanwhile, and off
 * again on return. The caller clears attention.
 */
void cpu_wait_for_event(void);

/* Stop this processor for good. */
_Noreturn void cpu_park(void);

/* From now on every NMI parks its processor (set by smp_stop_others()). */
void tables_nmi_parks(void);

/*
 * Return addresses on this processor's stack from frame pointer `frame` on, innermost first. Reads
 * nothing outside the processor's own stacks; returns how many of `max` were found.
 */
unsigned backtrace(uint64_t frame, uint64_t *addresses, unsigned max);

/* Is `address` in the guard page below one of `cpu`'s stacks? Then that stack overflowed. */
bool tables_near_guard(const struct cpu *cpu, uint64_t address);

#endif
