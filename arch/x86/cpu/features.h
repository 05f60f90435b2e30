/* SPDX-License-Identifier: MIT */
/* What the hypervisor itself wants of a processor, and its control registers. */
#ifndef BULKHEAD_ARCH_X86_CPU_FEATURES_H
#define BULKHEAD_ARCH_X86_CPU_FEATURES_H

#include <stdbool.h>

#include "arch/x86/model/cpuid_policy.h"
#include "kernel/lib/diag.h"

/*
 * Has the processor that runs this all that the hypervisor cannot do without (NX, PAT, ...)? False:
 * the diagnosis is the sentence to show. Virtualisation is not looked at here. Before
 * features_enable().
 */
bool features_check(struct diag *diag);

/* Does the TSC run at one rate in every power state? If not, guests' clocks will drift: log it. */
bool features_tsc_invariant(void);

/* CPUID of the processor that runs this, for the pure model. */
extern const struct cpuid_source cpuid_machine;

/* AMD-V it is, then, and not VT-x. */
bool features_amd(void);

/* Is the TSC-deadline mode of the APIC timer there? */
bool features_tsc_deadline(void);

/*
 * Set CR0, CR4, EFER and PAT to the hypervisor's values on the processor that runs this: write
 * protection, NX, global pages, machine checks, and SMEP, SMAP, UMIP and XSAVE where present. PAT
 * entry 1 becomes WC (the others keep their reset values), which is what pagetable_host counts on.
 * memory_init() and the start of the other processors call it.
 */
void features_enable(void);

#endif
