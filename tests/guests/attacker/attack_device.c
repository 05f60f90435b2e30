/* SPDX-License-Identifier: MIT */
/*
 * With devices of its own: DMA and interrupts to everywhere but where they belong. A device that
 * the guest was not given counts as an attack that there was nothing to try with.
 */
#include "kernel/acpi/guest.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"
#include "tests/guests/attacker/device.h"

#define PACKET_WORDS     (PACKET_BYTES / 4)
#define MESSAGES         0xfee00000u
#define MESSAGES_SIZE    0x100000u
#define SWEEP_FINE       0x20000u /* of what may be the machine's RAM */
#define SWEEP_COARSE     0x800000u
#define SWEEP_FINE_END   0x40000000u
#define PACED_MS         250 /* more than there is between two looks at faults */
#define PACED_COUNT      10
#define NO_DELIVERY_MODE 0x300 /* reserved */
#define MARK             0xb01dface
#define COMMAND_MEMORY   0x2
#define NIC_RX_BYTES     0x2808 /* a register that nic_open() sets */
#define COMMAND_GAMES    2000
#define PM_CONTROL       4 /* in the power management capability */

static volatile uint32_t sent[PACKET_WORDS] __attribute__((aligned(64)));
static volatile uint32_t got[PACKET_WORDS] __attribute__((aligned(64)));

/* What there may be above all memory. */
static const uint64_t high[] = {GIB(4),
                                GIB(5),
                                GIB(64),
                                GIB(512),
                                GIB(4096),
                                UINT64_C(1) << 46,
                                UINT64_C(1) << 52,
                                UINT64_MAX - 0xfff,
                                UINT64_C(1) << 63};

static uint64_t at(const volatile void *memory)
{
    return (uint64_t)(uintptr_t)memory;
}

/* NULL: there is no such card. */
static volatile uint8_t *card_open(void)
{
    uint32_t slot = device_find(DEVICE_E1000E);
    return slot ? nic_open(slot) : NULL;
}

static void fill(volatile uint32_t *words, uint32_t count, uint32_t value)
{
    for (uint32_t i = 0; i < count; i++)
        words[i] = value;
}

static void mark(void)
{
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        sent[i] = MARK + i;
}

/* It works at all: from our memory to our memory. */
static void prove(struct report *report, volatile uint8_t *card)
{
    mark();
    fill(got, PACKET_WORDS, 0);
    nic_copy(card, at(sent), at(got));
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        expect(report, got[i] == MARK + i, "own memory, word %u: %x", i, got[i]);
}

/* The bits of addresses that the units' tables translate. QEMU's AMD-Vi does not look at those
 * above: there it finds our own memory once more. */
#define ADDRESS_BITS 48

/* What came of reading there is nothing. */
static void steal(struct report *report, volatile uint8_t *card, uint64_t from)
{
    fill(got, PACKET_WORDS, 0);
    nic_copy(card, from, at(got));
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        expect(report,
               got[i] == 0 || got[i] == UINT32_MAX ||
                   (from >> ADDRESS_BITS != 0 && got[i] == MARK + i),
               "read of %lx: %x", from, got[i]);
}

static void both_ways(struct report *report, volatile uint8_t *card, uint64_t there)
{
    steal(report, card, there);
    nic_copy(card, at(sent), there);
}

static uint32_t sweep(struct report *report, volatile uint8_t *card)
{
    uint64_t random = 5, step;
    uint32_t places = 0;
    for (uint64_t page = ram_end_low(); page < MESSAGES; page += step, places++) {
        step = page < SWEEP_FINE_END ? SWEEP_FINE : SWEEP_COARSE;
        both_ways(report, card, page + (random_next(&random) % step & ~UINT64_C(0xff)));
    }
    return places;
}

