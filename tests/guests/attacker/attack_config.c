/* SPDX-License-Identifier: MIT */
/* Configuration space of its own devices, written with everything; their MSI and MSI-X. */
#include "kernel/acpi/guest.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/attacker/device.h"

#define RANDOM_WRITES 4000
#define MSI_64        0x80
#define MSI_VECTOR    0x51
#define MSIX_ENABLE   0x8000
#define SETTLE_MS     100
#define ARRIVAL_MS    2000

/* e1000e: Intel 82574 data sheet, "Interrupt Registers" */
#define E1000E_ICR   0x000c0
#define E1000E_ICS   0x000c8
#define E1000E_IMS   0x000d0
#define E1000E_IVAR  0x000e4
#define E1000E_RAL   0x05400
#define CAUSE_OTHER  0x01000000u
#define IVAR_OTHER   0x00080000u /* entry 0, valid */
#define E1000E_TABLE 3           /* BAR */

#define E1000E_TABLE_BYTES 0x4000

/* The vector of each is MSI_VECTOR and its place in the table. */
static const struct message {
    uint64_t address;
    uint32_t data;
    bool ours; /* arrives */
} messages[] = {
    {GUEST_LAPIC_BASE, 0, true},
    {GUEST_LAPIC_BASE, 0x400, false}, /* NMI */
    {GUEST_LAPIC_BASE, 0x500, false}, /* INIT */
    {GUEST_LAPIC_BASE, 0x200, false}, /* SMI */
    {GUEST_LAPIC_BASE, 0x600, false}, /* SIPI */
    {GUEST_LAPIC_BASE, 0x700, false}, /* ExtINT */
    {GUEST_LAPIC_BASE | 1 << 12, 0, false},
    {GUEST_LAPIC_BASE | 2 << 12, 0, false},
    {GUEST_LAPIC_BASE | 0x10, 0, true}, /* bits that only a remapping unit would look at */
    {GUEST_LAPIC_BASE | 0x18, 0, true},
    {0, 0, false},
    {0x100000, 0, false},
    {0xfec00000, 0, false},
    {UINT64_C(0x1fee00000), 0, false},
    {UINT64_C(0xfffffffffee00000), 0, false},
    {UINT64_MAX, 0xffffff00, false},
    {GUEST_LAPIC_BASE, 0, true}, /* still */
};

static uint32_t data_of(uint32_t number)
{
    return messages[number].data | (MSI_VECTOR + number);
}

/* What had come before: all vectors, and those of the messages. */
struct arrivals {
    uint32_t all, each[ARRAY_COUNT(messages)];
};

static struct arrivals arrivals_so_far(void)
{
    struct arrivals now;
    interrupts_in();
    now.all = interrupts_sum();
    for (uint32_t i = 0; i < ARRAY_COUNT(messages); i++)
        now.each[i] = interrupts[MSI_VECTOR + i];
    return now;
}

/* A card spaces its interrupts, and an emulator takes its time: the last one may still come. */
static void settle(uint32_t ms)
{
    uint64_t end = rdtsc() + ms * tsc_per_ms();
    while (rdtsc() < end) {
        interrupts_in();
        pause();
    }
}

static void settle_message(uint32_t number, const struct arrivals *before)
{
    if (messages[number].ours)
        wait_interrupts(MSI_VECTOR + number, before->each[number] + 1, ARRIVAL_MS);
    else
        settle(1);
}

static void arrivals_check(struct report *report, const struct arrivals *before)
{
    settle(SETTLE_MS);
    uint32_t others = interrupts_sum() - before->all;
    for (uint32_t i = 0; i < ARRAY_COUNT(messages); i++) {
        uint32_t count = interrupts[MSI_VECTOR + i] - before->each[i];
        expect(report, (count > 0) == messages[i].ours, "message %lx %x: %u interrupts",
               messages[i].address, data_of(i), count);
        others -= count;
    }
    expect(report, others == 0, "%u interrupts of other vectors", others);
}

/* ---- MSI ---- */

void attack_device_msi(struct report *report)
{
    uint32_t slot = device_find(DEVICE_EDU), cap = slot ? device_cap(slot, DEVICE_CAP_MSI) : 0;
    if (!slot)
        return;
    volatile uint8_t *edu = device_open(slot, 0);
    expect(report, cap != 0 && (device_get(slot, cap + DEVICE_MSI_CONTROL, 2) & MSI_64),
           "no 64-bit MSI at %x", cap);
    struct arrivals before = arrivals_so_far();
    for (uint32_t i = 0; i < ARRAY_COUNT(messages); i++) {
        device_put(slot, cap + DEVICE_MSI_LOW, 4, (uint32_t)messages[i].address);
        device_put(slot, cap + DEVICE_MSI_HIGH, 4, (uint32_t)(messages[i].address >> 32));
        device_put(slot, cap + DEVICE_MSI64_DATA, 2, data_of(i));
        device_put(slot, cap + DEVICE_MSI_CONTROL, 2, DEVICE_MSI_ENABLE);
        edu_interrupt(edu);
        settle_message(i, &before);
        device_put(slot, cap + DEVICE_MSI_CONTROL, 2, 0);
    }
    arrivals_check(report, &before);
    say(report, "%u messages", (unsigned)ARRAY_COUNT(messages));
}

/* ---- MSI-X ---- */

static void table_put(volatile uint8_t *entry, uint64_t address, uint32_t data)
{
    device_write(entry + 12, 4, 1);
    device_write(entry, 4, (uint32_t)address);
    device_write(entry + 4, 4, (uint32_t)(address >> 32));
    device_write(entry + 8, 4, data);
    device_write(entry + 12, 4, 0);
}

