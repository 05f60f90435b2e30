/* SPDX-License-Identifier: MIT */
#include "tests/unit/console_world.h"

/* ---- lines ---- */

static void test_lines_have_names(void **state)
{
    (void)state;
    say(0, "hello\n");
    say(1, "one\r\ntwo\r\n\r\n");
    say(LOG, "guest web started\n");
    EXPECT("rt| one\r\n"
           "bulkhead| guest web started\r\n"
           "web| hello\r\n"
           "rt| two\r\n"
           "rt| \r\n");
    EXPECT("");
}

static void test_complete_lines_are_not_mixed(void **state)
{
    (void)state;
    say(0, "first ");
    EXPECT("");
    say(1, "other\n");
    say(0, "half\n");
    EXPECT("rt| other\r\nweb| first half\r\n");
}

static void test_prompt_shows_when_it_stays(void **state)
{
    (void)state;
    say(0, "login: ");
    console_flush(&c);
    EXPECT("");
    say(0, "x"); /* still growing */
    console_flush(&c);
    EXPECT("");
    console_flush(&c);
    EXPECT("web| login: x");
    say(0, "r"); /* goes on in place */
    EXPECT("r");
    say(0, "oot\r\n");
    EXPECT("oot\r\n");
}

static void test_unfinished(void **state)
{
    (void)state;
    assert_false(console_unfinished(&c));
    say(0, "login: ");
    pump();
    assert_true(console_unfinished(&c));
    settle();
    pump();
    assert_false(console_unfinished(&c));
    type("\x01"
         "2");
    say(0, "unseen\n");
    pump();
    assert_false(console_unfinished(&c)); /* waiting would not help it */
    type("\x01"
         "a");
    assert_true(console_unfinished(&c));
}

static void test_open_line_is_broken_and_resumed(void **state)
{
    (void)state;
    say(0, "login: ");
    settle();
    EXPECT("web| login: ");
    say(1, "noise\n");
    EXPECT("\r\nrt| noise\r\n");
    say(0, "ro");
    EXPECT("");
    say(0, "ot\n");
    EXPECT("web| root\r\n");
}

static void test_pump_wants_room(void **state)
{
    char out[CONSOLE_MIN_OUT];

    (void)state;
    say(0, "hello\n");
    assert_int_equal(console_pump(&c, out, CONSOLE_MIN_OUT - 1), 0);
    assert_int_equal(console_pump(&c, out, 0), 0);
    EXPECT("web| hello\r\n");
}

static void test_long_lines_are_broken(void **state)
{
    char expected[1024], text[2 * CONSOLE_LINE + 10];
    int length;

    (void)state;
    memset(text, 'x', sizeof(text));
    say_bytes(0, text, sizeof(text)); /* no line end at all */
    length = snprintf(expected, sizeof(expected), "web| %.*s\r\nweb| %.*s\r\nweb| %.*s",
                      CONSOLE_LINE, text, CONSOLE_LINE, text, 10, text);
    assert_true(length > 0 && (size_t)length < sizeof(expected));
    EXPECT(expected);
    say(0, "\n");
    EXPECT("\r\n");
}

static void test_log_lines_stay_whole(void **state)
{
    char text[3 * CONSOLE_LINE], expected[sizeof(text) + 32];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    say_bytes(LOG, text, sizeof(text));
    snprintf(expected, sizeof(expected), CONSOLE_LOG_NAME "| %.*s\r\n", (int)sizeof(text) - 1,
             text);
    EXPECT(expected);
}

static void test_turns_are_taken(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        say(0, "flood\n");
    say(1, "a\nb\n");
    pump();
    /* web's turn may have come first, but rt never waits for more than a line. */
    assert_non_null(strstr(shown, "rt| a\r\nweb| flood\r\nrt| b\r\n"));
    assert_true(strstr(shown, "rt| b") < shown + 60);
}

/* Endless output that never fills a line must not keep the others out. */
static void test_turn_without_line_end_is_over_too(void **state)
{
    char text[800];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "x\b", 2);
    say_bytes(0, text, sizeof(text));
    say(1, "here\n");
    c.turn = GUESTS; /* web is next */
    pump();
    assert_non_null(strstr(shown, "\r\nrt| here\r\nweb| "));
}

static void test_bounded_work(void **state)
{
    char out[4096];
    uint32_t before;

    (void)state;
    for (uint32_t i = 0; i < GUESTS; i++)
        for (int k = 0; k < RING / 8; k++)
            say_bytes(i, "\0\0\0\0\0\0\0\0", 8); /* nothing to show in all that */
    before = ring_count(&rings[0]) + ring_count(&rings[1]) + ring_count(&rings[2]);
    assert_int_equal(console_pump(&c, out, sizeof(out)), 0);
    assert_true(before - ring_count(&rings[0]) - ring_count(&rings[1]) - ring_count(&rings[2]) <=
                CONSOLE_INPUT);
}

