/* SPDX-License-Identifier: MIT */
#include "boot/guest_check.h"

#include "kernel/image/linux_boot.h"
#include "kernel/plan/plan.h"

bool guest_blame(const char *what, const struct slice *name, struct diag *diag)
{
    struct diag inner = *diag;

    diag_set(diag, "%s \"%.*s\": %s", what, (int)name->length, name->start, inner.message);
    diag_hint(diag, "%s", inner.hint);
    return diag_at(diag, name->line, name->column);
}

/* What does not fit is a line that is too long, or else memory that is too small. */
static bool blame_fit(const struct config_guest *guest, const struct bzimage *image,
                      struct diag *diag)
{
    bool long_cmdline =
        guest->cmdline.length > image->cmdline_max || guest->cmdline.length > LINUX_CMDLINE_MAX;
    const struct slice *at = long_cmdline ? &guest->cmdline : &guest->memory_at;

    guest_blame("guest", &guest->name, diag);
    return diag_at(diag, at->line, at->column);
}

bool guest_check(const struct config_guest *guest, const struct guest_files *files,
                 struct bzimage *image, struct diag *diag)
{
    const struct linux_guest wanted = {
        .memory = guest->memory,
        .hole_start = PLAN_HOLE_START,
        .hole_end = PLAN_HOLE_END,
        .initrd_size = files->initrd_size,
        .cmdline_length = guest->cmdline.length,
    };
    struct linux_layout layout;

    if (!bzimage_parse(files->kernel_head, files->kernel_head_size, files->kernel_size, image,
                       diag))
        return guest_blame("kernel", &guest->kernel, diag);
    return linux_place(&wanted, image, &layout, diag) || blame_fit(guest, image, diag);
}
