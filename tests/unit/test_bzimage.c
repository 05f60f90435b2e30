/* SPDX-License-Identifier: MIT */
/* Kernel images by their header, good ones and each way of being broken. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/bzimage_world.h"

static uint8_t head[BZIMAGE_HEAD_SIZE];
static size_t head_size;
static uint64_t file_size;
static struct bzimage image;
static struct diag diag;

static void good_file(void)
{
    head_size = sizeof(head);
    file_size = GOOD_FILE_SIZE;
    good_head(head);
    memset(&diag, 0x5a, sizeof(diag));
}

/* On the heap at its exact size, so that a read beyond it is found. */
static bool parse(void)
{
    uint8_t *copy = malloc(head_size + 1);

    memcpy(copy + 1, head, head_size);
    bool good = bzimage_parse(copy + 1, head_size, file_size, &image, &diag);
    free(copy);
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
    assert_int_equal(image.version, 0x20f);
    assert_int_equal(image.setup_size, 40 * 512);
    assert_int_equal(image.kernel_size, 14164480);
    assert_int_equal(image.pref_address, 0x1000000);
    assert_int_equal(image.init_size, 0x3378000);
    assert_int_equal(image.alignment, 0x200000);
    assert_true(image.relocatable);
    assert_int_equal(image.cmdline_max, 2047);
    assert_int_equal(image.initrd_max, 0x7fffffff);
    assert_int_equal(image.header_size, 0x26c - 0x1f1);
    assert_memory_equal(image.header, head + 0x1f1, 0x26c - 0x1f1);
    assert_int_equal(image.header[0x26c - 0x1f1], 0);
}

static void test_recognition(void **state)
{
    (void)state;
    good_file();
    assert_true(bzimage_is(head, sizeof(head)));
    assert_false(bzimage_is(head, 0x205));
    assert_true(bzimage_is(head, 0x206));
    assert_false(bzimage_is(NULL, 0));
    head[0x1fe] = 0;
    assert_false(bzimage_is(head, sizeof(head)));
}

static void test_every_length(void **state)
{
    (void)state;
    good_file();
    for (head_size = 0; head_size < 0x26c; head_size++)
        assert_false(parse());
    head_size = 0x26c;
    assert_true(parse());
}

static void test_old_forms(void **state)
{
    (void)state;
    good_file();
    put(head, 0x1f1, 0, 1); /* stands for four sectors */
    assert_true(parse());
    assert_int_equal(image.setup_size, 5 * 512);
    good_file();
    put(head, 0x1f4, 0, 4); /* no syssize: all of the rest */
    assert_true(parse());
    assert_int_equal(image.kernel_size, GOOD_FILE_SIZE - 40 * 512);
    good_file();
    put(head, 0x230, 0, 4);
    put(head, 0x234, 0, 1);
    assert_true(parse());
    assert_int_equal(image.alignment, 4096);
    assert_false(image.relocatable);
}

static void test_not_for_us(void **state)
{
    (void)state;
    good_file();
    head[0x202] = 'h';
    refused("not a Linux kernel (bzImage): its header is missing");
    assert_string_equal(diag.hint, "take the file that distributions call vmlinuz or bzImage");
    good_file();
    put(head, 0x206, 0x205, 2);
    refused("the kernel speaks boot protocol 2.05, but 2.06 is the oldest that works");
    assert_string_equal(diag.hint, "take a Linux kernel of version 2.6.22 or newer");
    good_file();
    put(head, 0x211, 0, 1);
    refused("the kernel is a zImage, which loads below 1 MiB, not a bzImage");
}

/* As memtest86+, a 32-bit kernel and iPXE have them. */
static void test_entry_modes(void **state)
{
    (void)state;
    good_file();
    assert_true(parse());
    assert_int_equal(image.entry_bits, 64);
    put(head, 0x236, 0x7e, 2);
    assert_true(parse());
    assert_int_equal(image.entry_bits, 32);
    assert_int_equal(image.pref_address, 0x1000000);
    put(head, 0x214, 0, 4);
    assert_true(parse());
    assert_int_equal(image.entry_bits, 16);
    good_file();
    put(head, 0x206, 0x209, 2); /* neither xloadflags nor pref_address mean anything */
    put(head, 0x201, 0x3a, 1);
    assert_true(parse());
    assert_int_equal(image.entry_bits, 32);
    assert_int_equal(image.pref_address, MIB(1));
    assert_int_equal(image.init_size, 14164480);
    put(head, 0x201, 0x39, 1);
    refused("the kernel's header ends at 0x23b instead of between 0x23c and 0x290");
}

static void test_cut_off(void **state)
{
    (void)state;
    good_file();
    head_size = 0x263;
    refused("the kernel file is cut off in its header");
    head_size = 0x26b;
    refused("the kernel file is cut off in its header");
    good_file();
    file_size = 40 * 512 + 14164480 - 16;
    refused("the kernel file is cut off: it has 14184944 bytes, its header speaks of 14184960");
    assert_string_equal(diag.hint, "copy the file again");
    file_size += 1; /* rounded up by less than a paragraph is fine */
    assert_true(parse());
    assert_int_equal(image.kernel_size, 14164480 - 15);
    file_size = 0x400;
    refused("the kernel file is cut off: it has 1024 bytes, its header speaks of 14184960");
    good_file();
    put(head, 0x1f4, 0x20, 4);
    refused("the kernel has only 512 bytes of code");
}

static void test_contradictions(void **state)
{
    (void)state;
    good_file();
    head[0x201] = 0x61;
    refused("the kernel's header ends at 0x263 instead of between 0x264 and 0x290");
    head[0x201] = 0x8f;
    refused("the kernel's header ends at 0x291 instead of between 0x264 and 0x290");
    head[0x201] = 0x8e;
    assert_true(parse());
    good_file();
    put(head, 0x248, 14164480, 4);
    put(head, 0x24c, 1, 4);
    refused("the kernel's payload ends at 0xd82201, beyond its code of 0xd82200 bytes");
    put(head, 0x248, 0xffffffff, 4);
    put(head, 0x24c, 0xffffffff, 4);
    refused("the kernel's payload ends at 0x1fffffffe, beyond its code of 0xd82200 bytes");
    good_file();
    put(head, 0x230, 0x300000, 4);
    refused("the kernel wants the alignment 0x300000, which is not a power of two");
    good_file();
    put(head, 0x260, 14164479, 4);
    refused("the kernel says it needs 14164479 bytes of memory, but has 14164480 of code");
    good_file();
    put(head, 0x234, 0, 1);
    put(head, 0x258, 0xff000, 8);
    refused("the kernel wants to lie at 0xff000 and nowhere else, which is impossible");
    put(head, 0x258, 0x1000001, 8);
    refused("the kernel wants to lie at 0x1000001 and nowhere else, which is impossible");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_file),      cmocka_unit_test(test_recognition),
        cmocka_unit_test(test_every_length),   cmocka_unit_test(test_old_forms),
        cmocka_unit_test(test_not_for_us),     cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_contradictions), cmocka_unit_test(test_entry_modes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
