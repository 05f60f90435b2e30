/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vplatform.h"

#include "kernel/acpi/guest.h"
#include "kernel/vdev/vclock.h"
#include "kernel/vdev/vpm.h"

#define IOAPIC_SIZE 0x1000

enum { PIN_TIMER = 2, PIN_KEYBOARD = 1, PIN_CLOCK = 8, PIN_MOUSE = 12 };

void vplatform_reset(struct vplatform *p, uint64_t utc, uint64_t memory)
{
    *p = (struct vplatform){.pci = p->pci, .ioapic = p->ioapic}; /* what is connected stays */
    vuart_reset(&p->uart);
    vioapic_reset(&p->ioapic);
    vpic_reset(&p->pic);
    vpit_reset(&p->pit);
    vrtc_reset(&p->rtc, utc, memory);
    vhpet_reset(&p->hpet);
    vkbd_reset(&p->keyboard);
    vtext_reset(&p->text);
    vpci_reset(&p->pci);
}

/* The 8259's line that a pin's wire also goes to; VPIC_LINES or more: none. */
static uint32_t pic_line(uint32_t pin)
{
    return pin == PIN_TIMER ? 0 : pin;
}

static void set_line(struct vplatform *p, uint32_t pin, bool high)
{
    if (((p->ioapic.lines >> pin & 1) != 0) == high)
        return;
    p->news = true;
    vioapic_set_line(&p->ioapic, pin, high);
    vpic_set_line(&p->pic, pic_line(pin), high);
}

static void pulse(struct vplatform *p, uint32_t pin)
{
    p->news = true;
    vioapic_set_line(&p->ioapic, pin, true);
    vioapic_set_line(&p->ioapic, pin, false);
    vpic_pulse(&p->pic, pic_line(pin));
}

static bool wanted(const struct vplatform *p, uint32_t pin)
{
    return vioapic_wants(&p->ioapic, pin) || vpic_wants(&p->pic, pic_line(pin));
}

void vplatform_uart_update(struct vplatform *p)
{
    set_line(p, GUEST_COM1_GSI, vuart_irq(&p->uart));
}

static void keyboard_update(struct vplatform *p)
{
    set_line(p, PIN_KEYBOARD, vkbd_irq(&p->keyboard));
    set_line(p, PIN_MOUSE, vkbd_mouse_irq(&p->keyboard));
}

static void hpet_drive(struct vplatform *p, uint32_t high)
{
    uint32_t changed = high ^ p->hpet_high;

    p->hpet_high = high;
    for (uint32_t pin = 0; changed >> pin != 0 && pin < VIOAPIC_PINS; pin++)
        if (changed >> pin & 1)
            set_line(p, pin, high >> pin & 1);
}

/* Devices rely on a time that does not go back. */
static uint64_t forward(struct vplatform *p, uint64_t now)
{
    if (p->latest < now)
        p->latest = now;
    return p->latest;
}

/* True: some timer interrupted. */
static bool hpet_advance(struct vplatform *p, uint64_t now)
{
    uint32_t fired = vhpet_take(&p->hpet, now), levels = vhpet_levels(&p->hpet), high = 0;

    for (unsigned i = 0; i < VHPET_TIMERS; i++) {
        int pin = vhpet_pin(&p->hpet, i);

        if (pin < 0)
            continue;
        if (levels >> i & 1)
            high |= 1u << pin;
        else if (fired >> i & 1)
            pulse(p, (uint32_t)pin);
    }
    fired |= high & ~p->hpet_high;
    hpet_drive(p, high);
    return fired != 0;
}

uint8_t vplatform_acknowledge(struct vplatform *p)
{
    p->news = true;
    return vpic_acknowledge(&p->pic);
}

