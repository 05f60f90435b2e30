/* SPDX-License-Identifier: MIT */
/* Bytes without a header: the config says where they go and where and in which mode they start. */
#ifndef BULKHEAD_KERNEL_IMAGE_FLAT_H
#define BULKHEAD_KERNEL_IMAGE_FLAT_H

#include "kernel/image/program.h"

/* False: the entry point does not lie in the file. */
bool flat_parse(const struct image_guest *guest, struct program *program, struct diag *diag);

#endif
