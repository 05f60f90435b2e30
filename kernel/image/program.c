/* SPDX-License-Identifier: MIT */
#include "kernel/image/program.h"

#include "kernel/image/memory_map.h"
#include "kernel/image/paging.h"
#include "kernel/lib/bits.h"

enum {
    DATA_FROM = 0x10000,
    STACK_SIZE = 0x1000,
    REAL_MODE_STACK_FROM = 0x1000, /* above vectors and BIOS data */
    REAL_MODE_END = 0x10000,       /* of a segment at 0 */
};

/* What of the guest's memory is taken. */
struct room {
    uint64_t end; /* of the RAM below the hole */
    uint32_t count;
    struct span {
        uint64_t start, end;
    } taken[PROGRAM_MAX_PARTS + 3];
};

static void take(struct room *room, uint64_t start, uint64_t end)
{
    room->taken[room->count++] = (struct span){start, end};
}

/* The first page at or above `from` with `size` free bytes behind it; 0 when there is none. */
static uint64_t find(const struct room *room, uint64_t from, uint64_t size)
{
    uint64_t at = from;

    /* Each round that moves on leaves at least one span behind for good. */
    for (uint32_t round = 0; round <= room->count; round++) {
        uint64_t before = at;
        for (uint32_t i = 0; i < room->count; i++) {
            const struct span *span = &room->taken[i];
            if (at < span->end && span->start < at + size)
                at = align_up(span->end, PAGE_4K);
        }
        if (at == before)
            break;
    }
    return at < room->end && size <= room->end - at ? at : 0;
}

void program_from_elf(const struct elf_image *elf, struct program *program)
{
    program->part_count = elf->segment_count;
    for (uint32_t i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        program->parts[i] = (struct program_part){
            .offset = segment->offset,
            .file_size = segment->file_size,
            .at = segment->paddr,
            .memory_size = segment->memory_size,
        };
    }
}

bool program_holds(const struct program *program, uint64_t address)
{
    for (uint32_t i = 0; i < program->part_count; i++)
        if (address - program->parts[i].at < program->parts[i].file_size)
            return true;
    return false;
}

static bool place_part(const struct image_guest *guest, const struct program_part *part,
                       struct room *room, struct image *image, struct diag *diag)
{
    uint64_t end = part->at + part->memory_size;

    if (end > room->end || (part->at < MAP_BIOS_END && end > MAP_LOW_END)) {
        diag_set(diag, "the kernel goes to %#lx..%#lx, where the guest has no memory", part->at,
                 end);
        return end > room->end ? diag_hint(diag, "its memory below 4G ends at %#lx", room->end)
                               : diag_hint(diag, "as in a PC, there is none from %#x to %#x",
                                           MAP_LOW_END, MAP_BIOS_END);
    }
    take(room, part->at, end);
    image_add(image, guest->kernel.address + part->offset, part->file_size, part->at);
    return true;
}

static bool place_modules(const struct image_guest *guest, struct program *program,
                          struct room *room, struct image *image, struct diag *diag)
{
    uint64_t start = MAP_BIOS_END, sum = 0;

    for (uint32_t i = 0; i < room->count; i++)
        start = room->taken[i].end > start ? room->taken[i].end : start;
    start = align_up(start, PAGE_4K);
    for (uint32_t i = 0; i < guest->module_count; i++) {
        const struct image_file *file = &guest->modules[i].file;
        uint64_t left = room->end > start + sum ? room->end - start - sum : 0;
        if (file->size > left) {
            diag_set(diag, "behind the kernel and its modules there are %lu KiB, too few for %lu",
                     left / KIB(1), file->size / KIB(1));
            return diag_hint(diag, "give the guest more memory");
        }
        program->modules[i] = (uint32_t)(start + sum);
        image_add(image, file->address, file->size, start + sum);
        sum = align_up(sum + file->size, PAGE_4K);
    }
    if (sum > 0)
        take(room, start, start + sum);
    return true;
}

/* Bootloaders leave real-mode code with a stack below 64 KiB; one that needs more makes its own. */
static void place_real_mode(const struct program *program, const struct room *room,
                            struct image_entry *entry)
{
    uint64_t stack = find(room, REAL_MODE_STACK_FROM, STACK_SIZE);

    /* As the first instruction of a BIOS or a boot sector: F000:FFF0, 0000:7C00. */
    entry->code_selector = (uint16_t)(program->entry >> 4 & 0xf000);
    entry->ip = program->entry & 0xffff;
    entry->sp = stack + STACK_SIZE < REAL_MODE_END ? stack + STACK_SIZE : 0;
}

static bool place_data(const struct program *program, const struct room *room, bool high,
                       struct image_entry *entry, struct data *data, struct diag *diag)
{
    uint64_t tables = program->entry_bits == 64 ? PAGING_PAGES * PAGE_4K : 0;
    uint64_t size = STACK_SIZE + tables + IMAGE_DATA_SIZE;
    uint64_t start = high ? find(room, align_down(room->end - size, PAGE_4K), size) : 0;

    if (start == 0)
        start = find(room, DATA_FROM, size);
    if (start == 0) {
        diag_set(diag, "the kernel and its modules leave no %lu KiB for what it is told",
                 size / KIB(1));
        return diag_hint(diag, "give the guest more memory");
    }
    entry->sp = start + STACK_SIZE;
    entry->page_tables = gpa(tables > 0 ? entry->sp : 0);
    data->base = gpa(entry->sp + tables);
    return true;
}

bool program_place(const struct image_guest *guest, struct program *program, struct image *image,
                   struct data *data, struct diag *diag)
{
    struct room room = {.end = memory_map_low_end(guest)};
    struct image_entry *entry = &image->entry;
    bool high = image->kind == IMAGE_FLAT;
    uint64_t gdt[GDT_ENTRIES];

    take(&room, MAP_LOW_END, MAP_BIOS_END);
    for (uint32_t i = 0; i < program->part_count; i++)
        if (!place_part(guest, &program->parts[i], &room, image, diag))
            return false;
    *entry = (struct image_entry){.bits = program->entry_bits};
    if (entry->bits == 16) {
        place_real_mode(program, &room, entry);
        return true;
    }
    if (!place_modules(guest, program, &room, image, diag) ||
        !place_data(program, &room, high, entry, data, diag))
        return false;
    entry->ip = program->entry;
    entry->code_selector = GDT_CODE;
    entry->data_selector = GDT_DATA;
    entry->gdt = data->base;
    entry->gdt_limit = GDT_LIMIT;
    gdt_fill(gdt, entry->bits);
    for (uint32_t i = 0; i < GDT_ENTRIES; i++)
        data_u64(data, gdt[i]);
    return true;
}

bool program_finish(struct image *image, const struct data *data, struct diag *diag)
{
    if (data->full)
        return diag_set(diag, "command line and modules' arguments have too many bytes");
    image_add(image, (uint64_t)(uintptr_t)data->bytes, data->used, data->base.raw);
    return true;
}
