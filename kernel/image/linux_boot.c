/* SPDX-License-Identifier: MIT */
#include "kernel/image/linux_boot.h"

#include "kernel/image/memory_map.h"
#include "kernel/image/paging.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

enum {
    BOOT_PARAMS_AT = 0x10000,
    GDT_AT = BOOT_PARAMS_AT + LINUX_PAGE_SIZE,
    CMDLINE_AT = GDT_AT + GDT_LIMIT + 1,
    PAGE_TABLES_AT = 0x13000,
};

_Static_assert(CMDLINE_AT + LINUX_CMDLINE_MAX < PAGE_TABLES_AT, "the longest line fits");

/* Fields of boot_params by offset, with Linux's names; those of the setup header are as in a file.
 */
enum {
    ACPI_RSDP_ADDR = 0x070,
    E820_ENTRIES = 0x1e8,
    VID_MODE = 0x1fa,
    TYPE_OF_LOADER = 0x210,
    LOADFLAGS = 0x211,
    CODE32_START = 0x214,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    HEAP_END_PTR = 0x224,
    CMD_LINE_PTR = 0x228,
    SETUP_DATA = 0x250,
    E820_TABLE = 0x2d0,

    E820_ENTRY_SIZE = 20,

    LOADER_UNDEFINED = 0xff,
    LOADFLAGS_LOADED_HIGH = 1 << 0,
    LOADFLAGS_QUIET = 1 << 5,
    VID_MODE_NORMAL = 0xffff,
};

static uint64_t initrd_size(const struct image_guest *guest)
{
    return guest->module_count > 0 ? guest->modules[0].file.size : 0;
}

/* Bytes as MiB, rounded up, for messages. */
static uint64_t in_mib(uint64_t bytes)
{
    return bytes / MIB(1) + (bytes % MIB(1) != 0);
}

static bool place_kernel(const struct image_guest *guest, const struct bzimage *image,
                         struct linux_layout *layout, struct diag *diag)
{
    uint64_t end = memory_map_low_end(guest);
    uint64_t at = image->pref_address;

    if (image->relocatable) {
        /* Below the preferred address it would only move itself up there. */
        at = at < MIB(1) ? MIB(1) : at;
        at = at < end ? align_up(at, image->alignment) : at;
    }
    if (at >= end || image->init_size > end - at) {
        diag_set(diag, "the kernel needs %lu MiB from %lu MiB on, but the guest has %lu MiB there",
                 in_mib(image->init_size), at / MIB(1), end > at ? (end - at) / MIB(1) : 0);
        return diag_hint(diag, "give the guest more memory");
    }
    layout->kernel = gpa(at);
    layout->entry = gpa(at + (image->entry_bits == 64 ? BZIMAGE_ENTRY_64 : 0));
    return true;
}

static bool place_initrd(const struct image_guest *guest, const struct bzimage *image,
                         struct linux_layout *layout, struct diag *diag)
{
    uint64_t bottom = layout->kernel.raw + image->init_size;
    uint64_t top = memory_map_low_end(guest);

    layout->initrd = gpa(0);
    if (initrd_size(guest) == 0)
        return true;
    if (top > image->initrd_max + 1)
        top = image->initrd_max + 1;
    uint64_t room = top > bottom ? top - bottom : 0;
    if (initrd_size(guest) > room ||
        align_down(top - initrd_size(guest), LINUX_PAGE_SIZE) < bottom) {
        diag_set(diag, "the initrd has %lu MiB, but behind the kernel there are only %lu MiB",
                 in_mib(initrd_size(guest)), room / MIB(1));
        return diag_hint(diag, "give the guest more memory or take a smaller initrd");
    }
    layout->initrd = gpa(align_down(top - initrd_size(guest), LINUX_PAGE_SIZE));
    return true;
}

uint32_t linux_cmdline_max(const struct bzimage *image)
{
    return image->cmdline_max < LINUX_CMDLINE_MAX ? image->cmdline_max : LINUX_CMDLINE_MAX;
}

bool linux_place(const struct image_guest *guest, const struct bzimage *image,
                 struct linux_layout *layout, struct diag *diag)
{
    uint32_t cmdline_max = linux_cmdline_max(image);

