/* SPDX-License-Identifier: MIT */
#include "boot/input.h"

#include "boot/console.h"
#include "boot/pages.h"
#include "kernel/lib/bits.h"
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

    bool opened = volume_file_open(volume, CONFIG_FILE, sizeof(CONFIG_FILE) - 1, &file, diag);
    input->missing = file.missing;
    if (!opened)
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
static const struct image_file *find_read(const struct input *input, uint32_t guest,
                                          const struct slice *name)
{
    for (uint32_t i = 0; i <= guest; i++) {
        const struct config_guest *other = &input->config.guests[i];
        const struct guest_files *files = &input->files[i];
        if (same_name(&other->kernel, name) && files->kernel.address)
            return &files->kernel;
        for (uint32_t j = 0; j < guest_module_count(other); j++)
            if (same_name(guest_module(&input->config, other, j), name) &&
                files->modules[j].address)
                return &files->modules[j];
    }
    return NULL;
}

static bool read_named(struct input *input, const struct volume *volume, const struct slice *name,
                       struct image_file *out, struct diag *diag)
{
    struct volume_file file;
    struct memory_span span;

    if (!volume_file_open(volume, name->start, name->length, &file, diag))
        return false;
    console_text("Reading %s, %llu KiB\n", file.name,
                 (unsigned long long)(file.size + 1023) / 1024);
    bool ok = read_file(&file, &span, diag);
    volume_file_close(&file);
    if (!ok)
        return false;
    *out = (struct image_file){.address = span.base, .size = file.size};
    input->file_bytes += span.size;
    return true;
}

static bool get_file(struct input *input, const struct volume *volume, uint32_t guest,
                     const struct slice *name, struct image_file *out, struct diag *diag)
{
    const struct image_file *read = find_read(input, guest, name);

    if (read) {
        *out = *read;
        return true;
    }
    return read_named(input, volume, name, out, diag);
}

/* Check the guest and make what it needs besides its files. */
static bool make_image(struct input *input, uint32_t index, struct diag *diag)
{
    struct memory_span data;
    size_t used;

    if (!pages_take(IMAGE_DATA_SIZE, PAGES_ANYWHERE, &data, diag) ||
        !guest_check(&input->config, &input->config.guests[index], &input->files[index],
                     (void *)data.base, &input->guests[index].image, &used, diag))
        return false;
    pages_trim(&data, data.base, used > 0 ? used : 1);
    return true;
}

static bool read_guest(struct input *input, const struct volume *volume, uint32_t index,
                       struct diag *diag)
{
    const struct config_guest *guest = &input->config.guests[index];
    struct guest_files *files = &input->files[index];

    if (!get_file(input, volume, index, &guest->kernel, &files->kernel, diag))
        return guest_blame("kernel", &guest->kernel, diag);
    for (uint32_t i = 0; i < guest_module_count(guest); i++) {
        const struct slice *name = guest_module(&input->config, guest, i);
        if (!get_file(input, volume, index, name, &files->modules[i], diag))
            return guest_blame(guest->initrd.start ? "initrd" : "module", name, diag);
    }
    return make_image(input, index, diag);
}

bool input_read_files(struct input *input, const struct volume *volume, struct diag *diag)
{
    uint32_t count = input->config.guest_count;

    input->files = pages_scratch(count * sizeof(*input->files), diag);
    input->guests = pages_zeroed(count * sizeof(*input->guests), diag);
    if (!input->files || !input->guests)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!read_guest(input, volume, i, diag))
            return false;
    return true;
}
