/* SPDX-License-Identifier: MIT */
/*
 * What may stand behind each key's "=". Each function checks one value and puts the result into the
 * target; false and a diagnosis with the value's place when it is refused.
 */
#ifndef BULKHEAD_KERNEL_CONFIG_VALUES_H
#define BULKHEAD_KERNEL_CONFIG_VALUES_H

#include "kernel/config/config.h"

/* Where results go: the section that is being read. The other one is NULL. */
struct config_target {
    struct config *config; /* for what all guests share */
    struct config_machine *machine;
    struct config_guest *guest;
};

typedef bool config_parse_value(const struct slice *value, const struct config_target *target,
                                struct diag *diag);

/* of [machine] */
config_parse_value config_parse_console;
config_parse_value config_parse_inspect;

/* of [guest NAME] */
config_parse_value config_parse_cpus;
config_parse_value config_parse_memory;
config_parse_value config_parse_kind;
config_parse_value config_parse_kernel;
config_parse_value config_parse_initrd;
config_parse_value config_parse_module;
config_parse_value config_parse_cmdline;
config_parse_value config_parse_load;
config_parse_value config_parse_entry;
config_parse_value config_parse_device;
config_parse_value config_parse_on_crash;
config_parse_value config_parse_on_device_fault;

/* Check a guest's name, the one in its section header. */
bool config_check_name(const struct slice *name, struct diag *diag);

/* For messages: the name of a kind, "" for KIND_BY_CONTENT. */
const char *config_kind_name(enum config_kind kind);

/* What must hold between a guest's values; fills in those that follow from others. */
bool config_check_guest(struct config_guest *guest, struct diag *diag);

/* Give a diagnosis that is set the place of the value's byte `at`. Returns false. */
bool config_refuse(const struct slice *value, size_t at, struct diag *diag);

/* Cut `value` at its first blanks; `rest` is what follows them, empty when there are none. */
struct slice slice_cut_word(const struct slice *value, struct slice *rest);

/* Does a slice hold this word? */
bool slice_equal(const struct slice *slice, const char *word);

/* For "%.*s": as much of a slice as a message may show. */
int slice_shown(const struct slice *slice);

#endif
