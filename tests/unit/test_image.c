/* SPDX-License-Identifier: MIT */
/* Kernels that say where they lie: what they are, PVH, flat, and where all the rest goes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "kernel/image/memory_map.h"
#include "kernel/image/paging.h"
#include "tests/unit/bzimage_world.h"
#include "tests/unit/image_world.h"

static uint8_t made[IMAGE_DATA_SIZE];
static struct image image;
static size_t used;
static struct diag diag;

static bool make(enum image_kind kind)
{
    memset(&diag, 0x5a, sizeof(diag));
    memset(made, 0x5a, sizeof(made));
    return image_make(&world_guest, kind, made, &image, &used, &diag);
}

static void refused(enum image_kind kind, const char *message, const char *hint)
{
    assert_false(make(kind));
    assert_string_equal(diag.message, message);
    assert_string_equal(diag.hint, hint);
}

static void recognised(enum image_kind wanted)
{
    struct image_file file = {(uint64_t)(uintptr_t)world_file, world_size};
    enum image_kind kind;

    assert_true(image_recognise(&file, &kind, &diag));
    assert_int_equal(kind, wanted);
}

static void not_recognised(const char *message, const char *hint)
{
    struct image_file file = {(uint64_t)(uintptr_t)world_file, world_size};
    enum image_kind kind;

    assert_false(image_recognise(&file, &kind, &diag));
    assert_string_equal(diag.message, message);
    assert_string_equal(diag.hint, hint);
}

static void test_recognition(void **state)
{
    static const uint32_t end_tag[] = {0, 8};

    (void)state;
    world_aout();
    recognised(IMAGE_MULTIBOOT);
    world_elf(false);
    world_multiboot2(end_tag, sizeof(end_tag));
    recognised(IMAGE_MULTIBOOT2);
    world_multiboot_at(0x200, 0);
    recognised(IMAGE_MULTIBOOT2); /* of both, the newer one */
    world_pvh(true);
    world_multiboot2(end_tag, sizeof(end_tag));
    recognised(IMAGE_PVH);
    world_pvh(false);
    recognised(IMAGE_PVH);
    good_head(world_file);
    recognised(IMAGE_LINUX);
    world_elf(true);
    not_recognised("an ELF file with neither a PVH note nor a multiboot header, so that nothing "
                   "says how to start it",
                   "");
    world_put(16, 3, 2);
    not_recognised("the ELF file is of type 3, but only executables (2) can be loaded",
                   "link it statically at a fixed address (ld -static -no-pie)");
    memset(world_file, 0, sizeof(world_file));
    not_recognised("not a kernel that is known: no Linux bzImage, no ELF file with a PVH note, no "
                   "multiboot header",
                   "what has no header starts with kind = flat, load = and entry =");
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(image_kind_name(IMAGE_LINUX), "Linux");
    assert_string_equal(image_kind_name(IMAGE_FLAT), "flat");
}

/* The data's bytes at an address in the guest. */
static const uint8_t *told(uint64_t at)
{
    const struct image_piece *data = &image.pieces[image.piece_count - 1];

    assert_true(at >= data->to.raw && at < data->to.raw + data->size);
    return made + (at - data->to.raw);
}

static void test_pvh(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        world_pvh(wide != 0);
        world_make_guest();
        assert_true(make(IMAGE_PVH));
        assert_int_equal(image.entry.ip, WORLD_ENTRY + 0x10);
        assert_int_equal(image.entry.eax, 0);
        const uint8_t *info = told(image.entry.ebx);
        assert_int_equal(world_get(info, 0, 4), 0x336ec578);
        assert_int_equal(world_get(info, 4, 4), 1);
        assert_int_equal(world_get(info, 12, 4), 2);
        const uint8_t *modules = told(world_get(info, 16, 8));
        assert_int_equal(world_get(modules, 0, 8), 0x103000);
        assert_int_equal(world_get(modules, 8, 8), 5000);
        assert_string_equal((const char *)told(world_get(modules, 16, 8)), "one");
        assert_int_equal(world_get(modules, 32, 8), 0x105000);
        assert_int_equal(world_get(modules, 48, 8), 0);
        assert_string_equal((const char *)told(world_get(info, 24, 8)), "console=ttyS0");
        assert_int_equal(world_get(info, 32, 8), 0xe0000);
        const uint8_t *map = told(world_get(info, 40, 8));
        assert_int_equal(world_get(info, 48, 4), 5);
        assert_int_equal(world_get(map, 24, 8), 0xa0000);
        assert_int_equal(world_get(map, 32, 8), 0x40000);
        assert_int_equal(world_get(map, 40, 4), 2);
    }
}

static void test_pvh_without(void **state)
{
    (void)state;
    world_pvh(false);
    world_make_guest();
    world_guest.module_count = 0;
    world_guest.cmdline.length = 0;
    assert_true(make(IMAGE_PVH));
    const uint8_t *info = told(image.entry.ebx);
    assert_int_equal(world_get(info, 12, 4), 0);
    assert_int_equal(world_get(info, 16, 8), 0);
    assert_int_equal(world_get(info, 24, 8), 0);
}

