/* SPDX-License-Identifier: MIT */
/* The files of a guest and what is passed along with them. */
#include "kernel/config/values.h"

static bool check_component(const struct slice *path, uint32_t from, uint32_t to, const char *key,
                            struct diag *diag)
{
    struct slice name = {.start = path->start + from, .length = to - from};
    char last = to > from ? path->start[to - 1] : '\0';

    if (name.length == 0) {
        diag_set(diag, "%s: a folder or file in the path has no name", key);
        diag_hint(diag, "one \"/\" between folders, none at the end");
        return config_refuse(path, from, diag);
    }
    if (slice_equal(&name, ".") || slice_equal(&name, "..")) {
        diag_set(diag, "%s: \"%.*s\" cannot stand in a path", key, slice_shown(&name), name.start);
        diag_hint(diag, "put the file beside the config or into a folder there");
        return config_refuse(path, from, diag);
    }
    if (last == '.' || last == ' ') {
        diag_set(diag, "%s: a name that ends with \"%c\" cannot stand on a FAT volume", key, last);
        return config_refuse(path, to - 1, diag);
    }
    return true;
}

static bool check_path_byte(const struct slice *path, uint32_t at, const char *key,
                            struct diag *diag)
{
    char byte = path->start[at];

    if (byte == '\\') {
        diag_set(diag, "%s: \"\\\" cannot stand in a path", key);
        diag_hint(diag, "write \"/\" between folders");
        return config_refuse(path, at, diag);
    }
    if (byte == '"' || byte == '*' || byte == ':' || byte == '<' || byte == '>' || byte == '?' ||
        byte == '|' || byte == '\t') {
        diag_set(diag, "%s: \"%c\" cannot stand in a file name of a FAT volume", key, byte);
        diag_hint(diag, "rename the file");
        return config_refuse(path, at, diag);
    }
    return true;
}

static bool check_path(const struct slice *path, const char *key, struct diag *diag)
{
    uint32_t from = 0;
    uint32_t at;

    if (path->length == 0) {
        diag_set(diag, "%s has no value", key);
        diag_hint(diag, "write the name of a file beside the config");
        return config_refuse(path, 0, diag);
    }
    if (path->length > CONFIG_MAX_PATH) {
        diag_set(diag, "%s: the path has %u bytes, more than %u", key, path->length,
                 CONFIG_MAX_PATH);
        diag_hint(diag, "choose shorter names");
        return config_refuse(path, CONFIG_MAX_PATH, diag);
    }
    if (path->start[0] == '/') {
        diag_set(diag, "%s: the path must not start with \"/\"", key);
        diag_hint(diag, "name the file as seen from the config's own folder");
        return config_refuse(path, 0, diag);
    }
    for (at = 0; at < path->length; at++) {
        if (!check_path_byte(path, at, key, diag))
            return false;
        if (path->start[at] != '/')
            continue;
        if (!check_component(path, from, at, key, diag))
            return false;
        from = at + 1;
    }
    return check_component(path, from, path->length, key, diag);
}

bool config_parse_kernel(const struct slice *value, const struct config_target *target,
                         struct diag *diag)
{
    target->guest->kernel = *value;
    return check_path(value, "kernel", diag);
}

bool config_parse_initrd(const struct slice *value, const struct config_target *target,
                         struct diag *diag)
{
    target->guest->initrd = *value;
    return check_path(value, "initrd", diag);
}

static bool check_cmdline(const struct slice *line, const char *what, struct diag *diag)
{
    if (line->length <= CONFIG_MAX_CMDLINE)
        return true;
    diag_set(diag, "%s %u bytes, more than %u", what, line->length, CONFIG_MAX_CMDLINE);
    return config_refuse(line, CONFIG_MAX_CMDLINE, diag);
}

bool config_parse_cmdline(const struct slice *value, const struct config_target *target,
                          struct diag *diag)
{
    target->guest->cmdline = *value;
    return check_cmdline(value, "cmdline has", diag);
}

bool config_parse_module(const struct slice *value, const struct config_target *target,
                         struct diag *diag)
{
    struct config *config = target->config;
    struct config_guest *guest = target->guest;
    struct config_module *module = &config->modules[config->module_count];

    if (guest->module_count == CONFIG_MAX_GUEST_MODULES) {
        diag_set(diag, "more than %u modules for one guest", CONFIG_MAX_GUEST_MODULES);
        return config_refuse(value, 0, diag);
    }
    if (config->module_count == CONFIG_MAX_MODULES) {
        diag_set(diag, "more than %u modules for all guests together", CONFIG_MAX_MODULES);
        return config_refuse(value, 0, diag);
    }
    if (guest->module_count++ == 0)
        guest->first_module = (uint16_t)config->module_count;
    config->module_count++;
    module->file = slice_cut_word(value, &module->args);
    return check_path(&module->file, "module", diag) &&
           check_cmdline(&module->args, "the module's arguments have", diag);
}
