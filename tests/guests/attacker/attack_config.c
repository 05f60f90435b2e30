/* SPDX-License-Identifier: MIT */
/* Configuration space of its own devices, written with everything; their MSI and MSI-X. */
#include "kernel/acpi/guest.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/attacker/device.h"

#define RANDOM_WRITES 4000
#define MSI_ENABLE    1
#define MSI_64        0x80
#define MSI_VECTOR    0x51
#define MSIX_ENABLE   0x8000
#define MSIX_ENTRY    16

/* e1000e: Intel 82574 data sheet, "Interrupt Registers" */
#define E1000E_ICR   0x000c0
#define E1000E_ICS   0x000c8
#define E1000E_IMS   0x000d0
#define E1000E_IVAR  0x000e4
#define CAUSE_OTHER  0x01000000u
#define IVAR_OTHER   0x00080000u /* entry 0, valid */
#define E1000E_TABLE 3           /* BAR */

static const struct message {
    uint64_t address;
    uint32_t data;
    bool ours; /* arrives, at MSI_VECTOR */
} messages[] = {
    {GUEST_LAPIC_BASE, MSI_VECTOR, true},
    {GUEST_LAPIC_BASE, 0x400, false},              /* NMI */
    {GUEST_LAPIC_BASE, 0x500, false},              /* INIT */
    {GUEST_LAPIC_BASE, 0x200, false},              /* SMI */
    {GUEST_LAPIC_BASE, 0x600 | MSI_VECTOR, false}, /* SIPI */
    {GUEST_LAPIC_BASE, 0x700 | MSI_VECTOR, false}, /* ExtINT */
    {GUEST_LAPIC_BASE | 1 << 12, MSI_VECTOR, false},
    {GUEST_LAPIC_BASE | 2 << 12, MSI_VECTOR, false},
    {GUEST_LAPIC_BASE | 0x10, 0, false}, /* remappable format */
    {GUEST_LAPIC_BASE | 0x18, 0, false},
    {0, MSI_VECTOR, false},
    {0x100000, MSI_VECTOR, false},
    {0xfec00000, MSI_VECTOR, false},
    {UINT64_C(0x1fee00000), MSI_VECTOR, false},
    {UINT64_C(0xfffffffffee00000), MSI_VECTOR, false},
    {UINT64_MAX, UINT32_MAX, false},
    {GUEST_LAPIC_BASE, MSI_VECTOR, true}, /* still */
};

static void expect_arrival(struct report *report, const struct message *message, uint32_t before,
                           uint32_t before_ours)
{
    uint32_t all = interrupts_sum() - before, ours = interrupts[MSI_VECTOR] - before_ours;
    expect(report, all == ours && ours == message->ours, "message %lx %x: %u interrupts, %u ours",
           message->address, message->data, all, ours);
}

void attack_device_msi(struct report *report)
{
    uint32_t slot = device_find(DEVICE_EDU), cap = slot ? device_cap(slot, DEVICE_CAP_MSI) : 0;
    if (!slot)
        return;
    volatile uint8_t *edu = device_open(slot, 0);
    expect(report, cap != 0 && (device_get(slot, cap + 2, 2) & MSI_64), "no 64-bit MSI at %x", cap);
    interrupts_in();
    for (size_t i = 0; i < ARRAY_COUNT(messages); i++) {
        uint32_t before = interrupts_sum(), ours = interrupts[MSI_VECTOR];
        device_put(slot, cap + 4, 4, (uint32_t)messages[i].address);
        device_put(slot, cap + 8, 4, (uint32_t)(messages[i].address >> 32));
        device_put(slot, cap + 12, 2, messages[i].data);
        device_put(slot, cap + 2, 2, MSI_ENABLE);
        edu_interrupt(edu);
        interrupts_in();
        expect_arrival(report, &messages[i], before, ours);
        device_put(slot, cap + 2, 2, 0);
    }
    say(report, "%u messages", (unsigned)ARRAY_COUNT(messages));
}

static void table_put(volatile uint8_t *entry, const struct message *message)
{
    device_write(entry + 12, 4, 1);
    device_write(entry, 4, (uint32_t)message->address);
    device_write(entry + 4, 4, (uint32_t)(message->address >> 32));
    device_write(entry + 8, 4, message->data);
    device_write(entry + 12, 4, 0);
}

void attack_device_msix(struct report *report)
{
    uint32_t slot = device_find(DEVICE_E1000E), cap = slot ? device_cap(slot, DEVICE_CAP_MSIX) : 0;
    uint64_t random = 3;
    if (!slot)
        return;
    volatile uint8_t *nic = device_open(slot, 0), *table = device_open(slot, E1000E_TABLE);
    expect(report, cap != 0, "no MSI-X");
    device_put(slot, cap + 2, 2, MSIX_ENABLE);
    device_write(nic + E1000E_IVAR, 4, IVAR_OTHER);
    device_write(nic + E1000E_IMS, 4, CAUSE_OTHER);
    for (size_t i = 0; i < ARRAY_COUNT(messages); i++) {
        uint32_t before = interrupts_sum(), ours = interrupts[MSI_VECTOR];
        table_put(table, &messages[i]);
        device_write(nic + E1000E_ICR, 4, UINT32_MAX); /* what an earlier one left */
        device_write(nic + E1000E_IMS, 4, CAUSE_OTHER);
        device_write(nic + E1000E_ICS, 4, CAUSE_OTHER);
        interrupts_in();
        expect_arrival(report, &messages[i], before, ours);
    }
    /* all of the table's page and what lies behind it */
    for (uint32_t i = 0; i < RANDOM_WRITES; i++)
        device_write(table + (random_next(&random) % 0x4000 & ~3u), 4,
                     (uint32_t)random_next(&random));
    device_put(slot, cap + 2, 2, 0);
    say(report, "%u messages, %u writes", (unsigned)ARRAY_COUNT(messages), RANDOM_WRITES);
}

/* What identifies the device stays, whatever is written anywhere. */
static void write_all(struct report *report, uint32_t slot, uint32_t id)
{
    static const uint32_t patterns[] = {0,          UINT32_MAX, 0xaaaaaaaa,
                                        0x55555555, 0xfee00000, 0x00ff0100};
    uint64_t random = slot;
    for (uint32_t reg = 0; reg < DEVICE_BYTES; reg += 4)
        for (size_t i = 0; i < ARRAY_COUNT(patterns); i++)
            for (unsigned size = 1; size <= 4; size *= 2)
                for (uint32_t part = 0; part < 4; part += size)
                    device_put(slot, reg + part, size, patterns[i]);
    for (uint32_t i = 0; i < RANDOM_WRITES; i++) {
        uint32_t reg = (uint32_t)random_next(&random) % DEVICE_BYTES & ~3u;
        device_put(slot, reg, 4, (uint32_t)random_next(&random));
    }
    expect(report, device_get(slot, DEVICE_ID, 4) == id, "slot %u has id %x now", slot,
           device_get(slot, DEVICE_ID, 4));
    device_put(slot, DEVICE_COMMAND, 2, 0);
}

void attack_device_config(struct report *report)
{
    static const uint32_t ids[] = {DEVICE_RTL8139, DEVICE_EDU, DEVICE_E1000E};
    uint32_t found = 0;
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        uint32_t slot = device_find(ids[i]);
        if (!slot)
            continue;
        found++;
        write_all(report, slot, ids[i]);
    }
    say(report, "%u devices", found);
}