static void advance(struct vplatform *p, uint64_t now)
{
    bool legacy = !vhpet_replaces_legacy(&p->hpet);
    bool served = hpet_advance(p, now);
    bool clock = legacy && vrtc_irq(&p->rtc, now);

    if (vpit_irq0_take(&p->pit, now) && legacy) {
        pulse(p, PIN_TIMER);
        served = true;
    }
    if (clock && !(p->ioapic.lines >> PIN_CLOCK & 1))
        served = true;
    set_line(p, PIN_CLOCK, clock || p->hpet_high >> PIN_CLOCK & 1);
    if (served)
        p->served = now;
    p->news = true;
}

void vplatform_advance(struct vplatform *p, uint64_t now)
{
    advance(p, forward(p, now));
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t vplatform_next(const struct vplatform *p, uint64_t now)
{
    uint64_t next = VCLOCK_NEVER;

    if (now < p->latest)
        now = p->latest;
    for (unsigned i = 0; i < VHPET_TIMERS; i++) {
        int pin = vhpet_pin(&p->hpet, i);

        if (pin >= 0 && wanted(p, (uint32_t)pin))
            next = sooner(next, vhpet_next(&p->hpet, i, now));
    }
    if (!vhpet_replaces_legacy(&p->hpet)) {
        if (wanted(p, PIN_TIMER))
            next = sooner(next, vpit_irq0_next(&p->pit, now));
        if (wanted(p, PIN_CLOCK))
            next = sooner(next, vrtc_next(&p->rtc, now));
    }
    if (next < p->served + VPLATFORM_GAP_NS)
        next = p->served + VPLATFORM_GAP_NS;
    return next < now ? now : next;
}

static uint32_t text_read(struct vtext *v, uint16_t port, int size)
{
    uint32_t value = vtext_read(v, port);

    if (size == 2)
        value |= (uint32_t)vtext_read(v, port + 1) << 8;
    return value;
}

uint32_t vplatform_port_read(struct vplatform *p, uint16_t port, int size, uint64_t now)
{
    uint32_t value = 0;

    now = forward(p, now);
    switch (ports_find(port, size)) {
    case PORT_UART:
        value = vuart_read(&p->uart, port);
        vplatform_uart_update(p);
        break;
    case PORT_RTC:
        value = vrtc_read(&p->rtc, port, now);
        advance(p, now);
        break;
    case PORT_PCI:
        value = vpci_read(&p->pci, port, size);
        break;
    case PORT_PM:
        break;
    case PORT_PM_TIMER:
        value = (vpm_timer(now) >> 8 * (port - GUEST_PM_TIMER)) & bytes_of_ones((unsigned)size);
        break;
    case PORT_PIT:
        value = vpit_read(&p->pit, port, now);
        break;
    case PORT_SYSTEM_B:
        value = vpit_system_b_read(&p->pit, now);
        break;
    case PORT_PIC:
        advance(p, now);
        value = vpic_read(&p->pic, port);
        break;
    case PORT_KEYBOARD:
        value = vkbd_read(&p->keyboard, port);
        keyboard_update(p);
        break;
    case PORT_TEXT:
        value = text_read(&p->text, port, size);
        break;
    case PORT_DMA_PAGE:
        value = p->dma_page[port % PORTS_DMA_PAGE_COUNT];
        break;
    case PORT_NOBODY:
        value = bytes_of_ones((unsigned)size);
        break;
    }
    return value;
}

static enum vplatform_action power(uint16_t port, uint8_t value)
{
    switch (vpm_write(port, value)) {
    case PM_POWEROFF:
        return PLATFORM_POWEROFF;
    case PM_REBOOT:
        return PLATFORM_REBOOT;
    case PM_NOTHING:
        break;
    }
    return PLATFORM_NOTHING;
}

static void text_write(struct vtext *v, uint16_t port, int size, uint32_t value)
{
    vtext_write(v, port, (uint8_t)value);
    if (size == 2)
        vtext_write(v, port + 1, (uint8_t)(value >> 8));
}

enum vplatform_action vplatform_port_write(struct vplatform *p, uint16_t port, int size,
                                           uint32_t value, uint64_t now)
{
    enum vplatform_action action = PLATFORM_NOTHING;
    uint8_t byte = (uint8_t)value;

    now = forward(p, now);
    switch (ports_find(port, size)) {
    case PORT_UART:
        if (vuart_write(&p->uart, port, byte))
            action = PLATFORM_OUTPUT;
        vplatform_uart_update(p);
        break;
    case PORT_RTC:
        vrtc_write(&p->rtc, port, byte, now);
        advance(p, now);
        break;
    case PORT_PCI:
        vpci_write(&p->pci, port, size, value);
        if (p->pci.news != VFUNCTION_NOTHING)
            action = PLATFORM_PCI;
        break;
    case PORT_PM:
        action = power(port, byte);
        break;
    case PORT_PIT:
        vpit_write(&p->pit, port, byte, now);
        advance(p, now);
        break;
    case PORT_SYSTEM_B:
        vpit_system_b_write(&p->pit, byte, now);
        break;
    case PORT_PIC:
        advance(p, now);
        vpic_write(&p->pic, port, byte);
        break;
    case PORT_KEYBOARD:
        if (vkbd_write(&p->keyboard, port, byte))
            action = PLATFORM_REBOOT;
        keyboard_update(p);
        break;
    case PORT_TEXT:
        text_write(&p->text, port, size, value);
        break;
    case PORT_DMA_PAGE:
        p->dma_page[port % PORTS_DMA_PAGE_COUNT] = byte;
        break;
    case PORT_PM_TIMER:
    case PORT_NOBODY:
        break;
    }
    return action;
}

uint64_t vplatform_memory_read(struct vplatform *p, gpa_t at, unsigned size, uint64_t now)
{
    uint64_t in_ioapic = at.raw - GUEST_IOAPIC_BASE, in_hpet = at.raw - GUEST_HPET_BASE;
    uint64_t in_ecam = at.raw - GUEST_ECAM_BASE;

    if (in_hpet < VHPET_SIZE)
        return vhpet_read(&p->hpet, (uint32_t)in_hpet, size, forward(p, now));
    if (in_ioapic < IOAPIC_SIZE && size <= 4)
        return vioapic_read(&p->ioapic, (uint32_t)in_ioapic, (int)size);
    if (in_ecam < GUEST_ECAM_SIZE)
        return vpci_ecam_read(&p->pci, (uint32_t)in_ecam, size);
    return UINT64_MAX >> (64 - 8 * size);
}

static void hpet_write(struct vplatform *p, uint32_t reg, unsigned size, uint64_t value)
{
    advance(p, p->latest);
    uint32_t levels = vhpet_levels(&p->hpet);
    vhpet_write(&p->hpet, reg, size, value, p->latest);
    if (levels & ~vhpet_levels(&p->hpet)) /* another timer on the same line is told again */
        hpet_drive(p, 0);
    advance(p, p->latest);
}

enum vplatform_action vplatform_memory_write(struct vplatform *p, gpa_t at, unsigned size,
                                             uint64_t value, uint64_t now)
{
    uint64_t in_ioapic = at.raw - GUEST_IOAPIC_BASE, in_hpet = at.raw - GUEST_HPET_BASE;
    uint64_t in_ecam = at.raw - GUEST_ECAM_BASE;

    now = forward(p, now);
    if (in_hpet < VHPET_SIZE) {
        hpet_write(p, (uint32_t)in_hpet, size, value);
    } else if (in_ioapic < IOAPIC_SIZE && size <= 4) {
        advance(p, now); /* an edge behind a mask is lost before the mask goes */
        vioapic_write(&p->ioapic, (uint32_t)in_ioapic, (int)size, (uint32_t)value);
    } else if (in_ecam < GUEST_ECAM_SIZE) {
        vpci_ecam_write(&p->pci, (uint32_t)in_ecam, size, value);
        if (p->pci.news != VFUNCTION_NOTHING)
            return PLATFORM_PCI;
    }
    return PLATFORM_NOTHING;
}
