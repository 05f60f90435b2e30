/* SPDX-License-Identifier: MIT */
/* Any bytes as a config: what comes out, config or diagnosis, keeps what config.h promises. */
#include <string.h>

#include "kernel/config/config.h"
#include "kernel/lib/bits.h"
#include "tests/fuzz/fuzz.h"

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

static void check_kind(const struct text *text, const struct config_guest *guest)
{
    bool flat = guest->kind == KIND_FLAT;

    PROMISE(guest->kind <= KIND_FLAT);
    PROMISE((guest->load_at.start != NULL) == flat && (guest->entry_at.start != NULL) == flat);
    if (!flat) {
        PROMISE(guest->entry_bits == 0);
        return;
    }
    check_slice(text, &guest->load_at, CONFIG_MAX_LINE);
    check_slice(text, &guest->entry_at, CONFIG_MAX_LINE);
    PROMISE(guest->load.raw <= guest->entry.raw && guest->entry.raw < CONFIG_ADDRESS_END);
    PROMISE(guest->entry_bits == 16 || guest->entry_bits == 32 || guest->entry_bits == 64);
    PROMISE(guest->entry_bits != 16 || guest->entry.raw < MIB(1));
    PROMISE(guest->entry_bits != 32 || guest->entry.raw < GIB(4));
    PROMISE(guest->initrd.start == NULL && guest->cmdline.start == NULL);
}

/* The guests' modules and lists follow one another, in the order of the guests. */
static void check_modules(const struct text *text, const struct config *config)
{
    uint32_t count = 0;

    PROMISE(config->module_count <= CONFIG_MAX_MODULES);
    for (uint32_t i = 0; i < config->guest_count; i++) {
        const struct config_guest *guest = &config->guests[i];

        PROMISE(guest->module_count <= CONFIG_MAX_GUEST_MODULES);
        PROMISE(guest->module_count == 0 || guest->first_module == count);
        PROMISE(guest->module_count == 0 || guest->initrd.start == NULL);
        count += guest->module_count;
    }
    PROMISE(count == config->module_count);
    for (uint32_t i = 0; i < count; i++) {
        check_path(text, &config->modules[i].file);
        check_slice(text, &config->modules[i].args, CONFIG_MAX_CMDLINE);
    }
}

static void check_devices(const struct text *text, const struct config *config)
{
    uint32_t count = 0;

    PROMISE(config->device_count <= CONFIG_MAX_DEVICES);
    for (uint32_t i = 0; i < config->guest_count; i++) {
        const struct config_guest *guest = &config->guests[i];

        PROMISE(guest->device_count == 0 || guest->first_device == count);
        count += guest->device_count;
    }
    PROMISE(count == config->device_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct pci_selector *selector = &config->devices[i].selector;

        check_slice(text, &config->devices[i].at, CONFIG_MAX_LINE);
        PROMISE(selector->kind <= PCI_BY_CLASS);
        PROMISE((selector->number == 0) == (selector->kind <= PCI_BY_SLOT));
        PROMISE(selector->number <= PCI_MAX_NUMBER);
        PROMISE(selector->kind != PCI_BY_CLASS || (selector->value & ~selector->mask) == 0);
    }
}

static void check_lists(const struct config *config)
{
    uint32_t count = 0;

    PROMISE(config->listed_count <= CONFIG_MAX_PCPUS);
    for (uint32_t i = 0; i < config->guest_count; i++) {
        const struct config_guest *guest = &config->guests[i];

        PROMISE(!guest->listed || guest->first_listed == count);
        count += guest->listed ? guest->cpus : 0;
    }
    PROMISE(count == config->listed_count);
    for (uint32_t i = 0; i < count; i++) {
        PROMISE(config->listed[i] < CONFIG_MAX_PCPUS);
        for (uint32_t j = 0; j < i; j++)
            PROMISE(config->listed[i] != config->listed[j]);
    }
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
    PROMISE(guest->cpus >= 1 && guest->cpus <= CONFIG_MAX_VCPUS);
    PROMISE(guest->memory >= CONFIG_MIN_MEMORY && guest->memory <= CONFIG_MAX_MEMORY);
    PROMISE(is_aligned(guest->memory, PAGE_2M));
    PROMISE(guest->on_crash <= ON_CRASH_REBOOT_MACHINE);
    PROMISE(guest->on_fault <= ON_FAULT_STOP);
    check_kind(text, guest);
}

static void check_config(const struct text *text, const struct config *config)
{
    const struct config_machine *machine = &config->machine;

    PROMISE(machine->console <= CONSOLE_SCREEN);
    PROMISE((machine->console == CONSOLE_PORT) == (machine->console_port != 0));
    PROMISE(machine->console_baud == 0 || 115200 % machine->console_baud == 0);
    PROMISE(config->guest_count >= 1 || config->machine.inspect);
    PROMISE(config->guest_count <= CONFIG_MAX_GUESTS);
    check_modules(text, config);
    check_devices(text, config);
    check_lists(config);
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
