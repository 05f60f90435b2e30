/* SPDX-License-Identifier: MIT */
/* Places in the kernel image that linker.ld names. Only their addresses mean something. */
#ifndef BULKHEAD_ARCH_X86_CPU_IMAGE_H
#define BULKHEAD_ARCH_X86_CPU_IMAGE_H

#include <stdint.h>

extern const char image_start[], image_end[];
extern const char image_text_start[], image_text_end[];     /* R X */
extern const char image_rodata_start[], image_rodata_end[]; /* R */
extern const char image_data_start[], image_data_used[];    /* R W, up to image_end */
extern const char image_idt_start[], image_idt_end[];       /* R after memory_init() */
extern const char image_guard_start[], image_guard_end[];   /* unmapped after memory_init() */
extern const char image_stack_top[];                        /* the boot stack is above the guard */
extern const char image_text_used[], image_rodata_used[];   /* their ends without padding */

static inline uint64_t image_address(const char *place)
{
    return (uint64_t)(uintptr_t)place;
}

#endif
