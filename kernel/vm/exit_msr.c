/* SPDX-License-Identifier: MIT */
/* MSRs: the table says who may do what (msr_policy.h); here are the emulated ones. */
#include "arch/cpu.h"
#include "arch/x86/cpu/tsc.h"
#include "arch/x86/model/msr_policy.h"
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "kernel/clock.h"
#include "kernel/lib/bits.h"
#include "kernel/vdev/kvmclock.h"
#include "kernel/vm/cr.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/gmem.h"

/* False: #GP. */
typedef bool read_fn(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
typedef bool write_fn(struct vcpu *vcpu, uint32_t msr, uint64_t value);

static bool apic_base_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = lapic_base(vcpu);
    return true;
}

static bool apic_base_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)msr;
    return lapic_base_write(vcpu, value);
}

static bool misc_enable_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = msr_misc_enable(&vcpu->cpuid, rights.misc_enable);
    return true;
}

static bool bios_sign_id_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)vcpu;
    (void)msr;
    *value = rights.microcode;
    return true;
}

static bool arch_cap_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)vcpu;
    (void)msr;
    *value = msr_arch_capabilities(rights.arch_capabilities);
    return true;
}

static bool mtrr_def_type_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = vcpu->mtrr_def_type;
    return true;
}

static bool mtrr_def_type_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)msr;
    if (!mtrr_def_check(value))
        return false;
    vcpu->mtrr_def_type = value;
    return true;
}

static bool zero_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)vcpu;
    (void)msr;
    *value = 0;
    return true;
}

static bool zero_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)vcpu;
    (void)msr;
    return value == 0;
}

static bool debugctl_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = rights.ops->get(&vcpu->virt, VREG_DEBUGCTL);
    return true;
}

static bool debugctl_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)msr;
    if (!debugctl_check(value))
        return false;
    rights.ops->set(&vcpu->virt, VREG_DEBUGCTL, value);
    return true;
}

static bool efer_read_msr(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = rights.ops->get(&vcpu->virt, VREG_EFER);
    return true;
}

static bool efer_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)msr;
    struct cr_state old = vcpu_cr_state(vcpu);
    struct cr_verdict write = efer_write(&rights.cr, &old, value);
    if (!write.ok)
        return false;
    rights.ops->set(&vcpu->virt, VREG_EFER, write.efer);
    if (write.flush_tlb)
        rights.ops->flush(&vcpu->virt);
    return true;
}

static bool kvm_wall_clock_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = vcpu->kvm_wall_clock;
    return true;
}

/* The guest names a place; we write down once what the time was when its clock read zero. */
static bool kvm_wall_clock_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)msr;
    struct kvmclock_wall wall;
    struct clock_time start = clock_at(vcpu->guest->started_tsc);
    kvmclock_wall(&wall, start.seconds, start.nanoseconds);
    vcpu->kvm_wall_clock = value;
    return gmem_write(vcpu->guest, gpa(value), &wall, sizeof(wall));
}

static bool kvm_system_time_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = vcpu->kvm_system_time;
    return true;
}

static bool kvm_system_time_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)msr;
    vcpu->kvm_system_time = value;
    if (!(value & KVM_SYSTEM_TIME_ENABLE))
        return true;
    struct kvmclock_time time;
    gpa_t at = gpa(value & ~KVM_SYSTEM_TIME_ENABLE);
    return kvmclock_time(&time, (uint32_t)tsc_khz(), vcpu->guest->started_tsc) &&
           gmem_write(vcpu->guest, at, &time, sizeof(time));
}

static bool pat_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = rights.ops->get(&vcpu->virt, VREG_PAT);
    return true;
}

static bool pat_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    (void)msr;
    if (!pat_check(value))
        return false;
    rights.ops->set(&vcpu->virt, VREG_PAT, value);
    return true;
}

struct msr_handler {
    read_fn *read;
    write_fn *write;
};

