/* SPDX-License-Identifier: MIT */
/* What memory.c, windows.c and memory_verify.c share about the address space of memory.h. */
#ifndef BULKHEAD_ARCH_X86_CPU_ADDRESS_SPACE_H
#define BULKHEAD_ARCH_X86_CPU_ADDRESS_SPACE_H

#include "kernel/lib/types.h"
#include "kernel/mm/pagetable.h"

#define HOST_AREA   UINT64_C(0xffffff0000000000)
#define STACK_AREA  UINT64_C(0xffffff1000000000)
#define DEVICE_AREA UINT64_C(0xffffff2000000000)
#define WINDOW_AREA UINT64_C(0xffffff3000000000)
#define AREA_SIZE   UINT64_C(0x0000001000000000)

#define STACK_MAX   KIB(8) /* the largest stack; tells two stacks from one without a guard */
#define STACK_GUARD PAGE_4K

#define WINDOW_SLOTS 2

/* Page-table entries with which every format above agrees. SDM Vol. 3A "4-Level Paging". */
#define TABLE_ENTRIES 512
#define ENTRY_PRESENT BIT(0)
#define ENTRY_WRITE   BIT(1)
#define ENTRY_USER    BIT(2)
#define ENTRY_LARGE   BIT(7)
#define ENTRY_ADDRESS BITS(51, 12)
#define ENTRY_NX      BIT(63)

/* The tables in use. Read only, but for windows_init(). */
struct pagetable *address_space(void);

/* Tables for the windows of so many processors. Part of memory_init(), before the switch. */
bool windows_init(struct pagetable *table, uint32_t cpus);

/* Behind the switch: from now on there are windows. */
void windows_open(const struct pagetable *table);

#endif
