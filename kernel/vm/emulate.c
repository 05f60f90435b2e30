/* SPDX-License-Identifier: MIT */
/* Connects the emulator of arch/x86/model with a vCPU: its registers, its RAM, its devices. */
#include "kernel/vm/emulate.h"

#include "arch/x86/model/insn_emulate.h"
#include "arch/x86/model/walk.h"
#include "arch/x86/regs/exception.h"
#include "kernel/vm/gaccess.h"
#include "kernel/vm/gmem.h"

struct emulation {
    struct vcpu *vcpu;
    const struct vm_exit *exit;
    bool one_operand;      /* in memory, so that the exit is about it */
    struct verdict fault;  /* of translate() */
    enum stop_reason stop; /* of a port */
};

static uint64_t segment_base(void *context, enum insn_segment segment)
{
    struct emulation *emulation = context;
    return gaccess_base(emulation->vcpu, segment);
}

/*
 * The processor has translated the operand already. Its answer counts as far as it checked the same
 * right: another processor of the guest may have changed the instruction since.
 */
static bool translated(const struct emulation *emulation, const struct insn_access *access)
{
    const struct vm_exit *exit = emulation->exit;
    return emulation->one_operand &&
           ((exit->memory.at.raw ^ access->at.raw) & (PAGE_4K - 1)) == 0 &&
           (exit->memory.write || !access->write);
}

static bool translate(void *context, const struct insn_access *access, gpa_t *to)
{
    struct emulation *emulation = context;
    if (translated(emulation, access)) {
        *to = emulation->exit->memory.at;
        return true;
    }
    struct verdict *fault = &emulation->fault;
    if (gaccess_translate(emulation->vcpu, access->at, access->write ? WALK_WRITE : WALK_READ, to,
                          fault))
        return true;
    if (access->stack && fault->vector == EXC_GP)
        fault->vector = EXC_SS;
    return false;
}

static uint64_t read_memory(void *context, gpa_t at, unsigned size)
{
    struct vcpu *vcpu = ((struct emulation *)context)->vcpu;
    uint64_t value = 0;
    if (gmem_read(vcpu->guest, at, &value, size))
        return value;
    return lapic_page_has(vcpu, at) ? lapic_page_read(vcpu, at, size)
                                    : device_read(vcpu->guest, at, size);
}

static void write_memory(void *context, gpa_t at, unsigned size, uint64_t value)
{
    struct vcpu *vcpu = ((struct emulation *)context)->vcpu;
    if (gmem_write(vcpu->guest, at, &value, size))
        return;
    if (lapic_page_has(vcpu, at))
        lapic_page_write(vcpu, at, size, value);
    else
        device_write(vcpu->guest, at, size, value);
}

static uint32_t read_port(void *context, uint16_t port, unsigned size)
{
    struct emulation *emulation = context;
    return port_in(emulation->vcpu->guest, port, (int)size);
}

static void write_port(void *context, uint16_t port, unsigned size, uint32_t value)
{
    struct emulation *emulation = context;
    emulation->stop = port_out(emulation->vcpu->guest, port, (int)size, value);
}

static const struct insn_ops ops = {
    .base = segment_base,
    .translate = translate,
    .read = read_memory,
    .write = write_memory,
    .in = read_port,
    .out = write_port,
};

static uint64_t stack_mask(struct vcpu *vcpu, const struct insn *insn)
{
    if (insn->mode == INSN_64)
        return UINT64_MAX;
    return rights.ops->get(&vcpu->virt, VREG_SS_ATTR) & SEG_ATTR_BIG ? UINT32_MAX : UINT16_MAX;
}

static struct verdict run(struct emulation *emulation, const struct insn *insn,
                          struct vm_exit *exit)
{
    struct vcpu *vcpu = emulation->vcpu;
    uint64_t rflags = rights.ops->get(&vcpu->virt, VREG_RFLAGS);
    uint64_t rsp = rights.ops->get(&vcpu->virt, VREG_RSP);
    vcpu->virt.gpr[GPR_RSP] = rsp; /* a loan: it lives elsewhere */
    struct insn_cpu cpu = {
        .ops = &ops,
        .context = emulation,
        .gpr = vcpu->virt.gpr,
        .next_rip = rights.ops->get(&vcpu->virt, VREG_RIP) + insn->length,
        .stack_mask = stack_mask(vcpu, insn),
        .rflags = rflags,
    };
    exit->length = insn->length; /* after EXIT_MEMORY the processor need not have said it */
    switch (insn_emulate(&cpu, insn)) {
    case INSN_AGAIN:
        exit->length = 0; /* but the shadow of STI is over, and a single step is due */
        break;
    case INSN_DONE:
        break;
    case INSN_FAULTED:
        return emulation->fault;
    case INSN_REFUSED:
        return verdict_fault(EXC_GP, 0);
    }
    if (cpu.rflags != rflags)
        rights.ops->set(&vcpu->virt, VREG_RFLAGS, cpu.rflags);
    if (vcpu->virt.gpr[GPR_RSP] != rsp)
        rights.ops->set(&vcpu->virt, VREG_RSP, vcpu->virt.gpr[GPR_RSP]);
    return emulation->stop == STOP_NONE ? verdict_skip() : verdict_stop(emulation->stop);
}

struct verdict emulate(struct vcpu *vcpu, struct vm_exit *exit)
{
    struct emulation emulation = {.vcpu = vcpu, .exit = exit};
    struct insn insn;
    struct verdict fault;
    if (!gaccess_insn(vcpu, &insn, &fault))
        return fault;
    /* The processor checks the right to use ports when it exits for them, and then only. */
    bool port = insn.op == INSN_INS || insn.op == INSN_OUTS;
    if (port != (exit->kind == EXIT_IO))
        return verdict_fault(EXC_GP, 0);
    emulation.one_operand = insn.has_memory && insn.op < INSN_PUSH;
    return run(&emulation, &insn, exit);
}
