/* SPDX-License-Identifier: MIT */
/* Which processors are threads of one core. Pure. */
#ifndef BULKHEAD_ARCH_X86_MODEL_TOPOLOGY_H
#define BULKHEAD_ARCH_X86_MODEL_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Bits of the x2APIC id that tell the threads of a core, from CPUID leaf 0xB, subleaf 0, of the
 * bootstrap processor (all zero when there is no such leaf). 0: each processor is a core.
 *
 * Subleaf 0 is the level of threads, says SDM Vol. 2A "CPUID", but without SMT it may be another
 * one. With SMT switched off, or in an emulator, the shift may be there although the core has one
 * thread (EBX); then neighbouring ids can be different cores. On a hybrid processor (CPUID leaf 7,
 * EDX) other cores may have more threads than this one, so there the shift counts in any case.
 */
uint32_t topology_smt_shift(uint32_t eax, uint32_t ebx, uint32_t ecx, bool hybrid);

#endif
