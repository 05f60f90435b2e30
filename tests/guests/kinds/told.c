/* SPDX-License-Identifier: MIT */
/* The three forms in which a loader tells a kernel about the machine. */
#include "tests/guests/kinds/kinds.h"

#define PVH_MAGIC        0x336ec578u
#define MULTIBOOT_MAGIC  0x2badb002u
#define MULTIBOOT2_MAGIC 0x36d76289u

static const char *text(uint64_t at)
{
    return at ? (const char *)(uintptr_t)at : "";
}

static void add_range(struct told *told, uint64_t start, uint64_t size, uint32_t type)
{
    if (told->range_count < 16)
        told->ranges[told->range_count++] = (struct range){start, size, type};
}

static void add_module(struct told *told, uint64_t start, uint64_t size, uint64_t args)
{
    if (told->module_count < 8)
        told->modules[told->module_count++] = (struct module){start, size, text(args)};
}

static bool read_pvh(struct told *told)
{
    uint64_t info = seen_ebx;
    if (read32(info) != PVH_MAGIC || read32(info + 4) != 1 || seen_eax != 0)
        return false;
    uint64_t modules = read64(info + 16), map = read64(info + 40);
    for (uint32_t i = 0; i < read32(info + 12); i++)
        add_module(told, read64(modules + 32 * i), read64(modules + 32 * i + 8),
                   read64(modules + 32 * i + 16));
    told->cmdline = text(read64(info + 24));
    told->rsdp = read64(info + 32);
    for (uint32_t i = 0; i < read32(info + 48); i++)
        add_range(told, read64(map + 24 * i), read64(map + 24 * i + 8), read32(map + 24 * i + 16));
    return true;
}

static bool read_multiboot(struct told *told)
{
    uint64_t info = seen_ebx;
    uint32_t flags = read32(info);
    if (seen_eax != MULTIBOOT_MAGIC || flags != 0x24d)
        return false;
    told->memory_lower = read32(info + 4);
    told->memory_upper = read32(info + 8);
    told->cmdline = text(read32(info + 16));
    uint64_t modules = read32(info + 24), map = read32(info + 48);
    for (uint32_t i = 0; i < read32(info + 20); i++) {
        uint64_t at = modules + 16 * i;
        add_module(told, read32(at), read32(at + 4) - read32(at), read32(at + 8));
    }
    for (uint64_t at = map; at < map + read32(info + 44); at += read32(at) + 4)
        add_range(told, read64(at + 4), read64(at + 12), read32(at + 20));
    told->loader = text(read32(info + 64));
    return true;
}

static void read_tag(struct told *told, uint64_t at)
{
    switch (read32(at)) {
    case 1:
        told->cmdline = text(at + 8);
        break;
    case 2:
        told->loader = text(at + 8);
        break;
    case 3:
        add_module(told, read32(at + 8), read32(at + 12) - read32(at + 8), at + 16);
        break;
    case 4:
        told->memory_lower = read32(at + 8);
        told->memory_upper = read32(at + 12);
        break;
    case 6:
        for (uint64_t entry = at + 16; entry < at + read32(at + 4); entry += read32(at + 8))
            add_range(told, read64(entry), read64(entry + 8), read32(entry + 16));
        break;
    case 14:
        expect(read32(at + 4) == 28 && read64(at + 8) == UINT64_C(0x2052545020445352),
               "the old RSDP");
        break;
    case 15:
        told->rsdp = at + 8;
        break;
    case 21:
        told->load_base = read32(at + 8);
        break;
    default:
        expect(false, "tags that are known");
    }
}

static bool read_multiboot2(struct told *told)
{
    uint64_t info = seen_ebx, end = info + read32(info), at = info + 8;
    if (seen_eax != MULTIBOOT2_MAGIC || info % 8 != 0)
        return false;
    while (at < end && read32(at) != 0) {
        read_tag(told, at);
        at = (at + read32(at + 4) + 7) & ~UINT64_C(7);
    }
    return at + 8 == end && read32(at + 4) == 8;
}

bool told_read(struct told *told)
{
    switch (kind) {
    case PVH:
        return read_pvh(told);
    case MULTIBOOT:
    case AOUT:
        return read_multiboot(told);
    case MULTIBOOT2:
        return read_multiboot2(told);
    default:
        return seen_eax == 0 && seen_ebx == 0;
    }
}
