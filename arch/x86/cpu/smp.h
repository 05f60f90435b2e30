/* SPDX-License-Identifier: MIT */
/* Start and stop of the other processors. SDM Vol. 3A "Multiple-Processor (MP) Initialization". */
#ifndef BULKHEAD_ARCH_X86_CPU_SMP_H
#define BULKHEAD_ARCH_X86_CPU_SMP_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86/cpu/percpu.h"
#include "boot/handoff.h"
#include "kernel/plan/hardware.h"

/*
 * Prepare a struct cpu for every processor of `hardware` (the bootstrap processor, index 0, is
 * already running with its own) and start the others through handoff->low_page. Each loads its
 * tables and control registers, enables its x2APIC, and sleeps until smp_release(); then it runs
 * `run(cpu)` on its own stack, with interrupts off. If `run` returns, the processor parks.
 *
 * On the bootstrap processor, once, after memory_init(), apic_enable() and tsc_init(). `handoff` is
 * a copy in the image. Returns how many processors did not answer; each was logged, and
 * cpu_online() is false for it.
 */
unsigned smp_start(const struct handoff *handoff, const struct hardware *hardware,
                   void (*run)(struct cpu *cpu));

/* Let the started processors go. Everything written before is visible to them. */
void smp_release(void);

/* By index into hardware->cpus; NULL beyond hardware->cpu_count. After smp_start(). */
struct cpu *cpu_at(uint32_t index);
/* Did it answer? */
bool cpu_online(uint32_t index);

/* Set `attention` of another processor: it leaves its guest (or its sleep) and looks. */
void smp_kick(const struct cpu *cpu);

/*
 * For panic(): every other processor parks, out of its guest if it runs one. Does not wait. Works
 * (does nothing) before smp_start() as well. Any processor, any context.
 */
void smp_stop_others(void);

#endif