/* A direction without a handler is one that the policy does not emulate. */
static const struct msr_handler handlers[MSR_KIND_COUNT] = {
    [MSR_KIND_APIC_BASE] = {apic_base_read, apic_base_write_msr},
    [MSR_KIND_MISC_ENABLE] = {misc_enable_read, NULL},
    [MSR_KIND_BIOS_SIGN_ID] = {bios_sign_id_read, NULL},
    [MSR_KIND_ARCH_CAP] = {arch_cap_read, NULL},
    [MSR_KIND_MTRR_DEF_TYPE] = {mtrr_def_type_read, mtrr_def_type_write},
    [MSR_KIND_MCG_STATUS] = {zero_read, zero_write},
    [MSR_KIND_DEBUGCTL] = {debugctl_read, debugctl_write},
    [MSR_KIND_EFER] = {efer_read_msr, efer_write_msr},
    [MSR_KIND_XSS] = {zero_read, zero_write},
    [MSR_KIND_PAT] = {pat_read, pat_write},
    [MSR_KIND_X2APIC] = {lapic_forward_read, lapic_forward_write},
    [MSR_KIND_X2APIC_EOI] = {NULL, lapic_eoi_write},
    [MSR_KIND_X2APIC_ID] = {lapic_read, lapic_write},
    [MSR_KIND_X2APIC_LDR] = {lapic_read, lapic_write},
    [MSR_KIND_X2APIC_LVT] = {lapic_read, lapic_write},
    [MSR_KIND_X2APIC_ICR] = {lapic_read, lapic_icr_write},
    [MSR_KIND_KVM_WALL_CLOCK] = {kvm_wall_clock_read, kvm_wall_clock_write},
    [MSR_KIND_KVM_SYSTEM_TIME] = {kvm_system_time_read, kvm_system_time_write},
};

/* Native accesses exit, too, where the backend cannot do better. */
static bool is_emulated(uint8_t access)
{
    return access == MSR_EMULATE || access == MSR_NATIVE;
}

static inline bool read_by_rule(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    const struct msr_rule *rule = msr_rule_find(msr, rights.msr_features);
    if (!rule)
        return false;
    if (rule->read == MSR_CONSTANT) {
        *value = rule->constant;
        return true;
    }
    return is_emulated(rule->read) && handlers[rule->kind].read &&
           handlers[rule->kind].read(vcpu, msr, value);
}

static inline bool write_by_rule(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    const struct msr_rule *rule = msr_rule_find(msr, rights.msr_features);
    if (!rule)
        return false;
    if (rule->write == MSR_IGNORE)
        return true;
    return is_emulated(rule->write) && handlers[rule->kind].write &&
           handlers[rule->kind].write(vcpu, msr, value);
}

bool msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    return read_by_rule(vcpu, msr, value);
}

bool msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    return write_by_rule(vcpu, msr, value);
}

/* The x2APIC's exist in its mode alone. */
static bool exists(const struct vcpu *vcpu, uint32_t msr)
{
    return msr - MSR_X2APIC_FIRST > MSR_X2APIC_LAST - MSR_X2APIC_FIRST || lapic_is_x2(vcpu);
}

struct verdict exit_msr_read(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)exit;
    uint32_t msr = (uint32_t)vcpu->virt.gpr[GPR_RCX];
    uint64_t value = 0;
    if (!exists(vcpu, msr) || !read_by_rule(vcpu, msr, &value))
        return verdict_fault(EXC_GP, 0);
    vcpu->virt.gpr[GPR_RAX] = (uint32_t)value;
    vcpu->virt.gpr[GPR_RDX] = value >> 32;
    return verdict_skip();
}

struct verdict exit_msr_write(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)exit;
    const uint64_t *gpr = vcpu->virt.gpr;
    uint32_t msr = (uint32_t)gpr[GPR_RCX];
    uint64_t value = gpr[GPR_RDX] << 32 | (uint32_t)gpr[GPR_RAX];
    if (!exists(vcpu, msr))
        return verdict_fault(EXC_GP, 0);
    if (msr == MSR_X2APIC_ICR) /* a busy guest's only one: not looked for in the table */
        return lapic_icr_write(vcpu, msr, value) ? verdict_skip() : verdict_fault(EXC_GP, 0);
    if (!write_by_rule(vcpu, msr, value))
        return verdict_fault(EXC_GP, 0);
    return verdict_skip();
}
