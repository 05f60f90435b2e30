/* SPDX-License-Identifier: MIT */
#include "kernel/config/lexer.h"

#include "kernel/lib/mem.h"

/* One line without its end. */
struct row {
    const char *text;
    uint32_t length;
    uint32_t line;
};

static bool refuse_at(const struct row *row, uint32_t at, struct diag *diag)
{
    return diag_at(diag, row->line, at + 1);
}

static struct slice slice_of(const struct row *row, uint32_t from, uint32_t to)
{
    return (struct slice){
        .start = row->text + from, .length = to - from, .line = row->line, .column = from + 1};
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static uint32_t skip_blanks(const struct row *row, uint32_t at)
{
    while (at < row->length && is_blank(row->text[at]))
        at++;
    return at;
}

/* Where the text before `to` ends when its trailing blanks are left out; not before `from`. */
static uint32_t trim(const struct row *row, uint32_t from, uint32_t to)
{
    while (to > from && is_blank(row->text[to - 1]))
        to--;
    return to;
}

/* Nothing but a comment follows. */
static bool is_end(const struct row *row, uint32_t at)
{
    return at == row->length || (row->text[at] == '#' && (at == 0 || is_blank(row->text[at - 1])));
}

/* The first `wanted` at or behind `at`, or where the text ends. */
static uint32_t find(const struct row *row, uint32_t at, char wanted)
{
    while (!is_end(row, at) && row->text[at] != wanted)
        at++;
    return at;
}

bool lexer_init(struct lexer *lexer, const char *text, size_t size, struct diag *diag)
{
    bool marked, unmarked;

    *lexer = (struct lexer){.text = text, .size = size, .offset = 0, .line = 0};
    if (size > CONFIG_MAX_TEXT) {
        diag_set(diag, "the file has %zu bytes, more than %zu", size, (size_t)CONFIG_MAX_TEXT);
        diag_hint(diag, "is this the config file?");
        return diag_at(diag, 1, 1);
    }
    if (size < 2)
        return true;
    marked = memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0;
    unmarked = (text[0] == '\0') != (text[1] == '\0');
    if (marked || unmarked) {
        diag_set(diag, "the file is saved as UTF-16");
        diag_hint(diag, "save it as UTF-8 (in Notepad: Save as, Encoding: UTF-8)");
        return diag_at(diag, 1, 1);
    }
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        lexer->text += 3;
        lexer->size -= 3;
    }
    return true;
}

static bool check_byte(const struct row *row, uint32_t at, struct diag *diag)
{
    unsigned char byte = (unsigned char)row->text[at];

    if ((byte >= 0x20 && byte <= 0x7e) || byte == '\t')
        return true;
    if (byte >= 0x80) {
        diag_set(diag, "byte 0x%02x is not ASCII", byte);
        diag_hint(diag, "use plain letters, digits and signs, in comments too");
    } else if (byte == 0) {
        diag_set(diag, "byte 0x00: this is not a text file");
        diag_hint(diag, "copy the file to the stick again, or save it as UTF-8");
    } else if (byte == '\r') {
        diag_set(diag, "carriage return in the middle of a line");
        diag_hint(diag, "end each line with LF or CR LF");
    } else {
        diag_set(diag, "control character 0x%02x", byte);
        diag_hint(diag, "delete it; of these only the tab is allowed");
    }
    return refuse_at(row, at, diag);
}

/* Cut off the next line. The caller knows that there is one. */
static bool next_row(struct lexer *lexer, struct row *row, struct diag *diag)
{
    size_t left = lexer->size - lexer->offset;
    uint32_t length = 0;
    uint32_t at;

    *row = (struct row){.text = lexer->text + lexer->offset, .length = 0, .line = ++lexer->line};
    while (length < left && row->text[length] != '\n')
        length++;
    lexer->offset += length < left ? length + 1 : length;
    row->length = length > 0 && row->text[length - 1] == '\r' ? length - 1 : length;

    for (at = 0; at < row->length && at < CONFIG_MAX_LINE; at++)
        if (!check_byte(row, at, diag))
            return false;
    if (row->length > CONFIG_MAX_LINE) {
        diag_set(diag, "the line has %u bytes, more than %u", row->length, CONFIG_MAX_LINE);
        diag_hint(diag, "one key = value a line");
        return refuse_at(row, CONFIG_MAX_LINE, diag);
    }
    return true;
}

