/* SPDX-License-Identifier: MIT */
#include "kernel/image/multiboot2.h"

#include "kernel/image/kludge.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/cursor.h"

#define HEADER_MAGIC UINT32_C(0xe85250d6)

enum {
    SEARCH_SIZE = 32768,
    HEADER_ALIGN = 8,
    HEADER_SIZE = 16,
    ARCHITECTURE_I386 = 0,
    TAG_HEAD = 8,
    TAG_ALIGN = 8,
    TAG_OPTIONAL = 1 << 0,
    CONSOLE_REQUIRED = 1 << 0,
};

/* Tags of the header. */
enum {
    TAG_END = 0,
    TAG_INFORMATION = 1,
    TAG_ADDRESS = 2,
    TAG_ENTRY = 3,
    TAG_CONSOLE = 4,
    TAG_FRAMEBUFFER = 5,
    TAG_MODULE_ALIGN = 6,
    TAG_EFI_SERVICES = 7,
    TAG_EFI_ENTRY_32 = 8,
    TAG_EFI_ENTRY_64 = 9,
    TAG_RELOCATABLE = 10,
};

/* What the tags of a header say. */
struct header {
    size_t offset;
    bool has_addresses, has_entry;
    struct kludge kludge;
};

/* The header as a cursor to its end in the file; the cursor failed when there is none. */
static struct cursor find_header(const void *file, size_t size, size_t *offset)
{
    size_t end = size < SEARCH_SIZE ? size : SEARCH_SIZE;

    for (*offset = 0; *offset + HEADER_SIZE <= end; *offset += HEADER_ALIGN) {
        struct cursor at = cursor_over((const uint8_t *)file + *offset, size - *offset);
        struct cursor header = at;
        uint32_t magic = cursor_u32(&at);
        uint32_t sum = magic + cursor_u32(&at);
        sum += cursor_u32(&at);
        if (magic == HEADER_MAGIC && sum + cursor_u32(&at) == 0)
            return header;
    }
    return cursor_over(NULL, 0);
}

bool multiboot2_is(const void *file, size_t size)
{
    size_t offset;
    struct cursor header = find_header(file, size, &offset);

    return cursor_ok(&header);
}

/* Information is asked for by type; these are what multiboot2_fill() gives (multiboot2_info.c). */
static bool check_information(struct cursor *tag, struct diag *diag)
{
    const uint32_t given = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 14 | 1 << 15 | 1 << 21;

    while (cursor_left(tag) >= 4) {
        uint32_t type = cursor_u32(tag);
        if (type >= 32 || (given >> type & 1) == 0) {
            return diag_set(
                diag, "the multiboot 2 header asks for information %u, which is not had", type);
        }
    }
    return true;
}

static bool refuse_unknown(uint16_t type, bool optional, struct diag *diag)
{
    return optional ||
           diag_set(diag, "the multiboot 2 header has a tag of type %u, not known here", type);
}

/* `tag` is what follows its type, flags and size. */
static bool read_tag(struct cursor *tag, uint16_t type, bool optional, struct header *header,
                     struct diag *diag)
{
    switch (type) {
    case TAG_INFORMATION:
        return optional || check_information(tag, diag);
    case TAG_ADDRESS:
        header->has_addresses = true;
        header->kludge.header_addr = cursor_u32(tag);
        header->kludge.load_addr = cursor_u32(tag);
        header->kludge.load_end_addr = cursor_u32(tag);
        header->kludge.bss_end_addr = cursor_u32(tag);
        break;
    case TAG_ENTRY:
        header->has_entry = true;
        header->kludge.entry_addr = cursor_u32(tag);
        break;
    case TAG_CONSOLE:
        if ((cursor_u32(tag) & CONSOLE_REQUIRED) != 0 && !optional) {
            return diag_set(diag, "the multiboot 2 header asks for a console, but guests have no "
                                  "screen");
        }
        break;
    case TAG_EFI_SERVICES:
        return optional || diag_set(diag, "the multiboot 2 header asks for EFI boot services, but "
                                          "guests have no EFI");
    /* A screen is a wish, entry points for EFI are for EFI, and the others are always so. */
    case TAG_FRAMEBUFFER:
    case TAG_MODULE_ALIGN:
    case TAG_EFI_ENTRY_32:
    case TAG_EFI_ENTRY_64:
    case TAG_RELOCATABLE:
        return true;
    default:
        return refuse_unknown(type, optional, diag);
    }
    return cursor_ok(tag) ||
           diag_set(diag, "the multiboot 2 header's tag of type %u is too short", type);
}

static bool read_tags(struct cursor *tags, struct header *header, struct diag *diag)
{
    while (cursor_left(tags) >= TAG_HEAD) {
        uint16_t type = cursor_u16(tags);
        uint16_t flags = cursor_u16(tags);
        uint32_t size = cursor_u32(tags);
        if (size < TAG_HEAD || size - TAG_HEAD > cursor_left(tags)) {
            return diag_set(diag, "the multiboot 2 header's tag of type %u has the size %u", type,
                            size);
        }
        if (type == TAG_END)
            return true;
        struct cursor tag = cursor_over(cursor_bytes(tags, size - TAG_HEAD), size - TAG_HEAD);
        if (!read_tag(&tag, type, (flags & TAG_OPTIONAL) != 0, header, diag))
            return false;
        cursor_skip(tags, (size_t)(align_up(size, TAG_ALIGN) - size));
    }
    return diag_set(diag, "the multiboot 2 header has no end tag");
}

static bool read_header(const void *file, size_t size, struct header *header, struct diag *diag)
{
    struct cursor at = find_header(file, size, &header->offset);

    if (!cursor_ok(&at))
        return diag_set(diag, "there is no multiboot 2 header in the file's first 32 KiB");
    cursor_u32(&at);
    uint32_t architecture = cursor_u32(&at);
    uint32_t length = cursor_u32(&at);
    cursor_u32(&at);
    if (architecture != ARCHITECTURE_I386) {
        return diag_set(diag, "the multiboot 2 header is for architecture %u, not for i386 (0)",
                        architecture);
    }
    if (length <= HEADER_SIZE || length - HEADER_SIZE > cursor_left(&at))
        return diag_set(diag, "the multiboot 2 header has %u bytes, which is not possible", length);
    struct cursor tags = cursor_sub(&at, length - HEADER_SIZE);
    return read_tags(&tags, header, diag);
}

bool multiboot2_parse(const void *file, size_t size, struct program *program, struct diag *diag)
{
    struct header header = {0};
    struct elf_image elf;

    if (!read_header(file, size, &header, diag))
        return false;
    if (header.has_addresses) {
        return header.has_entry
                   ? kludge_parse(&header.kludge, header.offset, size, program, diag)
                   : diag_set(diag, "the multiboot 2 header has addresses, but no entry address");
    }
    if (!elf_is(file, size))
        return diag_set(diag, "a multiboot 2 header without addresses, and the file is not ELF");
    if (!elf_parse_guest(file, size, &elf, diag))
        return false;
    *program = (struct program){.entry = header.kludge.entry_addr, .entry_bits = 32};
    program_from_elf(&elf, program);
    if (!header.has_entry)
        return elf_entry(&elf, &program->entry, diag);
    return program_holds(program, program->entry) ||
           diag_set(diag, "the multiboot 2 header's entry address %#lx lies in no segment",
                    program->entry);
}
