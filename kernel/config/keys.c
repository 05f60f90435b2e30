/* SPDX-License-Identifier: MIT */
#include "kernel/config/keys.h"

#include "kernel/lib/fmt.h"
#include "kernel/lib/text.h"

#define KIND(name)   (1u << KIND_##name)
#define ANY_KIND     (KIND(BY_CONTENT) | KIND(LINUX) | KIND(PVH) | KIND(MULTIBOOT) | KIND(FLAT))
#define WITH_INITRD  (KIND(BY_CONTENT) | KIND(LINUX) | KIND(PVH))
#define WITH_MODULES (KIND(BY_CONTENT) | KIND(PVH) | KIND(MULTIBOOT))
#define WITH_CMDLINE (ANY_KIND & ~KIND(FLAT))

static const struct config_key machine_keys[] = {
    {"console", config_parse_console, "com1 115200", ANY_KIND, 0, false},
    {"inspect", config_parse_inspect, "yes", ANY_KIND, 0, false},
};

static const struct config_key guest_keys[] = {
    {"cpus", config_parse_cpus, "1", ANY_KIND, 0, false},
    {"memory", config_parse_memory, "512M", ANY_KIND, ANY_KIND, false},
    {"kind", config_parse_kind, "flat", ANY_KIND, 0, false},
    {"kernel", config_parse_kernel, "vmlinuz", ANY_KIND, ANY_KIND, false},
    {"initrd", config_parse_initrd, "initrd.gz", WITH_INITRD, 0, false},
    {"module", config_parse_module, "disk.img", WITH_MODULES, 0, true},
    {"cmdline", config_parse_cmdline, "console=ttyS0", WITH_CMDLINE, 0, false},
    {"load", config_parse_load, "0x100000", KIND(FLAT), KIND(FLAT), false},
    {"entry", config_parse_entry, "0x100000 32", KIND(FLAT), 0, false},
    {"device", config_parse_device, "00:1f.2", ANY_KIND, 0, true},
    {"on-crash", config_parse_on_crash, "restart", ANY_KIND, 0, false},
    {"on-device-fault", config_parse_on_device_fault, "detach", ANY_KIND, 0, false},
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

bool config_refuse_kind(const struct config_key *key, const struct slice *name,
                        enum config_kind kind, struct diag *diag)
{
    char list[64];
    size_t length = 0;
    uint32_t i;

    list[0] = '\0';
    for (i = KIND_LINUX; i <= KIND_FLAT; i++)
        if ((key->goes_with & 1u << i) != 0 && length < sizeof(list))
            length += fmt_print(list + length, sizeof(list) - length, "%s%s",
                                length > 0 ? " or " : "", config_kind_name((enum config_kind)i));
    diag_set(diag, "%s goes with kind = %s only", key->name, list);
    if (kind == KIND_BY_CONTENT)
        diag_hint(diag, "add a line kind = %s, or remove this one", list);
    else
        diag_hint(diag, "this guest says kind = %s; remove one of the two lines",
                  config_kind_name(kind));
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
