/* SPDX-License-Identifier: MIT */
/*
 * check CONFIG: does this config start? Parses it with the very code that runs at boot, and looks
 * at the files that it names, beside it; with a hardware report also whether it fits that machine.
 * Exit status 0: fine, 1: refused, 2: wrong usage.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "boot/guest_check.h"
#include "kernel/config/config.h"
#include "tools/check_hardware.h"

#define MAX_FILES (2 * CONFIG_MAX_GUESTS + CONFIG_MAX_MODULES)
#define MAX_KEPT  (MAX_FILES + CONFIG_MAX_GUESTS + 1)

/* What is on the stick already, in the folder where the guests' files go. */
#define CONFIG_ON_STICK "bulkhead.conf"

struct checker {
    const char *path; /* of the config, as given */
    struct config config;
    const struct slice *files[MAX_FILES]; /* each name once, in the config's order */
    size_t file_count;
    /* What the boot half keeps in memory: the config, each file once, and what it makes. */
    uint64_t kept[MAX_KEPT];
    struct kept_files kept_files;
};

static bool refuse(const struct checker *checker, const struct diag *diag)
{
    return tell_diag(checker->path, diag);
}

static bool refuse_at(const struct checker *checker, const struct slice *place, struct diag *diag)
{
    diag_at(diag, place->line, place->column);
    return refuse(checker, diag);
}

/*
 * Open a file and say how large it is. Returns NULL, or why it cannot be read; *file is then to be
 * closed all the same unless it is NULL.
 */
static const char *open_file(const char *path, FILE **file, uint64_t *size)
{
    struct stat facts;

    *file = fopen(path, "rb");
    if (*file == NULL || fstat(fileno(*file), &facts) != 0)
        return strerror(errno);
    *size = (uint64_t)facts.st_size;
    return S_ISREG(facts.st_mode) ? NULL : "Not a regular file";
}

/* Read `size` bytes of an open file into memory. Returns NULL, or why that failed. */
static const char *read_all(FILE *file, uint64_t size, void **bytes)
{
    *bytes = malloc(size + 1);
    if (*bytes == NULL)
        return "out of memory";
    if (fread(*bytes, 1, size, file) == size)
        return NULL;
    return ferror(file) ? strerror(errno) : "it becomes shorter while it is read";
}

/*
 * Find what the config names, relative to the config's own folder: its size, and with `whole` its
 * bytes, which the caller frees.
 */
static const char *find_file(const char *path, bool whole, struct image_file *out)
{
    FILE *file;
    void *bytes = NULL;
    const char *fault = open_file(path, &file, &out->size);

    if (fault == NULL && whole)
        fault = read_all(file, out->size, &bytes);
    out->address = (uint64_t)(uintptr_t)bytes;
    if (file != NULL)
        fclose(file);
    return fault;
}

static bool read_file(const struct checker *checker, const struct slice *name, bool whole,
                      struct image_file *out, struct diag *diag)
{
    const char *slash = strrchr(checker->path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - checker->path) + 1;
    size_t room = (size_t)folder + name->length + 1;
    char *path = malloc(room);

    if (path == NULL)
        return diag_set(diag, "out of memory");
    snprintf(path, room, "%.*s%.*s", folder, checker->path, (int)name->length, name->start);
    const char *fault = find_file(path, whole, out);
    free(path);
    if (fault != NULL) {
        diag_set(diag, "\"%.*s\": %s", (int)name->length, name->start, fault);
        diag_hint(diag, "file names are relative to the config's own folder");
    } else if (out->size == 0) {
        diag_set(diag, "\"%.*s\" is empty", (int)name->length, name->start);
        diag_hint(diag, "copy the file again");
    } else {
        return true;
    }
    return diag_at(diag, name->line, name->column);
}

/* The boot half has so many bytes in memory. */
static void keep(struct checker *checker, uint64_t size)
{
    checker->kept[checker->kept_files.count++] = size;
}

/* The guest's kernel and all else together, as the boot half will check it. */
static bool check_image(struct checker *checker, const struct config_guest *guest,
                        const struct guest_files *files)
{
    static uint8_t data[IMAGE_DATA_SIZE];
    struct image image;
    struct diag diag;
    size_t used;

    if (!guest_check(&checker->config, guest, files, data, &image, &used, &diag))
        return refuse(checker, &diag);
    keep(checker, used);
    return true;
}

/* All about one guest's files. Each that is missing is told, not the first alone. */
static bool check_guest(struct checker *checker, const struct config_guest *guest)
{
    struct guest_files files = {.kernel = {0}};
    struct diag diag;
    bool good =
        read_file(checker, &guest->kernel, true, &files.kernel, &diag) || refuse(checker, &diag);
    uint32_t i;

    for (i = 0; i < guest_module_count(guest); i++)
        if (!read_file(checker, guest_module(&checker->config, guest, i), false, &files.modules[i],
                       &diag))
            good = refuse(checker, &diag);
    good = good && check_image(checker, guest, &files);
    free((void *)(uintptr_t)files.kernel.address);
    return good;
}

