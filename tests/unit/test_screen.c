/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/screen.h"

#define INK 0x00aaaaaau

/* A font whose glyph n has n in each of its 16 rows, so that a cell can be read back. */
static uint8_t font[4 + 127 * 16];
static struct screen screen;
static uint32_t *pixels;
static struct handoff_screen what;

static void make_font(void)
{
    static const uint8_t header[4] = {0x36, 0x04, 0x02, 16};

    memcpy(font, header, 4);
    for (size_t i = 0; i < 127 * 16; i++)
        font[4 + i] = (uint8_t)(i / 16);
    memset(font + 4 + ' ' * 16, 0, 16); /* a blank is blank */
}

/* The framebuffer is exactly as large as it says, on the heap: a write beyond it is found out. */
static bool start_sized(uint32_t width, uint32_t height, uint32_t stride, uint64_t size)
{
    free(pixels);
    pixels = malloc(size ? size : 1);
    assert_non_null(pixels);
    memset(pixels, 0x5a, size);
    what = (struct handoff_screen){.base = 0x80000000,
                                   .size = size,
                                   .width = width,
                                   .height = height,
                                   .stride = stride,
                                   .pixels = PIXELS_BGRX};
    return screen_init(&screen, &what, pixels, font, sizeof(font));
}

static bool start(uint32_t columns, uint32_t rows)
{
    return start_sized(columns * 8, rows * 16, columns * 8, (uint64_t)columns * rows * 128 * 4);
}

static int setup(void **state)
{
    (void)state;
    make_font();
    assert_true(start(20, 6));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(pixels);
    pixels = NULL;
    return 0;
}

static void print(const char *text)
{
    screen_write(&screen, text, strlen(text));
}

/* The character that the pixels of a cell show; all its rows are looked at. */
static char cell_at(uint32_t row, uint32_t column)
{
    uint32_t scale = screen.scale, first = 0;

    for (uint32_t y = 0; y < 16 * scale; y++) {
        const uint32_t *at = pixels + (row * 16 * scale + y) * what.stride + column * 8 * scale;
        uint32_t bits = 0;

        for (uint32_t x = 0; x < 8 * scale; x++) {
            assert_true(at[x] == INK || at[x] == 0);
            if (x % scale == 0)
                bits = bits << 1 | (at[x] == INK);
            else
                assert_int_equal(at[x] == INK, bits & 1);
        }
        if (y == 0)
            first = bits;
        assert_int_equal(bits, first);
    }
    return first ? (char)first : ' ';
}

static void expect_row(uint32_t row, const char *text)
{
    for (uint32_t column = 0; column < screen.columns; column++) {
        assert_int_equal(cell_at(row, column), *text ? *text : ' ');
        if (*text)
            text++;
    }
}

static void test_text(void **state)
{
    (void)state;
    assert_int_equal(screen.columns, 20);
    assert_int_equal(screen.rows, 6);
    for (uint32_t row = 0; row < 6; row++)
        expect_row(row, "");
    print("Hello, ");
    print("world\r\n~!");
    expect_row(0, "Hello, world");
    expect_row(1, "~!");
    expect_row(2, "");
}

static void test_move(void **state)
{
    (void)state;
    uint32_t *elsewhere = calloc(1, what.size);
    assert_non_null(elsewhere);
    print("a");
    uint32_t *before = pixels;
    screen_move(&screen, elsewhere);
    print("b");
    pixels = elsewhere;
    assert_int_equal(cell_at(0, 1), 'b'); /* goes on behind what was shown */
    pixels = before;
    assert_int_equal(cell_at(0, 0), 'a');
    free(elsewhere);
}

