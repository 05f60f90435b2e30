/* SPDX-License-Identifier: MIT */
#include "kernel/vm/lapic.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/model/apic_policy.h"
#include "arch/x86/model/msr_policy.h"
#include "arch/x86/regs/apic.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/guest.h"

/* The LVT registers that exit, in the order of vlapic.lvt. */
static const uint32_t lvt_msrs[LAPIC_LVT_COUNT] = {
    MSR_X2APIC_LVT_CMCI,  MSR_X2APIC_LVT_THERMAL, MSR_X2APIC_LVT_PERF,
    MSR_X2APIC_LVT_LINT0, MSR_X2APIC_LVT_LINT1,   MSR_X2APIC_LVT_ERROR,
};

enum { LINT0 = 3 }; /* its place there */

void lapic_power_on(struct vlapic *lapic)
{
    atomic_store(&lapic->mode, APIC_MODE_XAPIC);
    lapic_reset(lapic);
}

void lapic_reset(struct vlapic *lapic)
{
    for (unsigned i = 0; i < LAPIC_LVT_COUNT; i++)
        lapic->lvt[i] = LVT_RESET;
    lapic->lvt[LINT0] = field_put(LVT_DELIVERY, APIC_EXTINT);
    lapic->icr = 0;
    atomic_store(&lapic->ldr, 0);
    atomic_store(&lapic->dfr, XAPIC_DFR_RESET);
}

static enum apic_mode mode_of(const struct vcpu *vcpu)
{
    return (enum apic_mode)atomic_load_explicit(&vcpu->lapic.mode, memory_order_relaxed);
}

bool lapic_is_x2(const struct vcpu *vcpu)
{
    return mode_of(vcpu) == APIC_MODE_X2APIC;
}

uint64_t lapic_base(const struct vcpu *vcpu)
{
    return apic_base_value(mode_of(vcpu), vcpu->id == 0);
}

bool lapic_base_write(struct vcpu *vcpu, uint64_t value)
{
    struct vlapic *lapic = &vcpu->lapic;
    enum apic_mode mode = mode_of(vcpu), before = mode;
    if (!apic_base_write(&mode, value, vcpu->id == 0))
        return false;
    if (mode == before)
        return true;
    atomic_store(&lapic->mode, mode);
    lapic->icr &= UINT32_MAX; /* destinations have another form now */
    if (mode == APIC_MODE_DISABLED) {
        lapic_reset(lapic);
        apic_reset();
    }
    return true;
}

bool lapic_takes_8259(const struct vlapic *lapic)
{
    return (lapic->lvt[LINT0] & (LVT_DELIVERY | LVT_MASKED)) ==
           field_put(LVT_DELIVERY, APIC_EXTINT);
}

static uint64_t *lvt_shadow(struct vlapic *lapic, uint32_t msr)
{
    for (unsigned i = 0; i < LAPIC_LVT_COUNT; i++)
        if (lvt_msrs[i] == msr)
            return &lapic->lvt[i];
    return NULL;
}

/* Entries that this processor's APIC really has: SDM Vol. 3A "Local APIC Version Register". */
static bool lvt_present(uint32_t msr)
{
    uint64_t highest = field_get(APIC_VERSION_MAX_LVT, apic_read(MSR_X2APIC_VERSION));
    switch (msr) {
    case MSR_X2APIC_LVT_CMCI:
        return highest >= 6;
    case MSR_X2APIC_LVT_THERMAL:
        return highest >= 5;
    case MSR_X2APIC_LVT_PERF:
        return highest >= 4;
    default: /* LINT0, LINT1, error: always */
        return true;
    }
}

bool lapic_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    const uint64_t *lvt = lvt_shadow(&vcpu->lapic, msr);
    if (lvt)
        *value = *lvt;
    else if (msr == MSR_X2APIC_ID)
        *value = vcpu->id;
    else if (msr == MSR_X2APIC_LDR)
        *value = x2apic_ldr(vcpu->id);
    else if (msr == MSR_X2APIC_ICR)
        *value = vcpu->lapic.icr;
    else
        return false;
    return true;
}

static bool lvt_write_msr(uint64_t *slot, uint32_t msr, uint64_t value)
{
    uint32_t shadow, real;
    if (!lvt_write(msr, value, &shadow, &real))
        return false;
    *slot = shadow;
    if (lvt_present(msr))
        apic_write(msr, real);
    return true;
}

