/* SPDX-License-Identifier: MIT */
/* What a multiboot 2 kernel is told. */
#include "kernel/image/memory_map.h"
#include "kernel/image/multiboot2.h"
#include "kernel/lib/mem.h"

enum {
    INFO_ALIGN = 8,
    INFO_END = 0,
    INFO_CMDLINE = 1,
    INFO_LOADER_NAME = 2,
    INFO_MODULE = 3,
    INFO_MEMORY = 4,
    INFO_MMAP = 6,
    INFO_RSDP_1 = 14,
    INFO_RSDP_2 = 15,
    INFO_LOAD_BASE = 21,

    MMAP_ENTRY_SIZE = 24,
    RSDP_1_SIZE = 20,
    RSDP_2_SIZE = 36,
};

/* A tag's type and size, where the next tag may begin. `size` is that of what follows. */
static void open_tag(struct data *data, uint32_t type, size_t size)
{
    data_align(data, INFO_ALIGN);
    data_u32(data, type);
    data_u32(data, (uint32_t)size + 8);
}

static void add_text(struct data *data, uint32_t type, const struct image_text *text)
{
    open_tag(data, type, (size_t)text->length + 1);
    data_text(data, text);
}

static void add_module(struct data *data, const struct image_module *module, uint32_t at)
{
    open_tag(data, INFO_MODULE, 8 + (size_t)module->args.length + 1);
    data_u32(data, at);
    data_u32(data, at + (uint32_t)module->file.size);
    data_text(data, &module->args);
}

static void add_memory(struct data *data, const struct image_guest *guest)
{
    struct map_range ranges[MAP_MAX_RANGES];
    uint32_t count = memory_map(guest, ranges);
    uint64_t upper = memory_map_low_end(guest);

    open_tag(data, INFO_MEMORY, 8);
    data_u32(data, MAP_LOW_END / 1024);
    data_u32(data, (uint32_t)((upper > MAP_BIOS_END ? upper - MAP_BIOS_END : 0) / 1024));
    open_tag(data, INFO_MMAP, 8 + (size_t)count * MMAP_ENTRY_SIZE);
    data_u32(data, MMAP_ENTRY_SIZE);
    data_u32(data, 0); /* version */
    for (uint32_t i = 0; i < count; i++) {
        data_u64(data, ranges[i].start);
        data_u64(data, ranges[i].size);
        data_u32(data, ranges[i].type);
        data_u32(data, 0);
    }
}

/* Room for a copy of the RSDP; where it lies. */
static gpa_t add_rsdp(struct data *data, uint32_t type, size_t size)
{
    open_tag(data, type, size);
    gpa_t at = gpa(data_here(data));
    data_take(data, size);
    return at;
}

static uint32_t load_base(const struct program *program)
{
    uint64_t lowest = UINT32_MAX;

    for (uint32_t i = 0; i < program->part_count; i++)
        lowest = program->parts[i].at < lowest ? program->parts[i].at : lowest;
    return (uint32_t)lowest;
}

uint32_t multiboot2_fill(const struct image_guest *guest, const struct program *program,
                         struct image *image, struct data *data)
{
    static const struct image_text name = {"Bulkhead", 8};

    data_align(data, INFO_ALIGN);
    size_t start = data->used;
    uint32_t at = data_here(data);
    data_u64(data, 0); /* total_size comes last */
    add_text(data, INFO_CMDLINE, &guest->cmdline);
    add_text(data, INFO_LOADER_NAME, &name);
    for (uint32_t i = 0; i < guest->module_count; i++)
        add_module(data, &guest->modules[i], program->modules[i]);
    add_memory(data, guest);
    image->rsdp_1 = add_rsdp(data, INFO_RSDP_1, RSDP_1_SIZE);
    image->rsdp_2 = add_rsdp(data, INFO_RSDP_2, RSDP_2_SIZE);
    open_tag(data, INFO_LOAD_BASE, 4);
    data_u32(data, load_base(program));
    open_tag(data, INFO_END, 0);
    data_set_u32(data, start, (uint32_t)(data->used - start));
    return at;
}
