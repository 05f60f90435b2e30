/* SPDX-License-Identifier: MIT */
/* Port and memory-mapped I/O of the machine itself. Privileged: kernel, drivers and boot only. */
#ifndef BULKHEAD_ARCH_IO_H
#define BULKHEAD_ARCH_IO_H

#include <stdint.h>

static inline uint8_t io_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t io_in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t io_in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void io_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void io_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void io_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

/* A device register that is mapped uncached; one access of exactly this width. */
static inline uint32_t mmio_read32(const volatile void *address)
{
    return *(const volatile uint32_t *)address;
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

/* The same of 64 bits, where the device takes such accesses. */
static inline uint64_t mmio_read64(const volatile void *address)
{
    return *(const volatile uint64_t *)address;
}

static inline void mmio_write64(volatile void *address, uint64_t value)
{
    *(volatile uint64_t *)address = value;
}

/* 1, 2 or 4 bytes at ports. */
static inline uint32_t io_in(uint16_t port, unsigned size)
{
    if (size == 1)
        return io_in8(port);
    return size == 2 ? io_in16(port) : io_in32(port);
}

static inline void io_out(uint16_t port, unsigned size, uint32_t value)
{
    if (size == 1)
        io_out8(port, (uint8_t)value);
    else if (size == 2)
        io_out16(port, (uint16_t)value);
    else
        io_out32(port, value);
}

/* 1, 2, 4 or 8 bytes of a device's registers, where it takes such accesses. */
static inline uint64_t mmio_read(const volatile void *address, unsigned size)
{
    switch (size) {
    case 1:
        return *(const volatile uint8_t *)address;
    case 2:
        return *(const volatile uint16_t *)address;
    case 4:
        return mmio_read32(address);
    default:
        return mmio_read64(address);
    }
}

static inline void mmio_write(volatile void *address, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        *(volatile uint8_t *)address = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)address = (uint16_t)value;
        break;
    case 4:
        mmio_write32(address, (uint32_t)value);
        break;
    default:
        mmio_write64(address, value);
    }
}

#endif
