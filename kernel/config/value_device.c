/* SPDX-License-Identifier: MIT */
/* Which PCI devices a guest gets: 00:1f.2 | 03:00.* | 8086:10d3#2 | nvme#1 | class:0200; behind it
 * may stand intx=21. */
#include "kernel/config/values.h"

#include "kernel/lib/mem.h"
#include "kernel/lib/text.h"

static const char intx_key[] = "intx=";
#define KEY_LENGTH (sizeof(intx_key) - 1)

/* Nothing, or the input of the I/O APICs that the device's INTx is wired to. */
static bool parse_intx(const struct slice *rest, struct config_device *device, struct diag *diag)
{
    uint64_t number = 0;
    size_t used = 0;

    if (rest->length == 0)
        return true;
    if (rest->length > KEY_LENGTH && memcmp(rest->start, intx_key, KEY_LENGTH) == 0)
        text_number(rest->start + KEY_LENGTH, rest->length - KEY_LENGTH, 10, &number, &used);
    if (used == 0 || used + KEY_LENGTH != rest->length) {
        diag_set(diag, "behind the device may stand intx= and a number, not \"%.*s\"",
                 slice_shown(rest), rest->start);
        diag_hint(diag, "write such as device = 00:05.0 intx=21");
        return config_refuse(rest, 0, diag);
    }
    if (number == 0 || number > CONFIG_MAX_GSI) {
        diag_set(diag, "%.*s is not from 1 to %u", slice_shown(rest), rest->start, CONFIG_MAX_GSI);
        diag_hint(diag, "it is the I/O APIC's input (GSI) that the device's interrupt is wired to");
        return config_refuse(rest, 0, diag);
    }
    device->gsi = (uint32_t)number;
    return true;
}

bool config_parse_device(const struct slice *value, const struct config_target *target,
                         struct diag *diag)
{
    struct config *config = target->config;
    struct config_guest *guest = target->guest;
    struct config_device *device = &config->devices[config->device_count];
    struct slice rest, name = slice_cut_word(value, &rest);
    uint32_t at;

    if (config->device_count == CONFIG_MAX_DEVICES) {
        diag_set(diag, "more than %u device lines for all guests together", CONFIG_MAX_DEVICES);
        diag_hint(diag, "a line such as 03:00.* names all functions of a device");
        return config_refuse(value, 0, diag);
    }
    if (guest->device_count++ == 0)
        guest->first_device = (uint16_t)config->device_count;
    config->device_count++;
    device->at = *value;
    device->gsi = 0;
    if (!pci_selector_parse(name.start, name.length, &device->selector, &at, diag))
        return config_refuse(value, at, diag);
    return parse_intx(&rest, device, diag);
}
