/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own address space. It holds its image, its stacks and tables, its devices and
 * one window per processor, and no guest memory.
 *
 *   0xffffff00_00000000  host memory: plan->host_base, RW, NX     (host_alloc)
 *   0xffffff10_00000000  stacks, each with an unmapped page below (stack_alloc)
 *   0xffffff20_00000000  devices, UC or WC, NX                    (device_map)
 *   0xffffff30_00000000  windows, 4 MiB a processor, NX           (window_map)
 *   0xffffffff_80000000  image, W^X section by section
 */
#ifndef BULKHEAD_ARCH_X86_CPU_MEMORY_H
#define BULKHEAD_ARCH_X86_CPU_MEMORY_H

#include "boot/handoff.h"
#include "kernel/lib/types.h"
#include "kernel/plan/plan.h"

#define MAIN_STACK KIB(8) /* of every processor but the first, which keeps its 16 KiB */

/*
 * Bytes of plan->host that this file, tables.c and smp.c take: sets `fixed` and `per_cpu` and
 * leaves the rest alone. An upper bound; memory.c says what it is made of. Device mappings may take
 * five page tables: enough for a screen, an HPET and a few more register pages.
 */
void memory_needs(struct plan_needs *needs);

/*
 * Build the address space and switch to it; afterwards handoff pointers and other physical
 * addresses are no longer reachable directly. Called once, on the bootstrap processor. Panics when
 * the planner left too little (it never does: memory_needs() is exact or more).
 */
void memory_init(const struct handoff *handoff, const struct plan *plan,
                 const struct hardware *hardware);

/* Prove W^X, NX, guard pages by walking the live tables; panics with the address if violated.
 * No window may be open; best called after smp_start(), when all stacks exist. */
void memory_verify(void);

/* Physical address of the top-level table, for the other processors and the VMCS host state. */
uint64_t memory_cr3(void);

/* Zeroed memory out of plan->host, until memory_seal(). `align` is a power of two. Never NULL. */
void *host_alloc(uint64_t size, uint64_t align);
/* HPA of memory from host_alloc() or of an object in the image. */
hpa_t host_hpa(const void *address);
/* The other way round: where memory from host_alloc() is mapped. */
void *host_pointer(hpa_t at);
/* Bytes taken so far / in all, for the statistics. */
uint64_t host_used(void);
/* A stack of 4 or 8 KiB with a guard page below; returns its top (16-byte aligned). */
uint64_t stack_alloc(uint64_t size);
/* Map device registers; `flags` is MAP_UNCACHED or MAP_WRITE_COMBINE (kernel/mm/pagetable.h). */
void *device_map(hpa_t base, uint64_t size, uint32_t flags);
/* From now on every allocation and mapping panics: the planner forgot it. */
void memory_seal(void);

/*
 * This processor's windows onto guest memory: slot 0 or 1, 2 MiB each, present only between
 * window_map and window_unmap. Returns the address of `at` itself; *room is how many bytes follow
 * in the window. The caller has checked that `at` belongs to the guest (or to a file of it).
 */
void *window_map(unsigned slot, hpa_t at, uint64_t *room);
void window_unmap(unsigned slot);

/* The two bytes at `at`, in one page, through a slot that is not mapped: all three in one. */
uint16_t window_load16(unsigned slot, hpa_t at);

#endif
