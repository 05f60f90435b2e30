/* SPDX-License-Identifier: MIT */
/* Configs that are taken: every field of what comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/config/config.h"

#define GUEST "[guest web]\nmemory = 512M\nkernel = vmlinuz\n"
#define REST  "memory = 64M\nkernel = k\n"

static struct config config;

static void parse(const char *text)
{
    struct diag diag = {0};

    memset(&config, 0xa5, sizeof(config));
    if (!config_parse(text, strlen(text), &config, &diag))
        fail_msg("%u:%u: %s", diag.line, diag.column, diag.message);
}

static void assert_slice(const struct slice *slice, const char *text, uint32_t line,
                         uint32_t column)
{
    assert_non_null(slice->start);
    assert_int_equal(slice->length, strlen(text));
    assert_memory_equal(slice->start, text, slice->length);
    assert_int_equal(slice->line, line);
    assert_int_equal(slice->column, column);
}

static void test_every_key(void **state)
{
    const struct config_guest *web = &config.guests[0];
    const struct config_guest *rt = &config.guests[1];

    (void)state;
    parse("# bulkhead.conf\n"
          "[machine]\n"
          "console = com2 9600  # over there\n"
          "\n"
          "[guest web]\n"
          "cpus     = 1\n"
          "memory   = 512M\n"
          "kernel   = linux/vmlinuz-6.1\n"
          "initrd   = initrd.gz\n"
          "cmdline  = console=ttyS0 quiet # not passed on\n"
          "on-crash = restart\n"
          "[guest rt_2-x]\n"
          "kernel=bzImage\n"
          "on-crash=reboot-machine\n"
          "memory=2G");
    assert_int_equal(config.machine.console, CONSOLE_PORT);
    assert_int_equal(config.machine.console_port, 0x2f8);
    assert_int_equal(config.machine.console_baud, 9600);
    assert_int_equal(config.guest_count, 2);
    assert_slice(&web->name, "web", 5, 8);
    assert_slice(&web->cpus_at, "1", 6, 12);
    assert_int_equal(web->cpus, 1);
    assert_slice(&web->memory_at, "512M", 7, 12);
    assert_int_equal(web->memory, MIB(512));
    assert_slice(&web->kernel, "linux/vmlinuz-6.1", 8, 12);
    assert_slice(&web->initrd, "initrd.gz", 9, 12);
    assert_slice(&web->cmdline, "console=ttyS0 quiet", 10, 12);
    assert_int_equal(web->on_crash, ON_CRASH_RESTART);
    assert_slice(&rt->name, "rt_2-x", 12, 8);
    assert_slice(&rt->kernel, "bzImage", 13, 8);
    assert_slice(&rt->memory_at, "2G", 15, 8);
    assert_int_equal(rt->memory, GIB(2));
    assert_int_equal(rt->on_crash, ON_CRASH_REBOOT_MACHINE);
}

static void test_defaults(void **state)
{
    const struct config_guest *guest = &config.guests[0];

    (void)state;
    parse(GUEST);
    assert_int_equal(config.machine.console, CONSOLE_DEFAULT);
    assert_int_equal(config.machine.console_port, 0);
    assert_int_equal(config.machine.console_baud, 0);
    assert_int_equal(config.guest_count, 1);
    assert_int_equal(guest->cpus, 1);
    assert_int_equal(guest->on_crash, ON_CRASH_HALT);
    assert_int_equal(guest->on_fault, ON_FAULT_DETACH);
    assert_null(guest->initrd.start);
    assert_int_equal(guest->initrd.length, 0);
    assert_null(guest->cmdline.start);
    assert_int_equal(guest->cmdline.length, 0);
    assert_null(guest->cpus_at.start); /* with the place of the name */
    assert_int_equal(guest->cpus_at.line, 1);
    assert_int_equal(guest->cpus_at.column, 8);
}

static void test_cr_lf_and_mark(void **state)
{
    const struct config_guest *guest = &config.guests[0];

    (void)state;
    parse("\xef\xbb\xbf[guest web]\r\nmemory = 512M\r\n\r\nkernel = vmlinuz \r\n"
          "cmdline = \"a b \"\r\non-crash = restart\r");
    assert_slice(&guest->name, "web", 1, 8);
    assert_slice(&guest->memory_at, "512M", 2, 10);
    assert_slice(&guest->kernel, "vmlinuz", 4, 10);
    assert_slice(&guest->cmdline, "a b ", 5, 12);
    assert_int_equal(guest->on_crash, ON_CRASH_RESTART);
}

