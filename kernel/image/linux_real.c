/* SPDX-License-Identifier: MIT */
#include "kernel/image/linux_real.h"

#include "kernel/image/bios.h"
#include "kernel/lib/mem.h"

enum {
    SETUP_AT = 0x10000,
    SETUP_MAX = 0x8000, /* so that there is a heap behind it */
    STACK_END = 0xe000, /* offset in the segment */
    STACK_SIZE = 0x1000,
    CMDLINE_AT = 0x1e000,
    BIOS_AT = BIOS_SEGMENT * 16 + BIOS_OFFSET,

    /* fields of the setup header */
    VID_MODE = 0x1fa,
    TYPE_OF_LOADER = 0x210,
    LOADFLAGS = 0x211,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    HEAP_END_PTR = 0x224,
    CMD_LINE_PTR = 0x228,

    VID_MODE_NORMAL = 0xffff,
    LOADER_UNDEFINED = 0xff,
    CAN_USE_HEAP = 1 << 7,
};

static void put(uint8_t *header, uint32_t field, uint64_t value, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        header[field - BZIMAGE_HEADER_START + i] = (uint8_t)(value >> (8 * i));
}

/* The part of the setup header that a loader changes; all of it is there since protocol 2.06. */
static void fill_header(uint8_t *header, const struct bzimage *bzimage, uint64_t initrd,
                        uint64_t initrd_size)
{
    uint8_t flags = bzimage->header[LOADFLAGS - BZIMAGE_HEADER_START];

    memcpy(header, bzimage->header, bzimage->header_size);
    put(header, VID_MODE, VID_MODE_NORMAL, 2);
    put(header, TYPE_OF_LOADER, LOADER_UNDEFINED, 1);
    put(header, LOADFLAGS, flags | CAN_USE_HEAP, 1);
    put(header, RAMDISK_IMAGE, initrd, 4);
    put(header, RAMDISK_SIZE, initrd_size, 4);
    /* "End of setup heap minus 0x0200." */
    put(header, HEAP_END_PTR, STACK_END - STACK_SIZE - 0x200, 2);
    put(header, CMD_LINE_PTR, CMDLINE_AT, 4);
}

/* The data since `from` become a piece. */
static void add_made(struct image *image, const struct data *data, size_t from, uint64_t to)
{
    image_add(image, (uint64_t)(uintptr_t)(data->bytes + from), data->used - from, to);
}

static void add_data(const struct image_guest *guest, const struct bzimage *bzimage,
                     const struct linux_layout *layout, struct image *image, struct data *data)
{
    uint64_t initrd_size = guest->module_count > 0 ? guest->modules[0].file.size : 0;
    size_t from = data->used;
    uint8_t *header = data_take(data, bzimage->header_size);

    if (header != NULL)
        fill_header(header, bzimage, layout->initrd.raw, initrd_size);
    add_made(image, data, from, SETUP_AT + BZIMAGE_HEADER_START);
    from = data->used;
    data_text(data, &guest->cmdline);
    add_made(image, data, from, CMDLINE_AT);
    from = data->used;
    bios_fill(guest, data);
    add_made(image, data, from, BIOS_AT);
}

bool linux_real_make(const struct image_guest *guest, const struct bzimage *bzimage,
                     struct image *image, struct data *data, struct diag *diag)
{
    uint64_t file = guest->kernel.address;
    uint32_t header_end = BZIMAGE_HEADER_START + bzimage->header_size;
    struct linux_layout layout;

    if (bzimage->setup_size > SETUP_MAX) {
        return diag_set(diag, "the kernel's real-mode part has %u bytes, more than %u",
                        bzimage->setup_size, SETUP_MAX);
    }
    if (!linux_place(guest, bzimage, &layout, diag))
        return false;
    image_add(image, file, BZIMAGE_HEADER_START, SETUP_AT);
    image_add(image, file + header_end, bzimage->setup_size - header_end, SETUP_AT + header_end);
    image_add(image, file + bzimage->setup_size, bzimage->kernel_size, layout.kernel.raw);
    if (guest->module_count > 0) {
        image_add(image, guest->modules[0].file.address, guest->modules[0].file.size,
                  layout.initrd.raw);
    }
    add_data(guest, bzimage, &layout, image, data);
    image->entry = (struct image_entry){
        .bits = 16,
        .code_selector = BIOS_SEGMENT,
        .data_selector = SETUP_AT / 16,
        .ip = BIOS_OFFSET,
        .sp = STACK_END,
    };
    return true;
}
