/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a guest's image. What the parsers let through keeps what their headers promise; what
 * linux_place() places does not overlap. The last 8 bytes choose the sizes of guest and initrd.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/image/elf.h"
#include "kernel/image/linux_boot.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a promise says, and where it was broken. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

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
    for (uint32_t i = 0; i < image.segment_count; i++) {
        check_segment(&image, i, size);
    }
}

static void check_layout(const struct linux_guest *guest, const struct bzimage *image,
                         const struct linux_layout *layout)
{
    uint64_t low = guest->memory < guest->hole_start ? guest->memory : guest->hole_start;
    uint64_t kernel_end = layout->kernel.raw + image->init_size;
    static uint8_t page[LINUX_PAGE_SIZE];

    PROMISE(layout->kernel.raw >= MIB(1) && kernel_end <= low);
    PROMISE(image->relocatable ? layout->kernel.raw % image->alignment == 0
                               : layout->kernel.raw == image->pref_address);
    PROMISE(layout->entry.raw < layout->kernel.raw + image->kernel_size);
    if (guest->initrd_size > 0) {
        PROMISE(is_aligned(layout->initrd.raw, LINUX_PAGE_SIZE) &&
                layout->initrd.raw >= kernel_end);
        PROMISE(layout->initrd.raw + guest->initrd_size <= low);
        PROMISE(layout->initrd.raw + guest->initrd_size - 1 <= image->initrd_max);
    }
    linux_fill_boot_params(page, guest, image, layout);
    PROMISE(page[0x210] == 0xff);
}

static void try_bzimage(const uint8_t *data, size_t size)
{
    struct cursor at = cursor_over(data + size - 8, 8);
    size_t head_size = size < BZIMAGE_HEAD_SIZE ? size : BZIMAGE_HEAD_SIZE;
    uint64_t file_size = (uint64_t)cursor_u16(&at) << 12;
    struct linux_guest guest = {
        .hole_start = GIB(3),
        .hole_end = GIB(4),
        .initrd_size = (uint64_t)cursor_u16(&at) << 10,
        .memory = (uint64_t)cursor_u16(&at) * PAGE_2M,
        .cmdline_length = cursor_u16(&at),
    };
    struct bzimage image;
    struct linux_layout layout;

    diag.message[0] = '\0';
    if (!bzimage_parse(data, head_size, file_size, &image, &diag)) {
        PROMISE(diag.message[0] != '\0' && strlen(diag.message) + 1 < sizeof(diag.message));
        return;
    }
    PROMISE(image.kernel_size > BZIMAGE_ENTRY_64 && image.kernel_size <= image.init_size);
    PROMISE(image.setup_size + image.kernel_size <= file_size);
    PROMISE(image.header_size <= sizeof(image.header));
    if (linux_place(&guest, &image, &layout, &diag)) {
        check_layout(&guest, &image, &layout);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_elf(data, size);
    if (size >= 8) {
        try_bzimage(data, size);
    }
    return 0;
}
