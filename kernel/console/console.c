/* SPDX-License-Identifier: MIT */
#include "kernel/console/console.h"

#include "kernel/console/filter.h"
#include "kernel/lib/mem.h"

/* Bytes of one turn. A line of up to CONSOLE_LINE bytes is moved within one. */
#define TURN_BYTES (2 * CONSOLE_LINE)

#define NO_COLOUR "\x1b[0m"
/* Ends what a guest that is shown as it is may have begun: string, other character set, colours. */
#define AFTER_RAW "\x1b\\\x0f" NO_COLOUR

struct sink {
    char *at;
    size_t left;
};

void console_source(struct console_source *source, const char *name, size_t length,
                    struct ring *ring)
{
    *source = (struct console_source){
        .ring = ring,
        .name = name,
        .name_length = (uint8_t)(length < CONSOLE_NAME ? length : CONSOLE_NAME),
    };
}

void console_init(struct console *c, struct console_source *sources, uint32_t guests)
{
    *c = (struct console){.sources = sources, .guests = guests, .open = CONSOLE_NOBODY};
}

/* ---- to the sink ---- */

/* console_pump() sees to it that there is room for all that one byte of input can bring. */
static void put(struct sink *sink, const char *text, size_t length)
{
    if (length > sink->left)
        length = sink->left;
    memcpy(sink->at, text, length);
    sink->at += length;
    sink->left -= length;
}

#define PUT_LITERAL(sink, text) put(sink, "" text, sizeof(text) - 1)

static void put_prefix(struct sink *sink, const struct console_source *s)
{
    put(sink, s->name, s->name_length);
    PUT_LITERAL(sink, "| ");
}

/* End the line that is open, whoever has it. */
static void close_line(struct console *c, struct sink *sink)
{
    struct console_source *s;

    if (c->open == CONSOLE_NOBODY)
        return;
    s = &c->sources[c->open];
    if (s->raw)
        PUT_LITERAL(sink, AFTER_RAW);
    else if (s->coloured)
        PUT_LITERAL(sink, NO_COLOUR);
    if (!s->raw || s->column != 0)
        PUT_LITERAL(sink, "\r\n");
    s->raw = s->coloured = s->returned = false;
    s->column = 0;
    c->open = CONSOLE_NOBODY;
}

static void put_number(struct sink *sink, uint32_t number)
{
    char digits[10];
    size_t first = sizeof(digits);

    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put(sink, digits + first, sizeof(digits) - first);
}

static void open_line(struct console *c, struct sink *sink)
{
    struct console_source *s = &c->sources[c->turn];

    if (c->open == c->turn)
        return;
    close_line(c, sink);
    if (s->hidden != 0) {
        put_prefix(sink, s);
        PUT_LITERAL(sink, "(");
        put_number(sink, s->hidden);
        PUT_LITERAL(sink, " lines not shown)\r\n");
        s->hidden = 0;
    }
    put_prefix(sink, s);
    s->column = 0;
    s->returned = s->coloured = s->raw = false;
    c->open = c->turn;
}

static void show(struct console *c, struct sink *sink, const char *text, size_t length)
{
    struct console_source *s = &c->sources[c->turn];

    open_line(c, sink);
    if (s->returned) {
        PUT_LITERAL(sink, "\r");
        put_prefix(sink, s);
        s->column = 0;
        s->returned = false;
    }
    /* The hypervisor's own lines have an end, and programs read them. */
    if (s->column >= CONSOLE_LINE && c->turn != c->guests) {
        close_line(c, sink);
        open_line(c, sink);
    }
    put(sink, text, length);
    s->column++;
}

static void show_colour(struct console *c, struct sink *sink)
{
    struct console_source *s = &c->sources[c->turn];
    bool plain = true;

    for (size_t i = 0; i < s->sequence_length; i++)
        plain = plain && (s->sequence[i] == '0' || s->sequence[i] == ';');
    if (plain && c->open != c->turn)
        return; /* a line must not begin with that */
    open_line(c, sink);
    PUT_LITERAL(sink, "\x1b[");
    put(sink, s->sequence, s->sequence_length);
    PUT_LITERAL(sink, "m");
    s->coloured = !plain;
}

static void show_byte(struct console *c, struct sink *sink, uint8_t byte)
{
    struct console_source *s = &c->sources[c->turn];
    bool open = c->open == c->turn;
    char text[2] = {(char)0xc2, (char)byte};

    switch (filter_byte(s, byte)) {
    case FILTER_NOTHING:
        break;
    case FILTER_SHOW:
        show(c, sink, text + 1, 1);
        break;
    case FILTER_CONTINUE:
        if (open)
            put(sink, text + 1, 1);
        break;
    case FILTER_PAIR:
        show(c, sink, text, 2);
        break;
    case FILTER_REPLACE:
        show(c, sink, "?", 1);
        break;
    case FILTER_LINE_END:
        open_line(c, sink);
        close_line(c, sink);
        c->turn_left = 0;
        break;
    case FILTER_RETURN:
        s->returned = open;
        break;
    case FILTER_BACKSPACE:
        if (open && s->column != 0 && !s->returned) {
            PUT_LITERAL(sink, "\b");
            s->column--;
        }
        break;
    case FILTER_TAB:
        do
            show(c, sink, " ", 1);
        while (s->column % 8 != 0);
        break;
    case FILTER_COLOUR:
        show_colour(c, sink);
        break;
    }
}

