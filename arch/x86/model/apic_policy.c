/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/apic_policy.h"

#include "arch/x86/regs/msr.h"
#include "kernel/lib/types.h"

uint64_t apic_base_value(enum apic_mode mode, bool bsp)
{
    static const uint64_t bits[] = {
        [APIC_MODE_DISABLED] = 0,
        [APIC_MODE_XAPIC] = APIC_BASE_EN,
        [APIC_MODE_X2APIC] = APIC_BASE_EN | APIC_BASE_EXTD,
    };
    return APIC_BASE_RESET | bits[mode] | (bsp ? APIC_BASE_BSP : 0);
}

/* SDM Vol. 3A "x2APIC State Transitions": out of x2APIC mode and into it there is one way each. */
static bool transition_allowed(enum apic_mode from, enum apic_mode to)
{
    return !(from == APIC_MODE_DISABLED && to == APIC_MODE_X2APIC) &&
           !(from == APIC_MODE_X2APIC && to == APIC_MODE_XAPIC);
}

bool apic_base_write(enum apic_mode *mode, uint64_t value, bool bsp)
{
    static const enum apic_mode modes[] = {APIC_MODE_DISABLED, APIC_MODE_XAPIC, APIC_MODE_X2APIC};
    for (unsigned i = 0; i < ARRAY_COUNT(modes); i++)
        if (value == apic_base_value(modes[i], bsp) && transition_allowed(*mode, modes[i])) {
            *mode = modes[i];
            return true;
        }
    return false;
}

/* Bit 12 of the ICR, read only in xAPIC mode, is tolerated. */
#define ICR_LOW_VALID                                                                              \
    (ICR_VECTOR | ICR_DELIVERY | ICR_LOGICAL | ICR_BUSY | ICR_ASSERT | ICR_LEVEL | ICR_SHORTHAND)

#define LVT_PLAIN (LVT_VECTOR | LVT_STATUS | LVT_MASKED)
#define LVT_EVENT (LVT_PLAIN | LVT_DELIVERY)
#define LVT_PIN   (LVT_EVENT | LVT_POLARITY | LVT_REMOTE_IRR | LVT_LEVEL)

/* The bits of a register that are not reserved. */
static uint32_t valid_bits(uint32_t msr)
{
    /* Registers that are not here take any 32 bits. */
    static const struct {
        uint32_t msr;
        uint32_t valid;
    } masks[] = {
        {MSR_X2APIC_TPR, 0xff},
        {MSR_X2APIC_EOI, 0},
        {MSR_X2APIC_SVR, (uint32_t)(APIC_SVR_VECTOR | APIC_SVR_ENABLE)},
        {MSR_X2APIC_ESR, 0},
        {MSR_X2APIC_LVT_CMCI, (uint32_t)LVT_EVENT},
        {MSR_X2APIC_ICR, (uint32_t)ICR_LOW_VALID},
        {MSR_X2APIC_LVT_TIMER, (uint32_t)(LVT_PLAIN | LVT_TIMER_MODE)},
        {MSR_X2APIC_LVT_THERMAL, (uint32_t)LVT_EVENT},
        {MSR_X2APIC_LVT_PERF, (uint32_t)LVT_EVENT},
        {MSR_X2APIC_LVT_LINT0, (uint32_t)LVT_PIN},
        {MSR_X2APIC_LVT_LINT1, (uint32_t)LVT_PIN},
        {MSR_X2APIC_LVT_ERROR, (uint32_t)LVT_PLAIN},
        {MSR_X2APIC_TIMER_DIV, 0xb},
        {MSR_X2APIC_SELF_IPI, 0xff},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(masks); i++)
        if (masks[i].msr == msr)
            return masks[i].valid;
    return UINT32_MAX;
}

bool apic_value_check(uint32_t msr, uint64_t value, bool deadline)
{
    if (msr == MSR_X2APIC_LVT_TIMER &&
        field_get(LVT_TIMER_MODE, value) > (deadline ? LVT_TIMER_TSC : LVT_TIMER_PERIOD))
        return false; /* one mode is reserved in any case */
    return (value & ~(uint64_t)valid_bits(msr)) == 0;
}

bool lvt_write(uint32_t msr, uint64_t value, uint32_t *shadow, uint32_t *real)
{
    if ((value & ~(uint64_t)valid_bits(msr)) != 0)
        return false;
    *shadow = (uint32_t)(value & ~(LVT_STATUS | LVT_REMOTE_IRR));
    *real = msr == MSR_X2APIC_LVT_ERROR ? *shadow : (uint32_t)LVT_RESET;
    return true;
}

uint32_t xapic_value(uint32_t msr, uint32_t value)
{
    return value & valid_bits(msr);
}

