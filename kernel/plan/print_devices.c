/* SPDX-License-Identifier: MIT */
/* The guests' PCI functions for people: a line for each, and one for each BAR. */
#include "kernel/lib/fmt.h"
#include "kernel/pci/describe.h"
#include "kernel/plan/work.h"

#define LINE_SIZE 100

struct output {
    void (*line)(void *context, const char *text);
    void *context;
};

static void print_bar(const struct output *out, const struct plan_device *device, uint32_t bar)
{
    const struct pci_bar *from = &device->function.bars[bar];
    uint64_t guest = device->guest_bars[bar];
    char text[LINE_SIZE], area[40], number[8], moved[40] = "";

    if (from->kind == PCI_BAR_NONE)
        return;
    pci_describe_bar(from, area, sizeof(area));
    if (bar == PCI_ROM)
        fmt_print(number, sizeof(number), "ROM");
    else
        fmt_print(number, sizeof(number), "BAR %u", bar);
    if (guest == 0)
        fmt_print(moved, sizeof(moved), ", not for the guest");
    else if (guest != from->base)
        fmt_print(moved, sizeof(moved), ", for the guest at %#lx", guest);
    fmt_print(text, sizeof(text), "%-17s%s: %s%s%s", "", number, area, moved,
              device->function.caps.msix != 0 && device->function.caps.msix_bar == bar
                  ? ", with the MSI-X table"
                  : "");
    out->line(out->context, text);
}

static void print_device(const struct output *out, const struct plan_device *device,
                         const struct config_guest *guest)
{
    char text[LINE_SIZE], what[LINE_SIZE], moved[24];

    pci_describe(&device->function, what, sizeof(what));
    fmt_print(text, sizeof(text), "%-15.*s  %s", GUEST_NAME(guest), what);
    out->line(out->context, text);
    if (device->gsi != 0) {
        fmt_print(moved, sizeof(moved), ", for the guest %u", device->guest_gsi);
        fmt_print(text, sizeof(text), "%-17sINTx %u%s", "", device->gsi,
                  device->gsi != device->guest_gsi ? moved : "");
        out->line(out->context, text);
    }
    for (uint32_t bar = 0; bar < PCI_BAR_COUNT; bar++)
        print_bar(out, device, bar);
    if (device->function.reset == PCI_RESET_NONE) {
        fmt_print(text, sizeof(text),
                  "%-17scannot be reset: a guest that starts again finds it "
                  "as it left it",
                  "");
        out->line(out->context, text);
    }
}

void devices_print(const struct plan *plan, const struct config *config,
                   void (*line)(void *context, const char *text), void *context)
{
    struct output out = {.line = line, .context = context};

    for (uint32_t i = 0; i < plan->device_count; i++)
        print_device(&out, &plan->devices[i], &config->guests[plan->devices[i].guest]);
}
