/* SPDX-License-Identifier: MIT */
/*
 * A diagnosis: why something was refused, in one sentence for the person at the console. Pure code
 * returns false and fills in a diagnosis; who called decides where to show it.
 */
#ifndef BULKHEAD_KERNEL_LIB_DIAG_H
#define BULKHEAD_KERNEL_LIB_DIAG_H

#include <stdbool.h>
#include <stdint.h>

struct diag {
    uint32_t line;     /* 1-based line of the config file, 0 when the fault is not in the config */
    uint32_t column;   /* 1-based byte column, 0 as above */
    char message[256]; /* what is wrong and where, one sentence without a full stop */
    char hint[160];    /* what to do about it; empty when there is nothing to say */
};

/* Fill in message (and no place, no hint). Returns false, so that `return diag_set(...)` reads. */
bool diag_set(struct diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Add a hint to a diagnosis that is already set. Returns false. */
bool diag_hint(struct diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Add the place in the config to a diagnosis that is already set. Returns false. */
bool diag_at(struct diag *diag, uint32_t line, uint32_t column);

#endif
