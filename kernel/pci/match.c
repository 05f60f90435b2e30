/* SPDX-License-Identifier: MIT */
#include "kernel/pci/match.h"

#include "kernel/lib/text.h"
#include "kernel/lib/types.h"
#include "kernel/pci/class.h"

#define EXAMPLES     "write such as 00:1f.2, 8086:10d3, nvme#1 or class:0200#1"
#define CLASS_PREFIX "class:"
#define PREFIX       6 /* its length */

/* The text while it is read. */
struct reading {
    const char *text;
    uint32_t length;
    uint32_t at;
    struct diag *diag;
};

static bool take(struct reading *reading, char sign)
{
    if (reading->at == reading->length || reading->text[reading->at] != sign)
        return false;
    reading->at++;
    return true;
}

/* Returns how many hexadecimal digits stand here, and goes on behind them. */
static uint32_t take_hex(struct reading *reading, uint32_t *value)
{
    uint64_t number;
    size_t used;

    text_number(reading->text + reading->at, reading->length - reading->at, 16, &number, &used);
    *value = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
    reading->at += (uint32_t)used;
    return (uint32_t)used;
}

static bool refuse_form(struct reading *reading)
{
    reading->at = 0;
    diag_set(reading->diag, "\"%.*s\" names no PCI device",
             reading->length > 40 ? 40 : (int)reading->length, reading->text);
    return diag_hint(reading->diag, EXAMPLES);
}

static bool refuse_at(struct reading *reading, uint32_t at, const char *what)
{
    reading->at = at;
    diag_set(reading->diag, "%s", what);
    return diag_hint(reading->diag, EXAMPLES);
}

/* Behind "bus:" and, if `segment` was given, "segment:bus:". */
static bool read_slot(struct reading *reading, uint32_t segment, uint32_t bus,
                      struct pci_selector *selector)
{
    uint32_t start = reading->at;
    uint32_t device, function = 0;
    uint32_t digits = take_hex(reading, &device);

    if (digits == 0 || digits > 2 || !take(reading, '.'))
        return refuse_form(reading);
    if (device >= PCI_DEVICES)
        return refuse_at(reading, start, "a PCI device's number goes from 00 to 1f");
    start = reading->at;
    selector->kind = take(reading, '*') ? PCI_BY_SLOT : PCI_BY_ADDRESS;
    if (selector->kind == PCI_BY_ADDRESS &&
        (take_hex(reading, &function) != 1 || function >= PCI_SLOT_FUNCTIONS))
        return refuse_at(reading, start,
                         "a PCI function's number goes from 0 to 7, or * stands for all");
    selector->value = pci_address(segment, bus, device, function).raw;
    return true;
}

/* 00:1f.2, 0000:00:1f.2 or 8086:10d3 */
static bool read_numbers(struct reading *reading, struct pci_selector *selector)
{
    uint32_t first, second;
    uint32_t first_digits = take_hex(reading, &first);

    if (first_digits == 0 || first_digits > 4 || !take(reading, ':'))
        return refuse_form(reading);
    uint32_t start = reading->at;
    uint32_t digits = take_hex(reading, &second);
    if (take(reading, ':'))
        return digits == 0 || digits > 2 ? refuse_form(reading)
                                         : read_slot(reading, first, second, selector);
    if (reading->at < reading->length && reading->text[reading->at] == '.') {
        reading->at = start;
        return first_digits > 2 ? refuse_form(reading) : read_slot(reading, 0, first, selector);
    }
    if (first_digits != 4 || digits != 4)
        return refuse_form(reading);
    selector->kind = PCI_BY_ID;
    selector->value = first << 16 | second;
    return true;
}

static bool read_class(struct reading *reading, struct pci_selector *selector)
{
    uint32_t code;

    reading->at = PREFIX;
    uint32_t digits = take_hex(reading, &code);
    if (digits != 2 && digits != 4 && digits != 6)
        return refuse_at(reading, PREFIX, "a class has two, four or six hexadecimal digits");
    selector->kind = PCI_BY_CLASS;
    selector->value = code << 4 * (6 - digits);
    selector->mask = (UINT32_C(0xffffff) << 4 * (6 - digits)) & 0xffffff;
    return true;
}

