/* SPDX-License-Identifier: MIT */
#include "kernel/image/elf.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/cursor.h"

enum {
    EHDR_SIZE = 64, /* of 64-bit files; of 32-bit ones: */
    EHDR_SIZE_32 = 52,
    PHDR_SIZE = 56,
    PHDR_SIZE_32 = 32,

    ELFMAG = 0x464c457f, /* 7f 45 4c 46 read as a little-endian number */
    ELFCLASS32 = 1,
    ELFCLASS64 = 2,
    ELFDATA2LSB = 1,
    EV_CURRENT = 1,
    ET_EXEC = 2,
    EM_386 = 3,
    EM_X86_64 = 62,
    PT_LOAD = 1,
    PT_INTERP = 3,
    PT_NOTE = 4,
};

/*
 * The fields of the file's header that are used here, named as in the specification; and for whom
 * the file is read. Our own image is 64-bit, its segments are pages with one kind of right each.
 * Guests are not asked for that, since they begin without paging.
 */
struct header {
    bool guest;
    bool wide; /* 64-bit */
    uint64_t e_entry;
    uint64_t e_phoff;
    uint16_t e_phentsize;
    uint16_t e_phnum;
};

static uint64_t end_of_pages(uint64_t address, uint64_t size)
{
    /* The last byte instead of the end: the end of the last page of all is 2^64. */
    return (address + size - 1) | (PAGE_4K - 1);
}

static bool pages_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return align_down(a, PAGE_4K) <= end_of_pages(b, b_size) &&
           align_down(b, PAGE_4K) <= end_of_pages(a, a_size);
}

bool elf_is(const void *file, size_t size)
{
    struct cursor at = cursor_over(file, size);

    return cursor_u32(&at) == ELFMAG;
}

static bool check_ident(struct cursor *at, struct header *header, struct diag *diag)
{
    if (cursor_u32(at) != ELFMAG)
        return diag_set(diag, "not an ELF file: the first bytes are not 7f 45 4c 46");
    uint8_t class = cursor_u8(at);
    header->wide = class == ELFCLASS64;
    bool known = header->wide || (header->guest && class == ELFCLASS32);
    if (cursor_u8(at) != ELFDATA2LSB || !known) {
        return diag_set(diag, "not a %s little-endian ELF file",
                        header->guest ? "32-bit or 64-bit" : "64-bit");
    }
    cursor_skip(at, 10); /* version and ABI of the identification, padding */
    return true;
}

static bool check_type(struct cursor *at, const struct header *header, struct diag *diag)
{
    uint16_t e_type = cursor_u16(at);
    if (e_type != ET_EXEC) {
        diag_set(diag, "the ELF file is of type %u, but only executables (2) can be loaded",
                 e_type);
        return diag_hint(diag, "link it statically at a fixed address (ld -static -no-pie)");
    }
    uint16_t e_machine = cursor_u16(at);
    if (e_machine != (header->wide ? EM_X86_64 : EM_386)) {
        return diag_set(diag, "the ELF file is for machine %u, not for %s", e_machine,
                        header->wide ? "x86-64 (62)" : "i386 (3)");
    }
    uint32_t e_version = cursor_u32(at);
    if (e_version != EV_CURRENT)
        return diag_set(diag, "the ELF file has version %u, but only 1 is known", e_version);
    return true;
}

/* An address or size, as wide as the file's class has them. */
static uint64_t word(struct cursor *at, const struct header *header)
{
    return header->wide ? cursor_u64(at) : cursor_u32(at);
}

static bool read_header(struct cursor at, struct header *header, struct diag *diag)
{
    if (cursor_left(&at) < EHDR_SIZE_32 || (!header->guest && cursor_left(&at) < EHDR_SIZE)) {
        return diag_set(diag, "the ELF file has %zu bytes, fewer than its header of %d",
                        cursor_left(&at), header->guest ? EHDR_SIZE_32 : EHDR_SIZE);
    }
    if (!check_ident(&at, header, diag) || !check_type(&at, header, diag))
        return false;
    header->e_entry = word(&at, header);
    header->e_phoff = word(&at, header);
    word(&at, header);       /* e_shoff */
    cursor_skip(&at, 4 + 2); /* e_flags, e_ehsize */
    header->e_phentsize = cursor_u16(&at);
    header->e_phnum = cursor_u16(&at);
    return true;
}

