/* SPDX-License-Identifier: MIT */
/* ELF files, good ones and each way of being broken. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/image/elf.h"

#define FILE_SIZE 0x4000
#define LOWEST    UINT64_C(0xffffffff80000000)

static struct {
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdr[ELF_MAX_HEADERS + 1];
} head;
static size_t file_size;
static struct elf_image image;
static struct diag diag;

/* Code, constants, data with bss; a note and a stack header that are not to be loaded. */
static void good_file(void)
{
    file_size = FILE_SIZE;
    memset(&head, 0, sizeof(head));
    memset(&diag, 0x5a, sizeof(diag));
    head.ehdr = (Elf64_Ehdr){
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = LOWEST + 0x10,
        .e_phoff = sizeof(Elf64_Ehdr),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 5,
    };
    head.phdr[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0x1000, LOWEST, 0x200000, 0x800, 0x800, 4096};
    head.phdr[1] = (Elf64_Phdr){PT_NOTE, PF_R, 0x100, 1, 1, 0x10, 0x10, 4};
    head.phdr[2] =
        (Elf64_Phdr){PT_LOAD, PF_R, 0x2000, LOWEST + 0x1000, 0x201000, 0x1000, 0x1000, 4096};
    head.phdr[3] =
        (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x3008, LOWEST + 0x2008, 0x202008, 0x80, 0x9000, 4096};
    head.phdr[4] = (Elf64_Phdr){PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16};
}

/* On the heap at its exact size, so that a read beyond it is found. */
static bool parse(void)
{
    uint8_t *file = malloc(file_size);

    for (size_t i = 0; i < file_size; i++)
        file[i] = i < sizeof(head) ? ((const uint8_t *)&head)[i] : 0;
    bool good = elf_parse(file, file_size, &image, &diag);
    free(file);
    return good;
}

static void refused(const char *message)
{
    assert_false(parse());
    assert_string_equal(diag.message, message);
    assert_int_equal(diag.line, 0);
}

static void test_good_file(void **state)
{
    (void)state;
    good_file();
    assert_true(parse());
    assert_int_equal(image.entry, LOWEST + 0x10);
    assert_int_equal(image.lowest, LOWEST);
    assert_int_equal(image.highest, LOWEST + 0xb008);
    assert_int_equal(image.segment_count, 3);
    const struct elf_segment *data = &image.segments[2];
    assert_int_equal(data->vaddr, LOWEST + 0x2008);
    assert_int_equal(data->paddr, 0x202008);
    assert_int_equal(data->offset, 0x3008);
    assert_int_equal(data->file_size, 0x80);
    assert_int_equal(data->memory_size, 0x9000);
    assert_int_equal(data->flags, ELF_READ | ELF_WRITE);
    assert_int_equal(image.segments[0].flags, ELF_READ | ELF_EXEC);
}

static void test_recognition(void **state)
{
    (void)state;
    assert_true(elf_is("\177ELF", 4));
    assert_false(elf_is("\177ELF", 3));
    assert_false(elf_is("\177ELG", 4));
    assert_false(elf_is(NULL, 0));
}

static void test_every_length(void **state)
{
    (void)state;
    good_file();
    for (file_size = 0; file_size < 0x3088; file_size++)
        assert_false(parse());
    file_size = 0x3088;
    assert_true(parse());
}

static void test_headers(void **state)
{
    (void)state;
    good_file();
    file_size = 63;
    refused("the ELF file has 63 bytes, fewer than its header of 64");
    good_file();
    head.ehdr.e_ident[3] = 'f';
    refused("not an ELF file: the first bytes are not 7f 45 4c 46");
    good_file();
    head.ehdr.e_ident[EI_CLASS] = ELFCLASS32;
    refused("not a 64-bit little-endian ELF file");
    good_file();
    head.ehdr.e_ident[EI_DATA] = ELFDATA2MSB;
    refused("not a 64-bit little-endian ELF file");
    good_file();
    head.ehdr.e_type = ET_DYN;
    refused("the ELF file is of type 3, but only executables (2) can be loaded");
    assert_string_equal(diag.hint, "link it statically at a fixed address (ld -static -no-pie)");
    good_file();
    head.ehdr.e_machine = EM_AARCH64;
    refused("the ELF file is for machine 183, not for x86-64 (62)");
    good_file();
    head.ehdr.e_version = 2;
    refused("the ELF file has version 2, but only 1 is known");
    good_file();
    head.ehdr.e_phentsize = 32;
    refused("the ELF file has program headers of 32 bytes instead of 56");
    good_file();
    head.ehdr.e_phnum = 0;
    refused("the ELF file has 0 program headers, but 1 to 64 are allowed");
    head.ehdr.e_phnum = 65;
    refused("the ELF file has 65 program headers, but 1 to 64 are allowed");
    good_file();
    head.ehdr.e_phoff = FILE_SIZE - 5 * sizeof(Elf64_Phdr) + 1;
    refused("the ELF file is cut off: its program headers lie beyond its end");
    head.ehdr.e_phoff = UINT64_MAX - 8;
    refused("the ELF file is cut off: its program headers lie beyond its end");
}

