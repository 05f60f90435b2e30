/* SPDX-License-Identifier: MIT */
#include "kernel/config/values.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/text.h"

#define UART_CLOCK     115200 /* the fastest rate of a 16550, its divisor being 1 */
#define UART_PORTS     8
#define UART_DIVISORS  65535
#define MESSAGE_LENGTH 48

bool config_refuse(const struct slice *value, size_t at, struct diag *diag)
{
    return diag_at(diag, value->line, value->column + (uint32_t)at);
}

bool slice_equal(const struct slice *slice, const char *word)
{
    return text_equal(slice->start, slice->length, word);
}

int slice_shown(const struct slice *slice)
{
    return slice->length < MESSAGE_LENGTH ? (int)slice->length : MESSAGE_LENGTH;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

struct slice slice_cut_word(const struct slice *value, struct slice *rest)
{
    struct slice word = *value;
    uint32_t at = 0;

    while (at < value->length && !is_blank(value->start[at]))
        at++;
    word.length = at;
    while (at < value->length && is_blank(value->start[at]))
        at++;
    *rest = (struct slice){.start = value->start + at,
                           .length = value->length - at,
                           .line = value->line,
                           .column = value->column + at};
    return word;
}

/* ---- [machine] console ---- */

static const struct {
    const char *name;
    uint16_t port;
} com_ports[] = {{"com1", 0x3f8}, {"com2", 0x2f8}, {"com3", 0x3e8}, {"com4", 0x2e8}};

static bool parse_port(const struct slice *word, uint16_t *port, struct diag *diag)
{
    static const char *const words[] = {"com1", "com2", "com3", "com4", "screen"};
    const char *nearest = text_nearest(word->start, word->length, words, ARRAY_COUNT(words));
    uint64_t number = 0;
    size_t used = 0;
    size_t i;

    for (i = 0; i < ARRAY_COUNT(com_ports); i++) {
        *port = com_ports[i].port;
        if (slice_equal(word, com_ports[i].name))
            return true;
    }
    if (word->length > 2 && word->start[0] == '0' && word->start[1] == 'x')
        text_number(word->start + 2, word->length - 2, 16, &number, &used);
    if (used == 0 || used + 2 != word->length) {
        diag_set(diag,
                 "console must be com1 to com4, a port such as 0x3f8, or screen, not \"%.*s\"",
                 slice_shown(word), word->start);
        if (nearest != NULL)
            diag_hint(diag, "did you mean \"%s\"?", nearest);
        return config_refuse(word, 0, diag);
    }
    if (number == 0 || number > 0x10000 - UART_PORTS) {
        diag_set(diag, "console port %.*s is not from 0x1 to 0x%x", slice_shown(word), word->start,
                 0x10000 - UART_PORTS);
        diag_hint(diag, "com1 is 0x3f8, com2 is 0x2f8");
        return config_refuse(word, 0, diag);
    }
    *port = (uint16_t)number;
    return true;
}

static bool parse_baud(const struct slice *word, uint32_t *baud, struct diag *diag)
{
    uint64_t number;
    size_t used;

    text_number(word->start, word->length, 10, &number, &used);
    if (used != word->length) {
        diag_set(diag, "baud rate must be a number, not \"%.*s\"", slice_shown(word), word->start);
        diag_hint(diag, "write such as console = com1 115200");
        return config_refuse(word, 0, diag);
    }
    if (number == 0 || UART_CLOCK % number != 0 || UART_CLOCK / number > UART_DIVISORS) {
        diag_set(diag, "baud rate %.*s does not divide %d", slice_shown(word), word->start,
                 UART_CLOCK);
        diag_hint(diag, "usual rates are 115200, 57600, 38400, 19200 and 9600");
        return config_refuse(word, 0, diag);
    }
    *baud = (uint32_t)number;
    return true;
}

bool config_parse_console(const struct slice *value, const struct config_target *target,
                          struct diag *diag)
{
    struct config_machine *machine = target->machine;
    struct slice baud, rest;
    struct slice where = slice_cut_word(value, &rest);
    bool screen = slice_equal(&where, "screen");

    baud = slice_cut_word(&rest, &rest);
    if (rest.length > 0 || (screen && baud.length > 0)) {
        const struct slice *extra = rest.length > 0 && !screen ? &rest : &baud;

        diag_set(diag, "unexpected \"%.*s\" behind the console", slice_shown(extra), extra->start);
        diag_hint(diag, "write such as console = com1 115200, or console = screen");
        return config_refuse(extra, 0, diag);
    }
    machine->console = screen ? CONSOLE_SCREEN : CONSOLE_PORT;
    if (screen)
        return true;
    return parse_port(&where, &machine->console_port, diag) &&
           (baud.length == 0 || parse_baud(&baud, &machine->console_baud, diag));
}

/* ---- [machine] inspect ---- */

bool config_parse_inspect(const struct slice *value, const struct config_target *target,
                          struct diag *diag)
{
    target->machine->inspect = slice_equal(value, "yes");
    if (target->machine->inspect || slice_equal(value, "no"))
        return true;
    diag_set(diag, "inspect must be yes or no, not \"%.*s\"", slice_shown(value), value->start);
    return config_refuse(value, 0, diag);
}

/* ---- [guest NAME] ---- */

bool config_check_name(const struct slice *name, struct diag *diag)
{
    uint32_t at;

    if (name->length == 0) {
        diag_set(diag, "a guest needs a name");
        diag_hint(diag, "write such as [guest web]");
        return config_refuse(name, 0, diag);
    }
    if (!is_letter(name->start[0])) {
        diag_set(diag, "a guest's name must start with a letter, not \"%c\"", name->start[0]);
        diag_hint(diag, "write such as [guest web]");
        return config_refuse(name, 0, diag);
    }
    for (at = 1; at < name->length; at++) {
        char byte = name->start[at];

        if (is_letter(byte) || is_digit(byte) || byte == '-' || byte == '_')
            continue;
        diag_set(diag, "\"%c\" cannot stand in a guest's name", byte);
        diag_hint(diag, "use letters, digits, - and _");
        return config_refuse(name, at, diag);
    }
    if (name->length > CONFIG_MAX_NAME) {
        diag_set(diag, "the guest's name has %u bytes, more than %u", name->length,
                 CONFIG_MAX_NAME);
        diag_hint(diag, "it stands in front of each console line; choose a short one");
        return config_refuse(name, CONFIG_MAX_NAME, diag);
    }
    return true;
}

/* How far a unit shifts its number, 0 when the letter is no unit. */
static unsigned unit_shift(char letter)
{
    switch (letter) {
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    default:
        return 0;
    }
}

static bool refuse_unit(const struct slice *value, size_t used, struct diag *diag)
{
    diag_set(diag, "memory must be a whole number with K, M or G, not \"%.*s\"", slice_shown(value),
             value->start);
    if (used > 0 && used == value->length && used < 20)
        diag_hint(diag, "did you mean %.*sM?", slice_shown(value), value->start);
    else
        diag_hint(diag, "write such as memory = 512M");
    return config_refuse(value, 0, diag);
}

static bool check_memory(const struct slice *value, uint64_t bytes, struct diag *diag)
{
    uint64_t below = align_down(bytes, PAGE_2M);

    if (bytes < CONFIG_MIN_MEMORY) {
        diag_set(diag, "memory = %.*s is less than %uM", slice_shown(value), value->start,
                 (unsigned)(CONFIG_MIN_MEMORY / MIB(1)));
        diag_hint(diag, "stock kernels need 256M or more");
        return config_refuse(value, 0, diag);
    }
    if (bytes > CONFIG_MAX_MEMORY) {
        diag_set(diag, "memory = %.*s is more than %uG", slice_shown(value), value->start,
                 (unsigned)(CONFIG_MAX_MEMORY / GIB(1)));
        return config_refuse(value, 0, diag);
    }
    if (!is_aligned(bytes, PAGE_2M)) {
        diag_set(diag, "memory = %.*s is not a multiple of 2M", slice_shown(value), value->start);
        diag_hint(diag, "write %uM or %uM", (unsigned)(below / MIB(1)),
                  (unsigned)(below / MIB(1)) + 2);
        return config_refuse(value, 0, diag);
    }
    return true;
}

bool config_parse_memory(const struct slice *value, const struct config_target *target,
                         struct diag *diag)
{
    uint64_t number;
    size_t used;
    unsigned shift;

    text_number(value->start, value->length, 10, &number, &used);
    shift = used + 1 == value->length ? unit_shift(value->start[used]) : 0;
    if (used == 0 || shift == 0)
        return refuse_unit(value, used, diag);
    if (number > UINT64_MAX >> shift)
        number = UINT64_MAX >> shift; /* too much as well, and the shift is safe */
    if (!check_memory(value, number << shift, diag))
        return false;
    target->guest->memory = number << shift;
    target->guest->memory_at = *value;
    return true;
}

/* Values that are one of a few words. */
struct words {
    const char *const *words;
    size_t count;
    const char *rule; /* the beginning of the sentence that refuses others */
};

/* The number of the word that the value is. False: none of them, with a diagnosis. */
static bool choose_word(const struct slice *value, const struct words *from, size_t *chosen,
                        struct diag *diag)
{
    const char *nearest = text_nearest(value->start, value->length, from->words, from->count);

    for (*chosen = 0; *chosen < from->count; (*chosen)++)
        if (slice_equal(value, from->words[*chosen]))
            return true;
    diag_set(diag, "%s, not \"%.*s\"", from->rule, slice_shown(value), value->start);
    if (nearest != NULL)
        diag_hint(diag, "did you mean \"%s\"?", nearest);
    return config_refuse(value, 0, diag);
}

bool config_parse_on_crash(const struct slice *value, const struct config_target *target,
                           struct diag *diag)
{
    /* in the order of enum config_on_crash */
    static const char *const words[] = {"halt", "restart", "reboot-machine"};
    size_t chosen;

    if (!choose_word(value,
                     &(struct words){words, ARRAY_COUNT(words),
                                     "on-crash must be halt, restart or reboot-machine"},
                     &chosen, diag))
        return false;
    target->guest->on_crash = (enum config_on_crash)chosen;
    return true;
}

bool config_parse_on_device_fault(const struct slice *value, const struct config_target *target,
                                  struct diag *diag)
{
    /* in the order of enum config_on_fault */
    static const char *const words[] = {"ignore", "detach", "stop"};
    size_t chosen;

    if (!choose_word(value,
                     &(struct words){words, ARRAY_COUNT(words),
                                     "on-device-fault must be ignore, detach or stop"},
                     &chosen, diag))
        return false;
    target->guest->on_fault = (enum config_on_fault)chosen;
    return true;
}
