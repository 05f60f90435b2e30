/* SPDX-License-Identifier: MIT */
/* Which sections and keys there are: one table a section, one line a key. */
#ifndef BULKHEAD_KERNEL_CONFIG_KEYS_H
#define BULKHEAD_KERNEL_CONFIG_KEYS_H

#include "kernel/config/values.h"

#define CONFIG_MAX_KEYS 16 /* of one section */

struct config_key {
    const char *name;
    config_parse_value *parse;
    const char *example; /* a value for hints */
    uint32_t goes_with;  /* bits 1 << enum config_kind: kinds of guests that may have it */
    uint32_t required;   /* and that must have it */
    bool several;        /* may stand more than once */
};

struct config_section {
    const char *name;
    const struct config_key *keys;
    size_t key_count; /* at most CONFIG_MAX_KEYS */
};

extern const struct config_section config_section_machine;
extern const struct config_section config_section_guest;

/* The number of the key in the section's table, or key_count when it has none of that name. */
size_t config_find_key(const struct config_section *section, const struct slice *name);

/* "unknown key", with the best hint there is. Returns false. */
bool config_refuse_key(const struct config_section *section, const struct slice *name,
                       struct diag *diag);

/* "goes with other kinds of guests only", where `name` stands. Returns false. */
bool config_refuse_kind(const struct config_key *key, const struct slice *name,
                        enum config_kind kind, struct diag *diag);

/* "unknown section", the same way. Returns false. */
bool config_refuse_section(const struct slice *name, struct diag *diag);

#endif
