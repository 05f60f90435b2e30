/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a guest's image, of each kind. What the parsers let through keeps what their headers
 * promise; all pieces lie in the guest's RAM and overlap in nothing. The last 8 bytes choose the
 * sizes of guest, modules and texts, and where a flat image goes.
 */
#include <string.h>

#include "kernel/acpi/mptable.h"
#include "kernel/image/elf.h"
#include "kernel/image/image.h"
#include "kernel/image/memory_map.h"
#include "kernel/image/paging.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/cursor.h"
#include "tests/fuzz/fuzz.h"

static struct diag diag;

static void check_segment(const struct elf_image *image, uint32_t number, size_t size)
{
    const struct elf_segment *segment = &image->segments[number];
    uint64_t end = segment->vaddr + segment->memory_size;

    PROMISE(segment->memory_size > 0 && end > segment->vaddr);
    PROMISE(segment->paddr + segment->memory_size > segment->paddr);
    PROMISE(segment->file_size <= segment->memory_size);
    PROMISE(segment->offset <= size && segment->file_size <= size - segment->offset);
    PROMISE((segment->flags & ELF_WRITE) == 0 || (segment->flags & ELF_EXEC) == 0);
    PROMISE(segment->vaddr >= image->lowest && end <= image->highest);
    for (uint32_t i = 0; i < number; i++) {
        const struct elf_segment *other = &image->segments[i];
        PROMISE(end <= other->vaddr || other->vaddr + other->memory_size <= segment->vaddr);
        PROMISE(segment->paddr + segment->memory_size <= other->paddr ||
                other->paddr + other->memory_size <= segment->paddr);
    }
}

static void try_elf(const uint8_t *data, size_t size)
{
    struct elf_image image;

    diag.message[0] = '\0';
    if (!elf_parse(data, size, &image, &diag)) {
        PROMISE(diag.message[0] != '\0' && strlen(diag.message) + 1 < sizeof(diag.message));
        return;
    }
    PROMISE(elf_is(data, size));
    PROMISE(image.segment_count >= 1 && image.segment_count <= ELF_MAX_SEGMENTS);
    PROMISE(image.entry >= image.lowest && image.entry < image.highest);
    for (uint32_t i = 0; i < image.segment_count; i++)
        check_segment(&image, i, size);
}

static uint64_t low_end(const struct image_guest *guest)
{
    return guest->memory < guest->hole_start ? guest->memory : guest->hole_start;
}

static bool is_ram(const struct image_guest *guest, uint64_t start, uint64_t size)
{
    uint64_t end = start + size;

    /* A BIOS is where BIOSes are. */
    return end >= start && end <= low_end(guest) && (end <= MAP_LOW_END || start >= MAP_BIOS_START);
}

static void check_pieces(const struct image_guest *guest, const struct image *image)
{
    PROMISE(image->piece_count <= IMAGE_MAX_PIECES);
    for (uint32_t i = 0; i < image->piece_count; i++) {
        const struct image_piece *piece = &image->pieces[i];
        PROMISE(piece->size > 0 && is_ram(guest, piece->to.raw, piece->size));
        for (uint32_t j = 0; j < i; j++) {
            const struct image_piece *other = &image->pieces[j];
            PROMISE(piece->to.raw + piece->size <= other->to.raw ||
                    other->to.raw + other->size <= piece->to.raw);
        }
    }
}

/* Pieces come out of the kernel's file, of a module, or of what was made. */
static void check_sources(const struct image_guest *guest, const struct image *image,
                          const uint8_t *made, size_t used)
{
    for (uint32_t i = 0; i < image->piece_count; i++) {
        const struct image_piece *piece = &image->pieces[i];
        uint64_t in_kernel = piece->from - guest->kernel.address;
        uint64_t in_made = piece->from - (uint64_t)(uintptr_t)made;
        bool known =
            (in_kernel <= guest->kernel.size && piece->size <= guest->kernel.size - in_kernel) ||
            (in_made <= used && piece->size <= used - in_made);
        for (uint32_t j = 0; j < guest->module_count && !known; j++) {
            known = piece->from == guest->modules[j].file.address &&
                    piece->size == guest->modules[j].file.size;
        }
        PROMISE(known);
    }
}

