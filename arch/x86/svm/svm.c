/* SPDX-License-Identifier: MIT */
/* AMD-V behind struct virt_ops. APM Vol. 2 "Secure Virtual Machine". */
#include "arch/x86/svm/svm.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/model/cr_policy.h"
#include "arch/x86/model/msr_policy.h"
#include "arch/x86/model/svm_check.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"
#include "kernel/mm/pagetable.h"
#include "kernel/panic.h"

struct svm_caps svm_machine;

/* No port belongs to a guest yet: every one exits. The MSRs come from the policy table. */
static _Alignas(4096) uint8_t io_map[3 * 4096];
static _Alignas(4096) uint8_t msr_map[MSR_MAP_SIZE];
static _Alignas(4096) uint8_t msr_map_eoi[MSR_MAP_SIZE]; /* for eoi_exits */

hpa_t svm_io_map(void)
{
    return host_hpa(io_map);
}

hpa_t svm_msr_map(const struct virt_vcpu *vcpu)
{
    return host_hpa(vcpu->eoi_exits ? msr_map_eoi : msr_map);
}

static uint64_t read_msr(void *context, uint32_t msr)
{
    (void)context;
    return cpu_rdmsr(msr);
}

static bool svm_probe(struct diag *diag)
{
    svm_caps_read(&svm_machine, &cpuid_machine, read_msr, NULL);
    return svm_support_check(&svm_machine, diag);
}

static void vmsave(hpa_t vmcb)
{
    __asm__ volatile("vmsave %0" : : "a"(vmcb.raw) : "memory");
}

/*
 * Guests are told that LFENCE serializes (DE_CFG in arch/x86/model/msr_policy.c), on which their
 * defence against speculation rests. Whoever virtualizes this machine may let us read that it does,
 * but not write.
 */
static void lfence_serialize(void)
{
    if (svm_machine.de_cfg && !(cpu_rdmsr(MSR_AMD_DE_CFG) & AMD_DE_CFG_LFENCE))
        cpu_wrmsr(MSR_AMD_DE_CFG, cpu_rdmsr(MSR_AMD_DE_CFG) | AMD_DE_CFG_LFENCE);
}

static bool svm_cpu_enable(struct cpu *cpu, struct diag *diag)
{
    uint64_t vm_cr = cpu_rdmsr(MSR_VM_CR);
    if (svm_vm_cr(vm_cr) & VM_CR_SVMDIS)
        return diag_set(diag, "processor %u: the firmware has locked AMD-V off (VM_CR)",
                        cpu->index);
    if (svm_vm_cr(vm_cr) != vm_cr)
        cpu_wrmsr(MSR_VM_CR, svm_vm_cr(vm_cr));
    lfence_serialize();
    cpu_wrmsr(MSR_IA32_EFER, cpu_rdmsr(MSR_IA32_EFER) | EFER_SVME);
    cpu_wrmsr(MSR_VM_HSAVE_PA, host_hpa(cpu->virt_page).raw);
    cpu->virt_host = host_hpa((char *)cpu->virt_page + PAGE_4K).raw;
    vmsave(hpa(cpu->virt_host));
    cpu->virt_enabled = true;
    return true;
}

static void svm_cpu_disable(struct cpu *cpu)
{
    if (!cpu->virt_enabled)
        return;
    cpu_wrmsr(MSR_IA32_EFER, cpu_rdmsr(MSR_IA32_EFER) & ~EFER_SVME);
    cpu->virt_enabled = false;
}

/* Nothing here needs a control to be allowed, as it does on VT-x. */
static void svm_offer(struct cpuid_guest *guest)
{
    guest->xsaves = true;
    guest->rdtscp = true;
    guest->invpcid = true;
}

static void svm_rights(const struct cpuid_table *cpuid, struct cr_policy *policy)
{
    static const struct cr_limits limits = {.cr4_valid = ~UINT64_C(0)};
    uint32_t exiting = MSR_KINDS_SVM | (apic_is_x2() ? 0 : MSR_KINDS_APIC);
    memset(io_map, 0xff, sizeof(io_map));
    msr_map_build(msr_map, msr_features(cpuid), exiting);
    msr_map_build(msr_map_eoi, msr_features(cpuid), exiting | MSR_KINDS_EOI);
    cr_policy_build(&limits, cpuid, policy);
}

static void svm_vcpu_create(struct virt_vcpu *vcpu)
{
    vcpu->control_page = host_alloc(PAGE_4K, PAGE_4K);
    vcpu->control = host_hpa(vcpu->control_page);
}

static void svm_flush(struct virt_vcpu *vcpu)
{
    vmcb_of(vcpu)->tlb_control = svm_flush_command(&svm_machine);
}

static void svm_vcpu_reset(struct virt_vcpu *vcpu, const struct virt_start *start)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        vcpu->gpr[i] = 0;
    vcpu->gpr[GPR_RAX] = start->rax;
    vcpu->gpr[GPR_RBX] = start->rbx;
    vcpu->gpr[GPR_RSI] = start->rsi;
    vcpu->clean = 0;
    vcpu->nmi_masked = vcpu->nmi_wanted = vcpu->nmi_stepping = false;
    svm_state_write(vcpu, start);
    svm_set(vcpu, VREG_CR0_SHADOW, start->cr0_shadow);
    svm_set(vcpu, VREG_CR4_SHADOW, start->cr4_shadow);
    svm_flush(vcpu);
}

static void svm_entry_failure(struct virt_vcpu *vcpu, char *text, uint32_t size)
{
    struct diag diag;
    if (svm_entry_check(vmcb_of(vcpu), &diag))
        diag_set(&diag, "a check of the processor that is not known here");
    fmt_print(text, size, "%s", diag.message);
}

const struct virt_ops svm_ops = {
    .name = "AMD-V",
    .tables = &pagetable_host,
    .tables_flags = MAP_USER,
    .cpu_bytes = 2 * PAGE_4K, /* VM_HSAVE_PA, and what VMLOAD loads for the hypervisor */
    .probe = svm_probe,
    .cpu_enable = svm_cpu_enable,
    .cpu_disable = svm_cpu_disable,
    .offer = svm_offer,
    .rights = svm_rights,
    .vcpu_create = svm_vcpu_create,
    .vcpu_reset = svm_vcpu_reset,
    .enter = svm_enter_guest,
    .get = svm_get,
    .set = svm_set,
    .skip_insn = svm_skip_insn,
    .inject = svm_inject,
    .window = svm_window,
    .ready = svm_ready,
    .flush = svm_flush,
    .entry_failure = svm_entry_failure,
};
