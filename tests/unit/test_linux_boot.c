/* SPDX-License-Identifier: MIT */
/* Where a Linux guest's things lie, and the bytes of its boot environment. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/image/linux_boot.h"
#include "kernel/image/linux_real.h"
#include "kernel/image/paging.h"
#include "tests/unit/bzimage_world.h"

static struct bzimage image;
static struct image_guest guest;
static struct linux_layout layout;
static struct diag diag;

static void good_guest(void)
{
    uint8_t head[BZIMAGE_HEAD_SIZE];

    good_head(head);
    assert_true(bzimage_parse(head, sizeof(head), GOOD_FILE_SIZE, &image, &diag));
    guest = (struct image_guest){
        .memory = MIB(512),
        .hole_start = GIB(3),
        .hole_end = GIB(4),
        .module_count = 1,
        .modules = {{.file = {0, 1031552}}},
        .cmdline = {"console=ttyS0", 13},
        .rsdp = gpa(0xe0000),
    };
    memset(&diag, 0x5a, sizeof(diag));
}

static void refused(const char *message, const char *hint)
{
    assert_false(linux_place(&guest, &image, &layout, &diag));
    assert_string_equal(diag.message, message);
    assert_string_equal(diag.hint, hint);
}

static uint64_t get(const uint8_t *page, size_t offset, size_t size)
{
    uint64_t value = 0;

    for (size_t i = size; i-- > 0;)
        value = value << 8 | page[offset + i];
    return value;
}

static void test_layout(void **state)
{
    (void)state;
    good_guest();
    assert_true(linux_place(&guest, &image, &layout, &diag));
    assert_int_equal(layout.kernel.raw, MIB(16));
    assert_int_equal(layout.entry.raw, MIB(16) + 0x200);
    /* 1031552 bytes are 251.8 pages. */
    assert_int_equal(layout.initrd.raw, MIB(512) - 252 * 4096);
    assert_int_equal(layout.boot_params.raw, 0x10000);
    assert_int_equal(layout.cmdline.raw, 0x11020);
    assert_int_equal(layout.gdt.raw, 0x11000);
    assert_int_equal(layout.page_tables.raw, 0x13000);
    assert_int_equal(layout.stack.raw, 0x10000);
}

/* What is made of it all: pieces and registers. */
static void test_make(void **state)
{
    uint8_t *bytes = malloc(IMAGE_DATA_SIZE);
    struct data data = {.bytes = bytes, .size = IMAGE_DATA_SIZE};
    struct image made = {.kind = IMAGE_LINUX};

    (void)state;
    good_guest();
    guest.kernel = (struct image_file){GIB(1), GOOD_FILE_SIZE};
    guest.modules[0].file.address = GIB(2);
    assert_true(linux_make(&guest, &image, &made, &data, &diag));
    assert_int_equal(made.piece_count, 3);
    assert_int_equal(made.pieces[0].from, GIB(1) + 40 * 512);
    assert_int_equal(made.pieces[0].size, 14164480);
    assert_int_equal(made.pieces[0].to.raw, MIB(16));
    assert_int_equal(made.pieces[1].from, GIB(2));
    assert_int_equal(made.pieces[1].size, 1031552);
    assert_int_equal(made.pieces[1].to.raw, MIB(512) - 252 * 4096);
    assert_ptr_equal(made.pieces[2].from, bytes);
    assert_int_equal(made.pieces[2].size, 4096 + 32 + 14);
    assert_int_equal(made.pieces[2].to.raw, 0x10000);
    assert_string_equal((char *)bytes + 0x1020, "console=ttyS0");
    assert_int_equal(made.entry.bits, 64);
    assert_int_equal(made.entry.ip, MIB(16) + 0x200);
    assert_int_equal(made.entry.sp, 0x10000);
    assert_int_equal(made.entry.esi, 0x10000);
    assert_int_equal(made.entry.page_tables.raw, 0x13000);
    assert_int_equal(made.entry.gdt.raw, 0x11000);
    assert_int_equal(made.entry.gdt_limit, 31);
    assert_int_equal(made.entry.code_selector, 0x10);
    assert_int_equal(made.entry.data_selector, 0x18);

    image.entry_bits = 32;
    data.used = 0;
    made.piece_count = 0;
    assert_true(linux_make(&guest, &image, &made, &data, &diag));
    assert_int_equal(made.entry.bits, 32);
    assert_int_equal(made.entry.ip, MIB(16));
    assert_int_equal(made.entry.page_tables.raw, 0);
    free(bytes);
}