static void test_blanks_and_comments(void **state)
{
    const struct config_guest *guest = &config.guests[0];

    (void)state;
    parse("#first\n  # second\n\t\n \t[ guest\t web  ] \t# third [x]\n"
          "\tmemory\t=\t512M\t# fourth = 1\n"
          "kernel =vm#linuz\n"
          "#cpus = 9\n"
          "   initrd=initrd.gz   ");
    assert_slice(&guest->name, "web", 4, 12);
    assert_slice(&guest->memory_at, "512M", 5, 11);
    assert_slice(&guest->kernel, "vm#linuz", 6, 9);
    assert_slice(&guest->initrd, "initrd.gz", 8, 11);
    assert_int_equal(guest->cpus, 1);
}

static void test_quotes(void **state)
{
    static const struct {
        const char *line;
        const char *cmdline;
        uint32_t column;
    } cases[] = {
        {"cmdline = \"a # b\" # c", "a # b", 12},
        {"cmdline = \"  a  \"", "  a  ", 12},
        {"cmdline = \"\"", "", 12},
        {"cmdline = \"a = [b]\"", "a = [b]", 12},
        {"cmdline = dyndbg=\"file a.c +p\" quiet", "dyndbg=\"file a.c +p\" quiet", 11},
        {"cmdline = a=b=c", "a=b=c", 11},
        {"cmdline = a#b", "a#b", 11},
        {"cmdline=#a", "#a", 9},
        {"cmdline = a\tb #c", "a\tb", 11},
    };
    char text[200];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_COUNT(cases); i++) {
        strcpy(text, GUEST);
        strcat(text, cases[i].line);
        parse(text);
        assert_slice(&config.guests[0].cmdline, cases[i].cmdline, 4, cases[i].column);
    }
    parse("[guest web]\nmemory = \"64M\"\nkernel = \"my kernel\"\n");
    assert_slice(&config.guests[0].kernel, "my kernel", 3, 11);
    assert_int_equal(config.guests[0].memory, MIB(64));
}

static void test_inspect(void **state)
{
    (void)state;
    parse(GUEST);
    assert_false(config.machine.inspect);
    parse(GUEST "[machine]\ninspect = no\n");
    assert_false(config.machine.inspect);
    parse(GUEST "[machine]\ninspect = yes\n");
    assert_true(config.machine.inspect);
    parse("[machine]\ninspect = yes # a stick that starts nobody\n");
    assert_true(config.machine.inspect);
    assert_int_equal(config.guest_count, 0);
}

static void test_console(void **state)
{
    static const struct {
        const char *value;
        enum config_console console;
        uint16_t port;
        uint32_t baud;
    } cases[] = {
        {"com1", CONSOLE_PORT, 0x3f8, 0},
        {"com1 115200", CONSOLE_PORT, 0x3f8, 115200},
        {"com2 \t 57600", CONSOLE_PORT, 0x2f8, 57600},
        {"com3 300", CONSOLE_PORT, 0x3e8, 300},
        {"com4 2", CONSOLE_PORT, 0x2e8, 2},
        {"0x3F8", CONSOLE_PORT, 0x3f8, 0},
        {"0x1 9600", CONSOLE_PORT, 1, 9600},
        {"0xfff8", CONSOLE_PORT, 0xfff8, 0},
        {"\"com1 9600\"", CONSOLE_PORT, 0x3f8, 9600},
        {"screen", CONSOLE_SCREEN, 0, 0},
    };
    char text[200];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_COUNT(cases); i++) {
        strcpy(text, GUEST "[machine]\nconsole = ");
        strcat(text, cases[i].value);
        parse(text);
        assert_int_equal(config.machine.console, cases[i].console);
        assert_int_equal(config.machine.console_port, cases[i].port);
        assert_int_equal(config.machine.console_baud, cases[i].baud);
    }
}

static void test_memory(void **state)
{
    static const struct {
        const char *value;
        uint64_t bytes;
    } cases[] = {
        {"64M", MIB(64)},      {"65536K", MIB(64)},    {"66m", MIB(66)},    {"1g", GIB(1)},
        {"524288k", MIB(512)}, {"16384G", GIB(16384)}, {"0512M", MIB(512)},
    };
    char text[200];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_COUNT(cases); i++) {
        strcpy(text, "[guest web]\nkernel = vmlinuz\nmemory = ");
        strcat(text, cases[i].value);
        parse(text);
        assert_int_equal(config.guests[0].memory, cases[i].bytes);
    }
}

