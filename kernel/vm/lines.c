/* SPDX-License-Identifier: MIT */
#include "kernel/vm/lines.h"

#include "arch/x86/cpu/percpu.h"
#include "arch/x86/model/apic_policy.h"
#include "drivers/iommu.h"
#include "kernel/log.h"
#include "kernel/vm/guest.h"
#include "kernel/vm/platform.h"

_Static_assert(PLAN_LAST_PIN < VIOAPIC_PINS, "lines become pins of the guest's I/O APIC");
_Static_assert(PLAN_MAX_DEVICES <= 4 * VPCI_DEVICES, "lines_place(): four pins");

struct line_place lines_place(uint32_t index)
{
    return (struct line_place){(uint8_t)(1 + index % VPCI_DEVICES),
                               (uint8_t)(index / VPCI_DEVICES)};
}

static struct line *line_of(struct guest *guest, uint32_t pin)
{
    for (uint32_t i = 0; i < guest->lines.count; i++)
        if (guest->lines.lines[i].pin == pin)
            return &guest->lines.lines[i];
    return NULL;
}

bool lines_create(struct guest *guest, const struct plan *plan, struct diag *diag)
{
    const struct plan_guest *planned = &plan->guests[guest->index];
    uint32_t pins = 0;
    for (uint32_t i = 0; i < planned->device_count; i++) {
        const struct plan_device *device = &plan->devices[planned->first_device + i];
        if (device->gsi == 0 || line_of(guest, device->guest_gsi))
            continue;
        struct line *line = &guest->lines.lines[guest->lines.count++];
        line->pin = device->guest_gsi;
        pins |= 1u << line->pin;
        if (!ioapic_line_open(&line->real, device->gsi, diag))
            return false;
    }
    vioapic_wire(&guest->platform.ioapic, pins);
    for (uint32_t i = 0; i < guest->vcpu_count; i++)
        guest->vcpus[i].virt.eoi_exits = pins != 0 && !iommu_line_has_vector();
    return true;
}

bool lines_off(struct guest *guest)
{
    bool done = true;
    lock_take(&guest->devices);
    for (uint32_t i = 0; i < guest->lines.count; i++)
        done = ioapic_line_off(&guest->lines.lines[i].real) && done;
    lock_release(&guest->devices);
    if (!done)
        log_line("guest %s: its lines have a dead IOMMU", guest->name);
    return done;
}

/* To one processor, as the IOMMU's entry names one. */
static void route(struct guest *guest, struct ioapic_line *real, const struct vioapic_line *wanted)
{
    struct ipi ipi = platform_ipi(&wanted->message);
    const struct vcpu *to = wanted->sends ? lapic_target(guest, &ipi) : NULL;
    bool good = false;
    if (to) {
        struct ioapic_route route = {
            .apic_id = to->cpu->apic_id,
            .vector = ipi.vector,
            .level = wanted->level,
            .active_low = wanted->active_low,
            .masked = wanted->masked,
        };
        good = ioapic_line_route(real, &route);
    }
    if (!good && real->on)
        ioapic_line_off(real);
}

void lines_update(struct guest *guest)
{
    struct vioapic *ioapic = &guest->platform.ioapic;
    struct vioapic_line wanted;
    uint32_t pin;
    while (vioapic_take_line(ioapic, &wanted))
        route(guest, &line_of(guest, wanted.pin)->real, &wanted);
    while (vioapic_take_end(ioapic, &pin))
        ioapic_line_end(&line_of(guest, pin)->real);
}

void lines_look(struct guest *guest)
{
    struct vioapic *ioapic = &guest->platform.ioapic;
    uint32_t pin = vioapic_shown(ioapic);
    const struct line *line = line_of(guest, pin);
    if (line)
        vioapic_set_in_service(ioapic, pin, ioapic_line_in_service(&line->real));
}

static bool goes_to(const struct ioapic_line *real, const struct vcpu *vcpu, uint8_t vector)
{
    return real->on && real->route.vector == vector && real->route.apic_id == vcpu->cpu->apic_id;
}

void lines_eoi(struct vcpu *vcpu, uint8_t vector)
{
    struct guest *guest = vcpu->guest;
    lock_take(&guest->devices);
    for (uint32_t i = 0; i < guest->lines.count; i++)
        if (goes_to(&guest->lines.lines[i].real, vcpu, vector))
            ioapic_line_end(&guest->lines.lines[i].real);
    lock_release(&guest->devices);
}
