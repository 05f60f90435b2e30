/* SPDX-License-Identifier: MIT */
#include "kernel/lib/fmt.h"

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/mem.h"

/* Where the text goes. `length` counts what the whole text has, also where it did not fit. */
struct output {
    char *start;
    size_t size;
    size_t length;
};

enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG, LENGTH_LLONG, LENGTH_SIZE };

/* One conversion of the format, as in "%-08llx". */
struct spec {
    bool left;
    bool zero;
    bool prefix;
    bool has_precision;
    size_t width;
    size_t precision;
    enum length length;
    char kind;
};

/* A va_list inside a struct can be passed on by address, a parameter of that type cannot. */
struct arguments {
    va_list list;
};

static void put_fill(struct output *out, char byte, size_t count)
{
    if (out->length < out->size) {
        size_t space = out->size - out->length;

        memset(out->start + out->length, byte, count < space ? count : space);
    }
    out->length += count;
}

static void put_text(struct output *out, const char *text, size_t count)
{
    if (out->length < out->size) {
        size_t space = out->size - out->length;

        memcpy(out->start + out->length, text, count < space ? count : space);
    }
    out->length += count;
}

/* `prefix` (a sign, or 0x) goes before the zeros and after the blanks. */
static void put_padded(struct output *out, const struct spec *spec, const char *prefix,
                       const char *body, size_t body_length)
{
    size_t prefix_length = prefix[0] == '\0' ? 0 : prefix[1] == '\0' ? 1 : 2;
    size_t total = prefix_length + body_length;
    size_t padding = spec->width > total ? spec->width - total : 0;
    bool zeros = spec->zero && !spec->left && spec->kind != 's' && spec->kind != 'c';

    if (!spec->left && !zeros)
        put_fill(out, ' ', padding);
    put_text(out, prefix, prefix_length);
    if (zeros)
        put_fill(out, '0', padding);
    put_text(out, body, body_length);
    if (spec->left)
        put_fill(out, ' ', padding);
}