/* True: it takes what was sent. */
static bool ipi_deliver(struct vcpu *self, struct vcpu *to, const struct ipi *ipi)
{
    bool started = atomic_load(&to->state) == VCPU_STARTED;
    switch (ipi->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST:
        if (started)
            apic_send_fixed(to->cpu->apic_id, ipi->vector);
        break;
    case APIC_NMI:
        if (to == self)
            vcpu_nmi(to);
        else if (started)
            vcpu_mail(to, MAIL_NMI);
        break;
    case APIC_INIT:
        vcpu_mail(to, MAIL_INIT);
        break;
    case APIC_STARTUP:
        vcpu_mail(to, mail_sipi(ipi->vector));
        break;
    case APIC_SMI:
    case APIC_RESERVED_3:
    case APIC_EXTINT:
        break;
    }
    return started;
}

static struct apic_address address_of(const struct vcpu *vcpu)
{
    const struct vlapic *lapic = &vcpu->lapic;
    return (struct apic_address){
        .id = vcpu->id,
        .mode = mode_of(vcpu),
        .ldr = atomic_load_explicit(&lapic->ldr, memory_order_relaxed),
        .dfr = atomic_load_explicit(&lapic->dfr, memory_order_relaxed),
    };
}

static bool lapic_takes(const struct vcpu *vcpu, const struct ipi *ipi)
{
    struct apic_address to = address_of(vcpu);
    return ipi_matches(ipi, &to, vcpu->guest->vcpu_count);
}

struct vcpu *lapic_target(struct guest *guest, const struct ipi *ipi)
{
    for (uint32_t i = 0; i < guest->vcpu_count; i++)
        if (lapic_takes(&guest->vcpus[i], ipi))
            return &guest->vcpus[i];
    return NULL;
}

void lapic_send(struct guest *guest, const struct ipi *ipi, struct vcpu *self)
{
    struct ipi_range range = ipi_range(ipi, guest->vcpu_count);
    uint32_t self_id = self ? self->id : guest->vcpu_count;
    for (uint32_t i = range.first; i < range.end; i++) {
        struct apic_address to = address_of(&guest->vcpus[i]);
        if (ipi_matches(ipi, &to, self_id) && ipi_deliver(self, &guest->vcpus[i], ipi) &&
            ipi->delivery == APIC_LOWEST)
            break;
    }
}

/* Whom a vector goes to that is sent as kernels do all the time; NULL: it is another command. */
static struct vcpu *plain_target(struct vcpu *self, uint64_t value)
{
    uint64_t rest = value & ~(ICR_DESTINATION | ICR_ASSERT | ICR_VECTOR);
    uint64_t to = field_get(ICR_DESTINATION, value);
    if (field_get(ICR_VECTOR, value) < APIC_VECTOR_FIRST)
        return NULL;
    if (rest == field_put(ICR_SHORTHAND, APIC_TO_SELF))
        return self;
    return rest == 0 && to < self->guest->vcpu_count ? &self->guest->vcpus[to] : NULL;
}

bool lapic_icr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    struct vcpu *target = plain_target(vcpu, value);
    struct ipi ipi;
    (void)msr;
    if (target) {
        vcpu->lapic.icr = value;
        if (atomic_load(&target->state) == VCPU_STARTED)
            apic_send_fixed(target->cpu->apic_id, (uint8_t)field_get(ICR_VECTOR, value));
        return true;
    }
    if (!icr_decode(value, &ipi))
        return false;
    vcpu->lapic.icr = value;
    if (!ipi.drop)
        lapic_send(vcpu->guest, &ipi, vcpu);
    return true;
}

/* Registers that are the guest's own, but not without an exit: the machine has an xAPIC. */
bool lapic_forward_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)vcpu;
    *value = apic_read(msr);
    return true;
}

bool lapic_forward_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)vcpu;
    if (!apic_value_check(msr, value, rights.msr_features >> MSR_NEED_DEADLINE & 1))
        return false;
    apic_write(msr, (uint32_t)value);
    return true;
}

bool lapic_eoi_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    uint8_t vector = vcpu->virt.eoi_exits ? apic_in_service() : 0;
    if (!lapic_forward_write(vcpu, msr, value))
        return false;
    if (vector != 0)
        lines_eoi(vcpu, vector);
    return true;
}

bool lapic_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    uint64_t *lvt = lvt_shadow(&vcpu->lapic, msr);
    return lvt && lvt_write_msr(lvt, msr, value);
}
