/* SPDX-License-Identifier: MIT */
/*
 * Can this guest be started from these files? Pure, so that tools/check says on the user's desk
 * what the boot half would say at the machine.
 */
#ifndef BULKHEAD_BOOT_GUEST_CHECK_H
#define BULKHEAD_BOOT_GUEST_CHECK_H

#include "kernel/config/config.h"
#include "kernel/image/image.h"
#include "kernel/lib/diag.h"

/* The files as they lie on the volume; of modules only the size matters here. */
struct guest_files {
    struct image_file kernel;
    struct image_file modules[CONFIG_MAX_GUEST_MODULES]; /* guest_module() names them */
};

/* The files besides the kernel: the initrd, or the modules. */
uint32_t guest_module_count(const struct config_guest *guest);
const struct slice *guest_module(const struct config *config, const struct config_guest *guest,
                                 uint32_t index);

/*
 * Check the kernel, and that it, its modules and its command line fit the guest's memory. Makes the
 * image, with IMAGE_DATA_SIZE bytes at `data`, of which *used are needed from then on. False: a
 * diagnosis at the guilty value in the config.
 */
bool guest_check(const struct config *config, const struct config_guest *guest,
                 const struct guest_files *files, void *data, struct image *image, size_t *used,
                 struct diag *diag);

/*
 * Put `what "NAME": ` in front of a diagnosis that does not say what it is about, and the name's
 * place in the config into it. Returns false.
 */
bool guest_blame(const char *what, const struct slice *name, struct diag *diag);

#endif
