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
#define PACED_MS         60 /* more than there is between two looks at faults */
#define PACED_COUNT      10
#define NO_DELIVERY_MODE 0x300 /* reserved */
#define MARK             0xb01dface

static volatile uint32_t sent[PACKET_WORDS] __attribute__((aligned(64)));
static volatile uint32_t got[PACKET_WORDS + 4] __attribute__((aligned(64)));

static uint32_t at(const volatile void *memory)
{
    return (uint32_t)(uintptr_t)memory;
}

/* NULL: there is no such card. */
static volatile uint8_t *card_open(void)
{
    uint32_t slot = device_find(DEVICE_RTL8139);
    return slot ? device_open(slot, 1) : NULL;
}

static void fill(volatile uint32_t *words, uint32_t count, uint32_t value)
{
    for (uint32_t i = 0; i < count; i++)
        words[i] = value;
}

/* It works at all: from our memory to our memory. */
static void prove(struct report *report, volatile uint8_t *card)
{
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        sent[i] = MARK + i;
    fill(got, PACKET_WORDS + 4, 0);
    packet_copy(card, at(sent), at(got));
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        expect(report, got[i + 1] == MARK + i, "own memory, word %u: %x", i, got[i + 1]);
}

/* What came of reading there is nothing, or what the card had before. */
static void steal(struct report *report, volatile uint8_t *card, uint32_t from)
{
    fill(got, PACKET_WORDS + 4, 0);
    packet_copy(card, from, at(got));
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        expect(report, got[i + 1] == 0 || got[i + 1] == UINT32_MAX || got[i + 1] == MARK + i,
               "read of %x: %x", from, got[i + 1]);
}

static uint32_t sweep(struct report *report, volatile uint8_t *card)
{
    uint64_t random = 5, step;
    uint32_t places = 0;
    for (uint64_t page = ram_end_low(); page < MESSAGES; page += step) {
        step = page < SWEEP_FINE_END ? SWEEP_FINE : SWEEP_COARSE;
        uint32_t there = (uint32_t)(page + (random_next(&random) % step & ~UINT64_C(0xff)));
        steal(report, card, there);
        packet_copy(card, at(sent), there);
        places++;
    }
    return places;
}

void attack_device_dma(struct report *report)
{
    /* I/O APIC, HPET, the machine's chip set and flash, the end of the address space */
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
    for (size_t i = 0; i < ARRAY_COUNT(special); i++) {
        steal(report, card, special[i]);
        packet_copy(card, at(sent), special[i]);
    }
    /* to itself: its own registers, and those of its neighbours */
    for (uint32_t to = at(card) & ~0xfffffu; to < (at(card) | 0xfffff); to += PAGE_4K)
        packet_copy(card, at(sent), to);
    prove(report, card);
    say(report, "%u places", places + (uint32_t)ARRAY_COUNT(special));
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
    uint32_t to = (uint32_t)ram_end_low();
    if (!card)
        return;
    for (uint32_t i = 0; i < PACED_COUNT; i++) {
        packet_copy(card, at(sent), to + i * PAGE_4K);
        wait_until(rdtsc() + PACED_MS * tsc_per_ms());
    }
    say(report, "%u writes from %x on", PACED_COUNT, to);
}

/* ---- forged messages ---- */

/* Bit 4 of a message's address: VT-d's remappable format. */
static bool is_remappable(uint32_t to)
{
    return (to & 0x10) != 0;
}

/* Headers and checksums, whose values are not ours, fall on addresses of the remappable format. */
static uint32_t packet_place(uint32_t messages)
{
    return messages + 0x10;
}

/* The message that the word `i` of a packet is; a delivery mode that there is not, where those of
 * the compatibility format are to do nothing. */
static void message_set(uint32_t i, uint32_t place, uint32_t data)
{
    bool harmless = options.only_remappable && !is_remappable(place + PACKET_HEADER + 4 * i);
    sent[i] = harmless ? NO_DELIVERY_MODE : data;
}

static uint32_t send_vectors(volatile uint8_t *card, uint32_t messages, uint32_t mode)
{
    uint32_t packets = 0, place = packet_place(messages);
    for (uint32_t vector = 0; vector < 256; vector += PACKET_WORDS, packets++) {
        for (uint32_t i = 0; i < PACKET_WORDS; i++)
            message_set(i, place, (vector + i) | mode << 8 | (i & 1) << 14);
        packet_copy(card, at(sent), place);
    }
    return packets;
}

/* All 1 MiB of them: each handle of the remappable format, each destination, each hint. */
static uint32_t send_everywhere(volatile uint8_t *card)
{
    uint64_t random = 11;
    uint32_t packets = 0;
    for (uint32_t to = 0; to < MESSAGES_SIZE - 2 * PACKET_BYTES; to += PACKET_BYTES, packets++) {
        uint32_t place = packet_place(MESSAGES + to);
        for (uint32_t i = 0; i < PACKET_WORDS; i++)
            message_set(i, place, (uint32_t)random_next(&random) & 0xc7ff);
        packet_copy(card, at(sent), place);
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

/* ---- 64-bit addresses ---- */

void attack_device_high(struct report *report)
{
    static const uint64_t high[] = {GIB(4),
                                    GIB(4) + 0x123000,
                                    GIB(5),
                                    GIB(64),
                                    GIB(512) - 0x1000,
                                    GIB(512),
                                    GIB(4096),
                                    UINT64_C(1) << 46,
                                    UINT64_C(1) << 52,
                                    UINT64_MAX - 0xfff,
                                    UINT64_C(1) << 63};
    uint32_t slot = device_find(DEVICE_EDU);
    if (!slot)
        return;
    volatile uint8_t *edu = device_open(slot, 0);
    expect(report, edu_copy(edu, at(sent), PACKET_BYTES, false), "read of own memory");
    fill(got, PACKET_WORDS + 4, 0);
    expect(report, edu_copy(edu, at(got), PACKET_BYTES, true), "write of own memory");
    for (uint32_t i = 0; i < PACKET_WORDS; i++)
        expect(report, got[i] == sent[i], "own memory, word %u: %x", i, got[i]);
    for (size_t i = 0; i < ARRAY_COUNT(high); i++) {
        expect(report, edu_copy(edu, high[i], 16, false), "read of %lx", high[i]);
        expect(report, edu_copy(edu, high[i], 16, true), "write of %lx", high[i]);
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
