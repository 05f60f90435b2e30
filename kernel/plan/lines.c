/* SPDX-License-Identifier: MIT */
/*
 * INTx of the guests' PCI functions: inputs of the machine's I/O APICs, which have to be PCI's and
 * one guest's alone, and which inputs of the guests' I/O APICs they become.
 */
#include "kernel/lib/bits.h"
#include "kernel/lib/fmt.h"
#include "kernel/pci/describe.h"
#include "kernel/plan/work.h"

static bool refuse(const struct plan_work *work, const struct plan_device *device, const char *why,
                   const char *remedy)
{
    const struct slice *place = &work->config->devices[device->line].at;
    char name[PCI_TEXT];

    pci_address_text(device->function.address, name);
    diag_set(work->diag, "guest %.*s wants %s with INTx %u, but %s",
             GUEST_NAME(&work->config->guests[device->guest]), name, device->gsi, why);
    diag_hint(work->diag, "%s", remedy);
    return diag_at(work->diag, place->line, place->column);
}

static bool exists(const struct hardware *hardware, uint32_t gsi)
{
    for (uint32_t i = 0; i < hardware->ioapic_count && i < HARDWARE_MAX_IOAPICS; i++) {
        const struct hardware_ioapic *ioapic = &hardware->ioapics[i];
        if (gsi >= ioapic->first_gsi && gsi - ioapic->first_gsi < ioapic->pins)
            return true;
    }
    return false;
}

static bool check_line(const struct plan_work *work, const struct plan_device *device)
{
    static const char *const uses[] = {
        [LINE_ISA] = "that is a line of ISA, with a timer, a serial port or their like",
        [LINE_SCI] = "that is ACPI's own interrupt (SCI)",
        [LINE_NMI] = "that is an NMI",
        [LINE_CONSOLE] = "that is the line of firmware's console (SPCR)",
    };
    const struct hardware *hardware = work->hardware;

    if (!exists(hardware, device->gsi)) {
        return refuse(work, device, "no I/O APIC of the machine has that input",
                      "a Linux on this machine tells which it is: /proc/interrupts, lspci -v");
    }
    for (uint32_t i = 0; i < hardware->line_count && i < HARDWARE_MAX_LINES; i++) {
        if (hardware->lines[i].gsi == device->gsi && hardware->lines[i].use < ARRAY_COUNT(uses)) {
            return refuse(work, device, uses[hardware->lines[i].use],
                          "boot Linux with its I/O APIC in use (no noapic), and take the number "
                          "that it has then");
        }
    }
    return true;
}

/* No other guest has it; one of the guest's own functions may. */
static bool check_sharing(const struct plan_work *work, uint32_t index)
{
    const struct plan *plan = work->plan;
    const struct plan_device *device = &plan->devices[index];
    char why[80];

    for (uint32_t i = 0; i < index; i++) {
        const struct plan_device *other = &plan->devices[i];
        if (other->gsi == device->gsi && other->guest != device->guest) {
            fmt_print(why, sizeof(why), "line %u gives that to guest %.*s",
                      work->config->devices[other->line].at.line,
                      GUEST_NAME(&work->config->guests[other->guest]));
            return refuse(work, device, why,
                          "devices on one line go to one guest: use another slot, or a device "
                          "with MSI");
        }
    }
    return true;
}

/* The guest's inputs that its functions before this one have; *same: the one of this line, or 0. */
static uint32_t taken_pins(const struct plan *plan, uint32_t index, uint8_t *same)
{
    const struct plan_device *device = &plan->devices[index];
    uint32_t taken = 0;

    *same = 0;
    for (uint32_t i = 0; i < index; i++) {
        const struct plan_device *other = &plan->devices[i];
        if (other->gsi == 0 || other->guest != device->guest)
            continue;
        taken |= (uint32_t)BIT(other->guest_gsi);
        if (other->gsi == device->gsi)
            *same = other->guest_gsi;
    }
    return taken;
}

static bool has_pin(uint32_t gsi)
{
    return gsi >= PLAN_FIRST_PIN && gsi <= PLAN_LAST_PIN;
}

/* The inputs that have the same number as a line of the guest: no other line may become one. */
static uint32_t wanted_pins(const struct plan *plan, uint32_t guest)
{
    uint32_t wanted = 0;

    for (uint32_t i = 0; i < plan->device_count; i++) {
        const struct plan_device *device = &plan->devices[i];
        if (device->guest == guest && has_pin(device->gsi))
            wanted |= (uint32_t)BIT(device->gsi);
    }
    return wanted;
}

static bool choose_pin(const struct plan_work *work, uint32_t index)
{
    struct plan_device *device = &work->plan->devices[index];
    uint8_t pin;
    uint32_t taken = taken_pins(work->plan, index, &pin);

    if (pin == 0 && has_pin(device->gsi))
        pin = (uint8_t)device->gsi;
    taken |= wanted_pins(work->plan, device->guest);
    for (uint32_t free = PLAN_FIRST_PIN; free <= PLAN_LAST_PIN && pin == 0; free++)
        if (!(taken & BIT(free)))
            pin = (uint8_t)free;
    device->guest_gsi = pin;
    return pin != 0 || refuse(work, device, "the guest's I/O APIC has no more inputs for PCI",
                              "give it fewer devices with intx=");
}

bool lines_choose(const struct plan_work *work)
{
    for (uint32_t i = 0; i < work->plan->device_count; i++) {
        const struct plan_device *device = &work->plan->devices[i];
        if (device->gsi != 0 &&
            !(check_line(work, device) && check_sharing(work, i) && choose_pin(work, i)))
            return false;
    }
    return true;
}
