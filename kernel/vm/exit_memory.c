/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical addresses that are not RAM: virtual devices, PCI configuration space, MSI-X
 * tables, and nothing (reads all ones, writes are lost). The instruction is decoded and carried out
 * for the guest (emulate.c).
 */
#include "kernel/vm/emulate.h"
#include "kernel/vm/platform.h"

uint64_t device_read(struct guest *guest, gpa_t at, unsigned size)
{
    uint64_t value;
    lock_take(&guest->devices);
    if (!passthrough_memory_read(guest, at, size, &value)) {
        lines_look(guest);
        value = vplatform_memory_read(&guest->platform, at, size, platform_now(guest));
        platform_outputs(guest);
    }
    lock_release(&guest->devices);
    return value;
}

void device_write(struct guest *guest, gpa_t at, unsigned size, uint64_t value)
{
    lock_take(&guest->devices);
    if (!passthrough_memory_write(guest, at, size, value)) {
        if (vplatform_memory_write(&guest->platform, at, size, value, platform_now(guest)) ==
            PLATFORM_PCI)
            passthrough_news(guest);
        platform_outputs(guest);
    }
    lock_release(&guest->devices);
}

struct verdict exit_memory(struct vcpu *vcpu, struct vm_exit *exit)
{
    if (exit->memory.fetch || exit->memory.event || exit->memory.table)
        return verdict_stop(STOP_FORBIDDEN);
    return emulate(vcpu, exit);
}