/* Remember a name. On the stick's FAT volume, capitals do not tell two files apart. */
static bool add_file(struct checker *checker, const struct slice *name)
{
    struct diag diag;
    size_t i;

    if (name->length == strlen(CONFIG_ON_STICK) &&
        strncasecmp(name->start, CONFIG_ON_STICK, name->length) == 0) {
        diag_set(&diag, "\"" CONFIG_ON_STICK "\" is the name of the config itself on the stick");
        diag_hint(&diag, "rename the file");
        return refuse_at(checker, name, &diag);
    }
    for (i = 0; i < checker->file_count; i++) {
        const struct slice *other = checker->files[i];

        if (other->length != name->length ||
            strncasecmp(other->start, name->start, name->length) != 0)
            continue;
        if (memcmp(other->start, name->start, name->length) == 0)
            return true;
        diag_set(&diag, "\"%.*s\" and \"%.*s\" (line %" PRIu32 ") are one file on a FAT volume",
                 (int)name->length, name->start, (int)other->length, other->start, other->line);
        diag_hint(&diag, "write the name in the same way, or rename one of the files");
        return refuse_at(checker, name, &diag);
    }
    checker->files[checker->file_count++] = name;
    return true;
}

static bool add_files(struct checker *checker, const struct config_guest *guest)
{
    bool good = add_file(checker, &guest->kernel);
    uint32_t i;

    if (guest->initrd.start != NULL)
        good &= add_file(checker, &guest->initrd);
    for (i = 0; i < guest->module_count; i++)
        good &= add_file(checker, &checker->config.modules[guest->first_module + i].file);
    return good;
}

static bool check_guests(struct checker *checker)
{
    bool good = true;
    uint32_t i;

    for (i = 0; i < checker->config.guest_count; i++) {
        const struct config_guest *guest = &checker->config.guests[i];

        good &= check_guest(checker, guest);
        good &= add_files(checker, guest);
    }
    return good;
}

static bool check_config(struct checker *checker)
{
    static char text[CONFIG_MAX_TEXT];
    uint64_t size = 0;
    struct diag diag;
    FILE *file;
    const char *fault = open_file(checker->path, &file, &size);

    /* Of a file that is too large only the size is of interest. */
    if (fault == NULL && size <= sizeof(text) && fread(text, 1, size, file) != size)
        fault = ferror(file) ? strerror(errno) : "it becomes shorter while it is read";
    if (file != NULL)
        fclose(file);
    if (fault != NULL) {
        fprintf(stderr, "%s: %s\n", checker->path, fault);
        return false;
    }
    keep(checker, size);
    if (!config_parse(text, size, &checker->config, &diag))
        return refuse(checker, &diag);
    return check_guests(checker);
}

static void print_files(const struct checker *checker)
{
    size_t i;

    for (i = 0; i < checker->file_count; i++)
        printf("%.*s\n", (int)checker->files[i]->length, checker->files[i]->start);
}

static void print_summary(const struct checker *checker)
{
    const struct config *config = &checker->config;
    uint64_t memory = 0;
    uint32_t cpus = 0;
    uint32_t i;

    for (i = 0; i < config->guest_count; i++) {
        cpus += config->guests[i].cpus;
        memory += config->guests[i].memory;
    }
    printf("%s: %" PRIu32 " guest%s, %" PRIu32 " cpu%s, %" PRIu64 "M: fine\n", checker->path,
           config->guest_count, config->guest_count == 1 ? "" : "s", cpus, cpus == 1 ? "" : "s",
           memory / MIB(1));
}

/* Does it fit the machine that the report describes? */
static bool check_machine(struct checker *checker, const char *report)
{
    struct diag diag;
    size_t i;

    for (i = 0; i < checker->file_count; i++) {
        struct image_file file;

        if (!read_file(checker, checker->files[i], false, &file, &diag))
            return refuse(checker, &diag);
        keep(checker, file.size);
    }
    checker->kept_files.sizes = checker->kept;
    return check_hardware(report, &checker->config, checker->path, &checker->kept_files);
}

static int usage(const char *program)
{
    fprintf(
        stderr,
        "usage: %s [--files | --hardware REPORT] CONFIG\n"
        "Check a config and the files that it names; they are looked for beside it.\n"
        "  --files            print the files' names, each once, instead of a summary\n"
        "  --hardware REPORT  plan it for the machine whose bulkhead/hardware.txt this is, and\n"
        "                     print the plan\n",
        program);
    return 2;
}

int main(int count, char **arguments)
{
    static struct checker checker;
    bool files = count == 3 && strcmp(arguments[1], "--files") == 0;
    bool hardware = count == 4 && strcmp(arguments[1], "--hardware") == 0;
    int first = files ? 2 : hardware ? 3 : 1;

    if (count == 2 && strcmp(arguments[1], "--help") == 0) {
        usage(arguments[0]);
        return 0;
    }
    if (count != first + 1 || arguments[first][0] == '-')
        return usage(arguments[0]);
    checker.path = arguments[first];
    if (!check_config(&checker) || (hardware && !check_machine(&checker, arguments[2])))
        return 1;
    if (files)
        print_files(&checker);
    else if (!hardware)
        print_summary(&checker);
    return fflush(stdout) == 0 ? 0 : 1;
}