/* `at` is where the line must have ended. */
static bool check_rest(const struct row *row, uint32_t at, const char *behind, struct diag *diag)
{
    if (is_end(row, skip_blanks(row, at)))
        return true;
    at = skip_blanks(row, at);
    diag_set(diag, "unexpected text behind %s", behind);
    diag_hint(diag, "a comment starts with \"#\" and a blank in front of it");
    return refuse_at(row, at, diag);
}

/* `open` is where the "[" stands. */
static bool lex_section(const struct row *row, uint32_t open, struct config_line *line,
                        struct diag *diag)
{
    uint32_t close = find(row, open + 1, ']');
    uint32_t from = skip_blanks(row, open + 1);
    uint32_t to;

    line->kind = CONFIG_LINE_SECTION;
    if (is_end(row, close)) {
        diag_set(diag, "the section header is not closed");
        diag_hint(diag, "put a \"]\" at its end");
        return refuse_at(row, open, diag);
    }
    for (to = from; to < close && !is_blank(row->text[to]);)
        to++;
    if (to == from) {
        diag_set(diag, "the section header is empty");
        diag_hint(diag, "write [machine], or [guest NAME]");
        return refuse_at(row, open, diag);
    }
    line->head = slice_of(row, from, to);
    from = skip_blanks(row, to);
    line->value = slice_of(row, from, trim(row, from, close));
    return check_rest(row, close + 1, "the section header", diag);
}

/* `open` is where the '"' stands. */
static bool lex_quoted(const struct row *row, uint32_t open, struct config_line *line,
                       struct diag *diag)
{
    uint32_t close = open + 1;

    while (close < row->length && row->text[close] != '"')
        close++;
    if (close == row->length) {
        diag_set(diag, "the quote is not closed");
        diag_hint(diag, "put a second '\"' at the end of the value, in the same line");
        return refuse_at(row, open, diag);
    }
    line->quoted = true;
    line->value = slice_of(row, open + 1, close);
    return check_rest(row, close + 1, "the closing quote", diag);
}

static bool refuse_without_equals(const struct row *row, uint32_t from, struct diag *diag)
{
    diag_set(diag, "there is no \"=\" in this line");
    if (row->text[from] == ';' || row->text[from] == '/')
        diag_hint(diag, "a comment starts with \"#\"");
    else
        diag_hint(diag, "write key = value");
    return refuse_at(row, from, diag);
}

/* `from` is where the key starts. */
static bool lex_key(const struct row *row, uint32_t from, struct config_line *line,
                    struct diag *diag)
{
    uint32_t equals = find(row, from, '=');
    uint32_t at;

    line->kind = CONFIG_LINE_KEY;
    if (is_end(row, equals))
        return refuse_without_equals(row, from, diag);
    if (equals == from) {
        diag_set(diag, "there is no key in front of the \"=\"");
        diag_hint(diag, "write key = value");
        return refuse_at(row, from, diag);
    }
    line->head = slice_of(row, from, trim(row, from, equals));
    at = skip_blanks(row, equals + 1);
    if (at < row->length && row->text[at] == '"')
        return lex_quoted(row, at, line, diag);
    line->value = slice_of(row, at, trim(row, at, find(row, at, '\0')));
    return true;
}

bool lexer_next(struct lexer *lexer, struct config_line *line, struct diag *diag)
{
    *line = (struct config_line){.kind = CONFIG_LINE_END};
    while (lexer->offset < lexer->size) {
        struct row row;
        uint32_t at;

        if (!next_row(lexer, &row, diag))
            return false;
        at = skip_blanks(&row, 0);
        if (is_end(&row, at))
            continue;
        return row.text[at] == '[' ? lex_section(&row, at, line, diag)
                                   : lex_key(&row, at, line, diag);
    }
    return true;
}
