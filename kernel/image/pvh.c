/* SPDX-License-Identifier: MIT */
#include "kernel/image/pvh.h"

#include "kernel/image/memory_map.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/cursor.h"
#include "kernel/lib/mem.h"

enum {
    XEN_ELFNOTE_PHYS32_ENTRY = 18,
    NOTE_ALIGN = 4, /* of name and description, in 64-bit files as well */

    START_INFO_MAGIC = 0x336ec578,
    START_INFO_VERSION = 1, /* the one with the memory map */
};

/* The next note's description if it is the one that is looked for, and on to the note behind it. */
static bool next_note(struct cursor *notes, struct cursor *description)
{
    uint32_t name_size = cursor_u32(notes);
    uint32_t size = cursor_u32(notes);
    uint32_t type = cursor_u32(notes);
    const uint8_t *name = cursor_bytes(notes, (size_t)align_up(name_size, NOTE_ALIGN));
    const uint8_t *bytes = cursor_bytes(notes, size);

    /* The last one may lack the padding. */
    size_t padding = (size_t)(align_up(size, NOTE_ALIGN) - size);
    cursor_skip(notes, padding < cursor_left(notes) ? padding : cursor_left(notes));
    *description = cursor_over(bytes, size);
    return name != NULL && bytes != NULL && type == XEN_ELFNOTE_PHYS32_ENTRY && name_size == 4 &&
           memcmp(name, "Xen", 4) == 0;
}

/* *found false: there is no such note. */
static bool find_entry(const void *file, const struct elf_image *elf, uint64_t *entry, bool *found,
                       struct diag *diag)
{
    *found = false;
    for (uint32_t i = 0; i < elf->note_count; i++) {
        struct cursor notes =
            cursor_over((const uint8_t *)file + elf->notes[i].offset, elf->notes[i].size);
        while (cursor_left(&notes) > 0) {
            struct cursor description;
            if (!next_note(&notes, &description))
                continue;
            *found = true;
            size_t size = cursor_left(&description);
            if (size != 4 && size != 8)
                return diag_set(diag, "the PVH note has %zu bytes instead of 4 or 8", size);
            *entry = size == 4 ? cursor_u32(&description) : cursor_u64(&description);
            return true;
        }
    }
    return true;
}

bool pvh_is(const void *file, size_t size)
{
    struct elf_image elf;
    struct diag diag;
    uint64_t entry;
    bool found;

    if (!elf_is(file, size) || !elf_parse_guest(file, size, &elf, &diag))
        return false;
    find_entry(file, &elf, &entry, &found, &diag);
    return found;
}

bool pvh_parse(const void *file, size_t size, struct program *program, struct diag *diag)
{
    struct elf_image elf;
    uint64_t entry = 0;
    bool found;

    if (!elf_is(file, size))
        return diag_set(diag, "not an ELF file, as kernels with a PVH note are");
    if (!elf_parse_guest(file, size, &elf, diag) || !find_entry(file, &elf, &entry, &found, diag))
        return false;
    if (!found) {
        diag_set(diag, "the ELF file has no PVH note (Xen, type 18)");
        return diag_hint(diag, "for multiboot kernels write kind = multiboot");
    }
    *program = (struct program){.entry_bits = 32};
    program_from_elf(&elf, program);
    program->entry = entry;
    return program_holds(program, entry) ||
           diag_set(diag, "the PVH note's entry point %#lx lies in no segment", entry);
}

static uint32_t add_memory_map(const struct image_guest *guest, struct data *data, uint32_t *count)
{
    struct map_range ranges[MAP_MAX_RANGES];
    uint32_t at = data_here(data);

    *count = memory_map(guest, ranges);
    for (uint32_t i = 0; i < *count; i++) {
        data_u64(data, ranges[i].start);
        data_u64(data, ranges[i].size);
        data_u32(data, ranges[i].type);
        data_u32(data, 0);
    }
    return at;
}

static uint32_t add_modules(const struct image_guest *guest, const struct program *program,
                            struct data *data)
{
    uint32_t args[IMAGE_MAX_MODULES];

    for (uint32_t i = 0; i < guest->module_count; i++) {
        const struct image_text *text = &guest->modules[i].args;
        args[i] = text->length > 0 ? data_text(data, text) : 0;
    }
    data_align(data, 8);
    uint32_t at = data_here(data);
    for (uint32_t i = 0; i < guest->module_count; i++) {
        data_u64(data, program->modules[i]);
        data_u64(data, guest->modules[i].file.size);
        data_u64(data, args[i]);
        data_u64(data, 0);
    }
    return guest->module_count > 0 ? at : 0;
}

uint32_t pvh_fill(const struct image_guest *guest, const struct program *program, struct data *data)
{
    uint32_t ranges;
    uint32_t cmdline = guest->cmdline.length > 0 ? data_text(data, &guest->cmdline) : 0;
    uint32_t modules = add_modules(guest, program, data);

    data_align(data, 8);
    uint32_t map = add_memory_map(guest, data, &ranges);
    uint32_t at = data_here(data);
    data_u32(data, START_INFO_MAGIC);
    data_u32(data, START_INFO_VERSION);
    data_u32(data, 0); /* flags */
    data_u32(data, guest->module_count);
    data_u64(data, modules);
    data_u64(data, cmdline);
    data_u64(data, guest->rsdp.raw);
    data_u64(data, map);
    data_u32(data, ranges);
    data_u32(data, 0);
    return at;
}