static void test_cpus(void **state)
{
    static const struct {
        const char *value;
        uint32_t cpus;
        bool smt, listed;
        uint16_t list[4];
    } cases[] = {
        {"1", 1, false, false, {0}},
        {"64", 64, false, false, {0}},
        {"064", 64, false, false, {0}},
        {"2 smt", 2, true, false, {0}},
        {"2 \t smt", 2, true, false, {0}},
        {"\" 2 smt\"", 2, true, false, {0}},
        {"2,3", 2, false, true, {2, 3}},
        {"3 ,\t2 , 9", 3, false, true, {3, 2, 9}},
        {"3,2 smt", 2, true, true, {3, 2}},
        {"4-7", 4, false, true, {4, 5, 6, 7}},
        {"2047-2047", 1, false, true, {2047}},
        {"9, 4 - 5 ,0 smt", 4, true, true, {9, 4, 5, 0}},
        {"0-63", 64, false, true, {0, 1, 2, 3}},
    };
    char text[200];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct config_guest *guest = &config.guests[0];

        strcpy(text, GUEST "cpus = ");
        strcat(text, cases[i].value);
        parse(text);
        assert_int_equal(guest->cpus, cases[i].cpus);
        assert_int_equal(guest->smt, cases[i].smt);
        assert_int_equal(guest->listed, cases[i].listed);
        assert_int_equal(config.listed_count, guest->listed ? guest->cpus : 0);
        for (uint32_t n = 0; n < config.listed_count && n < 4; n++)
            assert_int_equal(config.listed[guest->first_listed + n], cases[i].list[n]);
    }
}

static void test_lists_of_several_guests(void **state)
{
    (void)state;
    parse(GUEST "cpus = 2,3\n[guest b]\ncpus = 2\n" REST "[guest c]\ncpus = 0-1,4\n" REST);
    assert_int_equal(config.listed_count, 5);
    assert_int_equal(config.guests[0].first_listed, 0);
    assert_false(config.guests[1].listed);
    assert_int_equal(config.guests[2].first_listed, 2);
    assert_int_equal(config.listed[4], 4);
    assert_slice(&config.guests[2].cpus_at, "0-1,4", 10, 8);
}

static void test_kinds(void **state)
{
    static const struct {
        const char *line;
        enum config_kind kind;
    } cases[] = {
        {"", KIND_BY_CONTENT},
        {"kind = linux", KIND_LINUX},
        {"kind = pvh", KIND_PVH},
        {"kind = multiboot", KIND_MULTIBOOT},
        {"kind = flat\nload = 0x0", KIND_FLAT},
    };
    char text[200];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_COUNT(cases); i++) {
        strcpy(text, GUEST);
        strcat(text, cases[i].line);
        parse(text);
        assert_int_equal(config.guests[0].kind, cases[i].kind);
        assert_int_equal(config.guests[0].entry_bits, cases[i].kind == KIND_FLAT ? 32 : 0);
    }
}

static void test_load_and_entry(void **state)
{
    static const struct {
        const char *lines;
        uint64_t load, entry;
        uint32_t bits;
    } cases[] = {
        {"load = 0x100000", 0x100000, 0x100000, 32},
        {"entry = 0x100010\nload = 0x100000", 0x100000, 0x100010, 32},
        {"load = 0x7c00\nentry = 0x7c00 16", 0x7c00, 0x7c00, 16},
        {"load = 0x0\nentry = 0xFffF0 16", 0, 0xffff0, 16},
        {"load = 0x1\nentry = 0xffffffff 32", 1, 0xffffffff, 32},
        {"load = 0x100000000\nentry = 0x7fffffffffff \t 64", GIB(4), 0x7fffffffffff, 64},
    };
    char text[200];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct config_guest *guest = &config.guests[0];

        strcpy(text, GUEST "kind = flat\n");
        strcat(text, cases[i].lines);
        parse(text);
        assert_int_equal(guest->load.raw, cases[i].load);
        assert_int_equal(guest->entry.raw, cases[i].entry);
        assert_int_equal(guest->entry_bits, cases[i].bits);
    }
    parse(GUEST "kind = flat\nload = 0x1000\n");
    assert_slice(&config.guests[0].load_at, "0x1000", 5, 8);
    assert_slice(&config.guests[0].entry_at, "0x1000", 5, 8);
    parse(GUEST "kind = flat\nload = 0x1000\nentry = 0x1000 64");
    assert_slice(&config.guests[0].entry_at, "0x1000 64", 6, 9);
}

static void test_devices(void **state)
{
    (void)state;
    parse(GUEST "device = 00:1f.2\ndevice = 0001:03:00.* # all\n[guest b]\n" REST "[guest c]\n" REST
                "device = nvme#2\n");
    assert_int_equal(config.device_count, 3);
    assert_int_equal(config.guests[0].first_device, 0);
    assert_int_equal(config.guests[0].device_count, 2);
    assert_slice(&config.devices[0].at, "00:1f.2", 4, 10);
    assert_int_equal(config.devices[0].selector.kind, PCI_BY_ADDRESS);
    assert_int_equal(config.devices[0].selector.value, 0xfa);
    assert_slice(&config.devices[1].at, "0001:03:00.*", 5, 10);
    assert_int_equal(config.devices[1].selector.kind, PCI_BY_SLOT);
    assert_int_equal(config.guests[1].device_count, 0);
    assert_int_equal(config.guests[2].first_device, 2);
    assert_int_equal(config.guests[2].device_count, 1);
    assert_int_equal(config.devices[2].selector.number, 2);
}

