/* SPDX-License-Identifier: MIT */
/* VT-x behind struct virt_ops. SDM Vol. 3C "Introduction to VMX Operation" and following. */
#include "arch/x86/vmx/vmx.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/model/cr_policy.h"
#include "arch/x86/model/vmx_check.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/regs/vmx.h"
#include "kernel/lib/fmt.h"
#include "kernel/mm/pagetable.h"
#include "kernel/panic.h"

static struct vmx_caps caps;
static struct vmx_controls controls;

const struct vmx_controls *vmx_controls(void)
{
    return &controls;
}

static uint64_t read_msr(void *context, uint32_t msr)
{
    (void)context;
    return cpu_rdmsr(msr);
}

static bool vmx_probe(struct diag *diag)
{
    uint32_t features = cpu_cpuid(1, 0).ecx;
    vmx_caps_read(&caps, features & CPUID_1_ECX_VMX, features & CPUID_1_ECX_X2APIC, read_msr, NULL);
    return vmx_support_check(&caps, diag) && vmx_controls_derive(&caps, &controls, diag);
}

/* VMXON and VMCS regions start with the revision; SDM Vol. 3C "VMCS Region". */
static void revision_write(void *region)
{
    *(uint32_t *)region = controls.revision;
}

/* Firmware may leave it unlocked; we lock it with VMX on. Locked without VMX: refused by check. */
static bool feature_control_enable(struct diag *diag)
{
    uint64_t firmware = cpu_rdmsr(MSR_IA32_FEATURE_CONTROL);
    uint64_t value = vmx_feature_control(firmware);
    if (value != firmware)
        cpu_wrmsr(MSR_IA32_FEATURE_CONTROL, value);
    if (value & FEATURE_CONTROL_VMX_OUTSIDE_SMX)
        return true;
    diag_set(diag, "processor %u: the firmware has locked VT-x off (IA32_FEATURE_CONTROL)",
             cpu_this()->index);
    return diag_hint(diag, "turn on 'Intel Virtualization Technology' in the firmware setup");
}

static bool vmx_instruction_ok(bool failed, struct diag *diag, const char *name)
{
    return !failed || diag_set(diag, "processor %u: %s failed", cpu_this()->index, name);
}

static bool vmx_cpu_enable(struct cpu *cpu, struct diag *diag)
{
    if (!feature_control_enable(diag))
        return false;
    cpu_write_cr0((cpu_read_cr0() | caps.cr0_fixed0) & caps.cr0_fixed1);
    cpu_write_cr4((cpu_read_cr4() | CR4_VMXE | caps.cr4_fixed0) & caps.cr4_fixed1);

    revision_write(cpu->virt_page);
    uint64_t region = host_hpa(cpu->virt_page).raw;
    bool failed;
    __asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(region) : "memory");
    if (!vmx_instruction_ok(failed, diag, "VMXON"))
        return false;
    cpu->virt_enabled = true;
    cpu->window = (struct cpu_entry_window){
        .start = (uint64_t)(uintptr_t)vmx_window_start,
        .end = (uint64_t)(uintptr_t)vmx_window_end,
        .abort = (uint64_t)(uintptr_t)vmx_window_abort,
    };
    return true;
}

static void vmx_cpu_disable(struct cpu *cpu)
{
    if (!cpu->virt_enabled)
        return;
    __asm__ volatile("vmxoff" : : : "cc", "memory");
    cpu_write_cr4(cpu_read_cr4() & ~CR4_VMXE);
    cpu->virt_enabled = false;
}

static void vmx_offer(struct cpuid_guest *guest)
{
    guest->xsaves = controls.xsaves;
    guest->rdtscp = controls.rdtscp;
    guest->invpcid = controls.invpcid;
}

static void vmx_rights(const struct cpuid_table *cpuid, struct cr_policy *policy)
{
    vmx_bitmaps_build(cpuid);
    struct cr_limits limits = cr_limits_vmx(&controls);
    cr_policy_build(&limits, cpuid, policy);
}

static void vmx_vcpu_create(struct virt_vcpu *vcpu)
{
    vcpu->control_page = host_alloc(PAGE_4K, PAGE_4K);
    vcpu->control = host_hpa(vcpu->control_page);
}

/* SDM Vol. 3C "INVEPT", "INVVPID": what combines both address kinds, and linear addresses alone. */
static void vmx_flush(struct virt_vcpu *vcpu)
{
    struct {
        uint64_t first, second;
    } ept = {vcpu->tables.raw | controls.eptp_bits, 0}, vpid = {vcpu->tag, 0};
    bool failed;
    __asm__ volatile("invept %1, %2"
                     : "=@ccbe"(failed)
                     : "m"(ept), "r"((uint64_t)controls.invept_type)
                     : "memory");
    assert(!failed);
    if (controls.invvpid_type == 0)
        return;
    __asm__ volatile("invvpid %1, %2"
                     : "=@ccbe"(failed)
                     : "m"(vpid), "r"((uint64_t)controls.invvpid_type)
                     : "memory");
    assert(!failed);
}

static void vmx_vcpu_reset(struct virt_vcpu *vcpu, const struct virt_start *start)
{
    bool failed;
    __asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vcpu->control.raw) : "memory");
    assert(!failed);
    revision_write(vcpu->control_page);
    __asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vcpu->control.raw) : "memory");
    assert(!failed);

    vcpu->launched = 0;
    vcpu->host_rsp = 0;
    for (unsigned i = 0; i < GPR_COUNT; i++)
        vcpu->gpr[i] = 0;
    vcpu->gpr[GPR_RAX] = start->rax;
    vcpu->gpr[GPR_RBX] = start->rbx;
    vcpu->gpr[GPR_RSI] = start->rsi;
    vmx_controls_write(vcpu);
    vmx_host_state_write();
    vmx_guest_state_write(start);
    vmx_flush(vcpu);
}

static uint64_t check_get(void *context, enum vmcs_field field)
{
    (void)context;
    return vmcs_read(field);
}

static void vmx_entry_failure(struct virt_vcpu *vcpu, char *text, uint32_t size)
{
    (void)vcpu;
    struct vmcs_view view = {
        .get = check_get, .caps = &caps, .phys_bits = cpu_cpuid(0x80000008, 0).eax & 0xff};
    struct diag diag;
    if (vmx_entry_check(&view, &diag))
        diag_set(&diag, "a check of the processor that is not known here");
    fmt_print(text, size, "%s", diag.message);
}

const struct virt_ops vmx_ops = {
    .name = "VT-x",
    .tables = &pagetable_ept,
    .cpu_bytes = PAGE_4K, /* VMXON region */
    .probe = vmx_probe,
    .cpu_enable = vmx_cpu_enable,
    .cpu_disable = vmx_cpu_disable,
    .offer = vmx_offer,
    .rights = vmx_rights,
    .vcpu_create = vmx_vcpu_create,
    .vcpu_reset = vmx_vcpu_reset,
    .enter = vmx_enter_guest,
    .get = vmx_get,
    .set = vmx_set,
    .skip_insn = vmx_skip_insn,
    .inject = vmx_inject,
    .window = vmx_window,
    .ready = vmx_ready,
    .flush = vmx_flush,
    .entry_failure = vmx_entry_failure,
};
