/* SPDX-License-Identifier: MIT */
/* What all fuzz targets share: libFuzzer's entry, and how a target says that a promise is broken.
 */
#ifndef BULKHEAD_TESTS_FUZZ_FUZZ_H
#define BULKHEAD_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What it says, and where it was broken. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