static void test_broken_notes(void **state)
{
    static const struct {
        size_t offset;
        uint32_t value;
        const char *message, *hint;
    } cases[] = {
        {0, 0, "not an ELF file, as kernels with a PVH note are", ""},
        {WORLD_NOTE + 32, 17, "the ELF file has no PVH note (Xen, type 18)",
         "for multiboot kernels write kind = multiboot"},
        {WORLD_NOTE + 36, 0x6e6578, "the ELF file has no PVH note (Xen, type 18)",
         "for multiboot kernels write kind = multiboot"},
        {WORLD_NOTE + 4, 0xfffffffe, "the ELF file has no PVH note (Xen, type 18)",
         "for multiboot kernels write kind = multiboot"},
        {WORLD_NOTE, 0xffffffff, "the ELF file has no PVH note (Xen, type 18)",
         "for multiboot kernels write kind = multiboot"},
        {WORLD_NOTE + 28, 2, "the PVH note has 2 bytes instead of 4 or 8", ""},
        {WORLD_NOTE + 40, 0x102000, "the PVH note's entry point 0x102000 lies in no segment", ""},
        {88, WORLD_FILE_SIZE, "the ELF file is cut off: its notes lie beyond its end", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        world_pvh(false);
        world_put(cases[i].offset, cases[i].value, 4);
        world_make_guest();
        memset(&diag, 0, sizeof(diag));
        refused(IMAGE_PVH, cases[i].message, cases[i].hint);
    }
}

static void make_flat(uint64_t load, uint64_t entry, uint32_t bits)
{
    world_aout();
    world_make_guest();
    world_guest.module_count = 0;
    world_guest.cmdline.length = 0;
    world_guest.load = gpa(load);
    world_guest.entry = gpa(entry);
    world_guest.entry_bits = bits;
}

static void test_flat_64(void **state)
{
    (void)state;
    make_flat(0x200000, 0x200010, 64);
    assert_true(make(IMAGE_FLAT));
    assert_int_equal(image.piece_count, 2);
    assert_int_equal(image.pieces[0].from, (uint64_t)(uintptr_t)world_file);
    assert_int_equal(image.pieces[0].size, WORLD_FILE_SIZE);
    assert_int_equal(image.pieces[0].to.raw, 0x200000);
    assert_int_equal(image.entry.ip, 0x200010);
    /* At the end of the memory: stack, tables, GDT. */
    assert_int_equal(image.entry.sp, MIB(64) - IMAGE_DATA_SIZE - PAGING_PAGES * 4096);
    assert_int_equal(image.entry.page_tables.raw, image.entry.sp);
    assert_int_equal(image.entry.gdt.raw, MIB(64) - IMAGE_DATA_SIZE);
    assert_int_equal(world_get(told(image.entry.gdt.raw), 16, 8), 0x00af9b000000ffff);
    assert_int_equal(used, 32);
}

/* It lies at the end of the memory itself. */
static void test_flat_32(void **state)
{
    (void)state;
    make_flat(MIB(64) - WORLD_FILE_SIZE, MIB(64) - WORLD_FILE_SIZE, 32);
    assert_true(make(IMAGE_FLAT));
    assert_int_equal(image.entry.bits, 32);
    assert_int_equal(image.entry.sp, 0x11000);
    assert_int_equal(image.entry.page_tables.raw, 0);
    assert_int_equal(world_get(told(image.entry.gdt.raw), 16, 8), 0x00cf9b000000ffff);
}

static void test_flat_16(void **state)
{
    static const struct {
        uint32_t load, entry, cs, ip, sp;
    } cases[] = {
        {0x7c00, 0x7c00, 0, 0x7c00, 0x2000},
        {0x1000, 0x1003, 0, 0x1003, 0x5000},
        {0x20000, 0x20010, 0x2000, 0x10, 0x2000},
        {0x9d000, 0x9ffff, 0x9000, 0xffff, 0x2000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        make_flat(cases[i].load, cases[i].entry, 16);
        assert_true(make(IMAGE_FLAT));
        assert_int_equal(image.piece_count, 1);
        assert_int_equal(image.entry.bits, 16);
        assert_int_equal(image.entry.code_selector, cases[i].cs);
        assert_int_equal(image.entry.data_selector, 0);
        assert_int_equal(image.entry.ip, cases[i].ip);
        assert_int_equal(image.entry.sp, cases[i].sp);
    }
}

static void test_flat_refused(void **state)
{
    static const struct {
        uint64_t load, entry;
        const char *message, *hint;
    } cases[] = {
        {0x100000, 0x103000,
         "entry 0x103000 does not lie in the kernel's 12288 bytes from 0x100000 "
         "on",
         "entry is an address in the guest's memory, not in the file"},
        {UINT64_MAX, UINT64_MAX,
         "entry 0xffffffffffffffff does not lie in the kernel's 12288 bytes "
         "from 0xffffffffffffffff on",
         "entry is an address in the guest's memory, not in the file"},
        {0x9e000, 0x9e000, "the kernel goes to 0x9e000..0xa1000, where the guest has no memory",
         "as in a PC, there is none from 0xa0000 to 0x100000"},
        {0xff000, 0xff000, "the kernel goes to 0xff000..0x102000, where the guest has no memory",
         "as in a PC, there is none from 0xa0000 to 0x100000"},
        {0x3ffe000, 0x3ffe000,
         "the kernel goes to 0x3ffe000..0x4001000, where the guest has no "
         "memory",
         "its memory below 4G ends at 0x4000000"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        make_flat(cases[i].load, cases[i].entry, 32);
        refused(IMAGE_FLAT, cases[i].message, cases[i].hint);
    }
}

static void test_modules_that_do_not_fit(void **state)
{
    (void)state;
    world_aout();
    world_make_guest();
    world_guest.modules[1].file.size = MIB(64) - 0x10a000;
    assert_true(make(IMAGE_MULTIBOOT));
    assert_int_equal(image.pieces[2].to.raw, 0x10a000);
    world_guest.modules[1].file.size++;
    refused(IMAGE_MULTIBOOT,
            "behind the kernel and its modules there are 64472 KiB, too few for 64472",
            "give the guest more memory");
    world_guest.modules[0].file.size = UINT64_MAX;
    refused(IMAGE_MULTIBOOT,
            "behind the kernel and its modules there are 64480 KiB, too few for "
            "18014398509481983",
            "give the guest more memory");
}

static void test_texts_that_do_not_fit(void **state)
{
    static char text[IMAGE_DATA_SIZE];

    (void)state;
    memset(text, 'x', sizeof(text));
    world_aout();
    world_make_guest();
    world_guest.cmdline = (struct image_text){text, sizeof(text)};
    memset(&diag, 0, sizeof(diag));
    assert_false(make(IMAGE_MULTIBOOT));
    assert_string_equal(diag.message, "command line and modules' arguments have too many bytes");
}

/* A kernel that fills all the low memory: what it is told goes behind the modules. */
static void test_low_memory_is_full(void **state)
{
    (void)state;
    world_aout();
    world_elf(false);
    world_multiboot_at(WORLD_MULTIBOOT, 0);
    world_segment(false, 1, 1, WORLD_CODE, 0x1000, 0, 0x9f000);
    world_make_guest();
    assert_true(make(IMAGE_MULTIBOOT));
    assert_int_equal(image.entry.sp, 0x107000);
    assert_int_equal(image.entry.gdt.raw, 0x107000);
    world_guest.modules[1].file.size = MIB(64) - 0x105000;
    refused(IMAGE_MULTIBOOT, "the kernel and its modules leave no 20 KiB for what it is told",
            "give the guest more memory");
}

static void test_memory_map(void **state)
{
    struct image_guest guest = {.memory = GIB(5), .hole_start = GIB(3), .hole_end = GIB(4)};
    struct map_range ranges[MAP_MAX_RANGES];

    (void)state;
    assert_int_equal(memory_map(&guest, ranges), 6);
    assert_int_equal(ranges[2].start, 0xe0000);
    assert_int_equal(ranges[2].type, MAP_TYPE_ACPI);
    assert_int_equal(ranges[3].start, 0xf0000);
    assert_int_equal(ranges[3].type, MAP_TYPE_RESERVED);
    assert_int_equal(ranges[4].size, GIB(3) - MIB(1));
    assert_int_equal(ranges[5].start, GIB(4));
    assert_int_equal(ranges[5].size, GIB(2));
    guest.ecam_start = 0xfe000000;
    guest.ecam_size = MIB(1);
    assert_int_equal(memory_map(&guest, ranges), 7);
    assert_int_equal(ranges[5].start, 0xfe000000);
    assert_int_equal(ranges[5].size, MIB(1));
    assert_int_equal(ranges[5].type, MAP_TYPE_RESERVED);
    assert_int_equal(ranges[6].start, GIB(4));
    guest.memory = MIB(64);
    assert_int_equal(memory_map(&guest, ranges), 6);
    guest.ecam_size = 0;
    assert_int_equal(memory_map(&guest, ranges), 5);
}

static void test_multiboot_version(void **state)
{
    static const uint32_t end_tag[] = {0, 8};
    struct image_file file = {(uint64_t)(uintptr_t)world_file, WORLD_FILE_SIZE};

    (void)state;
    world_aout();
    assert_int_equal(image_multiboot_version(&file), 1);
    world_multiboot2(end_tag, sizeof(end_tag));
    assert_int_equal(image_multiboot_version(&file), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recognition),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_pvh),
        cmocka_unit_test(test_pvh_without),
        cmocka_unit_test(test_broken_notes),
        cmocka_unit_test(test_flat_64),
        cmocka_unit_test(test_flat_32),
        cmocka_unit_test(test_flat_16),
        cmocka_unit_test(test_flat_refused),
        cmocka_unit_test(test_modules_that_do_not_fit),
        cmocka_unit_test(test_texts_that_do_not_fit),
        cmocka_unit_test(test_low_memory_is_full),
        cmocka_unit_test(test_memory_map),
        cmocka_unit_test(test_multiboot_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
