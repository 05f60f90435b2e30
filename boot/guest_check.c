/* SPDX-License-Identifier: MIT */
#include "boot/guest_check.h"

#include "kernel/acpi/guest.h"
#include "kernel/image/memory_map.h"
#include "kernel/plan/plan.h"

_Static_assert(CONFIG_MAX_GUEST_MODULES <= IMAGE_MAX_MODULES, "each module has a place");

bool guest_blame(const char *what, const struct slice *name, struct diag *diag)
{
    struct diag inner = *diag;

    diag_set(diag, "%s \"%.*s\": %s", what, (int)name->length, name->start, inner.message);
    diag_hint(diag, "%s", inner.hint);
    return diag_at(diag, name->line, name->column);
}

/* The same about the guest, at the value of one of its keys. */
static bool blame_value(const struct config_guest *guest, const struct slice *value,
                        struct diag *diag)
{
    guest_blame("guest", &guest->name, diag);
    return diag_at(diag, value->line, value->column);
}

uint32_t guest_module_count(const struct config_guest *guest)
{
    return guest->initrd.start ? 1 : guest->module_count;
}

const struct slice *guest_module(const struct config *config, const struct config_guest *guest,
                                 uint32_t index)
{
    return guest->initrd.start ? &guest->initrd
                               : &config->modules[guest->first_module + index].file;
}

static struct image_text text_of(const struct slice *slice)
{
    return (struct image_text){slice->start, slice->start ? slice->length : 0};
}

static void describe(const struct config *config, const struct config_guest *guest,
                     const struct guest_files *files, struct image_guest *wanted)
{
    *wanted = (struct image_guest){
        .memory = guest->memory,
        .hole_start = PLAN_HOLE_START,
        .hole_end = PLAN_HOLE_END,
        .ecam_start = GUEST_ECAM_BASE,
        .ecam_size = guest->device_count > 0 ? GUEST_ECAM_SIZE : 0,
        .rsdp = gpa(MAP_ACPI_START),
        .kernel = files->kernel,
        .cmdline = text_of(&guest->cmdline),
        .module_count = guest_module_count(guest),
        .load = guest->load,
        .entry = guest->entry,
        .entry_bits = guest->entry_bits,
    };
    for (uint32_t i = 0; i < wanted->module_count; i++) {
        wanted->modules[i].file = files->modules[i];
        if (!guest->initrd.start)
            wanted->modules[i].args = text_of(&config->modules[guest->first_module + i].args);
    }
}

static bool find_kind(const struct config_guest *guest, const struct image_file *kernel,
                      enum image_kind *kind, struct diag *diag)
{
    switch (guest->kind) {
    case KIND_BY_CONTENT:
        return image_recognise(kernel, kind, diag);
    case KIND_LINUX:
        *kind = IMAGE_LINUX;
        break;
    case KIND_PVH:
        *kind = IMAGE_PVH;
        break;
    case KIND_MULTIBOOT:
        *kind = image_multiboot_version(kernel) == 2 ? IMAGE_MULTIBOOT2 : IMAGE_MULTIBOOT;
        break;
    case KIND_FLAT:
        *kind = IMAGE_FLAT;
        break;
    }
    return true;
}

/* What the parser could not know before the file said what it is. */
static bool check_modules(const struct config *config, const struct config_guest *guest,
                          enum image_kind kind, struct diag *diag)
{
    if (kind == IMAGE_LINUX && guest->module_count > 0) {
        const struct slice *at = guest_module(config, guest, 0);
        diag_set(diag, "a Linux kernel takes an initrd, no modules");
        diag_hint(diag, "write initrd = %.*s", (int)at->length, at->start);
        return blame_value(guest, at, diag);
    }
    if ((kind == IMAGE_MULTIBOOT || kind == IMAGE_MULTIBOOT2) && guest->initrd.start) {
        diag_set(diag, "a multiboot kernel takes modules, no initrd");
        diag_hint(diag, "write module = %.*s", (int)guest->initrd.length, guest->initrd.start);
        return blame_value(guest, &guest->initrd, diag);
    }
    return true;
}

bool guest_check(const struct config *config, const struct config_guest *guest,
                 const struct guest_files *files, void *data, struct image *image, size_t *used,
                 struct diag *diag)
{
    struct image_guest wanted;
    enum image_kind kind = IMAGE_LINUX;
    uint32_t cmdline_max;

    describe(config, guest, files, &wanted);
    if (!find_kind(guest, &files->kernel, &kind, diag) ||
        !image_check(&wanted, kind, &cmdline_max, diag))
        return kind == IMAGE_FLAT ? blame_value(guest, &guest->entry_at, diag)
                                  : guest_blame("kernel", &guest->kernel, diag);
    if (!check_modules(config, guest, kind, diag))
        return false;
    if (image_make(&wanted, kind, data, image, used, diag))
        return true;
    /* What does not fit is a line that is too long, or else memory that is too small. */
    return blame_value(guest,
                       guest->cmdline.length > cmdline_max ? &guest->cmdline
                       : kind == IMAGE_FLAT                ? &guest->load_at
                                                           : &guest->memory_at,
                       diag);
}