static void put_number(struct output *out, const struct spec *spec, const char *prefix,
                       uint64_t value)
{
    unsigned base = spec->kind == 'x' || spec->kind == 'p' ? 16 : 10;
    char digits[20]; /* 2^64 has 20 decimal digits */
    size_t first = sizeof(digits);

    do {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    put_padded(out, spec, prefix, digits + first, sizeof(digits) - first);
}

static int64_t take_signed(const struct spec *spec, struct arguments *args)
{
    switch (spec->length) {
    case LENGTH_CHAR:
        return (signed char)va_arg(args->list, int);
    case LENGTH_SHORT:
        return (short)va_arg(args->list, int);
    case LENGTH_INT:
        return va_arg(args->list, int);
    case LENGTH_LONG:
        return va_arg(args->list, long);
    case LENGTH_LLONG:
        return va_arg(args->list, long long);
    case LENGTH_SIZE:
        return (int64_t)va_arg(args->list, size_t);
    }
    return 0;
}

static uint64_t take_unsigned(const struct spec *spec, struct arguments *args)
{
    switch (spec->length) {
    case LENGTH_CHAR:
        return (unsigned char)va_arg(args->list, unsigned);
    case LENGTH_SHORT:
        return (unsigned short)va_arg(args->list, unsigned);
    case LENGTH_INT:
        return va_arg(args->list, unsigned);
    case LENGTH_LONG:
        return va_arg(args->list, unsigned long);
    case LENGTH_LLONG:
        return va_arg(args->list, unsigned long long);
    case LENGTH_SIZE:
        return va_arg(args->list, size_t);
    }
    return 0;
}

static void put_signed(struct output *out, const struct spec *spec, int64_t value)
{
    /* 0 - x, not -x: the smallest number has no positive twin. */
    if (value < 0)
        put_number(out, spec, "-", 0 - (uint64_t)value);
    else
        put_number(out, spec, "", (uint64_t)value);
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
    size_t length = 0;

    if (text == NULL)
        text = "(null)";
    /* With a precision the text need not end in a zero byte. */
    while ((!spec->has_precision || length < spec->precision) && text[length] != '\0')
        length++;
    put_padded(out, spec, "", text, length);
}

/* Digits or '*' at `at`; returns where they end. A negative '*' sets `negative`. */
static const char *parse_count(const char *at, struct arguments *args, size_t *count,
                               bool *negative)
{
    *count = 0;
    *negative = false;
    if (*at == '*') {
        int given = va_arg(args->list, int);

        *negative = given < 0;
        *count = given < 0 ? 0 - (unsigned)given : (unsigned)given;
        return at + 1;
    }
    for (; *at >= '0' && *at <= '9'; at++)
        if (*count < 100000)
            *count = *count * 10 + (size_t)(*at - '0');
    return at;
}

static const char *parse_length(const char *at, enum length *length)
{
    *length = LENGTH_INT;
    if (at[0] == 'h' || at[0] == 'l') {
        bool twice = at[1] == at[0];

        if (at[0] == 'h')
            *length = twice ? LENGTH_CHAR : LENGTH_SHORT;
        else
            *length = twice ? LENGTH_LLONG : LENGTH_LONG;
        return at + (twice ? 2 : 1);
    }
    if (at[0] == 'z') {
        *length = LENGTH_SIZE;
        return at + 1;
    }
    return at;
}

/* `at` is behind the '%'. Returns where the conversion's letter stands. */
static const char *parse_spec(const char *at, struct arguments *args, struct spec *spec)
{
    bool negative;

    *spec = (struct spec){0};
    for (; *at == '-' || *at == '0' || *at == '#'; at++) {
        spec->left |= *at == '-';
        spec->zero |= *at == '0';
        spec->prefix |= *at == '#';
    }
    at = parse_count(at, args, &spec->width, &negative);
    spec->left |= negative;
    if (*at == '.') {
        at = parse_count(at + 1, args, &spec->precision, &negative);
        spec->has_precision = !negative;
    }
    at = parse_length(at, &spec->length);
    spec->kind = *at;
    return at;
}

/* Returns false when the conversion is none that we know; it has then taken no value. */
static bool put_conversion(struct output *out, const struct spec *spec, struct arguments *args)
{
    char byte;
    uint64_t value;

    switch (spec->kind) {
    case '%':
        put_text(out, "%", 1);
        return true;
    case 'c':
        byte = (char)va_arg(args->list, int);
        put_padded(out, spec, "", &byte, 1);
        return true;
    case 's':
        put_string(out, spec, va_arg(args->list, const char *));
        return true;
    case 'd':
    case 'i':
        put_signed(out, spec, take_signed(spec, args));
        return true;
    case 'u':
        put_number(out, spec, "", take_unsigned(spec, args));
        return true;
    case 'x':
        value = take_unsigned(spec, args);
        put_number(out, spec, spec->prefix && value != 0 ? "0x" : "", value);
        return true;
    case 'p':
        put_number(out, spec, "0x", (uintptr_t)va_arg(args->list, void *));
        return true;
    default:
        return false;
    }
}

size_t fmt_vprint(char *out, size_t size, const char *format, va_list args)
{
    struct output output = {.start = out, .size = size, .length = 0};
    struct arguments arguments;
    const char *at = format;

    va_copy(arguments.list, args);
    while (*at != '\0') {
        const char *from = at;
        struct spec spec;

        while (*at != '\0' && *at != '%')
            at++;
        put_text(&output, from, (size_t)(at - from));
        if (*at == '\0')
            break;
        from = at;
        at = parse_spec(at + 1, &arguments, &spec);
        if (*at != '\0')
            at++;
        if (!put_conversion(&output, &spec, &arguments))
            put_text(&output, from, (size_t)(at - from));
    }
    va_end(arguments.list);
    if (size > 0)
        out[output.length < size ? output.length : size - 1] = '\0';
    return output.length;
}

size_t fmt_print(char *out, size_t size, const char *format, ...)
{
    va_list args;
    size_t length;

    va_start(args, format);
    length = fmt_vprint(out, size, format, args);
    va_end(args);
    return length;
}
