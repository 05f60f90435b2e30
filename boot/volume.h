/* SPDX-License-Identifier: MIT */
/*
 * Files of the volume that we were started from. File names are relative to its folder \bulkhead,
 * with slashes of either kind. What the files hold is not trusted.
 */
#ifndef BULKHEAD_BOOT_VOLUME_H
#define BULKHEAD_BOOT_VOLUME_H

#include <efi.h>

#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

#define VOLUME_FOLDER   "\\bulkhead\\"
#define VOLUME_MAX_NAME 127

struct volume {
    EFI_FILE_HANDLE root;
};

struct volume_file {
    EFI_FILE_HANDLE handle;
    uint64_t size; /* bytes, not 0 */
    bool missing;  /* the volume has no such file */
    char name[VOLUME_MAX_NAME + 1];
};

/* A file that is being written. */
struct volume_output {
    EFI_FILE_HANDLE handle;
    EFI_STATUS status; /* the first failure */
    UINTN used;        /* bytes of `buffer` that are not written yet */
    char buffer[KIB(16)];
};

/* False: we came from a place without files (network boot, firmware's own flash). */
bool volume_open(struct volume *volume, struct diag *diag);
void volume_close(struct volume *volume);

/*
 * Open a file (name: `length` bytes). False: it is missing, empty, a folder or cannot be read. The
 * message does not name the file, the caller puts that in front; so too below.
 */
bool volume_file_open(const struct volume *volume, const char *name, size_t length,
                      struct volume_file *file, struct diag *diag);

/*
 * Read the whole file to `to` (room for file->size bytes). Files of several MiB show dots on the
 * console while they are read.
 */
bool volume_file_read(struct volume_file *file, void *to, struct diag *diag);
void volume_file_close(struct volume_file *file);

/*
 * Make a file anew, with the folder \bulkhead where that is missing, and write text to it. Whether
 * all of it got there is known when it was closed.
 */
bool volume_output_open(const struct volume *volume, const char *name, struct volume_output *output,
                        struct diag *diag);
void volume_output_put(struct volume_output *output, const char *text);
bool volume_output_close(struct volume_output *output, struct diag *diag);

#endif
