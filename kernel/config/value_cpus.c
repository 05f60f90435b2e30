/* SPDX-License-Identifier: MIT */
/* How many processors a guest gets, or which: 2 | 2 smt | 2,3 | 8-11 smt */
#include "kernel/config/values.h"

#include "kernel/lib/text.h"

#define EXAMPLES "write such as cpus = 2, cpus = 2 smt, or cpus = 2,3 for these very processors"

/* The value while it is read. */
struct reading {
    const struct slice *value;
    const struct config_target *target;
    struct diag *diag;
    uint32_t at;
};

static void skip_blanks(struct reading *reading)
{
    const struct slice *value = reading->value;

    while (reading->at < value->length &&
           (value->start[reading->at] == ' ' || value->start[reading->at] == '\t'))
        reading->at++;
}

/* Read the sign that comes next behind blanks, if it is that one. */
static bool take(struct reading *reading, char sign)
{
    uint32_t start = reading->at;

    skip_blanks(reading);
    if (reading->at < reading->value->length && reading->value->start[reading->at] == sign) {
        reading->at++;
        return true;
    }
    reading->at = start;
    return false;
}

/* What is not read yet. */
static struct slice rest_of(const struct reading *reading)
{
    const struct slice *value = reading->value;

    return (struct slice){.start = value->start + reading->at,
                          .length = value->length - reading->at,
                          .line = value->line,
                          .column = value->column + reading->at};
}

/* Sets *where to the digits. */
static bool read_number(struct reading *reading, uint64_t *number, struct slice *where)
{
    size_t used;

    skip_blanks(reading);
    *where = rest_of(reading);
    text_number(where->start, where->length, 10, number, &used);
    if (used == 0) {
        diag_set(reading->diag, "cpus: a number must stand here, not \"%.*s\"", slice_shown(where),
                 where->start);
        diag_hint(reading->diag, EXAMPLES);
        return config_refuse(where, 0, reading->diag);
    }
    where->length = (uint32_t)used;
    reading->at += where->length;
    return true;
}

/* The guest that listed number `index` of all that are listed; at the latest this one. */
static const struct config_guest *lister(const struct config_target *target, uint32_t index)
{
    const struct config_guest *guest = target->config->guests;

    for (; guest < target->guest; guest++)
        if (guest->listed && index >= guest->first_listed &&
            index - guest->first_listed < guest->cpus)
            break;
    return guest;
}

static bool refuse_double(const struct reading *reading, uint32_t index, const struct slice *where)
{
    const struct config *config = reading->target->config;
    const struct config_guest *other = lister(reading->target, index);

    if (other == reading->target->guest)
        diag_set(reading->diag, "pCPU %u stands twice in the list", config->listed[index]);
    else
        diag_set(reading->diag, "pCPU %u is in the list of guest \"%.*s\" already, in line %u",
                 config->listed[index], slice_shown(&other->name), other->name.start,
                 other->cpus_at.line);
    diag_hint(reading->diag, "a pCPU serves one vCPU");
    return config_refuse(where, 0, reading->diag);
}

static bool list_cpu(const struct reading *reading, uint64_t number, const struct slice *where)
{
    struct config *config = reading->target->config;
    struct config_guest *guest = reading->target->guest;
    uint32_t i;

    if (number >= CONFIG_MAX_PCPUS) {
        diag_set(reading->diag, "pCPUs have numbers from 0 to %u, not %.*s", CONFIG_MAX_PCPUS - 1,
                 slice_shown(where), where->start);
        return config_refuse(where, 0, reading->diag);
    }
    for (i = 0; i < config->listed_count; i++)
        if (config->listed[i] == number)
            return refuse_double(reading, i, where);
    if (guest->cpus == CONFIG_MAX_VCPUS) {
        diag_set(reading->diag, "cpus lists more than %u processors", CONFIG_MAX_VCPUS);
        return config_refuse(where, 0, reading->diag);
    }
    config->listed[config->listed_count++] = (uint16_t)number;
    guest->cpus++;
    return true;
}

/* "3" or "3-5" of a list. */
static bool read_range(struct reading *reading)
{
    struct slice where;
    uint64_t first, last;

    if (!read_number(reading, &first, &where))
        return false;
    last = first;
    if (take(reading, '-') && !read_number(reading, &last, &where))
        return false;
    if (last < first) {
        diag_set(reading->diag, "the range of pCPUs ends with %.*s, before it begins",
                 slice_shown(&where), where.start);
        return config_refuse(&where, 0, reading->diag);
    }
    for (; first <= last; first++)
        if (!list_cpu(reading, first, &where))
            return false;
    return true;
}

static bool read_list(struct reading *reading)
{
    struct config_guest *guest = reading->target->guest;

    guest->listed = true;
    guest->first_listed = (uint16_t)reading->target->config->listed_count;
    guest->cpus = 0;
    do {
        if (!read_range(reading))
            return false;
    } while (take(reading, ','));
    return true;
}

static bool read_count(struct reading *reading)
{
    struct slice where;
    uint64_t number;

    if (!read_number(reading, &number, &where))
        return false;
    if (number == 0 || number > CONFIG_MAX_VCPUS) {
        diag_set(reading->diag, "cpus must be from 1 to %u, not %.*s", CONFIG_MAX_VCPUS,
                 slice_shown(&where), where.start);
        if (number == 0)
            diag_hint(reading->diag, "for pCPU 0 alone write cpus = 0-0");
        return config_refuse(&where, 0, reading->diag);
    }
    reading->target->guest->cpus = (uint32_t)number;
    return true;
}

/* Nothing or the word smt, behind a blank. */
static bool read_smt(struct reading *reading)
{
    static const char *const words[] = {"smt"};
    uint32_t end = reading->at;
    struct slice rest;

    skip_blanks(reading);
    rest = rest_of(reading);
    reading->target->guest->smt = reading->at > end && slice_equal(&rest, "smt");
    if (rest.length == 0 || reading->target->guest->smt)
        return true;
    diag_set(reading->diag, "unexpected \"%.*s\" behind the processors", slice_shown(&rest),
             rest.start);
    if (text_nearest(rest.start, rest.length, words, ARRAY_COUNT(words)) != NULL)
        diag_hint(reading->diag, "did you mean \"smt\"?");
    else
        diag_hint(reading->diag, EXAMPLES);
    return config_refuse(&rest, 0, reading->diag);
}

/* Lists have a sign behind their first number. */
static bool is_list(const struct slice *value)
{
    uint32_t at = 0;

    while (at < value->length && value->start[at] != ',' && value->start[at] != '-')
        at++;
    return at > 0 && at < value->length;
}

bool config_parse_cpus(const struct slice *value, const struct config_target *target,
                       struct diag *diag)
{
    struct reading reading = {.value = value, .target = target, .diag = diag};

    target->guest->cpus_at = *value;
    return (is_list(value) ? read_list(&reading) : read_count(&reading)) && read_smt(&reading);
}
