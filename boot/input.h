/* SPDX-License-Identifier: MIT */
/*
 * What the user put on the volume: the config and the files that it names, read and checked as far
 * as that goes without knowing the machine.
 */
#ifndef BULKHEAD_BOOT_INPUT_H
#define BULKHEAD_BOOT_INPUT_H

#include "boot/guest_check.h"
#include "boot/handoff.h"
#include "boot/memory_map.h"
#include "boot/volume.h"
#include "kernel/config/config.h"

struct input {
    struct memory_span text; /* of the config; its last page is filled up with zeros */
    uint64_t text_size;
    bool missing; /* there is no config */
    struct config config;
    struct guest_files *files;    /* one for each guest, of the boot half alone */
    struct handoff_guest *guests; /* one for each guest, in pages that the kernel gets */
    uint64_t file_bytes;          /* pages of all the guests' files */
};

/* Read and parse bulkhead.conf. */
bool input_read_config(struct input *input, const struct volume *volume, struct diag *diag);

/*
 * Read every guest's files and check that its kernel can be started. A file that several guests
 * name is read once.
 */
bool input_read_files(struct input *input, const struct volume *volume, struct diag *diag);

#endif
