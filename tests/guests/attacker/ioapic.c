/* SPDX-License-Identifier: MIT */
/* The virtual I/O APIC. */
#include "arch/x86/regs/ioapic.h"

#include "kernel/acpi/guest.h"
#include "tests/guests/attacker/attacker.h"

static volatile uint32_t *reg(uint32_t offset)
{
    return (volatile uint32_t *)window(GUEST_IOAPIC_BASE + offset);
}

static void write(uint32_t index, uint32_t value)
{
    *reg(IOAPIC_SELECT) = index;
    *reg(IOAPIC_WINDOW) = value;
}

uint32_t ioapic_read(uint32_t index)
{
    *reg(IOAPIC_SELECT) = index;
    return *reg(IOAPIC_WINDOW);
}

void ioapic_pin(uint32_t pin, uint64_t entry)
{
    write(IOAPIC_RTE(pin), RTE_MASKED); /* not half of it */
    write(IOAPIC_RTE(pin) + 1, (uint32_t)(entry >> 32));
    write(IOAPIC_RTE(pin), (uint32_t)entry);
}
