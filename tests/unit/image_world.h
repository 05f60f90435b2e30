/* SPDX-License-Identifier: MIT */
/* Kernels of all kinds but Linux, byte by byte, and a guest for them. */
#ifndef BULKHEAD_TESTS_UNIT_IMAGE_WORLD_H
#define BULKHEAD_TESTS_UNIT_IMAGE_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "kernel/image/image.h"

#define WORLD_FILE_SIZE 0x3000
#define WORLD_CODE      0x1000 /* offset of the code in ELF files, which goes to 1 MiB */
#define WORLD_CODE_SIZE 0x2000
#define WORLD_BSS       0x800
#define WORLD_ENTRY     0x100040
#define WORLD_NOTE      0x800 /* offset of the PVH note, when there is one */

static uint8_t world_file[WORLD_FILE_SIZE];
static size_t world_size;
static struct image_guest world_guest;

static inline void world_put(size_t offset, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        world_file[offset + i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t world_get(const void *bytes, size_t offset, size_t size)
{
    uint64_t value = 0;

    for (size_t i = size; i-- > 0;)
        value = value << 8 | ((const uint8_t *)bytes)[offset + i];
    return value;
}

/* Offsets of the fields in an ELF file of one class or the other. */
static inline size_t world_program_header(bool wide, uint32_t number)
{
    return wide ? 64 + 56 * number : 52 + 32 * number;
}

static inline void world_segment(bool wide, uint32_t number, uint32_t type, uint64_t offset,
                                 uint64_t address, uint64_t file_size, uint64_t memory_size)
{
    size_t at = world_program_header(wide, number), w = wide ? 8 : 4;
    size_t first = wide ? at + 8 : at + 4;

    world_put(at, type, 4);
    world_put(first, offset, w);
    world_put(first + w, address, w);
    world_put(first + 2 * w, address, w);
    world_put(first + 3 * w, file_size, w);
    world_put(first + 4 * w, memory_size, w);
    world_put(wide ? at + 4 : at + 24, 7, 4); /* rights: all */
}

/* An ELF file with one segment at 1 MiB and a second header that is no segment. */
static inline void world_elf(bool wide)
{
    size_t w = wide ? 8 : 4;

    memset(world_file, 0x90, sizeof(world_file));
    memset(world_file, 0, WORLD_CODE);
    world_size = sizeof(world_file);
    world_put(0, 0x464c457f, 4);
    world_put(4, wide ? 2 : 1, 1);
    world_put(5, 1, 1);
    world_put(6, 1, 1);
    world_put(16, 2, 2);
    world_put(18, wide ? 62 : 3, 2);
    world_put(20, 1, 4);
    world_put(24, WORLD_ENTRY, w);
    world_put(24 + w, wide ? 64 : 52, w);
    world_put(24 + 3 * w + 6, wide ? 56 : 32, 2);
    world_put(24 + 3 * w + 8, 2, 2);
    world_segment(wide, 0, 1, WORLD_CODE, 0x100000, WORLD_CODE_SIZE, WORLD_CODE_SIZE + WORLD_BSS);
}

/* Another note, and behind it the one that makes it PVH. */
static inline void world_pvh(bool wide)
{
    world_elf(wide);
    world_put(WORLD_NOTE, 4, 4);
    world_put(WORLD_NOTE + 4, 5, 4);
    world_put(WORLD_NOTE + 8, 18, 4);
    memcpy(world_file + WORLD_NOTE + 12, "GNU", 4);
    world_put(WORLD_NOTE + 24, 4, 4);
    world_put(WORLD_NOTE + 28, wide ? 8 : 4, 4);
    world_put(WORLD_NOTE + 32, 18, 4);
    memcpy(world_file + WORLD_NOTE + 36, "Xen", 4);
    world_put(WORLD_NOTE + 40, WORLD_ENTRY + 0x10, wide ? 8 : 4);
    world_segment(wide, 1, 4, WORLD_NOTE, 0, wide ? 48 : 44, 0);
}

#define WORLD_MULTIBOOT 0x400 /* offset of the header */

static inline void world_multiboot_at(size_t offset, uint32_t flags)
{
    world_put(offset, 0x1badb002, 4);
    world_put(offset + 4, flags, 4);
    world_put(offset + 8, 0 - (0x1badb002 + flags), 4);
}

/* Bytes that are nothing but a multiboot header and code, loaded at 1 MiB. */
static inline void world_aout(void)
{
    const uint32_t addresses[] = {0x100000 + WORLD_MULTIBOOT, 0x100000, 0x102000, 0x108000,
                                  WORLD_ENTRY};

    memset(world_file, 0x90, sizeof(world_file));
    world_size = sizeof(world_file);
    world_multiboot_at(WORLD_MULTIBOOT, 0x10003);
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++)
        world_put(WORLD_MULTIBOOT + 12 + 4 * i, addresses[i], 4);
}

/* A multiboot 2 header with these tags, of which the last one ends them. */
static inline void world_multiboot2(const void *tags, size_t size)
{
    uint32_t length = (uint32_t)(16 + size);

    world_put(WORLD_MULTIBOOT, 0xe85250d6, 4);
    world_put(WORLD_MULTIBOOT + 4, 0, 4);
    world_put(WORLD_MULTIBOOT + 8, length, 4);
    world_put(WORLD_MULTIBOOT + 12, 0 - (0xe85250d6 + length), 4);
    memcpy(world_file + WORLD_MULTIBOOT + 16, tags, size);
}

static inline void world_make_guest(void)
{
    world_guest = (struct image_guest){
        .memory = MIB(64),
        .hole_start = GIB(3),
        .hole_end = GIB(4),
        .rsdp = gpa(0xe0000),
        .kernel = {(uint64_t)(uintptr_t)world_file, world_size},
        .cmdline = {"console=ttyS0", 13},
        .module_count = 2,
        .modules = {{{GIB(1), 5000}, {"one", 3}}, {{GIB(2), 4096}, {NULL, 0}}},
    };
}

#endif
