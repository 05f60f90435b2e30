/* SPDX-License-Identifier: MIT */
/* Ports: the guest's virtual devices answer (vdev/vplatform.h). */
#include "kernel/terminal.h"
#include "kernel/vm/emulate.h"
#include "kernel/vm/passthrough.h"
#include "kernel/vm/platform.h"

static uint32_t port_read(struct guest *guest, uint16_t port, int size)
{
    uint32_t value;
    if (passthrough_port_read(guest, port, (unsigned)size, &value))
        return value;
    value = vplatform_port_read(&guest->platform, port, size, platform_now(guest));
    if (ring_count(&guest->input) > 0)
        platform_feed(guest);
    platform_outputs(guest);
    return value;
}

static enum stop_reason port_write(struct guest *guest, uint16_t port, int size, uint32_t value)
{
    if (passthrough_port_write(guest, port, (unsigned)size, value))
        return STOP_NONE;
    switch (vplatform_port_write(&guest->platform, port, size, value, platform_now(guest))) {
    case PLATFORM_OUTPUT:
        ring_put(&guest->output, (uint8_t)value);
        terminal_pump();
        platform_room(guest);
        break;
    case PLATFORM_PCI:
        passthrough_news(guest);
        break;
    case PLATFORM_POWEROFF:
        return STOP_POWEROFF;
    case PLATFORM_REBOOT:
        return STOP_REBOOT;
    case PLATFORM_NOTHING:
        break;
    }
    platform_outputs(guest);
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
        uint32_t value = (uint32_t)*rax & bytes_of_ones((unsigned)size);
        enum stop_reason stop = port_out(vcpu->guest, exit->io.port, size, value);
        return stop == STOP_NONE ? verdict_skip() : verdict_stop(stop);
    }
    uint32_t value = port_in(vcpu->guest, exit->io.port, size);
    if (size == 4)
        *rax = value; /* a 32-bit result clears the upper half */
    else
        *rax = (*rax & ~(uint64_t)bytes_of_ones((unsigned)size)) | value;
    return verdict_skip();
}