static void test_control_characters(void **state)
{
    static const struct {
        const char *text, *first, *second;
    } cases[] = {
        {"abc\rX", "Xbc", ""},
        {"abc\b\bX", "aXc", ""},
        {"a\b\b\b\bX", "X", ""},
        {"a\nb", "a", "b"},
        {"\tx\ty", "        x       y", ""},
        {"1234567\tx", "1234567 x", ""},
        {"12345678901234567890", "12345678901234567890", ""},
        {"12345678901234567890x", "12345678901234567890", "x"},
        {"12345678901234567890\nx", "12345678901234567890", "x"}, /* no empty row between */
        {"12345678901234567890\rx", "x2345678901234567890", ""},
        {"\t\t\tx", "", "x"},
        {"a\x07\x01\x7f\x0e"
         "b",
         "ab", ""},
        {"\xc3\xa9\xff", "???", ""},
        {"a\x1b[31mb\x1b[0mc\x1b[2;3Hd", "abcd", ""},
        {"a\x1b]0;title\x07"
         "b\x1b]t\x1b\\c\x1bPx\x1b\\d",
         "abcd", ""},
        {"a\x1b"
         "7b\x1b(Bc\x1b\x1b[Kd",
         "abcd", ""},
        {"a\x1b[12\nb", "a", "b"},
        {"a\x1b]endless\nb", "a", "b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(start(20, 6));
        print(cases[i].text);
        expect_row(0, cases[i].first);
        expect_row(1, cases[i].second);
    }
}

static void test_scrolls_by_half(void **state)
{
    (void)state;
    print("1\n2\n3\n4\n5\n6");
    expect_row(0, "1");
    expect_row(5, "6");
    print("\n");
    expect_row(0, "4");
    expect_row(1, "5");
    expect_row(2, "6");
    expect_row(3, "");
    expect_row(5, "");
    print("7\n8\n9");
    expect_row(3, "7");
    expect_row(5, "9");
}

static void test_one_row(void **state)
{
    (void)state;
    assert_true(start(3, 1));
    print("abcdefg");
    expect_row(0, "g");
    print("\n");
    expect_row(0, "");
}

static void test_unchanged_cells_are_not_painted(void **state)
{
    (void)state;
    print("same\nsame\nsame\nsame\nsame\nsame");
    pixels[0] = 0x123456; /* in a cell that stays as it is */
    print("\n");
    expect_row(3, "");
    assert_int_equal(pixels[0], 0x123456);
}

static void test_sizes(void **state)
{
    static const struct {
        uint32_t width, height, scale, columns, rows;
    } cases[] = {
        {8, 16, 1, 1, 1},         {640, 480, 1, 80, 30},    {1024, 768, 1, 128, 48},
        {1280, 1024, 1, 160, 64}, {1920, 1080, 2, 120, 33}, {3840, 2160, 4, 120, 33},
        {3440, 1440, 3, 143, 30}, {5120, 1440, 3, 160, 30}, {1366, 768, 1, 160, 48},
        {800, 2000, 1, 100, 75},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t w = cases[i].width, h = cases[i].height;

        assert_true(start_sized(w, h, w, (uint64_t)w * h * 4));
        assert_int_equal(screen.scale, cases[i].scale);
        assert_int_equal(screen.columns, cases[i].columns);
        assert_int_equal(screen.rows, cases[i].rows);
        print("scaled\nX");
        if (w > 8) {
            expect_row(0, "scaled");
            expect_row(1, "X");
        }
        for (uint64_t p = 0; p < (uint64_t)w * h; p++)
            assert_true(pixels[p] == 0 || pixels[p] == INK);
    }
}

static void test_stride(void **state)
{
    (void)state;
    assert_true(start_sized(80, 48, 100, 100 * 48 * 4));
    print("a\nb\nc\nd");
    expect_row(0, "c");
    for (uint32_t y = 0; y < 48; y++)
        for (uint32_t x = 80; x < 100; x++)
            assert_int_equal(pixels[y * 100 + x], 0x5a5a5a5a); /* not ours to clear */
}

static void test_lies(void **state)
{
    static const struct {
        uint32_t width, height, stride;
        uint64_t size;
        bool usable;
    } cases[] = {
        {80, 48, 80, 80 * 48 * 4 - 1, true}, /* the last row is missing a byte */
        {80, 480, 80, 80 * 16 * 4, true},
        {800, 48, 80, 80 * 48 * 4, true}, /* wider than its stride */
        {UINT32_MAX, UINT32_MAX, 80, 80 * 48 * 4, true},
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, 80 * 48 * 4, false},
        {80, 48, 0, 80 * 48 * 4, false},
        {0, 48, 80, 80 * 48 * 4, false},
        {80, 0, 80, 80 * 48 * 4, false},
        {7, 48, 80, 80 * 48 * 4, false},
        {80, 15, 80, 80 * 48 * 4, false},
        {80, 48, 80, 0, false},
        {80, 48, 80, 3, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            start_sized(cases[i].width, cases[i].height, cases[i].stride, cases[i].size),
            cases[i].usable);
        for (int k = 0; k < 50; k++)
            print("never outside, whatever is written\n");
    }
}

