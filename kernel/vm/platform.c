/* SPDX-License-Identifier: MIT */
#include "kernel/vm/platform.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/tsc.h"
#include "arch/x86/model/apic_policy.h"
#include "kernel/alarm.h"
#include "kernel/clock.h"

#define NS_IN_MS UINT64_C(1000000)

void platform_reset(struct guest *guest)
{
    guest->started_tsc = cpu_rdtsc();
    struct clock_time start = clock_at(guest->started_tsc);
    vplatform_reset(&guest->platform, start.seconds * 1000 * NS_IN_MS + start.nanoseconds,
                    guest->config->memory);
}

uint64_t platform_now(const struct guest *guest)
{
    uint64_t ticks = cpu_rdtsc() - guest->started_tsc, khz = tsc_khz();
    return ticks / khz * NS_IN_MS + ticks % khz * NS_IN_MS / khz;
}

/* The first moment of the TSC at which it is so late. */
static uint64_t tsc_at(const struct guest *guest, uint64_t ns)
{
    uint64_t khz = tsc_khz();
    if (ns > UINT64_MAX / 16) /* in some 36 years, and VCLOCK_NEVER */
        return ALARM_NEVER;
    return guest->started_tsc + ns / NS_IN_MS * khz + ns % NS_IN_MS * khz / NS_IN_MS + 1;
}

struct ipi platform_ipi(const struct vioapic_message *message)
{
    /* An x2APIC takes its logical destinations for those of cluster 0. */
    return (struct ipi){
        .delivery = message->delivery == VIOAPIC_LOWEST_PRIORITY ? APIC_LOWEST : APIC_FIXED,
        .logical = message->logical,
        .narrow = true,
        .destination = message->dest,
        .vector = message->vector,
    };
}

static void message_send(struct guest *guest, const struct vioapic_message *message)
{
    struct ipi ipi = platform_ipi(message);
    lapic_send(guest, &ipi, NULL);
}

/* Only vCPU 0 takes interrupts of the 8259s; another one may have brought it one. */
static void intr_update(struct guest *guest)
{
    struct vcpu *first = &guest->vcpus[0];
    bool pending = vpic_pending(&guest->platform.pic);
    bool before = atomic_exchange(&first->intr_pending, pending);
    if (pending && !before && first->cpu != cpu_this())
        vcpu_mail(first, MAIL_TIMER);
}

void platform_outputs(struct guest *guest)
{
    struct vplatform *p = &guest->platform;
    struct vioapic_message message;
    if (!p->news)
        return;
    p->news = false;
    while (vioapic_take(&p->ioapic, &message))
        message_send(guest, &message);
    lines_update(guest);
    intr_update(guest);
    alarm_set(guest->index, tsc_at(guest, vplatform_next(p, p->latest)));
}

void platform_advance(struct guest *guest)
{
    vplatform_advance(&guest->platform, platform_now(guest));
    platform_outputs(guest);
}

/* Who drains the ring sends a letter when it sees the flag; look again after setting it. */
void platform_room(struct guest *guest)
{
    uint32_t space = ring_space(&guest->output);
    if (space < VUART_FIFO) {
        atomic_store(&guest->output_full, true);
        space = ring_space(&guest->output);
    }
    vuart_room(&guest->platform.uart, space);
    vplatform_uart_update(&guest->platform);
}

void platform_feed(struct guest *guest)
{
    struct vuart *uart = &guest->platform.uart;
    uint8_t byte;
    /* A byte that the FIFO has no room for waits in the ring until the guest reads one. */
    while (ring_peek(&guest->input, 0, &byte) && vuart_receive(uart, byte))
        ring_get(&guest->input, &byte);
    platform_room(guest);
    platform_outputs(guest);
}