static void check_entry(const struct image_guest *guest, const struct image *image)
{
    const struct image_entry *entry = &image->entry;

    PROMISE(entry->bits == 16 || entry->bits == 32 || entry->bits == 64);
    PROMISE((entry->page_tables.raw != 0) == (entry->bits == 64));
    PROMISE(entry->ip < low_end(guest));
    if (entry->bits == 64) {
        PROMISE(is_aligned(entry->page_tables.raw, PAGE_4K));
        PROMISE(is_ram(guest, entry->page_tables.raw, PAGING_PAGES * PAGE_4K));
    }
    for (uint32_t i = 0; i < image->piece_count && entry->bits == 64; i++) {
        const struct image_piece *piece = &image->pieces[i];
        PROMISE(piece->to.raw + piece->size <= entry->page_tables.raw ||
                entry->page_tables.raw + PAGING_PAGES * PAGE_4K <= piece->to.raw);
    }
}

static void try_kind(const struct image_guest *guest, enum image_kind kind)
{
    static uint8_t made[IMAGE_DATA_SIZE];
    static struct image image;
    uint32_t cmdline_max;
    size_t used;

    diag.message[0] = '\0';
    bool good = image_check(guest, kind, &cmdline_max, &diag);
    if (good && image_make(guest, kind, made, &image, &used, &diag)) {
        PROMISE(used <= sizeof(made));
        check_pieces(guest, &image);
        check_sources(guest, &image, made, used);
        check_entry(guest, &image);
        return;
    }
    PROMISE(diag.message[0] != '\0' && strlen(diag.message) + 1 < sizeof(diag.message));
}

static void try_kinds(const uint8_t *data, size_t size)
{
    static const char text[4096] = "text";
    struct cursor at = cursor_over(data + size - 8, 8);
    struct image_guest guest = {
        .hole_start = GIB(3),
        .hole_end = GIB(4),
        .rsdp = gpa(MAP_ACPI_START),
        .kernel = {(uint64_t)(uintptr_t)data, size - 8},
        .memory = (uint64_t)(cursor_u16(&at) + 32) * PAGE_2M,
        .cmdline = {text, cursor_u16(&at) % sizeof(text)},
        .load = gpa((uint64_t)cursor_u16(&at) << 10),
    };
    uint32_t choice = cursor_u16(&at);
    enum image_kind kind;

    guest.module_count = choice % 3;
    for (uint32_t i = 0; i < guest.module_count; i++) {
        guest.modules[i].file = (struct image_file){GIB(64) * (i + 1), (uint64_t)choice << 8};
        guest.modules[i].args = guest.cmdline;
    }
    guest.entry = gpa(guest.load.raw + choice % 512);
    guest.entry_bits = guest.entry.raw < MIB(1) ? 16 : choice % 2 ? 32 : 64;
    (void)image_multiboot_version(&guest.kernel);
    if (image_recognise(&guest.kernel, &kind, &diag)) {
        PROMISE(kind != IMAGE_FLAT);
        (void)image_kind_name(kind);
    }
    for (kind = IMAGE_LINUX; kind <= IMAGE_FLAT; kind++)
        try_kind(&guest, kind);
}

/* The last 8 bytes once more, as the MP tables' parameters. */
static void try_mptable(const uint8_t *data)
{
    static uint8_t tables[6144];
    struct cursor at = cursor_over(data, 8);
    struct mptable_params params = {.base = gpa(cursor_u16(&at) << 4),
                                    .vcpu_count = cursor_u16(&at)};
    size_t room = cursor_u16(&at) % sizeof(tables), used;
    uint8_t sum = 0;

    bool built = mptable_build(&params, tables, room, &used);
    PROMISE(built == (used > 0) && used <= room);
    for (size_t i = 16; i < used; i++)
        sum = (uint8_t)(sum + tables[i]);
    PROMISE(sum == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_elf(data, size);
    if (size >= 8) {
        try_kinds(data, size);
        try_mptable(data + size - 8);
    }
    return 0;
}