/* One that begins in real mode: header between the halves of its first part, BIOS, command line. */
static void test_make_real(void **state)
{
    uint8_t *bytes = malloc(IMAGE_DATA_SIZE);
    struct data data = {.bytes = bytes, .size = IMAGE_DATA_SIZE};
    struct image made = {.kind = IMAGE_LINUX};

    (void)state;
    good_guest();
    guest.kernel = (struct image_file){GIB(1), GOOD_FILE_SIZE};
    guest.modules[0].file.address = GIB(2);
    image.entry_bits = 16;
    assert_true(linux_real_make(&guest, &image, &made, &data, &diag));
    assert_int_equal(made.piece_count, 7);
    assert_int_equal(made.pieces[0].size, 0x1f1);
    assert_int_equal(made.pieces[0].to.raw, 0x10000);
    assert_int_equal(made.pieces[1].from, GIB(1) + 0x26c);
    assert_int_equal(made.pieces[1].to.raw, 0x1026c);
    assert_int_equal(made.pieces[1].size, 40 * 512 - 0x26c);
    assert_int_equal(made.pieces[2].to.raw, MIB(16));
    assert_int_equal(made.pieces[4].to.raw, 0x101f1);
    assert_int_equal(get(bytes, 0x210 - 0x1f1, 1), 0xff);
    assert_int_equal(get(bytes, 0x211 - 0x1f1, 1), 0xa1);
    assert_int_equal(get(bytes, 0x218 - 0x1f1, 4), 0x1ff04000);
    assert_int_equal(get(bytes, 0x21c - 0x1f1, 4), 1031552);
    assert_int_equal(get(bytes, 0x224 - 0x1f1, 2), 0xce00);
    assert_int_equal(get(bytes, 0x228 - 0x1f1, 4), 0x1e000);
    assert_int_equal(made.pieces[5].to.raw, 0x1e000);
    assert_string_equal((const char *)(uintptr_t)made.pieces[5].from, "console=ttyS0");
    const struct image_piece *bios = &made.pieces[6];
    assert_int_equal(bios->to.raw, 0xf8000);
    const uint8_t *facts = (const uint8_t *)(uintptr_t)bios->from + bios->size - 5 * 20 - 8;
    assert_int_equal(get(facts, 0, 2), 15 * 1024);
    assert_int_equal(get(facts, 2, 2), (512 - 16) * 16);
    assert_int_equal(get(facts, 4, 4), 5);
    assert_int_equal(get(facts, 8 + 4 * 20, 8), MIB(1));
    assert_int_equal(made.entry.bits, 16);
    assert_int_equal(made.entry.code_selector, 0xf000);
    assert_int_equal(made.entry.ip, 0x8000);
    assert_int_equal(made.entry.data_selector, 0x1000);
    assert_int_equal(made.entry.sp, 0xe000);
    image.setup_size = 0x8200;
    assert_false(linux_real_make(&guest, &image, &made, &data, &diag));
    assert_string_equal(diag.message,
                        "the kernel's real-mode part has 33280 bytes, more than 32768");
    free(bytes);
}

static void test_initrd_stays_below(void **state)
{
    (void)state;
    good_guest();
    guest.memory = GIB(8);
    guest.modules[0].file.size = 4096;
    assert_true(linux_place(&guest, &image, &layout, &diag));
    assert_int_equal(layout.initrd.raw, GIB(2) - 4096); /* initrd_addr_max */
    image.initrd_max = UINT32_MAX;
    assert_true(linux_place(&guest, &image, &layout, &diag));
    assert_int_equal(layout.initrd.raw, GIB(3) - 4096); /* the hole */
    guest.modules[0].file.size = 0;
    assert_true(linux_place(&guest, &image, &layout, &diag));
    assert_int_equal(layout.initrd.raw, 0);
}

