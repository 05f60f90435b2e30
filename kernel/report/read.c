/* SPDX-License-Identifier: MIT */
/* From text to what is known of a machine. Nothing in the text is trusted. */
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"
#include "kernel/lib/text.h"
#include "kernel/pci/told.h"
#include "kernel/report/work.h"

#define SHOWN 40 /* bytes of a word that a message shows */

bool report_refuse(struct report_reader *reader, uint32_t column, const char *format, ...)
{
    char message[sizeof(reader->diag->message)];
    va_list args;

    va_start(args, format);
    fmt_vprint(message, sizeof(message), format, args);
    va_end(args);
    diag_set(reader->diag, "%s", message);
    return diag_at(reader->diag, reader->line, column);
}

int report_shown(const struct report_word *word)
{
    return word->length < SHOWN ? (int)word->length : SHOWN;
}

/* ---- lines and words ---- */

/* False at the end of the text. */
static bool next_row(struct report_reader *reader)
{
    size_t left = reader->size - reader->offset;
    size_t length = 0;

    if (left == 0)
        return false;
    reader->row = reader->text + reader->offset;
    while (length < left && reader->row[length] != '\n')
        length++;
    reader->cut = length == left;
    reader->offset += reader->cut ? length : length + 1;
    if (length > 0 && reader->row[length - 1] == '\r')
        length--;
    reader->length = length <= REPORT_MAX_LINE ? (uint32_t)length : REPORT_MAX_LINE + 1;
    reader->line++;
    return true;
}

