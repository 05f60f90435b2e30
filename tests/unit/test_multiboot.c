/* SPDX-License-Identifier: MIT */
/* Both versions of multiboot: headers, good ones and each way of being broken; what is told. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "kernel/image/multiboot.h"
#include "kernel/image/multiboot2.h"
#include "tests/unit/image_world.h"

static struct program program;
static struct diag diag;

/* On the heap at its exact size, so that a read beyond it is found. */
static bool parse(int version)
{
    uint8_t *copy = malloc(world_size + 1);

    memcpy(copy, world_file, world_size);
    memset(&diag, 0x5a, sizeof(diag));
    bool good = version == 1 ? multiboot_parse(copy, world_size, &program, &diag)
                             : multiboot2_parse(copy, world_size, &program, &diag);
    free(copy);
    return good;
}

static void refused(int version, const char *message)
{
    assert_false(parse(version));
    assert_string_equal(diag.message, message);
}

static void test_elf(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        world_elf(wide != 0);
        assert_false(multiboot_is(world_file, world_size));
        world_multiboot_at(WORLD_MULTIBOOT, 3);
        assert_true(multiboot_is(world_file, world_size));
        assert_false(multiboot2_is(world_file, world_size));
        assert_true(parse(1));
        assert_int_equal(program.part_count, 1);
        assert_int_equal(program.parts[0].offset, WORLD_CODE);
        assert_int_equal(program.parts[0].file_size, WORLD_CODE_SIZE);
        assert_int_equal(program.parts[0].at, 0x100000);
        assert_int_equal(program.parts[0].memory_size, WORLD_CODE_SIZE + WORLD_BSS);
        assert_int_equal(program.entry, WORLD_ENTRY);
        assert_int_equal(program.entry_bits, 32);
    }
}

/* A kernel in the upper half: its entry point is a virtual address. */
static void test_virtual_entry(void **state)
{
    (void)state;
    world_elf(false);
    world_multiboot_at(WORLD_MULTIBOOT, 0);
    world_put(24, 0xc0100040, 4);
    world_put(world_program_header(false, 0) + 8, 0xc0100000, 4);
    assert_true(parse(1));
    assert_int_equal(program.entry, WORLD_ENTRY);
    world_put(24, 0xc0200000, 4);
    refused(1, "the ELF file's entry point 0xc0200000 lies in none of its segments");
}

static void test_where_the_header_lies(void **state)
{
    (void)state;
    world_elf(false);
    world_multiboot_at(8192 - 12, 0);
    assert_true(parse(1));
    world_elf(false);
    world_multiboot_at(8192 - 8, 0);
    assert_false(multiboot_is(world_file, world_size));
    world_elf(false);
    world_multiboot_at(WORLD_MULTIBOOT + 2, 0);
    assert_false(multiboot_is(world_file, world_size));
    assert_false(multiboot_is(NULL, 0));
    refused(1, "there is no multiboot header in the file's first 8 KiB");
    world_multiboot_at(WORLD_MULTIBOOT, 0);
    world_put(WORLD_MULTIBOOT + 8, 0, 4); /* checksum */
    assert_false(multiboot_is(world_file, world_size));
}

static void test_aout(void **state)
{
    (void)state;
    world_aout();
    assert_true(parse(1));
    assert_int_equal(program.parts[0].offset, 0);
    assert_int_equal(program.parts[0].file_size, 0x2000);
    assert_int_equal(program.parts[0].at, 0x100000);
    assert_int_equal(program.parts[0].memory_size, 0x8000);
    assert_int_equal(program.entry, WORLD_ENTRY);
    /* The rest of the file, no bss; and the load address in the middle of the file. */
    world_put(WORLD_MULTIBOOT + 12, 0x100000, 4);
    world_put(WORLD_MULTIBOOT + 20, 0, 8);
    assert_true(parse(1));
    assert_int_equal(program.parts[0].offset, WORLD_MULTIBOOT);
    assert_int_equal(program.parts[0].file_size, WORLD_FILE_SIZE - WORLD_MULTIBOOT);
    assert_int_equal(program.parts[0].memory_size, WORLD_FILE_SIZE - WORLD_MULTIBOOT);
}

struct broken {
    size_t offset; /* in the header */
    uint32_t value;
    const char *message;
};

