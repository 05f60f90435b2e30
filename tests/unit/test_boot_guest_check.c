/* SPDX-License-Identifier: MIT */
#include "boot/guest_check.h"

#include "kernel/image/bzimage.h"
#include "kernel/lib/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct config_guest web = {
    .name = {"web", 3, 1, 8},
    .kernel = {"vmlinuz", 7, 3, 12},
    .initrd = {"initrd.gz", 9, 4, 12},
    .cmdline = {"console=ttyS0 quiet", 19, 5, 12},
    .memory_at = {"128M", 4, 2, 12},
    .cpus = 1,
    .memory = MIB(128),
};

static void put(uint8_t *head, size_t at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        head[at + i] = (uint8_t)(value >> (8 * i));
}

/* The header of a kernel that has 4 MiB of code and takes 40 MiB from 16 MiB on. */
static void make_head(uint8_t head[BZIMAGE_HEAD_SIZE], uint32_t cmdline_max)
{
    memset(head, 0, BZIMAGE_HEAD_SIZE);
    put(head, 0x1f1, 1, 1); /* setup_sects */
    put(head, 0x1f4, MIB(4) / 16, 4);
    put(head, 0x1fe, 0xaa55, 2);
    put(head, 0x201, 0x6a, 1); /* the header ends there */
    memcpy(head + 0x202, "HdrS", 4);
    put(head, 0x206, 0x20f, 2);
    put(head, 0x211, 1, 1); /* loaded high */
    put(head, 0x22c, 0x7fffffff, 4);
    put(head, 0x230, MIB(2), 4);
    put(head, 0x234, 1, 1); /* relocatable */
    put(head, 0x236, 1, 2); /* 64-bit entry point */
    put(head, 0x238, cmdline_max, 4);
    put(head, 0x258, MIB(16), 8);
    put(head, 0x260, MIB(40), 4);
}

struct check_case {
    const char *message; /* NULL: fine */
    const char *hint;
    uint32_t line;
    enum config_kind kind;
    uint64_t memory;
    uint64_t initrd;
    uint32_t cmdline_max;
    bool not_a_kernel;
};

static const struct check_case cases[] = {
    {.memory = MIB(128), .initrd = MIB(20), .cmdline_max = 2047},
    {.memory = MIB(128), .initrd = 0, .cmdline_max = 2047},
    {.memory = MIB(128),
     .cmdline_max = 2047,
     .not_a_kernel = true,
     .line = 3,
     .kind = KIND_LINUX,
     .message = "kernel \"vmlinuz\": not a Linux kernel (bzImage): its header is missing",
     .hint = "take the file that distributions call vmlinuz or bzImage"},
    {.memory = MIB(48),
     .cmdline_max = 2047,
     .line = 2,
     .message = "guest \"web\": the kernel needs 40 MiB from 16 MiB on, but the guest has 32 MiB "
                "there",
     .hint = "give the guest more memory"},
    {.memory = MIB(128),
     .initrd = MIB(73),
     .cmdline_max = 2047,
     .line = 2,
     .message = "guest \"web\": the initrd has 73 MiB, but behind the kernel there are only 72 MiB",
     .hint = "give the guest more memory or take a smaller initrd"},
    {.memory = MIB(128),
     .cmdline_max = 18,
     .line = 5,
     .message = "guest \"web\": the command line has 19 bytes, but the kernel takes at most 18",
     .hint = ""},
};

static void run_case(const struct check_case *c)
{
    static struct config config;
    static uint8_t file[MIB(4) + 1024];
    static uint8_t data[IMAGE_DATA_SIZE];
    struct image image;
    size_t used;
    struct config_guest guest = web;
    struct diag diag = {0};

    make_head(file, c->cmdline_max);
    if (c->not_a_kernel)
        file[0x202] = 0;
    guest.kind = c->kind;
    guest.memory = c->memory;
    if (c->initrd == 0)
        guest.initrd.start = NULL;
    struct guest_files files = {.kernel = {(uint64_t)(uintptr_t)file, sizeof(file)},
                                .modules = {{0, c->initrd}}};
    assert_int_equal(guest_check(&config, &guest, &files, data, &image, &used, &diag),
                     c->message == NULL);
    if (!c->message)
        return;
    assert_string_equal(diag.message, c->message);
    assert_string_equal(diag.hint, c->hint);
    assert_int_equal(diag.line, c->line);
    assert_int_equal(diag.column, 12);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        run_case(&cases[i]);
}

static void test_blame_keeps_the_hint(void **state)
{
    (void)state;
    struct diag diag;

    diag_set(&diag, "it is %s", "empty");
    diag_hint(&diag, "copy it again");
    assert_false(guest_blame("initrd", &web.initrd, &diag));
    assert_string_equal(diag.message, "initrd \"initrd.gz\": it is empty");
    assert_string_equal(diag.hint, "copy it again");
    assert_int_equal(diag.line, 4);
    assert_int_equal(diag.column, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_blame_keeps_the_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