/* ---- from the rings ---- */

static bool is_raw(const struct console *c, uint32_t source)
{
    return c->alone && source == c->selected;
}

static bool is_hidden(const struct console *c, uint32_t source)
{
    return c->alone && source != c->selected && source != c->guests;
}

static void took(struct console_source *s, uint32_t count)
{
    s->scanned -= s->scanned < count ? s->scanned : count;
}

/* Is there a line to show? Looks at each byte once, however often it is asked. */
static bool has_line(struct console_source *s, uint32_t count)
{
    uint32_t longest = s->ring->size / 2 < CONSOLE_LINE ? s->ring->size / 2 : CONSOLE_LINE;
    uint8_t byte;

    while (s->scanned <= longest && ring_peek(s->ring, s->scanned, &byte)) {
        if (byte == '\n')
            return true;
        s->scanned++;
    }
    return count > longest;
}

static bool is_ready(struct console *c, uint32_t source)
{
    struct console_source *s = &c->sources[source];
    uint32_t count = ring_count(s->ring);

    if (count == 0)
        s->flush = false;
    if (count == 0 || is_hidden(c, source))
        return false;
    return s->flush || source == c->open || is_raw(c, source) || has_line(s, count);
}

/* Who is next: the one whose turn is not over, else the next in the round who has something. */
static bool choose_turn(struct console *c)
{
    uint32_t count = c->guests + 1;

    if (c->turn_left != 0 && ring_count(c->sources[c->turn].ring) != 0)
        return true;
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t source = (c->turn + i) % count;

        if (is_ready(c, source)) {
            c->turn = source;
            c->turn_left = TURN_BYTES;
            return true;
        }
    }
    return false;
}

/* Returns how many bytes of the ring it took. */
static uint32_t move_raw(struct console *c, struct sink *sink)
{
    struct console_source *s = &c->sources[c->turn];
    uint32_t count;

    if (c->open != c->turn)
        close_line(c, sink);
    count = c->turn_left < sink->left ? c->turn_left : (uint32_t)sink->left;
    count = ring_read(s->ring, sink->at, count);
    if (count == 0)
        return 0;
    took(s, count);
    sink->at += count;
    sink->left -= count;
    c->turn_left -= count;
    c->open = c->turn;
    s->raw = true;
    s->column = sink->at[-1] != '\n';
    return count;
}

static uint32_t move_byte(struct console *c, struct sink *sink)
{
    struct console_source *s = &c->sources[c->turn];
    uint8_t byte;

    if (!ring_get(s->ring, &byte))
        return 0;
    took(s, 1);
    c->turn_left--;
    show_byte(c, sink, byte);
    return 1;
}

/* Drop a line, or as much of one as a line may have. */
static uint32_t hide_line(struct console_source *s)
{
    uint32_t count = 0;
    uint8_t byte = 0;

    while (count < CONSOLE_LINE && byte != '\n' && ring_get(s->ring, &byte))
        count++;
    took(s, count);
    filter_reset(s);
    s->hidden += byte == '\n' && s->hidden != UINT32_MAX;
    return count;
}

/* Keep the rings of those that nobody sees from becoming full. */
static uint32_t hide(struct console *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->guests && count < CONSOLE_INPUT / 2; i++) {
        struct console_source *s = &c->sources[c->hide_next];

        while (is_hidden(c, c->hide_next) && ring_count(s->ring) > s->ring->size / 2 &&
               count < CONSOLE_INPUT / 2)
            count += hide_line(s);
        c->hide_next = (c->hide_next + 1) % c->guests;
    }
    return count;
}

static void put_notice(struct console *c, struct sink *sink)
{
    size_t length = c->notice_end - c->notice_first;

    close_line(c, sink);
    if (length > sink->left)
        length = sink->left;
    put(sink, c->notice + c->notice_first, length);
    c->notice_first = (uint16_t)(c->notice_first + length);
}

size_t console_pump(struct console *c, char *out, size_t size)
{
    struct sink sink = {out, size};
    uint32_t taken = hide(c);

    if (c->open != CONSOLE_NOBODY && c->sources[c->open].raw != is_raw(c, c->open) &&
        size >= CONSOLE_MIN_OUT)
        close_line(c, &sink); /* the view changed */
    while (sink.left >= CONSOLE_MIN_OUT && taken < CONSOLE_INPUT)
        if (c->notice_first != c->notice_end)
            put_notice(c, &sink);
        else if (!choose_turn(c))
            break;
        else if (is_raw(c, c->turn))
            taken += move_raw(c, &sink);
        else
            taken += move_byte(c, &sink);
    return size - sink.left;
}

void console_flush(struct console *c)
{
    for (uint32_t i = 0; i <= c->guests; i++) {
        struct console_source *s = &c->sources[i];
        uint32_t count = ring_count(s->ring);

        s->flush = count != 0 && count == s->seen;
        s->seen = count;
    }
}

bool console_unfinished(const struct console *c)
{
    for (uint32_t i = 0; i <= c->guests; i++)
        if (!is_hidden(c, i) && ring_count(c->sources[i].ring) != 0)
            return true;
    return false;
}

void console_restart(struct console *c, uint32_t guest)
{
    if (guest < c->guests)
        filter_reset(&c->sources[guest]);
}