static void test_broken_addresses(void **state)
{
    static const struct broken cases[] = {
        {12, 0xfffff,
         "the multiboot header is to lie at 0xfffff, which does not fit load_addr "
         "0x100000"},
        {12, 0x100401,
         "the multiboot header is to lie at 0x100401, which does not fit load_addr "
         "0x100000"},
        {20, 0x100400, "the multiboot header's load_end_addr 0x100400 is not behind it"},
        {20, 0x103001, "the multiboot header wants 12289 bytes of the file, which has only 12288"},
        {24, 0x101fff, "the multiboot header's bss_end_addr 0x101fff lies before 0x102000"},
        {28, 0x102000,
         "the multiboot header's entry_addr 0x102000 lies outside of "
         "0x100000..0x102000"},
        {28, 0xfffff,
         "the multiboot header's entry_addr 0xfffff lies outside of "
         "0x100000..0x102000"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        world_aout();
        world_put(WORLD_MULTIBOOT + cases[i].offset, cases[i].value, 4);
        refused(1, cases[i].message);
    }
    world_aout();
    world_size = WORLD_MULTIBOOT + 31;
    refused(1, "the file is cut off in its multiboot header");
}

static void test_broken_flags(void **state)
{
    (void)state;
    world_elf(false);
    world_multiboot_at(WORLD_MULTIBOOT, 4);
    refused(1, "the multiboot header asks for a video mode, but guests have no screen");
    assert_string_equal(diag.hint, "build the kernel without bit 2 of the header's flags");
    world_multiboot_at(WORLD_MULTIBOOT, 0x8001);
    refused(1, "the multiboot header asks for what is not known: flags 0x8000");
    world_multiboot_at(WORLD_MULTIBOOT, 0xfffe0003); /* none that must be understood */
    assert_true(parse(1));
    world_put(0, 0, 4);
    refused(1, "a multiboot header without addresses, and the file is not ELF");
}

static void test_broken_elf(void **state)
{
    static const struct broken cases[] = {
        {4, 0x00010103, "not a 32-bit or 64-bit little-endian ELF file"},
        {16, 0x00030003, "the ELF file is of type 3, but only executables (2) can be loaded"},
        {16, 0x003e0002, "the ELF file is for machine 62, not for i386 (3)"},
        {20, 2, "the ELF file has version 2, but only 1 is known"},
        {28, 0x4000, "the ELF file is cut off: its program headers lie beyond its end"},
        {42, 0x00020038, "the ELF file has program headers of 56 bytes instead of 32"},
        {44, 0, "the ELF file has 0 program headers, but 1 to 64 are allowed"},
        {52, 3, "the ELF file wants a dynamic linker"},
        {52, 0, "the ELF file has no segment to load"},
        {56, 0x2000, "the ELF file is cut off: its segment 0 lies beyond its end"},
        {72, 0x1000, "segment 0 of the ELF file is larger in the file than in memory"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        world_elf(false);
        world_multiboot_at(WORLD_MULTIBOOT, 0);
        world_put(cases[i].offset, cases[i].value, 4);
        refused(1, cases[i].message);
    }
    world_elf(false);
    world_multiboot_at(WORLD_MULTIBOOT, 0);
    world_segment(false, 1, 1, WORLD_CODE, 0x102700, 0x100, 0x100);
    refused(1, "segment 1 of the ELF file overlaps an earlier one");
    world_segment(false, 1, 1, WORLD_CODE, 0x102800, 0x100, 0x100); /* in the same page */
    assert_true(parse(1));
}

/* ---- multiboot 2 ------------------------------------------------------------------------------
 */
static const uint32_t end_tag[] = {0, 8};

static void test_elf_2(void **state)
{
    static const uint32_t tags[] = {1,   12,           6, 0,           6,  8,  5,  20,         1024,
                                    768, 32,           0, 7 | 1 << 16, 8,  8,  12, 0,          0,
                                    9,   12,           0, 0,           10, 24, 0,  0xffffffff, 4096,
                                    0,   77 | 1 << 16, 8, 4,           12, 2,  0,  0,          8};

    (void)state;
    world_elf(true);
    world_multiboot2(end_tag, sizeof(end_tag));
    assert_true(multiboot2_is(world_file, world_size));
    assert_true(parse(2));
    assert_int_equal(program.entry, WORLD_ENTRY);
    world_multiboot2(tags, sizeof(tags));
    assert_true(parse(2));
    assert_int_equal(program.part_count, 1);
    world_multiboot2((const uint32_t[]){3, 12, 0x100080, 0, 0, 8}, 24);
    assert_true(parse(2));
    assert_int_equal(program.entry, 0x100080);
}

static void test_addresses_2(void **state)
{
    static const uint32_t tags[] = {2, 24, 0x100400, 0x100000, 0, 0x109000,
                                    3, 12, 0x100500, 0,        0, 8};

    (void)state;
    world_elf(true);
    world_put(0, 0, 4);
    world_multiboot2(tags, sizeof(tags));
    assert_true(parse(2));
    assert_int_equal(program.parts[0].file_size, WORLD_FILE_SIZE);
    assert_int_equal(program.parts[0].memory_size, 0x9000);
    assert_int_equal(program.entry, 0x100500);
}

static void test_broken_tags(void **state)
{
    static const struct {
        uint32_t tags[6];
        const char *message;
    } cases[] = {
        {{1, 12, 5, 0, 0, 8}, "the multiboot 2 header asks for information 5, which is not had"},
        {{1, 12, 40, 0, 0, 8}, "the multiboot 2 header asks for information 40, which is not had"},
        {{2, 24, 1, 1, 1, 1}, "the multiboot 2 header has no end tag"},
        {{2, 20, 1, 1, 1, 1}, "the multiboot 2 header's tag of type 2 is too short"},
        {{2, 32, 1, 1, 1, 1}, "the multiboot 2 header's tag of type 2 has the size 32"},
        {{3, 8, 0, 8, 0, 8}, "the multiboot 2 header's tag of type 3 is too short"},
        {{4, 12, 1, 0, 0, 8},
         "the multiboot 2 header asks for a console, but guests have no "
         "screen"},
        {{7, 8, 0, 8, 0, 8},
         "the multiboot 2 header asks for EFI boot services, but guests have "
         "no EFI"},
        {{11, 8, 0, 8, 0, 8}, "the multiboot 2 header has a tag of type 11, not known here"},
        {{6, 0, 0, 8, 0, 8}, "the multiboot 2 header's tag of type 6 has the size 0"},
        {{6, 7, 0, 8, 0, 8}, "the multiboot 2 header's tag of type 6 has the size 7"},
        {{6, 0xffffffff, 0, 8, 0, 8},
         "the multiboot 2 header's tag of type 6 has the size "
         "4294967295"},
        {{3, 12, 0x102000, 0, 0, 8},
         "the multiboot 2 header's entry address 0x102000 lies in no "
         "segment"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        world_elf(true);
        world_multiboot2(cases[i].tags, sizeof(cases[i].tags));
        if (i != ARRAY_COUNT(cases) - 1)
            refused(2, cases[i].message);
    }
    world_segment(true, 0, 1, WORLD_CODE, 0x100000, 0x1000, 0x1000);
    refused(2, cases[ARRAY_COUNT(cases) - 1].message);
    world_multiboot2((const uint32_t[]){2, 24, 0x100400, 0x100000, 0, 0, 0, 8}, 32);
    refused(2, "the multiboot 2 header has addresses, but no entry address");
}

static void test_broken_headers_2(void **state)
{
    (void)state;
    world_elf(true);
    refused(2, "there is no multiboot 2 header in the file's first 32 KiB");
    world_multiboot2(end_tag, sizeof(end_tag));
    world_put(WORLD_MULTIBOOT + 4, 4, 4);
    world_put(WORLD_MULTIBOOT + 12, 0 - (0xe85250d6 + 4 + 24), 4);
    refused(2, "the multiboot 2 header is for architecture 4, not for i386 (0)");
    world_multiboot2(end_tag, 0);
    refused(2, "the multiboot 2 header has 16 bytes, which is not possible");
    world_multiboot2(end_tag, sizeof(end_tag));
    world_size = WORLD_MULTIBOOT + 23;
    refused(2, "the multiboot 2 header has 24 bytes, which is not possible");
    world_elf(true);
    world_multiboot2(end_tag, sizeof(end_tag));
    world_put(0, 0, 4);
    refused(2, "a multiboot 2 header without addresses, and the file is not ELF");
}

/* ---- what is told ------------------------------------------------------------------------------
 */
static uint8_t made[IMAGE_DATA_SIZE];
static struct image image;
static size_t used;

/* The data's bytes at an address in the guest. */
static const uint8_t *told(uint64_t at)
{
    const struct image_piece *data = &image.pieces[image.piece_count - 1];

    assert_true(at >= data->to.raw && at < data->to.raw + data->size);
    return made + (at - data->to.raw);
}

static void make(enum image_kind kind)
{
    world_make_guest();
    assert_true(image_make(&world_guest, kind, made, &image, &used, &diag));
    assert_int_equal(image.entry.bits, 32);
    assert_int_equal(image.entry.ip, WORLD_ENTRY);
    assert_int_equal(image.piece_count, 4);
    assert_int_equal(image.pieces[1].to.raw, 0x103000); /* behind the kernel and its bss */
    assert_int_equal(image.pieces[2].to.raw, 0x105000);
}

static void test_information(void **state)
{
    (void)state;
    world_elf(false);
    world_multiboot_at(WORLD_MULTIBOOT, 3);
    make(IMAGE_MULTIBOOT);
    assert_int_equal(image.entry.eax, 0x2badb002);
    const uint8_t *info = told(image.entry.ebx);
    assert_int_equal(world_get(info, 0, 4), 0x24d);
    assert_int_equal(world_get(info, 4, 4), 640);
    assert_int_equal(world_get(info, 8, 4), 63 * 1024);
    assert_string_equal((const char *)told(world_get(info, 16, 4)), "console=ttyS0");
    assert_int_equal(world_get(info, 20, 4), 2);
    const uint8_t *modules = told(world_get(info, 24, 4));
    assert_int_equal(world_get(modules, 0, 4), 0x103000);
    assert_int_equal(world_get(modules, 4, 4), 0x103000 + 5000);
    assert_string_equal((const char *)told(world_get(modules, 8, 4)), "one");
    assert_int_equal(world_get(modules, 16, 4), 0x105000);
    assert_int_equal(world_get(modules, 20, 4), 0x106000);
    assert_string_equal((const char *)told(world_get(modules, 24, 4)), "");
    assert_int_equal(world_get(info, 44, 4), 5 * 24);
    const uint8_t *map = told(world_get(info, 48, 4));
    assert_int_equal(world_get(map, 0, 4), 20);
    assert_int_equal(world_get(map, 12, 8), 0xa0000);
    assert_int_equal(world_get(map, 20, 4), 1);
    assert_int_equal(world_get(map, 4 * 24 + 4, 8), MIB(1));
    assert_int_equal(world_get(map, 4 * 24 + 12, 8), MIB(63));
    assert_string_equal((const char *)told(world_get(info, 64, 4)), "Bulkhead");
}

/* The tag of that type, and how many there are. */
static const uint8_t *find_tag(uint32_t type, unsigned *count)
{
    const uint8_t *info = told(image.entry.ebx), *found = NULL;
    const uint8_t *at = info + 8, *end = info + world_get(info, 0, 4);

    *count = 0;
    while (at < end) {
        if (world_get(at, 0, 4) == type) {
            found = found != NULL ? found : at;
            ++*count;
        }
        at += (world_get(at, 4, 4) + 7) / 8 * 8;
    }
    assert_ptr_equal(at, end);
    return found;
}

static void test_information_2(void **state)
{
    unsigned count;

    (void)state;
    world_elf(true);
    world_multiboot2(end_tag, sizeof(end_tag));
    make(IMAGE_MULTIBOOT2);
    assert_int_equal(image.entry.eax, 0x36d76289);
    assert_int_equal(image.entry.ebx % 8, 0);
    assert_string_equal((const char *)find_tag(1, &count) + 8, "console=ttyS0");
    assert_string_equal((const char *)find_tag(2, &count) + 8, "Bulkhead");
    const uint8_t *module = find_tag(3, &count);
    assert_int_equal(count, 2);
    assert_int_equal(world_get(module, 8, 4), 0x103000);
    assert_int_equal(world_get(module, 12, 4), 0x103000 + 5000);
    assert_string_equal((const char *)module + 16, "one");
    assert_int_equal(world_get(find_tag(4, &count), 12, 4), 63 * 1024);
    const uint8_t *map = find_tag(6, &count);
    assert_int_equal(world_get(map, 4, 4), 16 + 5 * 24);
    assert_int_equal(world_get(map, 16 + 24 + 16, 4), 2);
    assert_ptr_equal(find_tag(14, &count) + 8, told(image.rsdp_1.raw));
    assert_ptr_equal(find_tag(15, &count) + 8, told(image.rsdp_2.raw));
    assert_int_equal(world_get(find_tag(21, &count), 8, 4), 0x100000);
    find_tag(0, &count);
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elf),
        cmocka_unit_test(test_virtual_entry),
        cmocka_unit_test(test_where_the_header_lies),
        cmocka_unit_test(test_aout),
        cmocka_unit_test(test_broken_addresses),
        cmocka_unit_test(test_broken_flags),
        cmocka_unit_test(test_broken_elf),
        cmocka_unit_test(test_elf_2),
        cmocka_unit_test(test_addresses_2),
        cmocka_unit_test(test_broken_tags),
        cmocka_unit_test(test_broken_headers_2),
        cmocka_unit_test(test_information),
        cmocka_unit_test(test_information_2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