void attack_device_dma(struct report *report)
{
    /* I/O APIC, HPET, the machine's chip set and flash, the end of 32 bits */
    static const uint32_t special[] = {GUEST_PCI_MEMORY_START,
                                       0xb0000000,
                                       0xe0000000,
                                       0xfec00000,
                                       0xfec00010,
                                       0xfed00000,
                                       0xfed1c000,
                                       0xfed90000,
                                       0xfef00000,
                                       0xff000000,
                                       0xffc00000,
                                       0xffffff00};
    volatile uint8_t *card = card_open();
    if (!card)
        return;
    prove(report, card);
    uint32_t places = sweep(report, card);
    for (size_t i = 0; i < ARRAY_COUNT(special); i++, places++)
        both_ways(report, card, special[i]);
    for (size_t i = 0; i < ARRAY_COUNT(high); i++, places++)
        both_ways(report, card, high[i]);
    /* from device to device: its own registers, and what is around them */
    uint64_t around = at(card) & ~UINT64_C(0xfffff);
    for (uint64_t to = around; to < around + 0x100000; to += PAGE_4K, places++)
        both_ways(report, card, to);
    prove(report, card);
    say(report, "%u places", places);
}

/* Descriptors that it would have to read from elsewhere, and write back to there. */
void attack_device_rings(struct report *report)
{
    volatile uint8_t *card = card_open();
    uint32_t places = 0;
    if (!card)
        return;
    for (uint64_t there = ram_end_low(); there < SWEEP_FINE_END; there += SWEEP_COARSE, places++) {
        nic_rings(card, there, there + PAGE_4K);
        nic_go(card);
    }
    for (size_t i = 0; high[i] >> ADDRESS_BITS == 0; i++, places++) {
        nic_rings(card, high[i], high[i]);
        nic_go(card);
    }
    prove(report, card_open());
    say(report, "%u places", places);
}

/* Without a timer, whose interrupts would be among those that are counted. */
static void wait_until(uint64_t tsc)
{
    while (rdtsc() < tsc)
        pause();
}

/* One after the other, so that each is told of even where units keep but one. */
void attack_device_paced(struct report *report)
{
    volatile uint8_t *card = card_open();
    uint64_t to = ram_end_low();
    if (!card)
        return;
    mark();
    for (uint32_t i = 0; i < PACED_COUNT; i++) {
        nic_copy(card, at(sent), to + i * PAGE_4K);
        wait_until(rdtsc() + PACED_MS * tsc_per_ms());
    }
    say(report, "%u writes from %lx on", PACED_COUNT, to);
}

/* ---- forged messages ---- */

/* Bit 4 of a message's address: VT-d's remappable format. */
static bool is_remappable(uint32_t to)
{
    return (to & 0x10) != 0;
}

/* The message that the word `i` of a packet is; a delivery mode that there is not, where those of
 * the compatibility format are to do nothing. */
static void message_set(uint32_t i, uint32_t place, uint32_t data)
{
    bool harmless = options.only_remappable && !is_remappable(place + 4 * i);
    sent[i] = harmless ? NO_DELIVERY_MODE : data;
}

static uint32_t send_vectors(volatile uint8_t *card, uint32_t messages, uint32_t mode)
{
    uint32_t packets = 0;
    for (uint32_t vector = 0; vector < 256; vector += PACKET_WORDS, packets++) {
        for (uint32_t i = 0; i < PACKET_WORDS; i++)
            message_set(i, messages, (vector + i) | mode << 8 | (i & 1) << 14);
        nic_copy(card, at(sent), messages);
    }
    return packets;
}

/* All 1 MiB of them: each handle of the remappable format, each destination, each hint. */
static uint32_t send_everywhere(volatile uint8_t *card)
{
    uint64_t random = 11;
    uint32_t packets = 0;
    for (uint32_t to = MESSAGES; to < MESSAGES + MESSAGES_SIZE; to += PACKET_BYTES, packets++) {
        for (uint32_t i = 0; i < PACKET_WORDS; i++)
            message_set(i, to, (uint32_t)random_next(&random) & 0xc7ff);
        nic_copy(card, at(sent), to);
    }
    return packets;
}

void attack_device_messages(struct report *report)
{
    static const uint32_t ids[] = {0, 1, 2, 3, 4, 7, 8, 0xf, 0x10, 0x7f, 0xfe, 0xff};
    volatile uint8_t *card = card_open();
    uint32_t packets = 0;
    if (!card)
        return;
    prove(report, card);
    interrupts_in();
    uint32_t before = interrupts_sum();
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
        for (uint32_t mode = 0; mode < 8; mode++)
            packets += send_vectors(card, MESSAGES | ids[i] << 12, mode);
    packets += send_everywhere(card);
    interrupts_in();
    expect(report, interrupts_sum() == before, "%u interrupts", interrupts_sum() - before);
    prove(report, card);
    say(report, "%u packets of %u messages", packets, PACKET_WORDS);
}

