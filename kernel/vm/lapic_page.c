/* SPDX-License-Identifier: MIT */
/*
 * The local APIC in xAPIC mode: a page of registers, of which most are those of the x2APIC's MSRs
 * and go the same ways. SDM Vol. 3A "Local APIC Register Address Map".
 */
#include "arch/x86/model/apic_policy.h"
#include "kernel/acpi/guest.h"
#include "kernel/vm/exits.h"

bool lapic_page_has(const struct vcpu *vcpu, gpa_t at)
{
    return at.raw - GUEST_LAPIC_BASE < PAGE_4K &&
           atomic_load_explicit(&vcpu->lapic.mode, memory_order_relaxed) == APIC_MODE_XAPIC;
}

/* The register at an address, by its MSR; *byte is where in its 16 bytes the access begins. */
static uint32_t register_at(gpa_t at, unsigned *byte)
{
    *byte = at.raw % XAPIC_STEP;
    return MSR_X2APIC_FIRST + (uint32_t)(at.raw - GUEST_LAPIC_BASE) / XAPIC_STEP;
}

static uint32_t read_register(struct vcpu *vcpu, uint32_t msr)
{
    const struct vlapic *lapic = &vcpu->lapic;
    uint64_t value;
    switch (msr) {
    case MSR_X2APIC_ID:
        return (uint32_t)field_put(XAPIC_DESTINATION, vcpu->id);
    case MSR_X2APIC_LDR:
        return lapic->ldr;
    case XAPIC_DFR:
        return lapic->dfr;
    case XAPIC_ICR_HIGH:
        return (uint32_t)(lapic->icr >> 32);
    default:
        return msr_read(vcpu, msr, &value) ? (uint32_t)value : 0;
    }
}

static void command(struct vcpu *vcpu, uint32_t low)
{
    struct vlapic *lapic = &vcpu->lapic;
    struct ipi ipi;
    low = xapic_value(MSR_X2APIC_ICR, low) & (uint32_t)~ICR_BUSY;
    lapic->icr = (lapic->icr & ~(uint64_t)UINT32_MAX) | low;
    xapic_icr_decode(low, (uint32_t)(lapic->icr >> 32), &ipi);
    if (!ipi.drop)
        lapic_send(vcpu->guest, &ipi, vcpu);
}

static void write_register(struct vcpu *vcpu, uint32_t msr, uint32_t value)
{
    struct vlapic *lapic = &vcpu->lapic;
    switch (msr) {
    case MSR_X2APIC_LDR:
        atomic_store(&lapic->ldr, value & (uint32_t)XAPIC_DESTINATION);
        break;
    case XAPIC_DFR:
        atomic_store(&lapic->dfr, value | (uint32_t)~XAPIC_DFR_MODEL);
        break;
    case MSR_X2APIC_ICR:
        command(vcpu, value);
        break;
    case XAPIC_ICR_HIGH:
        lapic->icr = (lapic->icr & UINT32_MAX) | (value & XAPIC_DESTINATION) << 32;
        break;
    case MSR_X2APIC_SELF_IPI: /* in x2APIC mode alone */
        break;
    default:
        (void)msr_write(vcpu, msr, xapic_value(msr, value)); /* what it refuses is lost */
    }
}

uint64_t lapic_page_read(struct vcpu *vcpu, gpa_t at, unsigned size)
{
    unsigned byte;
    uint32_t msr = register_at(at, &byte);
    uint64_t ones = UINT64_MAX >> (64 - 8 * size);
    if (byte + size > sizeof(uint32_t))
        return ones;
    return read_register(vcpu, msr) >> 8 * byte & ones;
}

void lapic_page_write(struct vcpu *vcpu, gpa_t at, unsigned size, uint64_t value)
{
    unsigned byte;
    uint32_t msr = register_at(at, &byte);
    if (byte == 0 && size == sizeof(uint32_t))
        write_register(vcpu, msr, (uint32_t)value);
}
