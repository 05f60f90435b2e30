/* SPDX-License-Identifier: MIT */
#include "kernel/image/multiboot.h"

#include "kernel/image/kludge.h"
#include "kernel/image/memory_map.h"
#include "kernel/lib/cursor.h"

enum {
    SEARCH_SIZE = 8192,
    HEADER_ALIGN = 4,
    HEADER_LEAST = 12,
    HEADER_MAGIC = 0x1badb002,

    WANTS_VIDEO = 1 << 2,
    KNOWN_FLAGS = 3, /* modules on page boundaries, memory information: always there */
    REQUIRED_FLAGS = 0xffff,
    HAS_ADDRESSES = 1 << 16,

    /* flags of the information */
    INFO_MEMORY = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODS = 1 << 3,
    INFO_MMAP = 1 << 6,
    INFO_LOADER_NAME = 1 << 9,

    INFO_SIZE = 88, /* up to the VBE fields */
    MMAP_ENTRY_SIZE = 20,
};

/* The header as a cursor to its end in the file; the cursor failed when there is none. */
static struct cursor find_header(const void *file, size_t size, size_t *offset)
{
    size_t end = size < SEARCH_SIZE ? size : SEARCH_SIZE;

    for (*offset = 0; *offset + HEADER_LEAST <= end; *offset += HEADER_ALIGN) {
        struct cursor at = cursor_over((const uint8_t *)file + *offset, size - *offset);
        struct cursor header = at;
        uint32_t magic = cursor_u32(&at);
        uint32_t flags = cursor_u32(&at);
        if (magic == HEADER_MAGIC && magic + flags + cursor_u32(&at) == 0)
            return header;
    }
    return cursor_over(NULL, 0);
}

bool multiboot_is(const void *file, size_t size)
{
    size_t offset;
    struct cursor header = find_header(file, size, &offset);

    return cursor_ok(&header);
}

static bool check_flags(uint32_t flags, struct diag *diag)
{
    if ((flags & WANTS_VIDEO) != 0) {
        diag_set(diag, "the multiboot header asks for a video mode, but guests have no screen");
        return diag_hint(diag, "build the kernel without bit 2 of the header's flags");
    }
    if ((flags & REQUIRED_FLAGS & ~KNOWN_FLAGS) != 0) {
        return diag_set(diag, "the multiboot header asks for what is not known: flags %#x",
                        flags & REQUIRED_FLAGS & ~(uint32_t)KNOWN_FLAGS);
    }
    return true;
}

static bool parse_addresses(struct cursor *at, size_t offset, size_t size, struct program *program,
                            struct diag *diag)
{
    struct kludge kludge = {
        .header_addr = cursor_u32(at),
        .load_addr = cursor_u32(at),
        .load_end_addr = cursor_u32(at),
        .bss_end_addr = cursor_u32(at),
        .entry_addr = cursor_u32(at),
    };

    if (!cursor_ok(at))
        return diag_set(diag, "the file is cut off in its multiboot header");
    return kludge_parse(&kludge, offset, size, program, diag);
}

bool multiboot_parse(const void *file, size_t size, struct program *program, struct diag *diag)
{
    size_t offset;
    struct cursor at = find_header(file, size, &offset);
    struct elf_image elf;

    if (!cursor_ok(&at))
        return diag_set(diag, "there is no multiboot header in the file's first 8 KiB");
    cursor_u32(&at);
    uint32_t flags = cursor_u32(&at);
    cursor_u32(&at);
    if (!check_flags(flags, diag))
        return false;
    if ((flags & HAS_ADDRESSES) != 0)
        return parse_addresses(&at, offset, size, program, diag);
    if (!elf_is(file, size))
        return diag_set(diag, "a multiboot header without addresses, and the file is not ELF");
    if (!elf_parse_guest(file, size, &elf, diag))
        return false;
    *program = (struct program){.entry_bits = 32};
    program_from_elf(&elf, program);
    return elf_entry(&elf, &program->entry, diag);
}

/* Each entry begins with its own size, which does not count itself. */
static uint32_t add_memory_map(const struct image_guest *guest, struct data *data)
{
    struct map_range ranges[MAP_MAX_RANGES];
    uint32_t count = memory_map(guest, ranges);
    uint32_t at = data_here(data);

    for (uint32_t i = 0; i < count; i++) {
        data_u32(data, MMAP_ENTRY_SIZE);
        data_u64(data, ranges[i].start);
        data_u64(data, ranges[i].size);
        data_u32(data, ranges[i].type);
    }
    return at;
}

static uint32_t add_modules(const struct image_guest *guest, const struct program *program,
                            struct data *data)
{
    uint32_t args[IMAGE_MAX_MODULES];

    for (uint32_t i = 0; i < guest->module_count; i++)
        args[i] = data_text(data, &guest->modules[i].args);
    data_align(data, 8);
    uint32_t at = data_here(data);
    for (uint32_t i = 0; i < guest->module_count; i++) {
        data_u32(data, program->modules[i]);
        data_u32(data, program->modules[i] + (uint32_t)guest->modules[i].file.size);
        data_u32(data, args[i]);
        data_u32(data, 0);
    }
    return at;
}

uint32_t multiboot_fill(const struct image_guest *guest, const struct program *program,
                        struct data *data)
{
    static const struct image_text name = {"Bulkhead", 8};
    uint32_t cmdline = data_text(data, &guest->cmdline);
    uint32_t loader_name = data_text(data, &name);
    uint32_t modules = add_modules(guest, program, data);
    uint32_t map = add_memory_map(guest, data);

    uint32_t map_size = data_here(data) - map, at = data_here(data);
    uint64_t upper = memory_map_low_end(guest);
    data_u32(data, INFO_MEMORY | INFO_CMDLINE | INFO_MODS | INFO_MMAP | INFO_LOADER_NAME);
    data_u32(data, MAP_LOW_END / 1024);
    data_u32(data, (uint32_t)((upper > MAP_BIOS_END ? upper - MAP_BIOS_END : 0) / 1024));
    data_u32(data, 0); /* boot_device */
    data_u32(data, cmdline);
    data_u32(data, guest->module_count);
    data_u32(data, modules);
    data_take(data, 16); /* symbols */
    data_u32(data, map_size);
    data_u32(data, map);
    data_take(data, 12); /* drives, ROM configuration table */
    data_u32(data, loader_name);
    data_take(data, INFO_SIZE - 68);
    return at;
}
