/* SPDX-License-Identifier: MIT */
/* Which PCI devices a guest gets: 00:1f.2 | 03:00.* | 8086:10d3#2 | nvme#1 | class:0200 */
#include "kernel/config/values.h"

bool config_parse_device(const struct slice *value, const struct config_target *target,
                         struct diag *diag)
{
    struct config *config = target->config;
    struct config_guest *guest = target->guest;
    struct config_device *device = &config->devices[config->device_count];
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
    return pci_selector_parse(value->start, value->length, &device->selector, &at, diag) ||
           config_refuse(value, at, diag);
}
