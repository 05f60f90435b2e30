/* SPDX-License-Identifier: MIT */
/* Any bytes as a config: what comes out, config or diagnosis, keeps what config.h promises. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/config/config.h"
#include "kernel/lib/bits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a promise says, and where it was broken. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct text {
    const char *start;
    size_t size;
};

static void check_slice(const struct text *text, const struct slice *slice, uint32_t longest)
{
    PROMISE(slice->start >= text->start);
    PROMISE(slice->start + slice->length <= text->start + text->size);
    PROMISE(slice->length <= longest);
    PROMISE(slice->line >= 1 && slice->line <= text->size);
    PROMISE(slice->column >= 1 && slice->column <= CONFIG_MAX_LINE + 1);
    for (uint32_t i = 0; i < slice->length; i++)
        PROMISE((slice->start[i] >= ' ' && slice->start[i] <= '~') || slice->start[i] == '\t');
}

static void check_path(const struct text *text, const struct slice *path)
{
    char name[CONFIG_MAX_PATH + 3] = "/";

    check_slice(text, path, CONFIG_MAX_PATH);
    PROMISE(path->length > 0);
    memcpy(name + 1, path->start, path->length);
    name[path->length + 1] = '/';
    PROMISE(strstr(name, "//") == NULL);
    PROMISE(strstr(name, "/./") == NULL);
    PROMISE(strstr(name, "/../") == NULL);
    PROMISE(strpbrk(name, "\\:*?\"<>|\t") == NULL);
}

static void check_guest(const struct text *text, const struct config_guest *guest)
{
    check_slice(text, &guest->name, CONFIG_MAX_NAME);
    PROMISE(guest->name.length > 0);
    check_path(text, &guest->kernel);
    if (guest->initrd.start != NULL)
        check_path(text, &guest->initrd);
    if (guest->cmdline.start != NULL)
        check_slice(text, &guest->cmdline, CONFIG_MAX_CMDLINE);
    if (guest->cpus_at.start != NULL)
        check_slice(text, &guest->cpus_at, CONFIG_MAX_LINE);
    PROMISE(guest->cpus_at.line >= guest->name.line);
    check_slice(text, &guest->memory_at, CONFIG_MAX_LINE);
    PROMISE(guest->cpus >= 1 && guest->cpus <= CONFIG_SUPPORTED_VCPUS);
    PROMISE(guest->memory >= CONFIG_MIN_MEMORY && guest->memory <= CONFIG_MAX_MEMORY);
    PROMISE(is_aligned(guest->memory, PAGE_2M));
    PROMISE(guest->on_crash <= ON_CRASH_REBOOT_MACHINE);
}

static void check_config(const struct text *text, const struct config *config)
{
    const struct config_machine *machine = &config->machine;

    PROMISE(machine->console <= CONSOLE_SCREEN);
    PROMISE((machine->console == CONSOLE_PORT) == (machine->console_port != 0));
    PROMISE(machine->console_baud == 0 || 115200 % machine->console_baud == 0);
    PROMISE(config->guest_count >= 1 && config->guest_count <= CONFIG_MAX_GUESTS);
    for (uint32_t i = 0; i < config->guest_count; i++) {
        check_guest(text, &config->guests[i]);
        for (uint32_t j = 0; j < i; j++) {
            const struct slice *a = &config->guests[i].name;
            const struct slice *b = &config->guests[j].name;

            PROMISE(a->length != b->length || memcmp(a->start, b->start, a->length) != 0);
        }
    }
}

static void check_diag(const struct diag *diag)
{
    PROMISE(diag->line >= 1 && diag->column >= 1);
    PROMISE(diag->column <= CONFIG_MAX_LINE + 1);
    PROMISE(diag->message[0] != '\0');
    PROMISE(strlen(diag->message) < sizeof(diag->message) - 1); /* nothing was cut off */
    PROMISE(strlen(diag->hint) < sizeof(diag->hint) - 1);
    for (const char *at = diag->message; *at != '\0'; at++)
        PROMISE((*at >= ' ' && *at <= '~') || *at == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config config, again;
    struct text text = {.start = (const char *)data, .size = size};
    struct diag diag, diag_again;
    bool good;

    memset(&config, 0xa5, sizeof(config));
    memset(&again, 0x5a, sizeof(again));
    memset(&diag, 0xa5, sizeof(diag));
    memset(&diag_again, 0x5a, sizeof(diag_again));
    good = config_parse(text.start, size, &config, &diag);
    PROMISE(config_parse(text.start, size, &again, &diag_again) == good);
    if (good) {
        check_config(&text, &config);
        PROMISE(again.guest_count == config.guest_count);
    } else {
        check_diag(&diag);
        PROMISE(strcmp(diag.message, diag_again.message) == 0);
        PROMISE(diag.line == diag_again.line && diag.column == diag_again.column);
    }
    return 0;
}
