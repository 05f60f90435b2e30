/* SPDX-License-Identifier: MIT */
#include "kernel/config/config.h"

#include "kernel/config/keys.h"
#include "kernel/config/lexer.h"
#include "kernel/lib/mem.h"

/* The section that is being read, and what was seen in it. */
struct state {
    struct config *config;
    struct diag *diag;
    const struct config_section *section; /* NULL before the first */
    struct config_target target;
    uint32_t machine_line;               /* of [machine], 0 when there was none */
    struct slice heads[CONFIG_MAX_KEYS]; /* of each key of the section, line 0 when not seen */
};

static bool refuse_at(const struct state *state, const struct slice *place)
{
    return diag_at(state->diag, place->line, place->column);
}

static bool refuse_missing(const struct state *state, const struct config_key *key)
{
    const struct slice *name = &state->target.guest->name;

    diag_set(state->diag, "guest \"%.*s\" has no %s", slice_shown(name), name->start, key->name);
    diag_hint(state->diag, "add a line such as %s = %s", key->name, key->example);
    return refuse_at(state, name);
}

/* All keys that the section must have are there, and none that it must not have. */
static bool end_section(const struct state *state)
{
    struct config_guest *guest = state->target.guest;
    size_t i;

    if (state->section != &config_section_guest)
        return true;
    for (i = 0; i < state->section->key_count; i++) {
        const struct config_key *key = &state->section->keys[i];
        bool seen = state->heads[i].line != 0;

        if (!seen && (key->required & 1u << guest->kind) != 0)
            return refuse_missing(state, key);
        if (seen && (key->goes_with & 1u << guest->kind) == 0)
            return config_refuse_kind(key, &state->heads[i], guest->kind, state->diag);
    }
    return config_check_guest(guest, state->diag);
}

static bool begin_machine(struct state *state, const struct config_line *line)
{
    if (line->value.length > 0) {
        diag_set(state->diag, "[machine] takes no name");
        diag_hint(state->diag, "write [machine]");
        return refuse_at(state, &line->value);
    }
    if (state->machine_line != 0) {
        diag_set(state->diag, "a second [machine] section; the first is in line %u",
                 state->machine_line);
        diag_hint(state->diag, "put the keys of both into one");
        return refuse_at(state, &line->head);
    }
    state->machine_line = line->head.line;
    state->section = &config_section_machine;
    state->target =
        (struct config_target){.config = state->config, .machine = &state->config->machine};
    return true;
}

static bool begin_guest(struct state *state, const struct config_line *line)
{
    const struct slice *name = &line->value;
    struct config *config = state->config;
    struct config_guest *guest;
    uint32_t i;

    if (!config_check_name(name, state->diag))
        return false;
    for (i = 0; i < config->guest_count; i++) {
        const struct slice *other = &config->guests[i].name;

        if (other->length != name->length || memcmp(other->start, name->start, name->length) != 0)
            continue;
        diag_set(state->diag, "a second guest \"%.*s\"; the first is in line %u", slice_shown(name),
                 name->start, other->line);
        diag_hint(state->diag, "give it another name");
        return refuse_at(state, name);
    }
    if (config->guest_count == CONFIG_MAX_GUESTS) {
        diag_set(state->diag, "more than %u guests", CONFIG_MAX_GUESTS);
        return refuse_at(state, name);
    }
    guest = &config->guests[config->guest_count++];
    *guest = (struct config_guest){
        .name = *name, .cpus = 1, .on_crash = ON_CRASH_HALT, .on_fault = ON_FAULT_DETACH};
    guest->cpus_at = (struct slice){.line = name->line, .column = name->column};
    state->section = &config_section_guest;
    state->target = (struct config_target){.config = config, .guest = guest};
    return true;
}

static bool begin_section(struct state *state, const struct config_line *line)
{
    if (!end_section(state))
        return false;
    memset(state->heads, 0, sizeof(state->heads));
    if (slice_equal(&line->head, config_section_machine.name))
        return begin_machine(state, line);
    if (slice_equal(&line->head, config_section_guest.name))
        return begin_guest(state, line);
    return config_refuse_section(&line->head, state->diag);
}

static bool read_key(struct state *state, const struct config_line *line)
{
    const struct config_section *section = state->section;
    const struct config_key *key;
    size_t number;

    if (section == NULL) {
        diag_set(state->diag, "the key \"%.*s\" stands before any section",
                 slice_shown(&line->head), line->head.start);
        diag_hint(state->diag, "write [machine], or [guest NAME], in a line above it");
        return refuse_at(state, &line->head);
    }
    number = config_find_key(section, &line->head);
    if (number == section->key_count)
        return config_refuse_key(section, &line->head, state->diag);
    key = &section->keys[number];
    if (state->heads[number].line != 0 && !key->several) {
        diag_set(state->diag, "a second %s; the first is in line %u", key->name,
                 state->heads[number].line);
        diag_hint(state->diag, "remove one of the two lines");
        return refuse_at(state, &line->head);
    }
    state->heads[number] = line->head;
    if (line->value.length == 0 && !line->quoted) {
        diag_set(state->diag, "%s has no value", key->name);
        diag_hint(state->diag, "write such as %s = %s", key->name, key->example);
        return refuse_at(state, &line->value);
    }
    return key->parse(&line->value, &state->target, state->diag);
}

static bool read_lines(struct state *state, struct lexer *lexer)
{
    struct config_line line;

    while (lexer_next(lexer, &line, state->diag)) {
        switch (line.kind) {
        case CONFIG_LINE_END:
            return end_section(state);
        case CONFIG_LINE_SECTION:
            if (!begin_section(state, &line))
                return false;
            break;
        case CONFIG_LINE_KEY:
            if (!read_key(state, &line))
                return false;
            break;
        }
    }
    return false;
}

bool config_parse(const char *text, size_t size, struct config *config, struct diag *diag)
{
    struct state state = {.config = config, .diag = diag};
    struct lexer lexer;

    config->machine = (struct config_machine){.console = CONSOLE_DEFAULT};
    config->guest_count = 0;
    config->module_count = 0;
    config->listed_count = 0;
    config->device_count = 0;
    if (!lexer_init(&lexer, text, size, diag) || !read_lines(&state, &lexer))
        return false;
    if (config->guest_count == 0 && !config->machine.inspect) {
        diag_set(diag, "the config has no guest");
        diag_hint(diag, "add a section such as [guest web]");
        return diag_at(diag, 1, 1);
    }
    return true;
}

uint32_t config_most_functions(const struct config *config)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < config->device_count; i++)
        most += config->devices[i].selector.kind == PCI_BY_SLOT ? PCI_SLOT_FUNCTIONS : 1;
    return most;
}

uint32_t config_intx_lines(const struct config *config)
{
    uint32_t lines = 0;

    for (uint32_t i = 0; i < config->device_count; i++)
        lines += config->devices[i].gsi != 0;
    return lines;
}
