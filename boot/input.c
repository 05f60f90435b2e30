/* SPDX-License-Identifier: MIT */
#include "boot/input.h"

#include "boot/console.h"
#include "boot/guest_check.h"
#include "boot/pages.h"
#include "kernel/image/bzimage.h"
#include "kernel/lib/mem.h"

#define CONFIG_FILE "bulkhead.conf"

/* Read an opened file into pages of its own. */
static bool read_file(struct volume_file *file, struct memory_span *span, struct diag *diag)
{
    if (!pages_take(file->size, PAGES_ANYWHERE, span, diag))
        return false;
    if (!volume_file_read(file, (void *)span->base, diag))
        return false;
    memset((uint8_t *)span->base + file->size, 0, span->size - file->size);
    return true;
}

static bool read_config_text(struct input *input, const struct volume *volume, struct diag *diag)
{
    struct volume_file file;

    if (!volume_file_open(volume, CONFIG_FILE, sizeof(CONFIG_FILE) - 1, &file, diag))
        return false;
    input->text_size = file.size;
    bool ok = file.size <= CONFIG_MAX_TEXT ||
              diag_set(diag, "it has %llu bytes, at most %llu are possible",
                       (unsigned long long)file.size, (unsigned long long)CONFIG_MAX_TEXT);
    ok = ok && read_file(&file, &input->text, diag);
    volume_file_close(&file);
    return ok;
}

bool input_read_config(struct input *input, const struct volume *volume, struct diag *diag)
{
    struct diag inner;

    if (!read_config_text(input, volume, &inner)) {
        diag_set(diag, "cannot read " VOLUME_FOLDER CONFIG_FILE ": %s", inner.message);
        return diag_hint(diag, "put the config there, and the files that it names beside it");
    }
    return config_parse((const char *)input->text.base, input->text_size, &input->config, diag);
}

static bool same_name(const struct slice *a, const struct slice *b)
{
    return a->start && b->start && a->length == b->length &&
           memcmp(a->start, b->start, a->length) == 0;
}

/* The file that an earlier guest (or this guest's other key) names by the same name. */
static const struct handoff_file *find_read(const struct input *input, uint32_t guest,
                                            const struct slice *name)
{
    for (uint32_t i = 0; i <= guest; i++) {
        const struct config_guest *other = &input->config.guests[i];
        if (same_name(&other->kernel, name) && input->guests[i].kernel.base)
            return &input->guests[i].kernel;
        if (same_name(&other->initrd, name) && input->guests[i].initrd.base)
            return &input->guests[i].initrd;
    }
    return NULL;
}

static bool read_named(const struct volume *volume, const struct slice *name,
                       struct handoff_file *out, struct diag *diag)
{
    struct volume_file file;
    struct memory_span span;

    if (!volume_file_open(volume, name->start, name->length, &file, diag))
        return false;
    console_text("Reading %s, %llu KiB\n", file.name,
                 (unsigned long long)(file.size + 1023) / 1024);
    bool ok = read_file(&file, &span, diag);
    volume_file_close(&file);
    if (ok)
        *out = (struct handoff_file){.base = span.base, .size = file.size};
    return ok;
}

static bool get_file(struct input *input, const struct volume *volume, uint32_t guest,
                     const struct slice *name, struct handoff_file *out, struct diag *diag)
{
    const struct handoff_file *read = find_read(input, guest, name);

    if (read) {
        *out = *read;
        return true;
    }
    return read_named(volume, name, out, diag);
}

static bool read_guest(struct input *input, const struct volume *volume, uint32_t index,
                       struct diag *diag)
{
    const struct config_guest *guest = &input->config.guests[index];
    struct handoff_guest *files = &input->guests[index];

    if (!get_file(input, volume, index, &guest->kernel, &files->kernel, diag))
        return guest_blame("kernel", &guest->kernel, diag);
    if (guest->initrd.start &&
        !get_file(input, volume, index, &guest->initrd, &files->initrd, diag))
        return guest_blame("initrd", &guest->initrd, diag);

    uint64_t size = files->kernel.size;
    struct guest_files check = {
        .kernel_head = (const void *)files->kernel.base,
        .kernel_head_size = size < BZIMAGE_HEAD_SIZE ? size : BZIMAGE_HEAD_SIZE,
        .kernel_size = size,
        .initrd_size = files->initrd.size,
    };
    return guest_check(guest, &check, &files->image, diag);
}

bool input_read_files(struct input *input, const struct volume *volume, struct diag *diag)
{
    input->guests = pages_zeroed(input->config.guest_count * sizeof(*input->guests), diag);
    if (!input->guests)
        return false;
    for (uint32_t i = 0; i < input->config.guest_count; i++)
        if (!read_guest(input, volume, i, diag))
            return false;
    return true;
}
