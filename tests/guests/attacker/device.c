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

/* Intel 82574 data sheet, "Register Summary Table" */
#define NIC_CTRL   0x00000
#define NIC_ICS    0x000c8
#define NIC_IMS    0x000d0
#define NIC_IMC    0x000d8
#define NIC_RCTL   0x00100
#define NIC_TCTL   0x00400
#define NIC_RX     0x02800 /* its ring */
#define NIC_TX     0x03800
#define RING_LOW   0x00 /* registers of either ring */
#define RING_HIGH  0x04
#define RING_BYTES 0x08
#define RING_HEAD  0x10
#define RING_TAIL  0x18

#define CAUSE_LSC  (1u << 2)
#define CTRL_RST   (1u << 26)
#define RCTL_ON    0x0400805au /* EN, UPE, MPE, LBM of the MAC, BAM, SECRC */
#define TCTL_ON    0x0000000au /* EN, PSP */
#define TX_COMMAND 0x03000000u /* EOP, IFCS */

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

#define RING_LENGTH 8 /* the shortest that there is */

/* "Legacy Transmit Descriptor", "Legacy Receive Descriptor" */
struct descriptor {
    uint64_t buffer;
    uint32_t length; /* with the command, for sending */
    uint32_t status;
};

static volatile struct descriptor rx[RING_LENGTH] __attribute__((aligned(128)));
static volatile struct descriptor tx[RING_LENGTH] __attribute__((aligned(128)));

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
    device_put(slot, DEVICE_COMMAND, 2, DEVICE_COMMAND_ON);
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

static void ring_set(volatile uint8_t *ring, uint64_t at)
{
    device_write(ring + RING_LOW, 4, (uint32_t)at);
    device_write(ring + RING_HIGH, 4, (uint32_t)(at >> 32));
    device_write(ring + RING_BYTES, 4, sizeof(rx));
}

void nic_reset(volatile uint8_t *nic)
{
    device_write(nic + NIC_CTRL, 4, CTRL_RST);
}

void nic_rings(volatile uint8_t *nic, uint64_t receive, uint64_t send)
{
    device_write(nic + NIC_IMC, 4, UINT32_MAX);
    ring_set(nic + NIC_RX, receive);
    ring_set(nic + NIC_TX, send);
    device_write(nic + NIC_RCTL, 4, RCTL_ON);
    device_write(nic + NIC_TCTL, 4, TCTL_ON);
}

void nic_go(volatile uint8_t *nic)
{
    device_write(nic + NIC_RX + RING_HEAD, 4, 0);
    device_write(nic + NIC_RX + RING_TAIL, 4, 2);
    device_write(nic + NIC_TX + RING_HEAD, 4, 0);
    device_write(nic + NIC_TX + RING_TAIL, 4, 1);
}

volatile uint8_t *nic_open(uint32_t slot)
{
    volatile uint8_t *nic = device_open(slot, 0);
    nic_reset(nic);
    nic_rings(nic, (uint64_t)(uintptr_t)rx, (uint64_t)(uintptr_t)tx);
    return nic;
}

void nic_copy(volatile uint8_t *nic, uint64_t from, uint64_t to)
{
    tx[0].buffer = from;
    tx[0].length = TX_COMMAND | PACKET_BYTES;
    tx[0].status = 0;
    for (uint32_t i = 0; i < 2; i++)
        rx[i].buffer = to;
    nic_go(nic);
}

void nic_raise(volatile uint8_t *nic)
{
    device_write(nic + NIC_IMS, 4, CAUSE_LSC);
    device_write(nic + NIC_ICS, 4, CAUSE_LSC);
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