static void test_modules(void **state)
{
    (void)state;
    parse(GUEST "module = disk.img root  ro # c\nmodule=b/c\n[guest b]\n" REST
                "kind = multiboot\nmodule = \"m # a \"\n[guest c]\n" REST);
    assert_int_equal(config.module_count, 3);
    assert_int_equal(config.guests[0].first_module, 0);
    assert_int_equal(config.guests[0].module_count, 2);
    assert_slice(&config.modules[0].file, "disk.img", 4, 10);
    assert_slice(&config.modules[0].args, "root  ro", 4, 19);
    assert_slice(&config.modules[1].file, "b/c", 5, 8);
    assert_slice(&config.modules[1].args, "", 5, 11);
    assert_int_equal(config.guests[1].first_module, 2);
    assert_int_equal(config.guests[1].module_count, 1);
    assert_slice(&config.modules[2].args, "# a ", 10, 13);
    assert_int_equal(config.guests[2].module_count, 0);
}

static void test_on_crash(void **state)
{
    (void)state;
    parse(GUEST "on-crash = halt");
    assert_int_equal(config.guests[0].on_crash, ON_CRASH_HALT);
    parse(GUEST "on-crash = restart");
    assert_int_equal(config.guests[0].on_crash, ON_CRASH_RESTART);
    parse(GUEST "on-crash = reboot-machine");
    assert_int_equal(config.guests[0].on_crash, ON_CRASH_REBOOT_MACHINE);
}

static void test_on_device_fault(void **state)
{
    (void)state;
    parse(GUEST "on-device-fault = ignore");
    assert_int_equal(config.guests[0].on_fault, ON_FAULT_IGNORE);
    parse(GUEST "on-device-fault = detach");
    assert_int_equal(config.guests[0].on_fault, ON_FAULT_DETACH);
    parse(GUEST "on-device-fault = stop");
    assert_int_equal(config.guests[0].on_fault, ON_FAULT_STOP);
}

/* Write `text` at `at`, then `count` times `fill`; returns where that ends. */
static char *append(char *at, const char *text, char fill, size_t count)
{
    memcpy(at, text, strlen(text));
    at += strlen(text);
    memset(at, fill, count);
    return at + count;
}

/* The longest of everything is still taken. */
static void test_limits(void **state)
{
    static char text[CONFIG_MAX_TEXT + 1];
    char *at = text;

    (void)state;
    at = append(at, "[guest fifteen-bytes-a]\nmemory = 64M\nkernel = ", 'k', CONFIG_MAX_PATH);
    at = append(at, "\ncmdline = ", 'c', CONFIG_MAX_CMDLINE);
    at = append(at, "\n#", '-', CONFIG_MAX_LINE - 1);
    append(at, "", '\n', (size_t)(text + CONFIG_MAX_TEXT - at));
    parse(text);
    assert_int_equal(config.guests[0].name.length, CONFIG_MAX_NAME);
    assert_int_equal(config.guests[0].kernel.length, CONFIG_MAX_PATH);
    assert_int_equal(config.guests[0].cmdline.length, CONFIG_MAX_CMDLINE);
}

/* Sections in any order; names are told apart by capitals. */
static void test_order(void **state)
{
    (void)state;
    parse("[guest a]\nkernel = k\nmemory = 64M\n[machine]\n[guest A]\nmemory = 66M\nkernel = k\n");
    assert_int_equal(config.guest_count, 2);
    assert_slice(&config.guests[0].name, "a", 1, 8);
    assert_slice(&config.guests[1].name, "A", 5, 8);
    assert_int_equal(config.machine.console, CONSOLE_DEFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key),      cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_cr_lf_and_mark), cmocka_unit_test(test_blanks_and_comments),
        cmocka_unit_test(test_quotes),         cmocka_unit_test(test_console),
        cmocka_unit_test(test_inspect),        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_on_crash),       cmocka_unit_test(test_on_device_fault),
        cmocka_unit_test(test_cpus),           cmocka_unit_test(test_lists_of_several_guests),
        cmocka_unit_test(test_kinds),          cmocka_unit_test(test_load_and_entry),
        cmocka_unit_test(test_devices),        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
