/* SPDX-License-Identifier: MIT */
/* What may stand behind a device: intx= and an input of an I/O APIC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/config/config.h"

#define HINT_FORM "write such as device = 00:05.0 intx=21"
#define HINT_GSI  "it is the I/O APIC's input (GSI) that the device's interrupt is wired to"

static char text[300];
static struct config config;
static struct diag diag;

static bool parse(const char *lines)
{
    snprintf(text, sizeof(text), "[guest a]\nmemory = 64M\nkernel = k\n%s\n", lines);
    return config_parse(text, strlen(text), &config, &diag);
}

static void test_good(void **state)
{
    (void)state;
    assert_true(
        parse("device = 00:05.0 intx=21\ndevice = ethernet  intx=65535 # all\ndevice = nvme"));
    assert_int_equal(config.device_count, 3);
    assert_int_equal(config.devices[0].at.length, strlen("00:05.0 intx=21"));
    assert_int_equal(config.devices[0].selector.value, 0x28);
    assert_int_equal(config.devices[0].gsi, 21);
    assert_int_equal(config.devices[1].gsi, 65535);
    assert_int_equal(config.devices[2].gsi, 0);
    assert_int_equal(config_intx_lines(&config), 2);
    assert_true(parse("device = 00:05.0"));
    assert_int_equal(config_intx_lines(&config), 0);
}

static void test_bad(void **state)
{
    static const struct {
        const char *behind, *message, *hint;
    } bads[] = {
        {"00:1f.3", "behind the device may stand intx= and a number, not \"00:1f.3\"", HINT_FORM},
        {"intx", "behind the device may stand intx= and a number, not \"intx\"", HINT_FORM},
        {"intx=", "behind the device may stand intx= and a number, not \"intx=\"", HINT_FORM},
        {"intx=0x15", "behind the device may stand intx= and a number, not \"intx=0x15\"",
         HINT_FORM},
        {"intx=2 3", "behind the device may stand intx= and a number, not \"intx=2 3\"", HINT_FORM},
        {"INTX=21", "behind the device may stand intx= and a number, not \"INTX=21\"", HINT_FORM},
        {"intx=0", "intx=0 is not from 1 to 65535", HINT_GSI},
        {"intx=65536", "intx=65536 is not from 1 to 65535", HINT_GSI},
        {"intx=99999999999999999999", "intx=99999999999999999999 is not from 1 to 65535", HINT_GSI},
    };
    char line[60];

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(bads); i++) {
        snprintf(line, sizeof(line), "device = nvme %s", bads[i].behind);
        assert_false(parse(line));
        assert_string_equal(diag.message, bads[i].message);
        assert_string_equal(diag.hint, bads[i].hint);
        assert_int_equal(diag.line, 4);
        assert_int_equal(diag.column, 15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
