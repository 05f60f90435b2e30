/* SPDX-License-Identifier: MIT */
/* A kernel's header like that of a current distribution, field by field. */
#ifndef BULKHEAD_TESTS_UNIT_BZIMAGE_WORLD_H
#define BULKHEAD_TESTS_UNIT_BZIMAGE_WORLD_H

#include <string.h>

#include "kernel/image/bzimage.h"

#define GOOD_FILE_SIZE 14186432 /* with 1,472 bytes of signature at its end */

/* Write a little-endian field at its offset in the file. */
static inline void put(uint8_t *head, size_t offset, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        head[offset + i] = (uint8_t)(value >> (8 * i));
}

static inline void good_head(uint8_t *head)
{
    static const struct {
        uint16_t offset;
        uint8_t size;
        uint64_t value;
    } fields[] = {
        {0x1f1, 1, 39},            /* setup_sects */
        {0x1f4, 4, 14164480 / 16}, /* syssize */
        {0x1fa, 2, 0xffff},        /* vid_mode */
        {0x1fe, 2, 0xaa55},        /* boot_flag */
        {0x200, 2, 0x6aeb},        /* jump */
        {0x202, 4, 0x53726448},    /* header */
        {0x206, 2, 0x020f},        /* version */
        {0x211, 1, 0x21},          /* loadflags: LOADED_HIGH, QUIET_FLAG */
        {0x214, 4, 0x100000},      /* code32_start */
        {0x224, 2, 0x5be0},        /* heap_end_ptr */
        {0x22c, 4, 0x7fffffff},    /* initrd_addr_max */
        {0x230, 4, 0x200000},      /* kernel_alignment */
        {0x234, 1, 1},             /* relocatable_kernel */
        {0x235, 1, 21},            /* min_alignment */
        {0x236, 2, 0x7f},          /* xloadflags */
        {0x238, 4, 2047},          /* cmdline_size */
        {0x248, 4, 0x2cc},         /* payload_offset */
        {0x24c, 4, 0xd696cc},      /* payload_length */
        {0x250, 8, 0x1234},        /* setup_data: a loader has to overwrite it */
        {0x258, 8, 0x1000000},     /* pref_address */
        {0x260, 4, 0x3378000},     /* init_size */
        {0x264, 4, 0xd72f10},      /* handover_offset */
        {0x268, 4, 0xd7f91c},      /* kernel_info_offset */
    };

    memset(head, 0xcc, BZIMAGE_HEAD_SIZE); /* code */
    memset(head + 0x1f1, 0, 0x26c - 0x1f1);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        put(head, fields[i].offset, fields[i].value, fields[i].size);
}

#endif
