/* SPDX-License-Identifier: MIT */
/*
 * Can this guest be started from these files? Pure, so that tools/check says on the user's desk
 * what the boot half would say at the machine.
 */
#ifndef BULKHEAD_BOOT_GUEST_CHECK_H
#define BULKHEAD_BOOT_GUEST_CHECK_H

#include "kernel/config/config.h"
#include "kernel/image/bzimage.h"
#include "kernel/lib/diag.h"

/* The files as they lie on the volume. */
struct guest_files {
    const void *kernel_head; /* the kernel's first bytes: BZIMAGE_HEAD_SIZE, or all there are */
    size_t kernel_head_size;
    uint64_t kernel_size; /* bytes of the whole file */
    uint64_t initrd_size; /* bytes, 0: none */
};

/*
 * Check the kernel's header, and that kernel, initrd and command line fit the guest's memory; fills
 * in *image. False: a diagnosis at the guilty value in the config.
 */
bool guest_check(const struct config_guest *guest, const struct guest_files *files,
                 struct bzimage *image, struct diag *diag);

/*
 * Put `what "NAME": ` in front of a diagnosis that does not say what it is about, and the name's
 * place in the config into it. Returns false.
 */
bool guest_blame(const char *what, const struct slice *name, struct diag *diag);

#endif
