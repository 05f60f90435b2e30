/* SPDX-License-Identifier: MIT */
/*
 * The four functions that a freestanding compiler may call, with their standard meaning. The kernel
 * and the boot half get them from kernel/lib/mem.c; host builds get them from the C library and
 * leave that file out.
 */
#ifndef BULKHEAD_KERNEL_LIB_MEM_H
#define BULKHEAD_KERNEL_LIB_MEM_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