static bool ipi_without_effect(const struct ipi *ipi, uint64_t value)
{
    bool to_self = ipi->shorthand == APIC_TO_SELF || ipi->shorthand == APIC_TO_ALL;
    bool deassert = (value & ICR_LEVEL) != 0 && (value & ICR_ASSERT) == 0;
    switch (ipi->delivery) {
    case APIC_FIXED:
        return ipi->vector < APIC_VECTOR_FIRST;
    case APIC_LOWEST:
        return ipi->vector < APIC_VECTOR_FIRST || to_self;
    case APIC_NMI:
    case APIC_STARTUP:
        return to_self;
    case APIC_INIT:
        return to_self || deassert;
    case APIC_SMI:
    case APIC_RESERVED_3:
    case APIC_EXTINT:
        return true;
    }
    return true;
}

bool icr_decode(uint64_t value, struct ipi *out)
{
    if ((value & ~(ICR_LOW_VALID | ICR_DESTINATION)) != 0)
        return false;
    *out = (struct ipi){
        .delivery = (enum apic_delivery)field_get(ICR_DELIVERY, value),
        .shorthand = (enum apic_shorthand)field_get(ICR_SHORTHAND, value),
        .logical = (value & ICR_LOGICAL) != 0,
        .destination = (uint32_t)field_get(ICR_DESTINATION, value),
        .vector = (uint8_t)field_get(ICR_VECTOR, value),
    };
    out->drop = ipi_without_effect(out, value);
    return true;
}

void xapic_icr_decode(uint32_t low, uint32_t high, struct ipi *out)
{
    uint64_t destination = field_get(XAPIC_DESTINATION, high);
    icr_decode((low & ICR_LOW_VALID) | field_put(ICR_DESTINATION, destination), out);
    out->narrow = true;
}

uint32_t x2apic_ldr(uint32_t id)
{
    return (id >> 4) << 16 | UINT32_C(1) << (id & 15);
}

bool msi_decode(uint64_t address, uint32_t data, struct ipi *out)
{
    enum apic_delivery delivery = (enum apic_delivery)field_get(MSI_DELIVERY, data);
    *out = (struct ipi){
        .delivery = delivery,
        .shorthand = APIC_TO_DESTINATION,
        .logical = (address & MSI_LOGICAL) != 0,
        .narrow = true,
        .destination = (uint32_t)field_get(MSI_DESTINATION, address),
        .vector = (uint8_t)field_get(MSI_VECTOR, data),
    };
    uint64_t free = MSI_DESTINATION | MSI_REDIRECTION | MSI_LOGICAL | BITS(11, 4) | BITS(1, 0);
    return (address & ~free) == MSI_ADDRESS_BASE && out->vector >= APIC_VECTOR_FIRST &&
           (delivery == APIC_FIXED || delivery == APIC_LOWEST);
}

/* What means everybody in 8 bits is for an x2APIC the logical address of the first eight. */
static bool is_broadcast(const struct ipi *ipi, enum apic_mode mode)
{
    if (!ipi->narrow)
        return ipi->destination == APIC_BROADCAST;
    return ipi->destination == XAPIC_BROADCAST && !(ipi->logical && mode == APIC_MODE_X2APIC);
}

/* SDM Vol. 3A "Logical Destination Mode": flat, one bit each; clusters of four. */
static bool xapic_logical(uint32_t destination, const struct apic_address *to)
{
    uint32_t ours = (uint32_t)field_get(XAPIC_DESTINATION, to->ldr);
    if (field_get(XAPIC_DFR_MODEL, to->dfr) != XAPIC_DFR_CLUSTER)
        return (destination & ours) != 0;
    return destination >> 4 == ours >> 4 && (destination & ours & 0xf) != 0;
}

static bool logical_matches(const struct ipi *ipi, const struct apic_address *to)
{
    if (to->mode == APIC_MODE_XAPIC)
        return ipi->narrow && xapic_logical(ipi->destination, to);
    uint32_t ldr = x2apic_ldr(to->id);
    return ipi->destination >> 16 == ldr >> 16 && (ipi->destination & ldr & 0xffff) != 0;
}

bool ipi_matches(const struct ipi *ipi, const struct apic_address *to, uint32_t self)
{
    if (to->mode == APIC_MODE_DISABLED)
        return false;
    switch (ipi->shorthand) {
    case APIC_TO_SELF:
        return to->id == self;
    case APIC_TO_ALL:
        return true;
    case APIC_TO_OTHERS:
        return to->id != self;
    case APIC_TO_DESTINATION:
        break;
    }
    if (is_broadcast(ipi, to->mode))
        return true;
    return ipi->logical ? logical_matches(ipi, to) : ipi->destination == to->id;
}

#define CLUSTER_IDS 16

struct ipi_range ipi_range(const struct ipi *ipi, uint32_t count)
{
    bool everywhere = ipi->narrow ? ipi->logical || ipi->destination == XAPIC_BROADCAST
                                  : ipi->destination == APIC_BROADCAST;
    if (ipi->shorthand != APIC_TO_DESTINATION || everywhere)
        return (struct ipi_range){0, count};
    uint32_t first = ipi->destination, size = 1;
    if (ipi->logical) {
        first = (ipi->destination >> 16) * CLUSTER_IDS;
        size = CLUSTER_IDS;
    }
    if (first >= count)
        return (struct ipi_range){count, count};
    return (struct ipi_range){first, count - first < size ? count : first + size};
}