static void test_random_geometry(void **state)
{
    (void)state;
    srand(8);
    for (int i = 0; i < 300; i++) {
        uint32_t width = (uint32_t)rand() % 3000, height = (uint32_t)rand() % 300;

        start_sized(width, height, (uint32_t)rand() % 3000, (uint64_t)rand() % 400000);
        for (int k = 0; k < 2000; k++) {
            char byte = (char)rand();
            screen_write(&screen, &byte, 1);
        }
        assert_true(screen.columns <= SCREEN_MAX_COLUMNS && screen.rows <= SCREEN_MAX_ROWS);
    }
}

static void test_no_screen(void **state)
{
    (void)state;
    what.pixels = PIXELS_NONE;
    assert_false(screen_init(&screen, &what, pixels, font, sizeof(font)));
    print("nobody sees this");
    what.pixels = PIXELS_RGBX;
    assert_false(screen_init(&screen, &what, NULL, font, sizeof(font)));
    print("nor this");
    assert_true(screen_init(&screen, &what, pixels, font, sizeof(font)));
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void test_font_version_2(void **state)
{
    static uint8_t psf2[40 + 127 * 16];
    static const struct {
        size_t offset;
        uint32_t value;
    } wrong[] = {{0, 0x864ab573}, {20, 32}, {24, 14}, {28, 9}, {8, 41}, {8, UINT32_MAX}};

    (void)state;
    put32(psf2, 0x864ab572);
    put32(psf2 + 8, 40); /* a header that is longer than it must be */
    put32(psf2 + 16, 127);
    put32(psf2 + 20, 16);
    put32(psf2 + 24, 16);
    put32(psf2 + 28, 8);
    memcpy(psf2 + 40, font + 4, 127 * 16);
    assert_true(screen_init(&screen, &what, pixels, psf2, sizeof(psf2)));
    print("version 2");
    expect_row(0, "version 2");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint8_t before[4];

        memcpy(before, psf2 + wrong[i].offset, 4);
        put32(psf2 + wrong[i].offset, wrong[i].value);
        assert_false(screen_init(&screen, &what, pixels, psf2, sizeof(psf2)));
        memcpy(psf2 + wrong[i].offset, before, 4);
    }
}

static void test_bad_fonts(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof(font); size += size < 40 ? 1 : 100) {
        uint8_t *copy = malloc(size ? size : 1);

        assert_non_null(copy);
        memcpy(copy, font, size);
        assert_false(screen_init(&screen, &what, pixels, copy, size));
        free(copy);
    }
    font[3] = 14; /* another height */
    assert_false(screen_init(&screen, &what, pixels, font, sizeof(font)));
    font[3] = 16;
    font[1] = 0x05;
    assert_false(screen_init(&screen, &what, pixels, font, sizeof(font)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_move, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scrolls_by_half, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unchanged_cells_are_not_painted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stride, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_geometry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_screen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_font_version_2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_fonts, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
