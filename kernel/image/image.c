/* SPDX-License-Identifier: MIT */
#include "kernel/image/image.h"

#include "kernel/image/flat.h"
#include "kernel/image/linux_boot.h"
#include "kernel/image/linux_real.h"
#include "kernel/image/multiboot.h"
#include "kernel/image/multiboot2.h"
#include "kernel/image/pvh.h"

static const void *bytes_of(const struct image_file *file)
{
    return (const void *)(uintptr_t)file->address;
}

const char *image_kind_name(enum image_kind kind)
{
    static const char *const names[] = {
        [IMAGE_LINUX] = "Linux",         [IMAGE_PVH] = "PVH",
        [IMAGE_MULTIBOOT] = "multiboot", [IMAGE_MULTIBOOT2] = "multiboot 2",
        [IMAGE_FLAT] = "flat",
    };

    return names[kind];
}

uint32_t image_multiboot_version(const struct image_file *kernel)
{
    return multiboot2_is(bytes_of(kernel), kernel->size) ? 2 : 1;
}

static bool refuse_all(const struct image_file *kernel, struct diag *diag)
{
    struct elf_image elf;

    if (elf_is(bytes_of(kernel), kernel->size)) {
        if (!elf_parse_guest(bytes_of(kernel), kernel->size, &elf, diag))
            return false;
        return diag_set(diag, "an ELF file with neither a PVH note nor a multiboot header, so that "
                              "nothing says how to start it");
    }
    diag_set(diag, "not a kernel that is known: no Linux bzImage, no ELF file with a PVH note, no "
                   "multiboot header");
    return diag_hint(diag, "what has no header starts with kind = flat, load = and entry =");
}

bool image_recognise(const struct image_file *kernel, enum image_kind *kind, struct diag *diag)
{
    const void *bytes = bytes_of(kernel);

    if (bzimage_is(bytes, kernel->size))
        *kind = IMAGE_LINUX;
    else if (pvh_is(bytes, kernel->size))
        *kind = IMAGE_PVH;
    else if (multiboot2_is(bytes, kernel->size))
        *kind = IMAGE_MULTIBOOT2;
    else if (multiboot_is(bytes, kernel->size))
        *kind = IMAGE_MULTIBOOT;
    else
        return refuse_all(kernel, diag);
    return true;
}

/* Of one kernel: a bzImage or a program. */
struct parsed {
    struct bzimage bzimage;
    struct program program;
};

static bool parse(const struct image_guest *guest, enum image_kind kind, struct parsed *out,
                  struct diag *diag)
{
    const void *bytes = bytes_of(&guest->kernel);
    uint64_t size = guest->kernel.size;

    switch (kind) {
    case IMAGE_LINUX:
        return bzimage_parse(bytes, size < BZIMAGE_HEAD_SIZE ? size : BZIMAGE_HEAD_SIZE, size,
                             &out->bzimage, diag);
    case IMAGE_PVH:
        return pvh_parse(bytes, size, &out->program, diag);
    case IMAGE_MULTIBOOT:
        return multiboot_parse(bytes, size, &out->program, diag);
    case IMAGE_MULTIBOOT2:
        return multiboot2_parse(bytes, size, &out->program, diag);
    case IMAGE_FLAT:
        return flat_parse(guest, &out->program, diag);
    }
    return false;
}

bool image_check(const struct image_guest *guest, enum image_kind kind, uint32_t *cmdline_max,
                 struct diag *diag)
{
    struct parsed parsed;

    if (!parse(guest, kind, &parsed, diag))
        return false;
    *cmdline_max = kind == IMAGE_LINUX ? linux_cmdline_max(&parsed.bzimage) : IMAGE_DATA_SIZE / 2;
    return true;
}

/* What the kernel is told, and the registers by which it finds that. */
static void fill(const struct image_guest *guest, const struct program *program,
                 struct image *image, struct data *data)
{
    switch (image->kind) {
    case IMAGE_PVH:
        image->entry.ebx = pvh_fill(guest, program, data);
        break;
    case IMAGE_MULTIBOOT:
        image->entry.eax = MULTIBOOT_EAX;
        image->entry.ebx = multiboot_fill(guest, program, data);
        break;
    case IMAGE_MULTIBOOT2:
        image->entry.eax = MULTIBOOT2_EAX;
        image->entry.ebx = multiboot2_fill(guest, program, image, data);
        break;
    case IMAGE_LINUX:
    case IMAGE_FLAT:
        break;
    }
}

bool image_make(const struct image_guest *guest, enum image_kind kind, void *data,
                struct image *image, size_t *used, struct diag *diag)
{
    struct data made = {.bytes = data, .size = IMAGE_DATA_SIZE};
    struct parsed parsed;

    *image = (struct image){.kind = kind};
    if (!parse(guest, kind, &parsed, diag))
        return false;
    if (kind == IMAGE_LINUX) {
        bool real = parsed.bzimage.entry_bits == 16;
        if (!(real ? linux_real_make : linux_make)(guest, &parsed.bzimage, image, &made, diag))
            return false;
    } else {
        if (!program_place(guest, &parsed.program, image, &made, diag))
            return false;
        fill(guest, &parsed.program, image, &made);
        if (!program_finish(image, &made, diag))
            return false;
    }
    *used = made.used;
    return true;
}
