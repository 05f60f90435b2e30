/* SPDX-License-Identifier: MIT */
#include "kernel/lib/mem.h"
#include "kernel/lib/text.h"
#include "kernel/pci/match.h"
#include "kernel/report/work.h"

/* What each form looks like, for messages; in the order of enum report_form. */
static const char *const examples[] = {
    "a number such as 12",
    "a number such as 0x1f",
    "yes or no",
    "one of its words",
    "words with commas",
    "an address such as 00:1f.2",
    "a function above it",
    "a power of two such as 0x4000",
    "a path such as 1c.0/00.0",
};

static bool take_number(const struct report_word *word, unsigned base, uint64_t *value)
{
    size_t skip = base == 16 ? 2 : 0, used;

    if (base == 16 && (word->length < 3 || word->text[0] != '0' || word->text[1] != 'x'))
        return false;
    return text_number(word->text + skip, word->length - skip, base, value, &used) && used > 0 &&
           used + skip == word->length;
}

/* Which of the words the text is; the number of words when it is none. */
static uint32_t find_word(const struct report_field *field, const char *text, uint32_t length)
{
    uint32_t i = 0;

    while (i < field->word_count && !text_equal(text, length, field->words[i]))
        i++;
    return i;
}

static bool take_flags(const struct report_field *field, const struct report_word *word,
                       uint64_t *value)
{
    *value = 0;
    if (text_equal(word->text, word->length, "none"))
        return true;
    for (uint32_t at = 0; at <= word->length;) {
        uint32_t end = at;
        while (end < word->length && word->text[end] != ',')
            end++;
        uint32_t flag = find_word(field, word->text + at, end - at);
        if (flag == field->word_count || *value & BIT(flag))
            return false;
        *value |= BIT(flag);
        at = end + 1;
    }
    return true;
}

static bool take_address(const struct report_word *word, uint64_t *value)
{
    struct pci_selector selector;
    struct diag ignored;
    uint32_t at;

    if (!pci_selector_parse(word->text, word->length, &selector, &at, &ignored) ||
        selector.kind != PCI_BY_ADDRESS)
        return false;
    *value = selector.value;
    return true;
}

static bool take_function(const struct report *report, const struct report_word *word,
                          uint64_t *value)
{
    if (!take_address(word, value))
        return false;
    *value = pci_find(&report->pci, (pci_address_t){(uint32_t)*value});
    return *value != PCI_NONE;
}

static bool take_size(const struct report_word *word, uint64_t *value)
{
    uint64_t size, bits = 0;

    if (!take_number(word, 16, &size) || size < 2 || (size & (size - 1)) != 0)
        return false;
    while (BIT(bits) < size)
        bits++;
    *value = bits;
    return true;
}

/* Steps of four characters, "1c.0", with slashes between them. */
static bool take_path(const struct report_word *word, struct dmar_scope *scope, uint64_t *value)
{
    uint32_t steps = (word->length + 1) / 5;

    if ((word->length + 1) % 5 != 0 || steps == 0 || steps > DMAR_MAX_PATH)
        return false;
    for (uint32_t i = 0; i < steps; i++) {
        const char *step = word->text + 5 * i;
        uint64_t device, function;
        size_t used;
        text_number(step, 2, 16, &device, &used);
        if (used != 2 || device >= PCI_DEVICES || step[2] != '.' ||
            (i + 1 < steps && step[4] != '/'))
            return false;
        text_number(step + 3, 1, 16, &function, &used);
        if (used != 1 || function >= PCI_SLOT_FUNCTIONS)
            return false;
        scope->path[i] = (uint8_t)(device << 3 | function);
    }
    *value = steps;
    return true;
}

static bool take(const struct report *report, const struct report_field *field,
                 const struct report_word *word, void *record, uint64_t *value)
{
    switch ((enum report_form)field->form) {
    case FORM_DECIMAL:
        return take_number(word, 10, value);
    case FORM_HEX:
        return take_number(word, 16, value);
    case FORM_YES_NO:
        *value = text_equal(word->text, word->length, "yes");
        return *value || text_equal(word->text, word->length, "no");
    case FORM_WORD:
        *value = find_word(field, word->text, word->length);
        return *value < field->word_count;
    case FORM_FLAGS:
        return take_flags(field, word, value);
    case FORM_ADDRESS:
        return take_address(word, value);
    case FORM_FUNCTION:
        return take_function(report, word, value);
    case FORM_SIZE:
        return take_size(word, value);
    case FORM_PATH:
        return take_path(word, record, value);
    }
    return false;
}

bool report_take_value(struct report_reader *reader, const struct report_field *field,
                       const struct report_word *word, void *record)
{
    uint64_t holds = field->size == 8 ? UINT64_MAX : BIT(8 * field->size) - 1;
    uint64_t most = field->most < holds ? field->most : holds;
    uint64_t value = 0;

    if (!take(reader->report, field, word, record, &value))
        return report_refuse(reader, word->column, "%s must be %s, not \"%.*s\"", field->name,
                             examples[field->form], report_shown(word), word->text);
    if (value > most)
        return report_refuse(reader, word->column, "%s = %.*s is more than %#lx", field->name,
                             report_shown(word), word->text, most);
    memcpy((uint8_t *)record + field->offset, &value, field->size);
    return true;
}
