/* SPDX-License-Identifier: MIT */
/* A guest's virtual devices (kernel/vdev/vplatform.h) and what they have to do with the machine. */
#ifndef BULKHEAD_KERNEL_VM_PLATFORM_H
#define BULKHEAD_KERNEL_VM_PLATFORM_H

#include "kernel/vm/guest.h"

/* All devices as at power-on; the guest's time begins. */
void platform_reset(struct guest *guest);

/* Nanoseconds since the guest's start. */
uint64_t platform_now(const struct guest *guest);

/* After a call of any vplatform function: its interrupts to the local APICs or vCPU 0, its next
 * time to the alarm. Here and below the caller holds guest->devices. On any processor of the guest.
 */
void platform_outputs(struct guest *guest);

/* What a message of the I/O APIC's means to the local APICs. */
struct ipi platform_ipi(const struct vioapic_message *message);

/* The alarm rang. */
void platform_advance(struct guest *guest);

/* Tell the virtual UART how much its output ring takes. */
void platform_room(struct guest *guest);

/* Bytes that the console has for the virtual UART; also tells it about room in the output ring. */
void platform_feed(struct guest *guest);

#endif