static void test_kernel_placement(void **state)
{
    const struct {
        uint64_t pref, alignment, init_size, memory;
        bool relocatable;
        uint64_t at; /* 0: refused */
    } cases[] = {
        {MIB(16), MIB(2), MIB(48), MIB(64), true, MIB(16)},
        {MIB(16), MIB(2), MIB(48), MIB(62), true, 0},
        {MIB(17), MIB(2), MIB(46), MIB(64), true, MIB(18)},
        {MIB(17), MIB(2), MIB(48), MIB(64), true, 0},
        {MIB(17), MIB(2), MIB(46), MIB(64), false, MIB(17)},
        {0, MIB(2), MIB(16), MIB(64), true, MIB(2)},
        {0, 4096, MIB(16), MIB(64), true, MIB(1)},
        {UINT64_MAX, MIB(2), MIB(16), MIB(64), true, 0},
        {UINT64_MAX - 4095, 4096, MIB(16), MIB(64), false, 0},
        {GIB(3) - MIB(16), MIB(2), MIB(16), GIB(8), true, GIB(3) - MIB(16)},
        {GIB(3) - MIB(16), MIB(2), MIB(17), GIB(8), true, 0},
        {GIB(4), MIB(2), MIB(16), GIB(8), true, 0},
        {MIB(16), GIB(2), MIB(16), GIB(3), true, GIB(2)},
        {MIB(16), MIB(2), MIB(16), 0, true, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        good_guest();
        guest.modules[0].file.size = 0;
        guest.memory = cases[i].memory;
        image.pref_address = cases[i].pref;
        image.alignment = cases[i].alignment;
        image.init_size = cases[i].init_size;
        image.relocatable = cases[i].relocatable;
        assert_int_equal(linux_place(&guest, &image, &layout, &diag), cases[i].at != 0);
        if (cases[i].at != 0)
            assert_int_equal(layout.kernel.raw, cases[i].at);
    }
}

static void test_too_small(void **state)
{
    (void)state;
    good_guest();
    guest.memory = MIB(64);
    refused("the kernel needs 52 MiB from 16 MiB on, but the guest has 48 MiB there",
            "give the guest more memory");
    guest.memory = MIB(2);
    refused("the kernel needs 52 MiB from 16 MiB on, but the guest has 0 MiB there",
            "give the guest more memory");
    good_guest();
    guest.memory = MIB(68);
    guest.modules[0].file.size = MIB(1) + 1;
    refused("the initrd has 2 MiB, but behind the kernel there are only 0 MiB",
            "give the guest more memory or take a smaller initrd");
    guest.modules[0].file.size = UINT64_MAX;
    refused("the initrd has 17592186044416 MiB, but behind the kernel there are only 0 MiB",
            "give the guest more memory or take a smaller initrd");
    /* Fits by bytes, not by pages. */
    guest.memory = MIB(68);
    image.init_size = MIB(50) + 1;
    guest.modules[0].file.size = MIB(2) - 1;
    refused("the initrd has 2 MiB, but behind the kernel there are only 1 MiB",
            "give the guest more memory or take a smaller initrd");
    guest.modules[0].file.size = MIB(2) - 4096;
    assert_true(linux_place(&guest, &image, &layout, &diag));
}

static void test_command_line(void **state)
{
    (void)state;
    good_guest();
    guest.cmdline.length = 2047;
    assert_true(linux_place(&guest, &image, &layout, &diag));
    guest.cmdline.length = 2048;
    refused("the command line has 2048 bytes, but the kernel takes at most 2047", "");
    image.cmdline_max = UINT32_MAX;
    guest.cmdline.length = 4096;
    refused("the command line has 4096 bytes, but the kernel takes at most 4095", "");
}

static void assert_e820(const uint8_t *page, uint32_t entry, uint64_t base, uint64_t end,
                        uint32_t type)
{
    const uint8_t *at = page + 0x2d0 + 20 * entry;

    assert_int_equal(get(at, 0, 8), base);
    assert_int_equal(get(at, 8, 8), end - base);
    assert_int_equal(get(at, 16, 4), type);
}

static void test_boot_params(void **state)
{
    static const struct {
        size_t offset, size;
        uint64_t value;
    } fields[] = {
        {0x070, 8, 0xe0000},    /* acpi_rsdp_addr */
        {0x1e8, 1, 5},          /* e820_entries */
        {0x1ef, 1, 0},          /* sentinel */
        {0x1f1, 1, 39},         /* setup_sects, as in the file */
        {0x1fa, 2, 0xffff},     /* vid_mode */
        {0x1fe, 2, 0xaa55},     /* boot_flag */
        {0x202, 4, 0x53726448}, /* header */
        {0x206, 2, 0x020f},     /* version */
        {0x210, 1, 0xff},       /* type_of_loader */
        {0x211, 1, 0x21},       /* loadflags */
        {0x214, 4, 0x1000000},  /* code32_start */
        {0x218, 4, 0x1ff04000}, /* ramdisk_image */
        {0x21c, 4, 1031552},    /* ramdisk_size */
        {0x224, 2, 0},          /* heap_end_ptr */
        {0x228, 4, 0x11020},    /* cmd_line_ptr */
        {0x236, 2, 0x7f},       /* xloadflags */
        {0x250, 8, 0},          /* setup_data */
        {0x260, 4, 0x3378000},  /* init_size */
        {0x26c, 4, 0},          /* behind the header */
    };
    uint8_t *page = malloc(LINUX_PAGE_SIZE);

    (void)state;
    good_guest();
    memset(page, 0x5a, LINUX_PAGE_SIZE);
    assert_true(linux_place(&guest, &image, &layout, &diag));
    linux_fill_boot_params(page, &guest, &image, &layout);
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        assert_int_equal(get(page, fields[i].offset, fields[i].size), fields[i].value);
    assert_e820(page, 0, 0, 0xa0000, 1);
    assert_e820(page, 1, 0xa0000, 0xe0000, 2);
    assert_e820(page, 2, 0xe0000, 0xf0000, 3);
    assert_e820(page, 3, 0xf0000, 0x100000, 2);
    assert_e820(page, 4, MIB(1), MIB(512), 1);
    assert_int_equal(get(page, 0x2d0 + 5 * 20, 8), 0);
    free(page);
}

static void test_memory_above_the_hole(void **state)
{
    uint8_t *page = malloc(LINUX_PAGE_SIZE);

    (void)state;
    good_guest();
    guest.memory = GIB(5);
    assert_true(linux_place(&guest, &image, &layout, &diag));
    linux_fill_boot_params(page, &guest, &image, &layout);
    assert_int_equal(page[0x1e8], 6);
    assert_e820(page, 4, MIB(1), GIB(3), 1);
    assert_e820(page, 5, GIB(4), GIB(6), 1);
    guest.memory = GIB(3); /* up to the hole and no further */
    linux_fill_boot_params(page, &guest, &image, &layout);
    assert_int_equal(page[0x1e8], 5);
    free(page);
}

static void test_gdt(void **state)
{
    uint64_t *gdt = malloc(GDT_ENTRIES * sizeof(*gdt));

    (void)state;
    gdt_fill(gdt, 64);
    assert_int_equal(gdt[0], 0);
    assert_int_equal(gdt[1], 0);
    assert_int_equal(gdt[2], 0x00af9b000000ffff);
    assert_int_equal(gdt[3], 0x00cf93000000ffff);
    gdt_fill(gdt, 32);
    assert_int_equal(gdt[2], 0x00cf9b000000ffff);
    free(gdt);
}

static void test_page_tables(void **state)
{
    uint64_t *tables = malloc(PAGING_ENTRIES * sizeof(*tables));

    (void)state;
    memset(tables, 0x5a, PAGING_ENTRIES * sizeof(*tables));
    paging_fill(tables, gpa(0x13000));
    /* Walk them as the processor does. */
    for (uint64_t address = 0; address < GIB(4); address += MIB(2)) {
        uint64_t pml4e = tables[address >> 39];
        assert_int_equal(pml4e, 0x14003);
        uint64_t pdpte = tables[((pml4e & ~UINT64_C(0xfff)) - 0x13000) / 8 + (address >> 30) % 512];
        assert_int_equal(pdpte & 0xfff, 3);
        uint64_t pde = tables[((pdpte & ~UINT64_C(0xfff)) - 0x13000) / 8 + (address >> 21) % 512];
        assert_int_equal(pde, address | 0x83);
    }
    for (uint32_t i = 1; i < 512; i++) {
        assert_int_equal(tables[i], 0);
        assert_true(i < 4 || tables[512 + i] == 0);
    }
    free(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_make_real),
        cmocka_unit_test(test_initrd_stays_below),
        cmocka_unit_test(test_kernel_placement),
        cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_boot_params),
        cmocka_unit_test(test_memory_above_the_hole),
        cmocka_unit_test(test_gdt),
        cmocka_unit_test(test_page_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
