/* SPDX-License-Identifier: MIT */
/* PCI devices that the attacker was given: they are its weapons (device.c, attack_device.c). */
#ifndef BULKHEAD_TESTS_GUESTS_ATTACKER_DEVICE_H
#define BULKHEAD_TESTS_GUESTS_ATTACKER_DEVICE_H

#include "kernel/lib/types.h"

#define DEVICE_EDU    0x11e81234u /* device and vendor id */
#define DEVICE_E1000E 0x10d38086u

#define DEVICE_SLOTS    32
#define DEVICE_BYTES    256 /* of configuration space */
#define DEVICE_ID       0x00
#define DEVICE_COMMAND  0x04
#define DEVICE_BAR      0x10
#define DEVICE_BARS     6
#define DEVICE_LINE     0x3c
#define DEVICE_PIN      0x3d
#define DEVICE_CAP_PM   0x01
#define DEVICE_CAP_MSI  0x05
#define DEVICE_CAP_PCIE 0x10
#define DEVICE_CAP_MSIX 0x11

#define DEVICE_COMMAND_ON 0x6 /* memory, bus master */

/* In the capability of MSI with 64-bit addresses. */
#define DEVICE_MSI_CONTROL 2
#define DEVICE_MSI_LOW     4
#define DEVICE_MSI_HIGH    8
#define DEVICE_MSI64_DATA  12
#define DEVICE_MSI_ENABLE  1

/* In that of PCI Express. */
#define DEVICE_CONTROL 8
#define DEVICE_FLR     0x8000

/* Its configuration space, by mechanism #1. `reg`: any; `size` 1, 2 or 4 within a doubleword. */
uint32_t device_get(uint32_t slot, uint32_t reg, unsigned size);
void device_put(uint32_t slot, uint32_t reg, unsigned size, uint32_t value);

/* The slot of the device with this id; 0: there is none. */
uint32_t device_find(uint32_t id);

/* Where the capability is; 0: nowhere. */
uint32_t device_cap(uint32_t slot, uint8_t id);

/* A memory BAR below 4 GiB, decoding and bus mastering on. */
volatile uint8_t *device_open(uint32_t slot, uint32_t bar);

/* One round of what may be written to an e1000e at any time: configuration space at random,
 * decoding and bus mastering on, an entry of its MSI-X table, a function level reset. */
void device_turmoil(uint32_t slot);

void device_write(volatile uint8_t *at, unsigned size, uint32_t value);
uint32_t device_read32(const volatile uint8_t *at);

/* ---- the e1000e, which sends to itself: reads memory and writes it wherever it is told ---- */

#define PACKET_BYTES 64

/* Reset, then set up; its registers. */
volatile uint8_t *nic_open(uint32_t slot);
void nic_reset(volatile uint8_t *nic);

/* PACKET_BYTES from there to there, if anything lets it; when this returns, it is done. */
void nic_copy(volatile uint8_t *nic, uint64_t from, uint64_t to);

/* Its descriptors elsewhere, until the next nic_open(); go and read them. */
void nic_rings(volatile uint8_t *nic, uint64_t receive, uint64_t send);
void nic_go(volatile uint8_t *nic);

/* Its interrupt, for a cause that nobody takes back. */
void nic_raise(volatile uint8_t *nic);

/* ---- QEMU's edu device: DMA with 64-bit addresses, 100 ms each; MSI ---- */

/* Between memory at `address` and the device's own buffer, at most 4 KiB; false: it does not get
 * done. edu_start() does not wait. */
void edu_start(volatile uint8_t *edu, uint64_t address, uint32_t bytes, bool to_memory);
bool edu_copy(volatile uint8_t *edu, uint64_t address, uint32_t bytes, bool to_memory);

/* Raise its interrupt, and take it back. */
void edu_interrupt(volatile uint8_t *edu);

#endif
