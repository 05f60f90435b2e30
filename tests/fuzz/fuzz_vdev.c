/* SPDX-License-Identifier: MIT */
/*
 * Any traffic to a guest's virtual devices, while time passes. Four bytes are a step:
 *
 *   what   what to do, and the size of the access
 *   where  an index into the ports or memory addresses below
 *   value  two bytes
 */

#include "kernel/acpi/guest.h"
#include "kernel/vdev/vclock.h"
#include "kernel/vdev/vplatform.h"
#include "tests/fuzz/fuzz.h"

enum { STEP = 4, STEPS_MAX = 4096 };

/* First and last of each run of ports that a device answers at, or nobody. */
static const uint16_t ports[][2] = {
    {0x20, 0x21},   {0x40, 0x43},   {0x60, 0x61},   {0x64, 0x64},     {0x70, 0x71},
    {0x80, 0x8f},   {0x92, 0x92},   {0xa0, 0xa1},   {0x3c0, 0x3da},   {0x3f8, 0x3ff},
    {0x4d0, 0x4d1}, {0x600, 0x60b}, {0xcf8, 0xcff}, {0xffff, 0xffff},
};

static uint16_t port_of(uint8_t where)
{
    const uint16_t *range = ports[where % (sizeof(ports) / sizeof(ports[0]))];
    unsigned count = range[1] - range[0] + 1u;

    return (uint16_t)(range[0] + where / (sizeof(ports) / sizeof(ports[0])) % count);
}

static gpa_t address_of(uint8_t where)
{
    static const uint64_t addresses[] = {
        GUEST_IOAPIC_BASE,       GUEST_IOAPIC_BASE + 0x10, GUEST_IOAPIC_BASE + 0x40,
        GUEST_HPET_BASE,         GUEST_HPET_BASE + 0x10,   GUEST_HPET_BASE + 0x20,
        GUEST_HPET_BASE + 0xf0,  GUEST_HPET_BASE + 0xf4,   GUEST_HPET_BASE + 0x100,
        GUEST_HPET_BASE + 0x104, GUEST_HPET_BASE + 0x108,  GUEST_HPET_BASE + 0x10c,
        GUEST_HPET_BASE + 0x120, GUEST_HPET_BASE + 0x128,  GUEST_HPET_BASE + 0x140,
        GUEST_HPET_BASE + 0x148, GUEST_HPET_BASE + 0x3fc,  UINT64_MAX,
    };

    return gpa(addresses[where % (sizeof(addresses) / sizeof(addresses[0]))]);
}

#define WIRED 0x00a00000u /* two pins, of which one may be the HPET's */

/* Lines are told once each, and only those. */
static void check_lines(struct vioapic *v)
{
    struct vioapic_line line;
    uint32_t pin;

    while (vioapic_take_line(v, &line)) {
        PROMISE(WIRED >> line.pin & 1);
        PROMISE(!line.sends || line.message.vector >= 16);
        PROMISE(!line.sends || line.message.delivery <= VIOAPIC_LOWEST_PRIORITY);
    }
    while (vioapic_take_end(v, &pin))
        PROMISE(WIRED >> pin & 1);
    pin = vioapic_shown(v);
    PROMISE(pin == VIOAPIC_PINS || WIRED >> pin & 1);
    vioapic_set_in_service(v, pin, v->select & 2);
}

static void check_outputs(struct vplatform *p, uint8_t what)
{
    struct vioapic_message message;
    unsigned messages = 0;

    PROMISE(p->news || (p->ioapic.waiting | p->ioapic.changed | p->ioapic.ended) == 0);
    p->news = false;
    check_lines(&p->ioapic);

    while (vioapic_take(&p->ioapic, &message)) {
        PROMISE(++messages <= VIOAPIC_PINS);
        PROMISE(message.vector >= 16 && message.delivery <= VIOAPIC_LOWEST_PRIORITY);
        PROMISE(message.dest <= 255);
    }
    if ((what & 0x80) && vpic_pending(&p->pic)) {
        uint8_t base = vplatform_acknowledge(p) & 0xf8;

        PROMISE(base == p->pic.chip[0].base || base == p->pic.chip[1].base);
    }
}

/* What is due is done once somebody looks, and then nothing is due at once. */
static void check_next(struct vplatform *p, uint64_t now)
{
    uint64_t next = vplatform_next(p, now);

    PROMISE(next >= now);
    if (next != now)
        return;
    vplatform_advance(p, now);
    next = vplatform_next(p, now);
    PROMISE(next > now || now == VCLOCK_NEVER);
}

static void step(struct vplatform *p, const uint8_t *bytes, uint64_t now)
{
    uint8_t what = bytes[0], where = bytes[1];
    uint32_t value = (uint32_t)(bytes[2] | bytes[3] << 8);
    unsigned size = 1u << (what >> 3) % 4;
    int narrow = size == 8 ? 4 : (int)size;

    switch (what % 8) {
    case 0:
    case 1:
        PROMISE(vplatform_port_write(p, port_of(where), narrow, value, now) <= PLATFORM_REBOOT);
        break;
    case 2:
        PROMISE(vplatform_port_read(p, port_of(where), narrow, now) <=
                bytes_of_ones((unsigned)narrow));
        break;
    case 3:
        vplatform_memory_write(p, address_of(where), size, value * UINT64_C(0x10001), now);
        break;
    case 4:
        PROMISE(vplatform_memory_read(p, address_of(where), size, now) <= UINT64_MAX >>
                (64 - 8 * size));
        break;
    case 5:
        vuart_receive(&p->uart, where);
        vuart_room(&p->uart, value);
        vplatform_uart_update(p);
        break;
    default: /* only time passes */
        break;
    }
}

/* Sometimes far, sometimes not at all, sometimes to where something is due. */
static uint64_t later(const struct vplatform *p, const uint8_t *bytes, uint64_t now)
{
    uint64_t ns = (uint64_t)bytes[2] << bytes[3] % 64, next;

    if (bytes[0] % 8 < 6)
        ns = bytes[0] & 0x40 ? 1000 : 0;
    next = vplatform_next(p, now);
    if (bytes[0] % 8 == 7 && next != VCLOCK_NEVER)
        return next;
    return ns > VCLOCK_NEVER - now ? VCLOCK_NEVER : now + ns;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vplatform p = {0};
    uint64_t now = 0;

    vioapic_wire(&p.ioapic, WIRED);
    vplatform_reset(&p, UINT64_C(1709164800500000000), UINT64_C(1) << 29);
    PROMISE(vplatform_next(&p, now) == VCLOCK_NEVER);
    for (size_t at = 0; at + STEP <= size && at / STEP < STEPS_MAX; at += STEP) {
        step(&p, data + at, now);
        check_outputs(&p, data[at]);
        check_next(&p, now);
        check_outputs(&p, 0);
        now = later(&p, data + at, now);
        vplatform_advance(&p, now);
        check_outputs(&p, data[at]);
    }
    return 0;
}
