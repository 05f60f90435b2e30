/* SPDX-License-Identifier: MIT */
/*
 * The three exceptions that exit: #DB and #AC, because a guest can make their delivery raise them
 * again for ever, and #MC, which is the machine's.
 */
#include "arch/cpu.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "kernel/log.h"
#include "kernel/vm/exits.h"

/* An intercepted #DB has not changed DR6 yet. SDM Vol. 3C "Exit Qualification for Debug
 * Exceptions": the same bits. */
#define DR6_CAUSES (BITS(3, 0) | BIT(13) | DR6_BS)

static void dr6_update(struct vcpu *vcpu, uint64_t causes)
{
    uint64_t dr6 = rights.ops->get(&vcpu->virt, VREG_DR6);
    rights.ops->set(&vcpu->virt, VREG_DR6, (dr6 & ~BITS(3, 0)) | (causes & DR6_CAUSES));
}

/*
 * What the processor does when it delivers a #DB, but not when VM entry injects one. SDM Vol. 3C
 * "Event Injection".
 */
static void debug_deliver(struct vcpu *vcpu, uint64_t causes)
{
    const struct virt_ops *ops = rights.ops;
    dr6_update(vcpu, causes);
    ops->set(&vcpu->virt, VREG_DR7, ops->get(&vcpu->virt, VREG_DR7) & ~DR7_GD);
    ops->set(&vcpu->virt, VREG_DEBUGCTL, ops->get(&vcpu->virt, VREG_DEBUGCTL) & ~DEBUGCTL_BTF);
}

/* It came while this guest ran, and is most likely its memory's: it pays, the others go on. */
static struct verdict machine_check(struct vcpu *vcpu)
{
    uint64_t status = cpu_rdmsr(MSR_IA32_MCG_STATUS);
    log_line("guest %s: machine check, IA32_MCG_STATUS %llx", vcpu->guest->name,
             (unsigned long long)status);
    cpu_wrmsr(MSR_IA32_MCG_STATUS, 0);
    return verdict_stop(STOP_MACHINE_CHECK);
}

struct verdict exit_exception(struct vcpu *vcpu, struct vm_exit *exit)
{
    if (exit->exception.vector == EXC_MC)
        return machine_check(vcpu);
    if (exit->exception.behind)
        rights.ops->set(&vcpu->virt, VREG_RIP,
                        rights.ops->get(&vcpu->virt, VREG_RIP) + exit->length);
    if (exit->exception.vector == EXC_DB)
        debug_deliver(vcpu, exit->exception.causes);
    return exit->exception.has_error ? verdict_fault(exit->exception.vector, exit->exception.error)
                                     : verdict_fault_plain(exit->exception.vector);
}