/* ---- control characters ---- */

static void test_control_sequences_are_neutralised(void **state)
{
    static const struct {
        const char *said, *shown;
    } cases[] = {
        {"a\x1b[2Jb\x1b[Hc\x1b[10;20Hd\n", "web| abcd\r\n"},
        {"a\x1b[?1049hb\x1b[1Ac\n", "web| abc\r\n"},
        {"a\x1b]0;title\x07"
         "b\x1b]2;t\x1b\\c\n",
         "web| abc\r\n"},
        {"a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e\n", "web| abcde\r\n"},
        {"a\x1b]unfinished\nb\n", "web| a\r\nweb| b\r\n"},
        {"a\x1b[12\nb\n", "web| a\r\nweb| b\r\n"},
        {"a\x1b(Bb\x1b"
         "7c\x1b"
         "8d\x1b"
         "ce\x1b#8f\n",
         "web| abcdef\r\n"},
        {"a\x1b[1\x18"
         "b\x1b]x\x1a"
         "c\n",
         "web| abc\r\n"},
        {"a\x1b\x1b[2Kb\x1b[\x1b[Kc\n", "web| abc\r\n"},
        {"a\x1b[3\x01"
         "Bb\n",
         "web| ab\r\n"},
        {"a\x0b\x0c\x0e\x0f\x07\x7f\x05"
         "b\n",
         "web| ab\r\n"},
        {"\tx\ty\t\tz\n", "web|         x       y               z\r\n"},
        {"12345678\tx\n", "web| 12345678        x\r\n"},
        {"a\b\b\bb\n", "web| a\bb\r\n"}, /* not into the name */
        {"\bx\n", "web| x\r\n"},
        {"\r\r\nx\n", "web| \r\nweb| x\r\n"},
        {"10%\r20%\r\n", "web| 10%\rweb| 20%\r\n"},
        {"ab\r\bc\n", "web| ab\rweb| c\r\n"},
        {"\x1b[1;31mred\x1b[0m plain\n", "web| \x1b[1;31mred\x1b[0m plain\r\n"},
        {"\x1b[32mgreen\n", "web| \x1b[32mgreen\x1b[0m\r\n"}, /* ends with the line */
        {"x\n\x1b[m\x1b[0m\x1b[0;0m", "web| x\r\n"},
        {"\x1b[38:5:1mx\n", "web| \x1b[38:5:1mx\x1b[0m\r\n"},
        {"\x1b[1;2;3;4;5;6;7;8mx\n", "web| \x1b[1;2;3;4;5;6;7;8mx\x1b[0m\r\n"},
        {"\x1b[1;2;3;4;5;6;7;8;9mx\n", "web| x\r\n"},        /* too long */
        {"\x1b[>4;1mx\x1b[?5my\x1b[1 mz\n", "web| xyz\r\n"}, /* not colours */
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7\n",
         "web| gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7\r\n"},
        {"\xc2\xa9\n", "web| \xc2\xa9\r\n"},
        {"\x9b"
         "2J\xc2\x9b"
         "2J\n",
         "web| ?2J?2J\r\n"},                                    /* ESC [ in one */
        {"\xff\xc0\xaf\xc1\x9b\xf5\x80\n", "web| ???????\r\n"}, /* wrong one by one */
        {"\xc3(\xc2(\xc2\x1b[2Jx\n", "web| \xc3((x\r\n"},
        {"\xc2\n\x80\n", "web| \r\nweb| ?\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(NULL);
        say(0, cases[i].said);
        settle();
        pump();
        assert_string_equal(shown, cases[i].shown);
    }
}

static void test_colour_ends_where_the_line_is_broken(void **state)
{
    (void)state;
    say(0, "\x1b[31mred");
    settle();
    EXPECT("web| \x1b[31mred");
    say(1, "plain\n");
    EXPECT("\x1b[0m\r\nrt| plain\r\n");
    say(0, "more\n");
    EXPECT("web| more\r\n");
}

static void test_restart_forgets_sequences(void **state)
{
    (void)state;
    say(0, "x\x1b]unfinished");
    settle();
    EXPECT("web| x");
    console_restart(&c, 0);
    console_restart(&c, 99);
    say(0, "y\n");
    EXPECT("y\r\n");
}

static void test_name_is_cut(void **state)
{
    (void)state;
    console_source(&sources[0], "abcdefghijklmnopqrstuvwxyz", 26, &rings[0]);
    say(0, "x\n");
    EXPECT("abcdefghijklmno| x\r\n");
}

