/* SPDX-License-Identifier: MIT */
/*
 * Who wants to be called when: the machine's one-shot timer (the 8254, whose interrupt is an NMI to
 * one processor, the attendant), shared. Everybody has one alarm. What comes of it is late by the
 * time that an NMI takes, never early.
 */
#ifndef BULKHEAD_KERNEL_ALARM_H
#define BULKHEAD_KERNEL_ALARM_H

#include "arch/x86/cpu/percpu.h"
#include "kernel/acpi/host.h"
#include "kernel/config/config.h"

#define ALARM_NEVER    UINT64_MAX
#define ALARM_TERMINAL CONFIG_MAX_GUESTS /* below: the guests, by index */
#define ALARM_FAULTS   (CONFIG_MAX_GUESTS + 1)
#define ALARM_COUNT    (CONFIG_MAX_GUESTS + 2)

/* Once, before launch: route the timer to the attendant; `ring` is called there for a guest whose
 * time has come. It must not set alarms. */
void alarm_init(const struct cpu *attendant, const struct acpi_host *acpi,
                void (*ring)(uint32_t guest));

/* Ring when the TSC reads `tsc` (or ALARM_NEVER), in place of what `who` said before. Any
 * processor, no two at a time for the same `who`. */
void alarm_set(uint32_t who, uint64_t tsc);

/* After an NMI: ring for whom it is time, when `cpu` is the attendant. */
void alarm_poll(const struct cpu *cpu);

#endif
