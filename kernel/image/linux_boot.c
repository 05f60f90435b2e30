/* SPDX-License-Identifier: MIT */
#include "kernel/image/linux_boot.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

enum {
    BOOT_PARAMS_AT = 0x10000,
    CMDLINE_AT = 0x11000,
    GDT_AT = 0x12000,
    PAGE_TABLES_AT = 0x13000,
    LOW_RAM_END = 0xa0000,
};

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
    E820_TYPE_RAM = 1,
    E820_TYPE_ACPI = 3,

    LOADER_UNDEFINED = 0xff,
    LOADFLAGS_LOADED_HIGH = 1 << 0,
    LOADFLAGS_QUIET = 1 << 5,
    VID_MODE_NORMAL = 0xffff,
};

/* SDM Vol. 3A "Segment Descriptors": present, accessed, base 0, limit 4 GiB. */
#define GDT_CODE_64 UINT64_C(0x00af9b000000ffff)
#define GDT_DATA    UINT64_C(0x00cf93000000ffff)

/* SDM Vol. 3A "4-Level Paging and 5-Level Paging". */
#define ENTRY_P  BIT(0)
#define ENTRY_RW BIT(1)
#define ENTRY_PS BIT(7)

/* The first byte behind the RAM below the hole. */
static uint64_t low_end(const struct linux_guest *guest)
{
    return guest->memory < guest->hole_start ? guest->memory : guest->hole_start;
}

/* Bytes as MiB, rounded up, for messages. */
static uint64_t in_mib(uint64_t bytes)
{
    return bytes / MIB(1) + (bytes % MIB(1) != 0);
}

static bool place_kernel(const struct linux_guest *guest, const struct bzimage *image,
                         struct linux_layout *layout, struct diag *diag)
{
    uint64_t end = low_end(guest);
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
    layout->entry = gpa(at + BZIMAGE_ENTRY_64);
    return true;
}

static bool place_initrd(const struct linux_guest *guest, const struct bzimage *image,
                         struct linux_layout *layout, struct diag *diag)
{
    uint64_t bottom = layout->kernel.raw + image->init_size;
    uint64_t top = low_end(guest);

    layout->initrd = gpa(0);
    if (guest->initrd_size == 0) {
        return true;
    }
    if (top > image->initrd_max + 1) {
        top = image->initrd_max + 1;
    }
    uint64_t room = top > bottom ? top - bottom : 0;
    if (guest->initrd_size > room ||
        align_down(top - guest->initrd_size, LINUX_PAGE_SIZE) < bottom) {
        diag_set(diag, "the initrd has %lu MiB, but behind the kernel there are only %lu MiB",
                 in_mib(guest->initrd_size), room / MIB(1));
        return diag_hint(diag, "give the guest more memory or take a smaller initrd");
    }
    layout->initrd = gpa(align_down(top - guest->initrd_size, LINUX_PAGE_SIZE));
    return true;
}

bool linux_place(const struct linux_guest *guest, const struct bzimage *image,
                 struct linux_layout *layout, struct diag *diag)
{
    uint64_t cmdline_max =
        image->cmdline_max < LINUX_CMDLINE_MAX ? image->cmdline_max : (uint64_t)LINUX_CMDLINE_MAX;

    if (guest->cmdline_length > cmdline_max) {
        return diag_set(diag, "the command line has %lu bytes, but the kernel takes at most %lu",
                        guest->cmdline_length, cmdline_max);
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
    for (uint32_t i = 0; i < size; i++) {
        page[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static void add_e820(uint8_t *page, uint64_t start, uint64_t end, uint32_t type)
{
    uint32_t at = E820_TABLE + page[E820_ENTRIES] * E820_ENTRY_SIZE;

    if (start >= end) {
        return;
    }
    put(page, at, start, 8);
    put(page, at + 8, end - start, 8);
    put(page, at + 16, type, 4);
    page[E820_ENTRIES]++;
}

static void fill_memory_map(uint8_t *page, const struct linux_guest *guest)
{
    uint64_t low = low_end(guest);

    add_e820(page, 0, LOW_RAM_END, E820_TYPE_RAM);
    add_e820(page, LINUX_ACPI_START, LINUX_ACPI_END, E820_TYPE_ACPI);
    add_e820(page, LINUX_ACPI_END, low, E820_TYPE_RAM);
    add_e820(page, guest->hole_end, guest->hole_end + (guest->memory - low), E820_TYPE_RAM);
}

void linux_fill_boot_params(uint8_t *page, const struct linux_guest *guest,
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
    put(page, RAMDISK_SIZE, guest->initrd_size, 4);
    put(page, HEAP_END_PTR, 0, 2);
    put(page, CMD_LINE_PTR, layout->cmdline.raw, 4);
    put(page, SETUP_DATA, 0, 8);
    put(page, ACPI_RSDP_ADDR, guest->rsdp.raw, 8);
    fill_memory_map(page, guest);
}

void linux_fill_gdt(uint64_t *gdt)
{
    gdt[0] = 0;
    gdt[1] = 0;
    gdt[LINUX_BOOT_CS / 8] = GDT_CODE_64;
    gdt[LINUX_BOOT_DS / 8] = GDT_DATA;
}

void linux_fill_page_tables(uint64_t *tables, gpa_t base)
{
    const uint32_t entries = LINUX_PAGE_SIZE / sizeof(*tables);
    uint64_t *directories = tables + 2 * entries;

    memset(tables, 0, LINUX_TABLE_PAGES * LINUX_PAGE_SIZE);
    tables[0] = (base.raw + LINUX_PAGE_SIZE) | ENTRY_P | ENTRY_RW;
    for (uint32_t i = 0; i < LINUX_TABLE_PAGES - 2; i++) {
        tables[entries + i] = (base.raw + (2 + i) * LINUX_PAGE_SIZE) | ENTRY_P | ENTRY_RW;
    }
    for (uint64_t i = 0; i < (LINUX_TABLE_PAGES - 2) * entries; i++) {
        directories[i] = i * PAGE_2M | ENTRY_P | ENTRY_RW | ENTRY_PS;
    }
}
