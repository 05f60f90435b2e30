/* SPDX-License-Identifier: MIT */
/* Ports: a table says which virtual device answers (vdev/ports.h); nobody reads all ones. */
#include "arch/cpu.h"
#include "arch/x86/model/msr_policy.h"
#include "kernel/acpi/guest.h"
#include "kernel/clock.h"
#include "kernel/terminal.h"
#include "kernel/vdev/ports.h"
#include "kernel/vdev/vpm.h"
#include "kernel/vm/emulate.h"

void ioapic_deliver(struct guest *guest, const struct vioapic_message *message)
{
    if (!message->send)
        return;
    /* Destinations of an I/O APIC are 8 bits; logical ones lie in cluster 0 of the x2APIC's. */
    struct ipi ipi = {
        .delivery = message->delivery == VIOAPIC_LOWEST_PRIORITY ? APIC_LOWEST : APIC_FIXED,
        .logical = message->logical,
        .destination = message->dest,
        .vector = message->vector,
    };
    lapic_send(guest, &ipi, NULL);
}

void uart_line_update(struct guest *guest)
{
    struct vioapic_message message =
        vioapic_set_line(&guest->ioapic, GUEST_COM1_GSI, vuart_irq(&guest->uart));
    ioapic_deliver(guest, &message);
}

/* Who drains the ring sends a letter when it sees the flag; look again after setting it. */
static void uart_room_update(struct guest *guest)
{
    uint32_t space = ring_space(&guest->output);
    if (space < VUART_FIFO) {
        atomic_store(&guest->output_full, true);
        space = ring_space(&guest->output);
    }
    vuart_room(&guest->uart, space);
}

void uart_feed(struct guest *guest)
{
    uint8_t byte;
    uart_room_update(guest);
    /* A byte that the FIFO has no room for waits in the ring until the guest reads one. */
    while (ring_peek(&guest->input, 0, &byte) && vuart_receive(&guest->uart, byte))
        ring_get(&guest->input, &byte);
    uart_line_update(guest);
}

static uint32_t uart_in(struct guest *guest, uint16_t port)
{
    uint32_t value = vuart_read(&guest->uart, port);
    if (ring_count(&guest->input) > 0)
        uart_feed(guest);
    else
        uart_line_update(guest);
    return value;
}

static void uart_out(struct guest *guest, uint16_t port, uint8_t value)
{
    if (vuart_write(&guest->uart, port, value)) {
        ring_put(&guest->output, value);
        terminal_pump();
        uart_room_update(guest);
    }
    uart_line_update(guest);
}

static uint64_t now_seconds(void)
{
    return clock_at(cpu_rdtsc()).seconds;
}

static uint32_t port_read(struct guest *guest, uint16_t port, int size)
{
    switch (ports_find(port, size)) {
    case PORT_UART:
        return uart_in(guest, port);
    case PORT_RTC:
        return vrtc_read(&guest->rtc, port, now_seconds());
    case PORT_PCI:
        return vpci_read(&guest->pci, port, size);
    case PORT_PM:
        return vpm_read(port);
    case PORT_NOBODY:
        break;
    }
    return ports_all_ones(size);
}

static enum stop_reason port_write(struct guest *guest, uint16_t port, int size, uint32_t value)
{
    switch (ports_find(port, size)) {
    case PORT_UART:
        uart_out(guest, port, (uint8_t)value);
        break;
    case PORT_RTC:
        vrtc_write(&guest->rtc, port, (uint8_t)value, now_seconds());
        break;
    case PORT_PCI:
        vpci_write(&guest->pci, port, size, value);
        break;
    case PORT_PM:
        switch (vpm_write(port, (uint8_t)value)) {
        case PM_POWEROFF:
            return STOP_POWEROFF;
        case PM_REBOOT:
            return STOP_REBOOT;
        case PM_NOTHING:
            break;
        }
        break;
    case PORT_NOBODY:
        break;
    }
    return STOP_NONE;
}

uint32_t port_in(struct guest *guest, uint16_t port, int size)
{
    lock_take(&guest->devices);
    uint32_t value = port_read(guest, port, size);
    lock_release(&guest->devices);
    return value;
}

enum stop_reason port_out(struct guest *guest, uint16_t port, int size, uint32_t value)
{
    lock_take(&guest->devices);
    enum stop_reason stop = port_write(guest, port, size, value);
    lock_release(&guest->devices);
    return stop;
}

struct verdict exit_io(struct vcpu *vcpu, struct vm_exit *exit)
{
    uint64_t *rax = &vcpu->virt.gpr[GPR_RAX];
    int size = exit->io.size;
    if (exit->io.string)
        return emulate(vcpu, exit);
    if (!exit->io.in) {
        uint32_t value = (uint32_t)*rax & ports_all_ones(size);
        enum stop_reason stop = port_out(vcpu->guest, exit->io.port, size, value);
        return stop == STOP_NONE ? verdict_skip() : verdict_stop(stop);
    }
    uint32_t value = port_in(vcpu->guest, exit->io.port, size);
    if (size == 4)
        *rax = value; /* a 32-bit result clears the upper half */
    else
        *rax = (*rax & ~(uint64_t)ports_all_ones(size)) | value;
    return verdict_skip();
}