/* ---- the command register ---- */

/* Without bus mastering it moves nothing, whoever asks. */
static void copy_unmastered(struct report *report, uint32_t slot, volatile uint8_t *card)
{
    mark();
    fill(got, PACKET_WORDS, 0);
    device_put(slot, DEVICE_COMMAND, 2, COMMAND_MEMORY);
    nic_copy(card, at(sent), at(got));
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        expect(report, got[i] == 0, "no bus master, and yet word %u: %x", i, got[i]);
}

/* Its registers are mapped: it answers whatever the guest says of decoding, which it reads back. */
static void answers_always(struct report *report, uint32_t slot, const volatile uint8_t *card)
{
    uint32_t first = device_read32(card + NIC_RX_BYTES);
    expect(report, first != 0 && first != UINT32_MAX, "its ring has %u bytes", first);
    for (uint32_t command = 0; command <= COMMAND_MEMORY; command++) {
        device_put(slot, DEVICE_COMMAND, 2, command);
        expect(report, device_get(slot, DEVICE_COMMAND, 2) == command, "Command is not %x",
               command);
        uint32_t now = device_read32(card + NIC_RX_BYTES);
        expect(report, now == first, "Command %x: its ring has %u bytes", command, now);
    }
}

/* On and off at any time, in the middle of the device's own resets, too; and what would reset it or
 * switch it off by its capabilities. */
void attack_device_command(struct report *report)
{
    uint32_t slot = device_find(DEVICE_E1000E);
    uint64_t random = 7, there = ram_end_low();
    if (!slot)
        return;
    volatile uint8_t *card = nic_open(slot);
    uint32_t pm = device_cap(slot, DEVICE_CAP_PM), pcie = device_cap(slot, DEVICE_CAP_PCIE);
    copy_unmastered(report, slot, card);
    answers_always(report, slot, card);
    for (uint32_t i = 0; i < COMMAND_GAMES; i++) {
        if (i % 8 == 0)
            nic_reset(card);
        if (i % 8 == 1 && pm != 0)
            device_put(slot, pm + PM_CONTROL, 2, i & 3);
        if (i % 8 == 2 && pcie != 0)
            device_put(slot, pcie + DEVICE_CONTROL, 2, DEVICE_FLR);
        device_put(slot, DEVICE_COMMAND, 1u << i % 3, (uint32_t)random_next(&random));
        nic_copy(card, at(sent), there + i * PAGE_4K);
    }
    prove(report, nic_open(slot));
    say(report, "%u times", COMMAND_GAMES);
}

/* ---- 64-bit addresses ---- */

void attack_device_high(struct report *report)
{
    uint32_t slot = device_find(DEVICE_EDU);
    if (!slot)
        return;
    volatile uint8_t *edu = device_open(slot, 0);
    mark();
    expect(report, edu_copy(edu, at(sent), PACKET_BYTES, false), "read of own memory");
    fill(got, PACKET_WORDS, 0);
    expect(report, edu_copy(edu, at(got), PACKET_BYTES, true), "write of own memory");
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        expect(report, got[i] == sent[i], "own memory, word %u: %x", i, got[i]);
    for (size_t i = 0; i < ARRAY_COUNT(high); i++)
        for (int write = 0; write < 2; write++) {
            expect(report, edu_copy(edu, high[i], 16, write), "%s of %lx", write ? "write" : "read",
                   high[i]);
            wait_until(rdtsc() + PACED_MS * tsc_per_ms());
        }
    say(report, "%u places", (unsigned)ARRAY_COUNT(high));
}

/* Still under way when the guest ends: beyond its memory, where the neighbours may be. */
void attack_device_late(struct report *report)
{
    uint32_t slot = device_find(DEVICE_EDU);
    if (!slot)
        return;
    edu_start(device_open(slot, 0), ram_end_low(), PACKET_BYTES, true);
    say(report, "a write to %lx is under way", ram_end_low());
}
