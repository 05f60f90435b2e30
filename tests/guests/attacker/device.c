/* SPDX-License-Identifier: MIT */
#include "tests/guests/attacker/device.h"

#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u
#define STATUS         0x06
#define STATUS_CAPS    0x10
#define CAPS           0x34
#define CAPS_MOST      48
#define COMMAND_ON     0x6 /* memory, bus master */

/* "RTL8139C(L) Datasheet", register descriptions */
#define RTL_TSD0    0x10
#define RTL_TSAD0   0x20
#define RTL_RBSTART 0x30
#define RTL_CR      0x37
#define RTL_TCR     0x40
#define RTL_RCR     0x44
#define CR_RESET    0x10
#define CR_ON       0x0c
#define TCR_LOOP    0x60000
#define RCR_ALL     0x81 /* take all, wrap */

/* QEMU "EDU device" */
#define EDU_RAISE   0x60
#define EDU_LOWER   0x64
#define EDU_SOURCE  0x80
#define EDU_TARGET  0x88
#define EDU_COUNT   0x90
#define EDU_COMMAND 0x98
#define EDU_BUFFER  0x40000
#define EDU_RUN     1
#define EDU_TO_RAM  2
#define EDU_MS      1000

static void select(uint32_t slot, uint32_t reg)
{
    out32(CONFIG_ADDRESS, CONFIG_ENABLE | slot << 11 | (reg & 0xfc));
}

uint32_t device_get(uint32_t slot, uint32_t reg, unsigned size)
{
    uint16_t port = (uint16_t)(CONFIG_DATA + (reg & 3));
    select(slot, reg);
    return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

void device_put(uint32_t slot, uint32_t reg, unsigned size, uint32_t value)
{
    uint16_t port = (uint16_t)(CONFIG_DATA + (reg & 3));
    select(slot, reg);
    if (size == 1)
        out8(port, (uint8_t)value);
    else if (size == 2)
        out16(port, (uint16_t)value);
    else
        out32(port, value);
}

uint32_t device_find(uint32_t id)
{
    for (uint32_t slot = 1; slot < DEVICE_SLOTS; slot++)
        if (device_get(slot, DEVICE_ID, 4) == id)
            return slot;
    return 0;
}

uint32_t device_cap(uint32_t slot, uint8_t id)
{
    if (!(device_get(slot, STATUS, 2) & STATUS_CAPS))
        return 0;
    uint32_t at = device_get(slot, CAPS, 1);
    for (uint32_t i = 0; i < CAPS_MOST && at != 0; i++) {
        if (device_get(slot, at, 1) == id)
            return at;
        at = device_get(slot, at + 1, 1);
    }
    return 0;
}

volatile uint8_t *device_open(uint32_t slot, uint32_t bar)
{
    device_put(slot, DEVICE_COMMAND, 2, COMMAND_ON);
    return (volatile uint8_t *)(uintptr_t)(device_get(slot, DEVICE_BAR + 4 * bar, 4) & ~0xfu);
}

void device_write(volatile uint8_t *at, unsigned size, uint32_t value)
{
    if (size == 1)
        *at = (uint8_t)value;
    else
        *(volatile uint32_t *)(volatile void *)at = value;
}

uint32_t device_read32(const volatile uint8_t *at)
{
    return *(const volatile uint32_t *)(const volatile void *)at;
}

void packet_copy(volatile uint8_t *card, uint32_t from, uint32_t to)
{
    device_write(card + RTL_CR, 1, CR_RESET);
    device_write(card + RTL_CR, 1, CR_ON);
    device_write(card + RTL_TCR, 4, TCR_LOOP);
    device_write(card + RTL_RCR, 4, RCR_ALL);
    device_write(card + RTL_RBSTART, 4, to);
    device_write(card + RTL_TSAD0, 4, from);
    device_write(card + RTL_TSD0, 4, PACKET_BYTES);
}

static void write64(volatile uint8_t *at, uint64_t value)
{
    *(volatile uint64_t *)(volatile void *)at = value;
}

void edu_start(volatile uint8_t *edu, uint64_t address, uint32_t bytes, bool to_memory)
{
    write64(edu + EDU_SOURCE, to_memory ? EDU_BUFFER : address);
    write64(edu + EDU_TARGET, to_memory ? address : EDU_BUFFER);
    write64(edu + EDU_COUNT, bytes);
    write64(edu + EDU_COMMAND, EDU_RUN | (to_memory ? EDU_TO_RAM : 0));
}

bool edu_copy(volatile uint8_t *edu, uint64_t address, uint32_t bytes, bool to_memory)
{
    uint64_t end = rdtsc() + EDU_MS * tsc_per_ms();
    edu_start(edu, address, bytes, to_memory);
    while ((device_read32(edu + EDU_COMMAND) & EDU_RUN) && rdtsc() < end)
        pause();
    return !(device_read32(edu + EDU_COMMAND) & EDU_RUN);
}

void edu_interrupt(volatile uint8_t *edu)
{
    device_write(edu + EDU_RAISE, 4, 1);
    interrupts_in();
    device_write(edu + EDU_LOWER, 4, 1);
}
