/* SPDX-License-Identifier: MIT */
#include "arch/cpu.h"
#include "kernel/vm/exits.h"

/* The leaves by which a guest reads its own exit counters: see cpuid_policy.h. */
static struct cpuid_regs counter_leaf(const struct vcpu *vcpu, uint32_t leaf)
{
    int32_t index = cpuid_counter_index(leaf);
    struct stat_counter counter =
        index < 0 || index >= STAT_KINDS ? stats_total(&vcpu->stats) : vcpu->stats.kinds[index];
    return (struct cpuid_regs){
        .eax = (uint32_t)counter.count,
        .ebx = (uint32_t)(counter.count >> 32),
        .ecx = (uint32_t)counter.cycles,
        .edx = (uint32_t)(counter.cycles >> 32),
    };
}

/* What the table alone cannot answer. */
static struct cpuid_regs dynamic_leaf(struct vcpu *vcpu, const struct cpuid_entry *entry,
                                      uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs regs = entry->regs;
    switch ((enum cpuid_fixup)entry->fixup) {
    case CPUID_FIX_COUNTER:
        return counter_leaf(vcpu, leaf);
    case CPUID_FIX_XSTATE: /* XCR0 and IA32_XSS are the guest's own */
        regs.ebx = cpu_cpuid(leaf, subleaf).ebx;
        return regs;
    case CPUID_STATIC:
    case CPUID_FIX_OSXSAVE:
    case CPUID_FIX_OSPKE:
    case CPUID_FIX_TOPOLOGY:
        break;
    }
    return cpuid_answer(entry, subleaf, rights.ops->get(&vcpu->virt, VREG_CR4));
}

static struct verdict answer(struct vcpu *vcpu, const struct cpuid_regs *regs)
{
    uint64_t *gpr = vcpu->virt.gpr;
    gpr[GPR_RAX] = regs->eax;
    gpr[GPR_RBX] = regs->ebx;
    gpr[GPR_RCX] = regs->ecx;
    gpr[GPR_RDX] = regs->edx;
    return verdict_skip();
}

/* Apart, so that the common leaves do not pay for its registers. */
static __attribute__((noinline)) struct verdict answer_dynamic(struct vcpu *vcpu,
                                                               const struct cpuid_entry *entry)
{
    const uint64_t *gpr = vcpu->virt.gpr;
    struct cpuid_regs regs =
        dynamic_leaf(vcpu, entry, (uint32_t)gpr[GPR_RAX], (uint32_t)gpr[GPR_RCX]);
    return answer(vcpu, &regs);
}

struct verdict exit_cpuid(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)exit;
    const uint64_t *gpr = vcpu->virt.gpr;
    const struct cpuid_entry *entry =
        cpuid_lookup(&vcpu->cpuid, (uint32_t)gpr[GPR_RAX], (uint32_t)gpr[GPR_RCX]);
    return entry->fixup == CPUID_STATIC ? answer(vcpu, &entry->regs) : answer_dynamic(vcpu, entry);
}
