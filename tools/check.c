/* SPDX-License-Identifier: MIT */
/*
 * check CONFIG: does this config start? Parses it with the very code that runs at boot, and looks
 * at the files that it names, beside it. Exit status 0: fine, 1: refused, 2: wrong usage.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "kernel/config/config.h"
#include "kernel/image/bzimage.h"
#include "kernel/image/linux_boot.h"
#include "kernel/plan/plan.h"

#define MAX_FILES (2 * CONFIG_MAX_GUESTS + CONFIG_MAX_MODULES)

/* What is on the stick already, in the folder where the guests' files go. */
#define CONFIG_ON_STICK "bulkhead.conf"

struct checker {
    const char *path; /* of the config, as given */
    struct config config;
    const struct slice *files[MAX_FILES]; /* each name once, in the config's order */
    size_t file_count;
};

/* A file's size and beginning. */
struct file {
    uint64_t size;
    size_t head_size;
    uint8_t head[BZIMAGE_HEAD_SIZE];
};

static bool refuse(const struct checker *checker, const struct diag *diag)
{
    fprintf(stderr, "%s:%" PRIu32 ":%" PRIu32 ": %s\n", checker->path, diag->line, diag->column,
            diag->message);
    if (diag->hint[0] != '\0')
        fprintf(stderr, "  hint: %s\n", diag->hint);
    return false;
}

static bool refuse_at(const struct checker *checker, const struct slice *place, struct diag *diag)
{
    diag_at(diag, place->line, place->column);
    return refuse(checker, diag);
}

/*
 * Read at most `room` bytes of a file into `out`. Sets *size to all that the file has and *got to
 * what was read. Returns NULL, or why it cannot be read.
 */
static const char *read_head(const char *path, void *out, size_t room, uint64_t *size, size_t *got)
{
    struct stat facts;
    FILE *file = fopen(path, "rb");
    const char *fault = NULL;

    if (file == NULL)
        return strerror(errno);
    if (fstat(fileno(file), &facts) != 0)
        fault = strerror(errno);
    else if (!S_ISREG(facts.st_mode))
        fault = "Not a regular file";
    if (fault == NULL) {
        *size = (uint64_t)facts.st_size;
        *got = fread(out, 1, room, file);
        if (ferror(file))
            fault = strerror(errno);
    }
    fclose(file);
    return fault;
}

/* Open what the config names, relative to the config's own folder. */
static bool read_file(const struct checker *checker, const struct slice *name, struct file *file,
                      struct diag *diag)
{
    const char *slash = strrchr(checker->path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - checker->path) + 1;
    size_t room = (size_t)folder + name->length + 1;
    char *path = malloc(room);
    const char *fault;

    if (path == NULL)
        return diag_set(diag, "out of memory");
    snprintf(path, room, "%.*s%.*s", folder, checker->path, (int)name->length, name->start);
    fault = read_head(path, file->head, sizeof(file->head), &file->size, &file->head_size);
    free(path);
    if (fault != NULL) {
        diag_set(diag, "\"%.*s\": %s", (int)name->length, name->start, fault);
        return diag_hint(diag, "file names are relative to the config's own folder");
    }
    if (file->size == 0) {
        diag_set(diag, "\"%.*s\" is empty", (int)name->length, name->start);
        return diag_hint(diag, "copy the file again");
    }
    return true;
}

/* Put `front` before a message that does not say what it is about. */
static void put_before(struct diag *diag, const char *front, const struct slice *name)
{
    struct diag whole = *diag;

    diag_set(&whole, "%s \"%.*s\": %s", front, (int)name->length, name->start, diag->message);
    diag_hint(&whole, "%s", diag->hint);
    *diag = whole;
}

/* Do kernel, initrd and command line fit each other and the guest? */
static bool check_fit(const struct checker *checker, const struct config_guest *guest,
                      const struct bzimage *image, uint64_t initrd_size)
{
    const struct linux_guest wanted = {
        .memory = guest->memory,
        .hole_start = PLAN_HOLE_START,
        .hole_end = PLAN_HOLE_END,
        .initrd_size = initrd_size,
        .cmdline_length = guest->cmdline.length,
    };
    bool long_cmdline =
        guest->cmdline.length > image->cmdline_max || guest->cmdline.length > LINUX_CMDLINE_MAX;
    struct linux_layout layout;
    struct diag diag;

    if (linux_place(&wanted, image, &layout, &diag))
        return true;
    put_before(&diag, "guest", &guest->name);
    return refuse_at(checker, long_cmdline ? &guest->cmdline : &guest->memory_at, &diag);
}

/* Each module is there. Each fault is told, not the first alone. */
static bool check_modules(const struct checker *checker, const struct config_guest *guest)
{
    bool good = true;
    uint32_t i;

    for (i = 0; i < guest->module_count; i++) {
        const struct slice *name = &checker->config.modules[guest->first_module + i].file;
        struct file file;
        struct diag diag;

        if (!read_file(checker, name, &file, &diag))
            good = refuse_at(checker, name, &diag);
    }
    return good;
}

/* All about one guest's files. Each fault is told, not the first alone. */
static bool check_guest(const struct checker *checker, const struct config_guest *guest)
{
    struct file kernel, initrd = {.size = 0};
    struct bzimage image;
    struct diag diag;
    bool is_linux = guest->kind == KIND_LINUX || guest->kind == KIND_BY_CONTENT;
    bool good = true;

    if (!read_file(checker, &guest->kernel, &kernel, &diag)) {
        good = refuse_at(checker, &guest->kernel, &diag);
    } else if (is_linux &&
               !bzimage_parse(kernel.head, kernel.head_size, kernel.size, &image, &diag)) {
        put_before(&diag, "kernel", &guest->kernel);
        good = refuse_at(checker, &guest->kernel, &diag);
    }
    if (guest->initrd.start != NULL && !read_file(checker, &guest->initrd, &initrd, &diag))
        good = refuse_at(checker, &guest->initrd, &diag);
    good &= check_modules(checker, guest);
    return good && (!is_linux || check_fit(checker, guest, &image, initrd.size));
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
    uint64_t size;
    size_t got = 0;
    struct diag diag;
    const char *fault = read_head(checker->path, text, sizeof(text), &size, &got);

    if (fault != NULL) {
        fprintf(stderr, "%s: %s\n", checker->path, fault);
        return false;
    }
    /* Of a file that is too large only the size is of interest. */
    if (!config_parse(text, size > sizeof(text) ? size : got, &checker->config, &diag))
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

static int usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--files] CONFIG\n"
            "Check a config and the files that it names; they are looked for beside it.\n"
            "  --files  print the files' names, each once, instead of a summary\n",
            program);
    return 2;
}

int main(int count, char **arguments)
{
    static struct checker checker;
    bool files = count > 1 && strcmp(arguments[1], "--files") == 0;
    int first = files ? 2 : 1;

    if (count == 2 && strcmp(arguments[1], "--help") == 0) {
        usage(arguments[0]);
        return 0;
    }
    if (count != first + 1 || arguments[first][0] == '-')
        return usage(arguments[0]);
    checker.path = arguments[first];
    if (!check_config(&checker))
        return 1;
    if (files)
        print_files(&checker);
    else
        print_summary(&checker);
    return fflush(stdout) == 0 ? 0 : 1;
}