    if (guest->cmdline.length > cmdline_max) {
        return diag_set(diag, "the command line has %u bytes, but the kernel takes at most %u",
                        guest->cmdline.length, cmdline_max);
    }
    *layout = (struct linux_layout){
        .boot_params = gpa(BOOT_PARAMS_AT),
        .cmdline = gpa(CMDLINE_AT),
        .gdt = gpa(GDT_AT),
        .page_tables = gpa(PAGE_TABLES_AT),
        .stack = gpa(BOOT_PARAMS_AT),
    };
    return place_kernel(guest, image, layout, diag) && place_initrd(guest, image, layout, diag);
}

static void put(uint8_t *page, uint32_t offset, uint64_t value, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        page[offset + i] = (uint8_t)(value >> (8 * i));
}

static void fill_memory_map(uint8_t *page, const struct image_guest *guest)
{
    struct map_range ranges[MAP_MAX_RANGES];
    uint32_t count = memory_map(guest, ranges);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = E820_TABLE + i * E820_ENTRY_SIZE;
        put(page, at, ranges[i].start, 8);
        put(page, at + 8, ranges[i].size, 8);
        put(page, at + 16, ranges[i].type, 4);
    }
    page[E820_ENTRIES] = (uint8_t)count;
}

void linux_fill_boot_params(uint8_t *page, const struct image_guest *guest,
                            const struct bzimage *image, const struct linux_layout *layout)
{
    uint8_t flags = image->header[LOADFLAGS - BZIMAGE_HEADER_START] & LOADFLAGS_QUIET;

    /* All before and behind the header is to be zero, `sentinel` in particular. */
    memset(page, 0, LINUX_PAGE_SIZE);
    memcpy(page + BZIMAGE_HEADER_START, image->header, image->header_size);

    put(page, VID_MODE, VID_MODE_NORMAL, 2);
    put(page, TYPE_OF_LOADER, LOADER_UNDEFINED, 1);
    put(page, LOADFLAGS, flags | LOADFLAGS_LOADED_HIGH, 1);
    put(page, CODE32_START, layout->kernel.raw, 4);
    put(page, RAMDISK_IMAGE, layout->initrd.raw, 4);
    put(page, RAMDISK_SIZE, initrd_size(guest), 4);
    put(page, HEAP_END_PTR, 0, 2);
    put(page, CMD_LINE_PTR, layout->cmdline.raw, 4);
    put(page, SETUP_DATA, 0, 8);
    put(page, ACPI_RSDP_ADDR, guest->rsdp.raw, 8);
    fill_memory_map(page, guest);
}

/* Its registers: "32-bit Boot Protocol", "64-bit Boot Protocol". */
static void set_entry(const struct bzimage *bzimage, const struct linux_layout *layout,
                      struct image_entry *entry)
{
    *entry = (struct image_entry){
        .bits = bzimage->entry_bits,
        .code_selector = GDT_CODE,
        .data_selector = GDT_DATA,
        .ip = layout->entry.raw,
        .sp = layout->stack.raw,
        .esi = (uint32_t)layout->boot_params.raw,
        .gdt = layout->gdt,
        .gdt_limit = GDT_LIMIT,
        .page_tables = gpa(bzimage->entry_bits == 64 ? layout->page_tables.raw : 0),
    };
}

bool linux_make(const struct image_guest *guest, const struct bzimage *bzimage, struct image *image,
                struct data *data, struct diag *diag)
{
    struct linux_layout layout;
    uint64_t gdt[GDT_ENTRIES];

    if (!linux_place(guest, bzimage, &layout, diag))
        return false;
    data->base = layout.boot_params;
    uint8_t *page = data_take(data, LINUX_PAGE_SIZE);
    linux_fill_boot_params(page, guest, bzimage, &layout);
    gdt_fill(gdt, bzimage->entry_bits);
    for (uint32_t i = 0; i < GDT_ENTRIES; i++)
        data_u64(data, gdt[i]);
    data_text(data, &guest->cmdline);
    image_add(image, guest->kernel.address + bzimage->setup_size, bzimage->kernel_size,
              layout.kernel.raw);
    if (guest->module_count > 0)
        image_add(image, guest->modules[0].file.address, initrd_size(guest), layout.initrd.raw);
    image_add(image, (uint64_t)(uintptr_t)data->bytes, data->used, data->base.raw);
    set_entry(bzimage, &layout, &image->entry);
    return true;
}
