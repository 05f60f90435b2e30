/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/mptable.h"

#include "kernel/acpi/guest.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

enum {
    POINTER_SIZE = 16,
    HEADER_BYTES = 44,
    PROCESSOR_SIZE = 20,
    ENTRY_SIZE = 8, /* of all others */
    MP_REVISION = 4,

    ENTRY_PROCESSOR = 0,
    ENTRY_BUS = 1,
    ENTRY_IOAPIC = 2,
    ENTRY_IO_INTERRUPT = 3,
    ENTRY_LOCAL_INTERRUPT = 4,

    LAPIC_VERSION = 0x14,
    IOAPIC_VERSION = 0x20, /* as kernel/vdev/vioapic.c reads */
    PROCESSOR_ENABLED = 1 << 0,
    PROCESSOR_BOOTSTRAP = 1 << 1,
    IOAPIC_ENABLED = 1 << 0,

    TYPE_INT = 0,
    TYPE_NMI = 1,
    TYPE_EXTINT = 3,
    ALL_LAPICS = 0xff,

    ISA_LINES = 16,
    ISA_TIMER = 0,
    ISA_TIMER_PIN = 2,
    ISA_CASCADE = 2, /* of the second 8259 into the first: no line */

    OTHER_ENTRIES = 1 + 1 + (ISA_LINES - 1) + 2, /* bus, I/O APIC, lines, LINT0 and LINT1 */
};

static void put_u32(uint8_t *bytes, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint8_t *put_processor(uint8_t *at, uint32_t id, const struct mptable_params *params)
{
    at[0] = ENTRY_PROCESSOR;
    at[1] = (uint8_t)id;
    at[2] = LAPIC_VERSION;
    at[3] = id == 0 ? PROCESSOR_ENABLED | PROCESSOR_BOOTSTRAP : PROCESSOR_ENABLED;
    put_u32(at + 4, params->signature);
    put_u32(at + 8, params->features);
    return at + PROCESSOR_SIZE;
}

/* Polarity and trigger mode 0: as usual for the bus, which is ISA and number 0. */
static uint8_t *put_interrupt(uint8_t *at, uint8_t entry, uint8_t type, uint8_t line, uint8_t apic,
                              uint8_t pin)
{
    at[0] = entry;
    at[1] = type;
    at[5] = line;
    at[6] = apic;
    at[7] = pin;
    return at + ENTRY_SIZE;
}

static uint8_t *put_entries(uint8_t *at, const struct mptable_params *params)
{
    for (uint32_t id = 0; id < params->vcpu_count; id++)
        at = put_processor(at, id, params);
    at[0] = ENTRY_BUS;
    memcpy(at + 2, "ISA   ", 6);
    at += ENTRY_SIZE;
    at[0] = ENTRY_IOAPIC;
    at[1] = GUEST_IOAPIC_ID;
    at[2] = IOAPIC_VERSION;
    at[3] = IOAPIC_ENABLED;
    put_u32(at + 4, GUEST_IOAPIC_BASE);
    at += ENTRY_SIZE;
    for (uint8_t line = 0; line < ISA_LINES; line++)
        if (line != ISA_CASCADE)
            at = put_interrupt(at, ENTRY_IO_INTERRUPT, TYPE_INT, line, GUEST_IOAPIC_ID,
                               line == ISA_TIMER ? ISA_TIMER_PIN : line);
    at = put_interrupt(at, ENTRY_LOCAL_INTERRUPT, TYPE_EXTINT, 0, ALL_LAPICS, 0);
    return put_interrupt(at, ENTRY_LOCAL_INTERRUPT, TYPE_NMI, 0, ALL_LAPICS, 1);
}

/* No default configuration: there is a table. No IMCR: virtual wire mode at the start. */
static void put_pointer(uint8_t *at, uint64_t table)
{
    memcpy(at, "_MP_", 4);
    put_u32(at + 4, (uint32_t)table);
    at[8] = POINTER_SIZE / 16;
    at[9] = MP_REVISION;
    at[10] = (uint8_t)-acpi_sum(at, POINTER_SIZE);
}

static void put_header(uint8_t *at, size_t length, uint32_t entries)
{
    memcpy(at, "PCMP", 4);
    at[4] = (uint8_t)length;
    at[5] = (uint8_t)(length >> 8);
    at[6] = MP_REVISION;
    memcpy(at + 8, "BULKHEADGUEST       ", 20);
    at[34] = (uint8_t)entries;
    at[35] = (uint8_t)(entries >> 8);
    put_u32(at + 36, GUEST_LAPIC_BASE);
    at[7] = (uint8_t)-acpi_sum(at, length);
}

bool mptable_build(const struct mptable_params *params, void *buffer, size_t size, size_t *used)
{
    uint8_t *bytes = buffer;
    uint32_t count = params->vcpu_count;
    size_t length = HEADER_BYTES + (size_t)count * PROCESSOR_SIZE + OTHER_ENTRIES * ENTRY_SIZE;

    *used = 0;
    if (count < 1 || count > MPTABLE_MAX_VCPUS || size < POINTER_SIZE + length ||
        !is_aligned(params->base.raw, POINTER_SIZE) || params->base.raw < GUEST_MP_START ||
        params->base.raw + POINTER_SIZE + length > GUEST_RESET_VECTOR)
        return false;
    memset(bytes, 0, POINTER_SIZE + length);
    put_pointer(bytes, params->base.raw + POINTER_SIZE);
    put_entries(bytes + POINTER_SIZE + HEADER_BYTES, params);
    put_header(bytes + POINTER_SIZE, length, count + OTHER_ENTRIES);
    *used = POINTER_SIZE + length;
    return true;
}