static bool check_row(struct report_reader *reader)
{
    if (reader->length > REPORT_MAX_LINE)
        return report_refuse(reader, REPORT_MAX_LINE + 1, "the line has more than %u bytes",
                             REPORT_MAX_LINE);
    for (uint32_t i = 0; i < reader->length; i++) {
        unsigned char byte = (unsigned char)reader->row[i];
        if (byte != '\t' && (byte < ' ' || byte > '~'))
            return report_refuse(reader, i + 1, "byte 0x%02x is not ASCII text", byte);
    }
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* The next word from *at on; empty at the line's end or a remark. */
static struct report_word next_word(const struct report_reader *reader, uint32_t *at)
{
    uint32_t from = *at, to;

    while (from < reader->length && is_blank(reader->row[from]))
        from++;
    to = from;
    while (to < reader->length && !is_blank(reader->row[to]) && reader->row[from] != '#')
        to++;
    *at = to;
    return (struct report_word){reader->row + from, to - from, from + 1};
}

/* ---- facts ---- */

static bool take_field(struct report_reader *reader, struct report_line *line,
                       const struct report_word *word)
{
    const struct report_fact *fact = &report_facts[line->kind];
    uint32_t equals = 0, i = 0;

    while (equals < word->length && word->text[equals] != '=')
        equals++;
    while (i < fact->field_count && !text_equal(word->text, equals, fact->fields[i].name))
        i++;
    if (equals == word->length || i == fact->field_count)
        return report_refuse(reader, word->column, "%s has nothing called \"%.*s\"", fact->keyword,
                             report_shown(word), word->text);
    if (line->fields & BIT(i))
        return report_refuse(reader, word->column, "a second %s in one line", fact->fields[i].name);
    struct report_word value = {word->text + equals + 1, word->length - equals - 1,
                                word->column + equals + 1};
    line->fields |= (uint32_t)BIT(i);
    line->columns[i] = value.column;
    return report_take_value(reader, &fact->fields[i], &value, line->record);
}

static bool take_fields(struct report_reader *reader, struct report_line *line, uint32_t at)
{
    const struct report_fact *fact = &report_facts[line->kind];

    for (struct report_word word = next_word(reader, &at); word.length > 0;
         word = next_word(reader, &at))
        if (!take_field(reader, line, &word))
            return false;
    for (uint32_t i = 0; i < fact->field_count; i++) {
        const struct report_field *field = &fact->fields[i];
        if (!(line->fields & BIT(i)) && !field->optional && field->form != FORM_FUNCTION)
            return report_refuse(reader, 1, "%s without %s", fact->keyword, field->name);
    }
    return true;
}

static bool same_text(const char *a, const char *b)
{
    uint32_t i = 0;

    while (a[i] != '\0' && a[i] == b[i])
        i++;
    return a[i] == b[i];
}

static bool check_sound(struct report_reader *reader, const struct report_line *line)
{
    const struct report_fact *fact = &report_facts[line->kind];
    const char *field;
    const char *fault = report_unsound(reader->report, line->kind, line->record, &field);
    uint32_t column = 1;

    if (!fault)
        return true;
    for (uint32_t i = 0; field && i < fact->field_count; i++)
        if (line->fields & BIT(i) && same_text(fact->fields[i].name, field))
            column = line->columns[i];
    return report_refuse(reader, column, "%s%s%s: %s", fact->keyword, field ? ": " : "",
                         field ? field : "", fault);
}

static bool read_fact(struct report_reader *reader, enum report_kind kind, uint32_t at)
{
    struct report_line line = {.kind = kind};

    if (!report_begin(reader, &line) || !take_fields(reader, &line, at) ||
        !check_sound(reader, &line))
        return false;
    report_keep(reader, &line);
    return true;
}

/* ---- texts ---- */

static void read_text(struct report_reader *reader, const struct report_text *text, uint32_t at)
{
    char *to = (char *)reader->report + text->offset;
    uint32_t length = 0;

    if (text->offset == REPORT_NOT_KEPT)
        return;
    for (; at < reader->length && is_blank(reader->row[at]);)
        at++;
    for (; at + length < reader->length && length + 1 < REPORT_MAX_TEXT; length++)
        to[length] = reader->row[at + length];
    to[length] = '\0';
    if (to == reader->report->unfit)
        reader->report->unfit_line = reader->line;
}

/* ---- the whole ---- */

/* Keywords of a later version: small letters, digits and hyphens. */
static bool is_keyword(const struct report_word *word)
{
    for (uint32_t i = 0; i < word->length; i++) {
        char byte = word->text[i];
        if ((byte < 'a' || byte > 'z') && (byte < '0' || byte > '9') && byte != '-')
            return false;
    }
    return true;
}

static bool read_row(struct report_reader *reader)
{
    uint32_t at = 0;
    struct report_word word = next_word(reader, &at);

    if (word.length == 0 || word.text[0] == '[')
        return true;
    reader->ended = text_equal(word.text, word.length, REPORT_END);
    if (reader->ended)
        return true;
    for (uint32_t i = 0; i < FACT_KINDS; i++)
        if (text_equal(word.text, word.length, report_facts[i].keyword))
            return read_fact(reader, (enum report_kind)i, at);
    for (uint32_t i = 0; i < REPORT_TEXTS; i++) {
        if (text_equal(word.text, word.length, report_texts[i].keyword)) {
            read_text(reader, &report_texts[i], at);
            return true;
        }
    }
    if (!is_keyword(&word))
        return report_refuse(reader, word.column, "\"%.*s\" begins no line of a report",
                             report_shown(&word), word.text);
    reader->report->unknown_lines++;
    return true;
}

/* The first line: what it is, and of which version. */
static bool read_title(struct report_reader *reader)
{
    const uint32_t title = sizeof(REPORT_TITLE) - 1;
    uint64_t version;
    size_t used = 0;

    if (!next_row(reader) || reader->length < title ||
        memcmp(reader->row, REPORT_TITLE, title) != 0) {
        reader->line = 1;
        report_refuse(reader, 1, "this is no hardware report");
        return diag_hint(reader->diag, "it begins with a line \"" REPORT_TITLE "%u\"",
                         REPORT_VERSION);
    }
    text_number(reader->row + title, reader->length - title, 10, &version, &used);
    if (used > 0 && used + title == reader->length && version == REPORT_VERSION)
        return true;
    report_refuse(reader, title + 1, "a report of another version than %u", REPORT_VERSION);
    return diag_hint(reader->diag, "write it with a stick of the same version as this tool");
}

static bool refuse_cut_off(struct report_reader *reader)
{
    report_refuse(reader, 1, "the report is cut off: its last line is not \"" REPORT_END "\"");
    return diag_hint(reader->diag, "let the stick write it again");
}

/* All lines up to the end. One that is cut off says nothing that could be believed. */
static bool read_rows(struct report_reader *reader)
{
    while (!reader->ended && next_row(reader)) {
        if (!check_row(reader))
            return false;
        if (reader->cut && !text_equal(reader->row, reader->length, REPORT_END))
            return refuse_cut_off(reader);
        if (!read_row(reader))
            return false;
    }
    return reader->ended || refuse_cut_off(reader);
}

/* What must be there, whatever else is. */
static bool check_complete(struct report_reader *reader)
{
    const struct report *report = reader->report;

    if (!(reader->seen & BIT(FACT_MACHINE)))
        return report_refuse(reader, 1, "the report has no line machine");
    if (report->hardware.cpu_count == 0)
        return report_refuse(reader, 1, "the report has no line processor");
    if (report->hardware.iommu == HARDWARE_VTD && !report->acpi.dmar.present)
        return report_refuse(reader, 1, "the machine has vtd, but the report no line dmar");
    if (report->hardware.iommu == HARDWARE_AMDVI && !report->acpi.ivrs.present)
        return report_refuse(reader, 1, "the machine has amdvi, but the report no line ivrs");
    if (report->acpi.dmar.present && report->acpi.dmar.unit_count == 0)
        return report_refuse(reader, 1, "the report has a line dmar, but no dmar-unit");
    if (report->acpi.ivrs.present && report->acpi.ivrs.unit_count == 0)
        return report_refuse(reader, 1, "the report has a line ivrs, but no ivrs-unit");
    return true;
}

/*
 * Isolation groups and the like follow from the rest, and are found out by the same code as at the
 * boot. That the report says the same shows that it was not changed, and that both are of one mind.
 */
static bool check_claims(struct report_reader *reader)
{
    struct pci_inventory *pci = &reader->report->pci;

    for (uint32_t i = 0; i < pci->count; i++)
        pci->functions[i].flags &= (uint16_t)~PCI_MSIX_BAD;
    pci_check_tables(pci);
    pci->warning_count = 0;
    pci_group(pci);
    pci_find_resets(pci);
    for (uint32_t i = 0; i < pci->count; i++) {
        const struct report_claim *claim = &reader->report->claims[i];
        const struct pci_function *function = &pci->functions[i];
        if (function->header == PCI_HEADER_BRIDGE && !claim->windows) {
            reader->line = claim->line;
            report_refuse(reader, 1, "the bridge has no line windows");
            return diag_hint(reader->diag, "let the stick write it again");
        }
        if (claim->flags == function->flags && claim->group == function->group &&
            claim->alias == function->alias && claim->reset == function->reset)
            continue;
        reader->line = claim->line;
        report_refuse(reader, 1, "group, alias, reset or flags do not follow from the other lines");
        return diag_hint(reader->diag, "it was changed, or written by another version: let the "
                                       "stick write it again");
    }
    return true;
}

bool report_read(const char *text, size_t size, struct report *report, struct diag *diag)
{
    struct report_reader reader = {.text = text, .size = size, .report = report, .diag = diag};

    memset(report, 0, sizeof(*report));
    if (size > REPORT_MAX_BYTES) {
        diag_set(diag, "this is no hardware report: it has more than %zu bytes",
                 (size_t)REPORT_MAX_BYTES);
        return diag_at(diag, 1, 1);
    }
    if (!read_title(&reader))
        return false;
    return read_rows(&reader) && check_complete(&reader) && check_claims(&reader);
}
