/* SPDX-License-Identifier: MIT */
/* Plans for a machine that is not there: its hardware report stands for it. */
#ifndef BULKHEAD_TOOLS_CHECK_HARDWARE_H
#define BULKHEAD_TOOLS_CHECK_HARDWARE_H

#include "kernel/config/config.h"
#include "kernel/lib/diag.h"

/* Bytes of what the boot half keeps in memory, piece by piece. */
struct kept_files {
    uint64_t *sizes;
    uint32_t count;
};

/*
 * Read the report at `path`, plan the config for that machine and print the plan. False: refused,
 * and all was said on standard error; `config_path` is for messages.
 */
bool check_hardware(const char *path, const struct config *config, const char *config_path,
                    const struct kept_files *files);

/* "FILE:LINE:COLUMN: message", the hint below. Returns false. */
bool tell_diag(const char *path, const struct diag *diag);

#endif