/* The table of program headers as a cursor. */
static bool find_program_headers(const void *file, size_t size, const struct header *header,
                                 struct cursor *table, struct diag *diag)
{
    uint32_t entry_size = header->wide ? PHDR_SIZE : PHDR_SIZE_32;

    if (header->e_phentsize != entry_size) {
        return diag_set(diag, "the ELF file has program headers of %u bytes instead of %u",
                        header->e_phentsize, entry_size);
    }
    if (header->e_phnum == 0 || header->e_phnum > ELF_MAX_HEADERS) {
        return diag_set(diag, "the ELF file has %u program headers, but 1 to %d are allowed",
                        header->e_phnum, ELF_MAX_HEADERS);
    }
    size_t bytes = (size_t)header->e_phnum * entry_size;
    if (header->e_phoff > size || bytes > size - header->e_phoff)
        return diag_set(diag, "the ELF file is cut off: its program headers lie beyond its end");
    *table = cursor_over((const uint8_t *)file + header->e_phoff, bytes);
    return true;
}

static bool check_place(const struct elf_segment *segment, size_t size, uint32_t number,
                        struct diag *diag)
{
    if (segment->file_size > segment->memory_size) {
        return diag_set(diag, "segment %u of the ELF file is larger in the file than in memory",
                        number);
    }
    if (segment->offset > size || segment->file_size > size - segment->offset) {
        return diag_set(diag, "the ELF file is cut off: its segment %u lies beyond its end",
                        number);
    }
    if (segment->vaddr + segment->memory_size < segment->vaddr ||
        segment->paddr + segment->memory_size < segment->paddr)
        return diag_set(diag, "segment %u of the ELF file runs beyond the end of memory", number);
    return true;
}

static bool check_form(const struct elf_segment *segment, uint64_t align, uint32_t number,
                       struct diag *diag)
{
    if (align > 1 && (align & (align - 1)) != 0) {
        return diag_set(diag,
                        "segment %u of the ELF file has the alignment %#lx, not a power of two",
                        number, align);
    }
    if (align > 1 && ((segment->vaddr - segment->offset) & (align - 1)) != 0) {
        return diag_set(diag, "segment %u of the ELF file is misaligned: address %#lx, offset %#lx",
                        number, segment->vaddr, segment->offset);
    }
    if ((segment->flags & ELF_WRITE) && (segment->flags & ELF_EXEC)) {
        diag_set(diag, "segment %u of the ELF file is both writable and executable", number);
        return diag_hint(diag, "link code and data into segments of their own");
    }
    return true;
}

static bool check_neighbours(const struct elf_image *image, const struct elf_segment *segment,
                             uint32_t number, struct diag *diag)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *other = &image->segments[i];
        if (pages_overlap(segment->vaddr, segment->memory_size, other->vaddr, other->memory_size) ||
            pages_overlap(segment->paddr, segment->memory_size, other->paddr, other->memory_size)) {
            return diag_set(diag, "segment %u of the ELF file shares a page with an earlier one",
                            number);
        }
    }
    return true;
}

/* Guests share the bytes of no two segments; that they share pages is no harm without paging. */
static bool check_overlap(const struct elf_image *image, const struct elf_segment *segment,
                          uint32_t number, struct diag *diag)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *other = &image->segments[i];
        if (segment->paddr < other->paddr + other->memory_size &&
            other->paddr < segment->paddr + segment->memory_size)
            return diag_set(diag, "segment %u of the ELF file overlaps an earlier one", number);
    }
    return true;
}

static void read_program_header(struct cursor *table, const struct header *header, uint32_t *p_type,
                                struct elf_segment *segment, uint64_t *p_align)
{
    *p_type = cursor_u32(table);
    segment->flags = header->wide ? cursor_u32(table) : 0;
    segment->offset = word(table, header);
    segment->vaddr = word(table, header);
    segment->paddr = word(table, header);
    segment->file_size = word(table, header);
    segment->memory_size = word(table, header);
    segment->flags |= header->wide ? 0 : cursor_u32(table);
    segment->flags &= ELF_READ | ELF_WRITE | ELF_EXEC;
    *p_align = word(table, header);
}

