/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical addresses that are not RAM: the I/O APIC, and nothing (reads all ones, writes are
 * lost). The instruction is decoded and carried out for the guest (emulate.c).
 */
#include "kernel/acpi/guest.h"
#include "kernel/vm/emulate.h"

#define IOAPIC_SIZE UINT64_C(0x1000)

static uint64_t size_mask(unsigned size)
{
    return ~UINT64_C(0) >> (64 - 8 * size);
}

uint64_t device_read(struct guest *guest, gpa_t at, unsigned size)
{
    if (at.raw - GUEST_IOAPIC_BASE >= IOAPIC_SIZE || size > 4)
        return size_mask(size);
    lock_take(&guest->devices);
    uint32_t value =
        vioapic_read(&guest->ioapic, (uint32_t)(at.raw - GUEST_IOAPIC_BASE), (int)size);
    lock_release(&guest->devices);
    return value;
}

void device_write(struct guest *guest, gpa_t at, unsigned size, uint64_t value)
{
    if (at.raw - GUEST_IOAPIC_BASE >= IOAPIC_SIZE || size > 4)
        return;
    lock_take(&guest->devices);
    struct vioapic_message message = vioapic_write(
        &guest->ioapic, (uint32_t)(at.raw - GUEST_IOAPIC_BASE), (int)size, (uint32_t)value);
    ioapic_deliver(guest, &message);
    lock_release(&guest->devices);
}

struct verdict exit_memory(struct vcpu *vcpu, struct vm_exit *exit)
{
    if (exit->memory.fetch || exit->memory.event || exit->memory.table)
        return verdict_stop(STOP_FORBIDDEN);
    return emulate(vcpu, exit);
}