static void test_segments(void **state)
{
    (void)state;
    good_file();
    head.phdr[1].p_type = PT_INTERP;
    refused("the ELF file wants a dynamic linker");
    good_file();
    head.phdr[2].p_filesz = 0x1001;
    refused("segment 2 of the ELF file is larger in the file than in memory");
    good_file();
    head.phdr[2].p_offset = FILE_SIZE - 0xfff;
    refused("the ELF file is cut off: its segment 2 lies beyond its end");
    head.phdr[2].p_offset = UINT64_MAX - 0xfff;
    refused("the ELF file is cut off: its segment 2 lies beyond its end");
    good_file();
    head.phdr[3].p_memsz = 0x80000000;
    refused("segment 3 of the ELF file runs beyond the end of memory");
    good_file();
    head.phdr[3].p_paddr = UINT64_MAX - 0xfff;
    refused("segment 3 of the ELF file runs beyond the end of memory");
    good_file();
    head.phdr[0].p_align = 4095;
    refused("segment 0 of the ELF file has the alignment 0xfff, not a power of two");
    good_file();
    head.phdr[3].p_offset = 0x3010;
    refused("segment 3 of the ELF file is misaligned: address 0xffffffff80002008, offset 0x3010");
    good_file();
    head.phdr[3].p_flags |= PF_X;
    refused("segment 3 of the ELF file is both writable and executable");
    assert_string_equal(diag.hint, "link code and data into segments of their own");
}

static void test_overlaps(void **state)
{
    (void)state;
    good_file(); /* the same page, no byte in common */
    head.phdr[3].p_vaddr = LOWEST + 0x808;
    head.phdr[3].p_offset = 0x3808;
    refused("segment 3 of the ELF file shares a page with an earlier one");
    good_file(); /* over all of the others */
    head.phdr[3].p_vaddr = LOWEST - 0x1000 + 8;
    refused("segment 3 of the ELF file shares a page with an earlier one");
    good_file(); /* by physical address only */
    head.phdr[3].p_paddr = 0x201008;
    refused("segment 3 of the ELF file shares a page with an earlier one");
    good_file(); /* up to the last page of all */
    head.phdr[3].p_vaddr = UINT64_MAX - 0x9fff;
    head.phdr[3].p_offset = 0x3000;
    assert_true(parse());
}

static void test_entry(void **state)
{
    static const uint64_t entries[] = {0, LOWEST - 1, LOWEST + 0x800, LOWEST + 0x1000, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(entries); i++) {
        good_file();
        head.ehdr.e_entry = entries[i];
        assert_false(parse());
        assert_non_null(strstr(diag.message, "lies in no executable segment"));
    }
    good_file();
    head.ehdr.e_entry = 0x1234;
    refused("the ELF file's entry point 0x1234 lies in no executable segment");
}

static void test_number_of_segments(void **state)
{
    (void)state;
    good_file();
    head.ehdr.e_phnum = ELF_MAX_HEADERS;
    for (uint32_t i = 0; i < ELF_MAX_HEADERS; i++) {
        head.phdr[i] = head.phdr[0];
        head.phdr[i].p_vaddr += i * 0x1000;
        head.phdr[i].p_paddr += i * 0x1000;
        head.phdr[i].p_memsz = i < ELF_MAX_SEGMENTS ? 0x800 : 0;
        head.phdr[i].p_filesz = i < ELF_MAX_SEGMENTS ? 0x800 : 0;
    }
    assert_true(parse());
    assert_int_equal(image.segment_count, ELF_MAX_SEGMENTS);
    head.phdr[ELF_MAX_SEGMENTS].p_memsz = 1;
    refused("the ELF file has more than 16 segments to load");
    good_file();
    head.phdr[0].p_type = head.phdr[2].p_type = head.phdr[3].p_type = PT_NULL;
    refused("the ELF file has no segment to load");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_file),    cmocka_unit_test(test_recognition),
        cmocka_unit_test(test_every_length), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_segments),     cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_entry),        cmocka_unit_test(test_number_of_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