static void test_tiny_ring(void **state)
{
    (void)state;
    assert_true(ring_init(&rings[0], storage[0], 1));
    console_source(&sources[0], "web", 3, &rings[0]);
    say(0, "a");
    EXPECT("web| a");
    say(0, "\n");
    EXPECT("\r\n");
}

/* ---- anything goes in ---- */

/* What the terminal gets in all mode holds no control function but the few that are meant. */
static void check_harmless(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];

        if (byte == 0x1b) {
            assert_int_equal(text[++i], '[');
            for (i++; i < length && text[i] != 'm'; i++)
                assert_non_null(strchr("0123456789;:", text[i]));
            assert_true(i < length);
        } else if (byte < 0x20) {
            assert_true(byte == '\r' || byte == '\n' || byte == '\b');
        }
        if (byte == 0xc2)
            assert_true((uint8_t)text[i + 1] >= 0xa0);
    }
}

static void check_line_starts(const char *text)
{
    static const char *const prefixes[] = {"web| ", "rt| ", "db| ", "bulkhead| "};

    for (const char *at = text; *at;) {
        bool known = false;

        for (size_t i = 0; i < 4; i++)
            known = known || strncmp(at, prefixes[i], strlen(prefixes[i])) == 0;
        assert_true(known);
        at = strchr(at, '\n');
        if (!at)
            return;
        at++;
    }
}

static void test_random_output(void **state)
{
    static const char likely[] = "\x1b[]0;m\n\r\b\t\x9b\xc2\xe2\x07Pab";

    (void)state;
    srand(5);
    for (int round = 0; round < 200; round++) {
        setup(NULL);
        for (int i = 0; i < 100; i++) {
            uint32_t source = (uint32_t)rand() % GUESTS;

            for (int k = rand() % 60; k > 0; k--) {
                char byte = (char)(rand() % 3 ? likely[(size_t)rand() % (sizeof(likely) - 1)]
                                              : rand() % 255 + 1);
                ring_put(&rings[source], (uint8_t)byte);
            }
            if (rand() % 20 == 0)
                say(LOG, "log\n");
            if (rand() % 4 == 0)
                console_flush(&c);
            pump();
        }
        check_harmless(shown, shown_length);
        check_line_starts(shown);
    }
}

static void test_random_use(void **state)
{
    static const char keys[] = "\x01\x01\x01"
                               "123456789anpshx";
    char out[600];

    (void)state;
    srand(6);
    for (int i = 0; i < 100000; i++) {
        size_t size = (size_t)rand() % sizeof(out);

        ring_put(&rings[(size_t)rand() % (GUESTS + 1)], (uint8_t)rand());
        if (rand() % 3 == 0)
            console_key(&c, (uint8_t)keys[(size_t)rand() % (sizeof(keys) - 1)]);
        if (rand() % 5 == 0)
            console_flush(&c);
        if (rand() % 50 == 0)
            console_restart(&c, (uint32_t)rand() % 4);
        assert_true(console_pump(&c, out, size) <= size);
        assert_true(c.selected < GUESTS && c.turn <= GUESTS);
        assert_true(c.open == CONSOLE_NOBODY || c.open <= GUESTS);
    }
    while (console_pump(&c, out, sizeof(out)) != 0) {
    }
    for (size_t i = 0; i < GUESTS; i++)
        assert_true(ring_count(&rings[i]) <= RING / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lines_have_names, setup),
        cmocka_unit_test_setup(test_complete_lines_are_not_mixed, setup),
        cmocka_unit_test_setup(test_prompt_shows_when_it_stays, setup),
        cmocka_unit_test_setup(test_unfinished, setup),
        cmocka_unit_test_setup(test_open_line_is_broken_and_resumed, setup),
        cmocka_unit_test_setup(test_pump_wants_room, setup),
        cmocka_unit_test_setup(test_long_lines_are_broken, setup),
        cmocka_unit_test_setup(test_log_lines_stay_whole, setup),
        cmocka_unit_test_setup(test_turns_are_taken, setup),
        cmocka_unit_test_setup(test_turn_without_line_end_is_over_too, setup),
        cmocka_unit_test_setup(test_bounded_work, setup),
        cmocka_unit_test_setup(test_control_sequences_are_neutralised, setup),
        cmocka_unit_test_setup(test_colour_ends_where_the_line_is_broken, setup),
        cmocka_unit_test_setup(test_restart_forgets_sequences, setup),
        cmocka_unit_test_setup(test_name_is_cut, setup),
        cmocka_unit_test_setup(test_tiny_ring, setup),
        cmocka_unit_test_setup(test_random_output, setup),
        cmocka_unit_test_setup(test_random_use, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
