/* SPDX-License-Identifier: MIT */
#include "tests/unit/console_world.h"

/* ---- one guest as it is ---- */

static void test_raw(void **state)
{
    (void)state;
    assert_int_equal(type("\x01"
                          "2")
                         .action,
                     CONSOLE_NOTHING);
    EXPECT("bulkhead| guest 2 rt as it is; Ctrl-A a shows all guests\r\n");
    say(1, "\x1b[2J\x1b[Hvi\xff\r");
    say(0, "unseen\n");
    EXPECT("\x1b[2J\x1b[Hvi\xff\r");
    say(LOG, "guest web stopped\n"); /* the hypervisor's lines are seen always */
    EXPECT("\x1b\\\x0f\x1b[0m\r\nbulkhead| guest web stopped\r\n");
    say(1, "on\n");
    EXPECT("on\n");
    type("\x01"
         "a");
    EXPECT("\x1b\\\x0f\x1b[0mbulkhead| all guests; what you type goes to guest 2 rt\r\n"
           "web| unseen\r\n");
}

static void test_from_all_to_raw_amid_a_line(void **state)
{
    (void)state;
    say(0, "login: ");
    settle();
    EXPECT("web| login: ");
    type("\x01"
         "1");
    say(0, "root");
    EXPECT("\r\nbulkhead| guest 1 web as it is; Ctrl-A a shows all guests\r\nroot");
    type("\x01"
         "a");
    say(0, "x\n");
    EXPECT("\x1b\\\x0f\x1b[0m\r\nbulkhead| all guests; what you type goes to guest 1 web\r\n"
           "web| x\r\n");
}

static void fill_unseen(uint32_t guest, uint32_t first, uint32_t count)
{
    char text[16];

    for (uint32_t i = first; i < first + count; i++) {
        int length = snprintf(text, sizeof(text), "line %04u\n", i);
        say_bytes(guest, text, (size_t)length);
        pump();
    }
}

static void test_hidden_output_keeps_the_latest(void **state)
{
    (void)state;
    type("\x01"
         "2");
    pump();
    shown_length = 0;
    fill_unseen(0, 0, 200); /* 2000 bytes through a ring of 1024 */
    EXPECT("");
    assert_true(ring_count(&rings[0]) <= RING / 2);
    type("\x01"
         "a");
    pump();
    assert_non_null(strstr(shown, "web| (149 lines not shown)\r\nweb| line 0149\r\n"));
    assert_non_null(strstr(shown, "web| line 0199\r\n"));
    shown_length = 0;
    say(0, "next\n");
    EXPECT("web| next\r\n"); /* told once */
}

static void test_hidden_output_when_that_guest_is_selected(void **state)
{
    (void)state;
    type("\x01"
         "2");
    fill_unseen(0, 0, 60);
    shown_length = 0;
    type("\x01"
         "1");
    pump();
    assert_non_null(strstr(shown, "bulkhead| guest 1 web as it is; Ctrl-A a shows all guests\r\n"
                                  "bulkhead| 9 older lines of it were not shown\r\nline 0009\n"));
}

static void test_hidden_output_without_lines(void **state)
{
    char text[900];

    (void)state;
    memset(text, 'x', sizeof(text));
    type("\x01"
         "2");
    say_bytes(0, text, sizeof(text));
    say(0, "\x1b]never ended");
    pump();
    assert_true(ring_count(&rings[0]) <= RING / 2);
    type("\x01"
         "a");
    settle();
    pump();
    assert_non_null(strstr(shown, "web| xxx"));
}

/* ---- keys ---- */

static void expect_send(const char *keys, uint32_t guest, uint8_t byte)
{
    struct console_event event = type(keys);

    assert_int_equal(event.action, CONSOLE_SEND);
    assert_int_equal(event.guest, guest);
    assert_int_equal(event.byte, byte);
}

static void test_keys(void **state)
{
    (void)state;
    expect_send("x", 0, 'x');
    expect_send("\x01\x01", 0, 1);
    expect_send("\x03", 0, 3);
    type("\x01"
         "3");
    expect_send("y", 2, 'y');
    type("\x01"
         "n");
    expect_send("1", 0, '1'); /* round and round */
    type("\x01"
         "p");
    expect_send("a", 2, 'a');
    type("\x01"
         "p");
    expect_send("z", 1, 'z');
    type("\x01"
         "a");
    expect_send("z", 1, 'z'); /* the one selected last */
    assert_int_equal(type("\x01"
                          "s")
                         .action,
                     CONSOLE_STATISTICS);
    for (int byte = 0; byte < 256; byte++) {
        struct console_event event;

        console_key(&c, 1);
        event = console_key(&c, (uint8_t)byte);
        assert_int_equal(event.action, byte == 1     ? CONSOLE_SEND
                                       : byte == 's' ? CONSOLE_STATISTICS
                                                     : CONSOLE_NOTHING);
    }
}

static void test_notices(void **state)
{
    (void)state;
    type("\x01"
         "h");
    EXPECT("bulkhead| Ctrl-A, then 1-9: one guest; n, p: next, previous; a: all; s: statistics\r\n"
           "bulkhead| Ctrl-A Ctrl-A: a Ctrl-A for the guest; what you type goes to guest 1 "
           "web\r\n");
    type("\x01"
         "4");
    EXPECT("bulkhead| there is no guest 4: the last one is 3\r\n");
    assert_false(c.alone);
    type("\x01"
         "0");
    EXPECT("bulkhead| unknown key; Ctrl-A h lists them\r\n");
    type("\x01"
         "a");
    EXPECT("bulkhead| all guests; what you type goes to guest 1 web\r\n");
    type("\x01"
         "n");
    EXPECT("bulkhead| guest 2 rt as it is; Ctrl-A a shows all guests\r\n");
}

static void test_too_many_notices(void **state)
{
    char once[512];
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        type("\x01"
             "?");
    pump();
    strcpy(once, "bulkhead| unknown key; Ctrl-A h lists them\r\n");
    for (char *at = shown; *at; at += strlen(once), lines++)
        assert_memory_equal(at, once, strlen(once)); /* whole ones only */
    assert_true(lines >= 5 && lines <= 10);
    shown_length = 0;
    type("\x01"
         "?");
    EXPECT(once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_raw, setup),
        cmocka_unit_test_setup(test_from_all_to_raw_amid_a_line, setup),
        cmocka_unit_test_setup(test_hidden_output_keeps_the_latest, setup),
        cmocka_unit_test_setup(test_hidden_output_when_that_guest_is_selected, setup),
        cmocka_unit_test_setup(test_hidden_output_without_lines, setup),
        cmocka_unit_test_setup(test_keys, setup),
        cmocka_unit_test_setup(test_notices, setup),
        cmocka_unit_test_setup(test_too_many_notices, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