static bool refuse_name(struct reading *reading, uint32_t length)
{
    const char *names[PCI_CLASS_NAMES];
    uint32_t count = pci_class_names(names);
    const char *nearest = text_nearest(reading->text, length, names, count);

    reading->at = 0;
    diag_set(reading->diag, "no kind of device is called \"%.*s\"", length > 40 ? 40 : (int)length,
             reading->text);
    return nearest ? diag_hint(reading->diag, "did you mean \"%s\"?", nearest)
                   : diag_hint(reading->diag, EXAMPLES);
}

static bool read_name(struct reading *reading, struct pci_selector *selector)
{
    uint32_t length = 0;

    while (length < reading->length && reading->text[length] != '#')
        length++;
    const struct pci_class *class = pci_class_named(reading->text, length);
    if (!class)
        return refuse_name(reading, length);
    reading->at = length;
    selector->kind = PCI_BY_CLASS;
    selector->value = class->code;
    selector->mask = class->mask;
    return true;
}

/* The number behind the #, if there is one. */
static bool read_number(struct reading *reading, struct pci_selector *selector)
{
    bool many = selector->kind == PCI_BY_ID || selector->kind == PCI_BY_CLASS;
    uint32_t start = reading->at;
    uint64_t number = 1;
    size_t used;

    if (take(reading, '#')) {
        if (!many)
            return refuse_at(reading, start, "an address names one device: no # behind it");
        text_number(reading->text + reading->at, reading->length - reading->at, 10, &number, &used);
        if (number == 0 || number > PCI_MAX_NUMBER)
            return refuse_at(reading, reading->at, "behind the # stands which one, from 1 to 999");
        reading->at += (uint32_t)used;
    }
    selector->number = many ? (uint16_t)number : 0;
    return reading->at == reading->length ||
           refuse_at(reading, reading->at, "unexpected text behind the device");
}

/* Names of classes have no colon. */
static bool has_colon(const char *text, uint32_t length)
{
    while (length > 0 && text[length - 1] != ':')
        length--;
    return length > 0;
}

bool pci_selector_parse(const char *text, uint32_t length, struct pci_selector *selector,
                        uint32_t *at, struct diag *diag)
{
    struct reading reading = {.text = text, .length = length, .diag = diag};
    bool class = length >= PREFIX && text_equal(text, PREFIX, CLASS_PREFIX);
    bool good;

    *selector = (struct pci_selector){0};
    if (class)
        good = read_class(&reading, selector);
    else if (has_colon(text, length))
        good = read_numbers(&reading, selector);
    else
        good = read_name(&reading, selector);
    good = good && read_number(&reading, selector);
    *at = reading.at;
    return good;
}

bool pci_selector_fits(const struct pci_selector *selector, const struct pci_function *function)
{
    switch ((enum pci_selects)selector->kind) {
    case PCI_BY_ADDRESS:
        return function->address.raw == selector->value;
    case PCI_BY_SLOT:
        return (function->address.raw & ~(uint32_t)PCI_ADDRESS_FUNCTION) == selector->value;
    case PCI_BY_ID:
        return ((uint32_t)function->vendor << 16 | function->device) == selector->value &&
               !pci_is_bridge(function);
    case PCI_BY_CLASS:
        return (function->class_code & selector->mask) == selector->value &&
               !pci_is_bridge(function);
    }
    return false;
}

uint16_t pci_select_next(const struct pci_inventory *inventory, const struct pci_selector *selector,
                         uint16_t from, uint32_t *like)
{
    for (uint32_t i = from; i < inventory->count; i++) {
        if (!pci_selector_fits(selector, &inventory->functions[i]))
            continue;
        ++*like;
        if (selector->number == 0 || *like == selector->number)
            return (uint16_t)i;
    }
    return PCI_NONE;
}