static bool add_note(const struct elf_segment *segment, size_t size, struct elf_image *image,
                     struct diag *diag)
{
    if (segment->offset > size || segment->file_size > size - segment->offset)
        return diag_set(diag, "the ELF file is cut off: its notes lie beyond its end");
    if (image->note_count < ELF_MAX_NOTES) {
        image->notes[image->note_count++] =
            (struct elf_note){.offset = segment->offset, .size = segment->file_size};
    }
    return true;
}

/* Read one program header; take it into the image when it is to be loaded. */
static bool add_segment(struct cursor *table, const struct header *header, uint32_t number,
                        size_t size, struct elf_image *image, struct diag *diag)
{
    struct elf_segment segment;
    uint32_t p_type;
    uint64_t p_align;

    read_program_header(table, header, &p_type, &segment, &p_align);
    if (p_type == PT_INTERP) {
        diag_set(diag, "the ELF file wants a dynamic linker");
        return diag_hint(diag, "link it statically at a fixed address (ld -static -no-pie)");
    }
    if (p_type == PT_NOTE && header->guest)
        return add_note(&segment, size, image, diag);
    if (p_type != PT_LOAD || segment.memory_size == 0)
        return true;
    if (!check_place(&segment, size, number, diag) ||
        !(header->guest ? check_overlap(image, &segment, number, diag)
                        : check_form(&segment, p_align, number, diag) &&
                              check_neighbours(image, &segment, number, diag)))
        return false;
    if (image->segment_count == ELF_MAX_SEGMENTS)
        return diag_set(diag, "the ELF file has more than %d segments to load", ELF_MAX_SEGMENTS);
    image->segments[image->segment_count++] = segment;
    return true;
}

/* Bounds of all segments, and whether the entry point lies in one that may be executed. */
static bool finish(struct elf_image *image, bool guest, struct diag *diag)
{
    bool entry_found = guest;

    image->lowest = UINT64_MAX;
    image->highest = 0;
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        uint64_t end = segment->vaddr + segment->memory_size;
        image->lowest = segment->vaddr < image->lowest ? segment->vaddr : image->lowest;
        image->highest = end > image->highest ? end : image->highest;
        entry_found |= (segment->flags & ELF_EXEC) != 0 && image->entry >= segment->vaddr &&
                       image->entry - segment->vaddr < segment->file_size;
    }
    if (image->segment_count == 0)
        return diag_set(diag, "the ELF file has no segment to load");
    if (!entry_found) {
        return diag_set(diag, "the ELF file's entry point %#lx lies in no executable segment",
                        image->entry);
    }
    return true;
}

static bool parse(const void *file, size_t size, bool guest, struct elf_image *out,
                  struct diag *diag)
{
    struct header header = {.guest = guest};
    struct cursor table;

    if (!read_header(cursor_over(file, size), &header, diag) ||
        !find_program_headers(file, size, &header, &table, diag))
        return false;
    *out = (struct elf_image){.entry = header.e_entry};
    for (uint32_t number = 0; number < header.e_phnum; number++)
        if (!add_segment(&table, &header, number, size, out, diag))
            return false;
    return finish(out, guest, diag);
}

bool elf_parse(const void *file, size_t size, struct elf_image *out, struct diag *diag)
{
    return parse(file, size, false, out, diag);
}

bool elf_parse_guest(const void *file, size_t size, struct elf_image *out, struct diag *diag)
{
    return parse(file, size, true, out, diag);
}

bool elf_entry(const struct elf_image *image, uint64_t *entry, struct diag *diag)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (image->entry - segment->vaddr < segment->file_size) {
            *entry = segment->paddr + (image->entry - segment->vaddr);
            return true;
        }
    }
    return diag_set(diag, "the ELF file's entry point %#lx lies in none of its segments",
                    image->entry);
}
