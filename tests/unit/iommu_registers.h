/* SPDX-License-Identifier: MIT */
/* The registers of a model of an IOMMU: two callbacks. Behind iommu_world.h. */
#ifndef BULKHEAD_TESTS_UNIT_IOMMU_REGISTERS_H
#define BULKHEAD_TESTS_UNIT_IOMMU_REGISTERS_H

static uint8_t registers[5 * PAGE_4K];

/* The unit behind the registers: offset, size in bytes. */
static uint64_t unit_read(uint32_t reg, int size);
static void unit_write(uint32_t reg, uint64_t value, int size);

static uint32_t register_of(const volatile void *address)
{
    uint64_t reg = (uint64_t)((const volatile uint8_t *)address - registers);

    assert_true(reg < sizeof(registers));
    return (uint32_t)reg;
}

static inline uint32_t mmio_read32(const volatile void *address)
{
    return (uint32_t)unit_read(register_of(address), 4);
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
    unit_write(register_of(address), value, 4);
}

static inline uint64_t mmio_read64(const volatile void *address)
{
    return unit_read(register_of(address), 8);
}

static inline void mmio_write64(volatile void *address, uint64_t value)
{
    unit_write(register_of(address), value, 8);
}

static inline void *device_map(hpa_t base, uint64_t size, uint32_t flags)
{
    (void)base;
    (void)flags;
    assert_true(size <= sizeof(registers));
    return registers;
}

#endif
