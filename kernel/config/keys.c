/* SPDX-License-Identifier: MIT */
#include "kernel/config/keys.h"

#include "kernel/lib/fmt.h"
#include "kernel/lib/text.h"

static const struct config_key machine_keys[] = {
    {"console", config_parse_console, "com1 115200", false},
};

static const struct config_key guest_keys[] = {
    {"cpus", config_parse_cpus, "1", false},
    {"memory", config_parse_memory, "512M", true},
    {"kernel", config_parse_kernel, "vmlinuz", true},
    {"initrd", config_parse_initrd, "initrd.gz", false},
    {"cmdline", config_parse_cmdline, "console=ttyS0", false},
    {"on-crash", config_parse_on_crash, "restart", false},
};

_Static_assert(ARRAY_COUNT(machine_keys) <= CONFIG_MAX_KEYS, "raise CONFIG_MAX_KEYS");
_Static_assert(ARRAY_COUNT(guest_keys) <= CONFIG_MAX_KEYS, "raise CONFIG_MAX_KEYS");

const struct config_section config_section_machine = {"machine", machine_keys,
                                                      ARRAY_COUNT(machine_keys)};
const struct config_section config_section_guest = {"guest", guest_keys, ARRAY_COUNT(guest_keys)};

static const struct config_section *const sections[] = {&config_section_machine,
                                                        &config_section_guest};

size_t config_find_key(const struct config_section *section, const struct slice *name)
{
    size_t key = 0;

    while (key < section->key_count && !slice_equal(name, section->keys[key].name))
        key++;
    return key;
}

static bool hint_other_section(const struct config_section *section, const struct slice *name,
                               struct diag *diag)
{
    size_t i;

    for (i = 0; i < ARRAY_COUNT(sections); i++) {
        if (sections[i] == section || config_find_key(sections[i], name) == sections[i]->key_count)
            continue;
        diag_hint(diag, "it belongs into a [%s%s] section", sections[i]->name,
                  sections[i] == &config_section_guest ? " NAME" : "");
        return true;
    }
    return false;
}

bool config_refuse_key(const struct config_section *section, const struct slice *name,
                       struct diag *diag)
{
    const char *words[CONFIG_MAX_KEYS];
    const char *nearest;
    char list[128];
    size_t length = 0;
    size_t i;

    for (i = 0; i < section->key_count; i++) {
        words[i] = section->keys[i].name;
        if (length < sizeof(list))
            length += fmt_print(list + length, sizeof(list) - length, "%s%s", i > 0 ? ", " : "",
                                words[i]);
    }
    nearest = text_nearest(name->start, name->length, words, section->key_count);
    diag_set(diag, "[%s] knows no key \"%.*s\"", section->name, slice_shown(name), name->start);
    if (!hint_other_section(section, name, diag)) {
        if (nearest != NULL)
            diag_hint(diag, "did you mean \"%s\"?", nearest);
        else
            diag_hint(diag, "its keys are %s", list);
    }
    return diag_at(diag, name->line, name->column);
}

bool config_refuse_section(const struct slice *name, struct diag *diag)
{
    const char *words[ARRAY_COUNT(sections)];
    const char *nearest;
    size_t i;

    for (i = 0; i < ARRAY_COUNT(sections); i++)
        words[i] = sections[i]->name;
    nearest = text_nearest(name->start, name->length, words, ARRAY_COUNT(sections));
    diag_set(diag, "unknown section \"%.*s\"", slice_shown(name), name->start);
    if (nearest != NULL)
        diag_hint(diag, "did you mean \"%s\"?", nearest);
    else
        diag_hint(diag, "write [machine], or [guest NAME]");
    return diag_at(diag, name->line, name->column);
}