/* All of the table's page and what lies behind it, all else that the BAR has too. */
static void table_garbage(volatile uint8_t *table)
{
    uint64_t random = 3;
    for (uint32_t i = 0; i < RANDOM_WRITES; i++)
        device_write(table + (random_next(&random) % E1000E_TABLE_BYTES & ~3u), 4,
                     (uint32_t)random_next(&random));
}

void attack_device_msix(struct report *report)
{
    uint32_t slot = device_find(DEVICE_E1000E), cap = slot ? device_cap(slot, DEVICE_CAP_MSIX) : 0;
    if (!slot)
        return;
    volatile uint8_t *nic = nic_open(slot), *table = device_open(slot, E1000E_TABLE);
    expect(report, cap != 0, "no MSI-X");
    device_put(slot, cap + 2, 2, MSIX_ENABLE);
    device_write(nic + E1000E_IVAR, 4, IVAR_OTHER);
    struct arrivals before = arrivals_so_far();
    for (uint32_t i = 0; i < ARRAY_COUNT(messages); i++) {
        table_put(table, messages[i].address, data_of(i));
        device_write(nic + E1000E_ICR, 4, UINT32_MAX); /* what an earlier one left */
        device_write(nic + E1000E_IMS, 4, CAUSE_OTHER);
        device_write(nic + E1000E_ICS, 4, CAUSE_OTHER);
        settle_message(i, &before);
    }
    arrivals_check(report, &before);
    table_garbage(table);
    device_put(slot, cap + 2, 2, 0);
    say(report, "%u messages, %u writes", (unsigned)ARRAY_COUNT(messages), RANDOM_WRITES);
}

/* ---- configuration space ---- */

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
}

/* Messages off, and no longer a bus master. */
static void calm(uint32_t slot)
{
    uint32_t msi = device_cap(slot, DEVICE_CAP_MSI), msix = device_cap(slot, DEVICE_CAP_MSIX);
    device_put(slot, DEVICE_COMMAND, 2, 0);
    if (msi != 0)
        device_put(slot, msi + DEVICE_MSI_CONTROL, 2, 0);
    if (msix != 0)
        device_put(slot, msix + 2, 2, 0);
}

void attack_device_config(struct report *report)
{
    static const uint32_t ids[] = {DEVICE_EDU, DEVICE_E1000E};
    uint32_t found = 0, bars[DEVICE_BARS];
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        uint32_t slot = device_find(ids[i]);
        if (!slot)
            continue;
        found++;
        for (uint32_t n = 0; n < DEVICE_BARS; n++)
            bars[n] = device_get(slot, DEVICE_BAR + 4 * n, 4);
        write_all(report, slot, ids[i]);
        for (uint32_t n = 0; n < DEVICE_BARS; n++)
            device_put(slot, DEVICE_BAR + 4 * n, 4, bars[n]);
        calm(slot);
    }
    say(report, "%u devices", found);
}

void device_turmoil(uint32_t slot)
{
    static volatile uint8_t *table; /* as it was before BARs were written to */
    static uint64_t random = 13;
    uint32_t reg = (uint32_t)random_next(&random) % DEVICE_BYTES & ~3u;
    uint32_t pcie = device_cap(slot, DEVICE_CAP_PCIE), msix = device_cap(slot, DEVICE_CAP_MSIX);
    if (!table)
        table = device_open(slot, E1000E_TABLE);
    device_put(slot, reg, 4, (uint32_t)random_next(&random));
    device_put(slot, DEVICE_COMMAND, 2, DEVICE_COMMAND_ON);
    if (msix != 0)
        device_put(slot, msix + 2, 2, MSIX_ENABLE);
    table_put(table, GUEST_LAPIC_BASE, MSI_VECTOR);
    if (pcie != 0)
        device_put(slot, pcie + DEVICE_CONTROL, 2, DEVICE_FLR);
}

/* A BAR that is moved moves nothing: the device answers where it did. */
void attack_device_bars(struct report *report)
{
    static const uint32_t places[] = {0,          0x00100000, 0x04000000, 0x20000000, 0x40000000,
                                      0xb0000000, 0xfebc0000, 0xfec00000, 0xfed00000, 0xfed90000,
                                      0xfee00000, 0xff000000, 0xfffe0000};
    uint32_t slot = device_find(DEVICE_E1000E), bars[DEVICE_BARS];
    if (!slot)
        return;
    volatile uint8_t *nic = nic_open(slot);
    uint32_t mac = device_read32(nic + E1000E_RAL);
    for (uint32_t n = 0; n < DEVICE_BARS; n++)
        bars[n] = device_get(slot, DEVICE_BAR + 4 * n, 4);
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        for (uint32_t n = 0; n < DEVICE_BARS; n++)
            device_put(slot, DEVICE_BAR + 4 * n, 4, places[i]);
        expect(report, device_read32(nic + E1000E_RAL) == mac, "with BARs at %x it is not there",
               places[i]);
    }
    for (uint32_t n = 0; n < DEVICE_BARS; n++) {
        device_put(slot, DEVICE_BAR + 4 * n, 4, bars[n]);
        expect(report, device_get(slot, DEVICE_BAR + 4 * n, 4) == bars[n], "BAR %u was %x", n,
               bars[n]);
    }
    say(report, "%u places", (unsigned)ARRAY_COUNT(places));
}
