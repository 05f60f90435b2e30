/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory as the hypervisor reaches it: translated by the plan and touched through this
 * processor's windows. Every GPA comes from a guest; what lies outside its memory is refused.
 */
#ifndef BULKHEAD_KERNEL_VM_GMEM_H
#define BULKHEAD_KERNEL_VM_GMEM_H

#include "kernel/lib/types.h"

struct guest;

/*
 * The HPA behind `at`, and in *room how many bytes follow it contiguously in both address kinds.
 * False: not RAM of this guest.
 */
bool gmem_translate(const struct guest *guest, gpa_t at, hpa_t *to, uint64_t *room);

/* Copy out of or into a guest's RAM. False: part of it is not RAM (the part before is copied). */
bool gmem_read(const struct guest *guest, gpa_t from, void *to, uint64_t size);
bool gmem_write(const struct guest *guest, gpa_t to, const void *from, uint64_t size);

/* 4 or 8 bytes in one access. They lie in one page. False: not RAM of this guest. */
bool gmem_load(const struct guest *guest, gpa_t at, unsigned size, uint64_t *value);

/* Two bytes in one page that gmem_translate() found. */
uint16_t gmem_load16(hpa_t at);

/* If the 4 or 8 bytes at `at` (aligned) are `old`, make them `value`, in one step. False: not so.
 */
bool gmem_replace(const struct guest *guest, gpa_t at, unsigned size, uint64_t old, uint64_t value);

/* Fill with zero bytes. */
bool gmem_clear(const struct guest *guest, gpa_t to, uint64_t size);

/* Copy from host memory that is not mapped (a guest's file). The caller vouches for `from`. */
bool gmem_write_from(const struct guest *guest, gpa_t to, hpa_t from, uint64_t size);

#endif
