/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical addresses that are not RAM: the I/O APIC, and nothing (reads all ones, writes are
 * lost). The instruction is decoded and carried out for the guest.
 */
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "kernel/acpi/guest.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/gaccess.h"

#define IOAPIC_SIZE UINT64_C(0x1000)

static uint64_t size_mask(unsigned size)
{
    return ~UINT64_C(0) >> (64 - 8 * size);
}

static uint64_t device_read(struct guest *guest, gpa_t at, unsigned size)
{
    if (at.raw - GUEST_IOAPIC_BASE < IOAPIC_SIZE && size <= 4)
        return vioapic_read(&guest->ioapic, (uint32_t)(at.raw - GUEST_IOAPIC_BASE), (int)size);
    return size_mask(size);
}

static void device_write(struct guest *guest, gpa_t at, unsigned size, uint64_t value)
{
    if (at.raw - GUEST_IOAPIC_BASE >= IOAPIC_SIZE || size > 4)
        return;
    struct vioapic_message message = vioapic_write(
        &guest->ioapic, (uint32_t)(at.raw - GUEST_IOAPIC_BASE), (int)size, (uint32_t)value);
    ioapic_deliver(guest, &message);
}

static uint64_t register_read(struct vcpu *vcpu, const struct insn *insn)
{
    uint64_t value = vcpu_gpr(vcpu, insn->reg);
    return (insn->reg_high ? value >> 8 : value) & size_mask(insn->memory_size);
}

static void register_write(struct vcpu *vcpu, const struct insn *insn, unsigned size,
                           uint64_t value)
{
    uint64_t old = vcpu_gpr(vcpu, insn->reg), mask = size_mask(size);
    unsigned shift = insn->reg_high ? 8 : 0;
    if (size == 4)
        old = 0;
    vcpu_set_gpr(vcpu, insn->reg, (old & ~(mask << shift)) | ((value & mask) << shift));
}

static uint64_t sign_extend(uint64_t value, unsigned size)
{
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    return (value ^ sign) - sign;
}

static uint64_t source(struct vcpu *vcpu, const struct insn *insn)
{
    return insn->has_immediate ? insn->immediate & size_mask(insn->memory_size)
                               : register_read(vcpu, insn);
}

static void alu(struct vcpu *vcpu, const struct insn *insn, gpa_t at)
{
    uint64_t memory = device_read(vcpu->guest, at, insn->memory_size);
    uint64_t other = source(vcpu, insn);
    uint64_t rflags = rights.ops->get(&vcpu->virt, VREG_RFLAGS);
    uint64_t result =
        insn_alu((enum insn_op)insn->op, insn->memory_size, insn->to_memory ? memory : other,
                 insn->to_memory ? other : memory, &rflags);
    rights.ops->set(&vcpu->virt, VREG_RFLAGS, rflags);
    if (insn->op == INSN_CMP || insn->op == INSN_TEST)
        return;
    if (insn->to_memory)
        device_write(vcpu->guest, at, insn->memory_size, result);
    else
        register_write(vcpu, insn, insn->operand_size, result);
}

static void exchange(struct vcpu *vcpu, const struct insn *insn, gpa_t at)
{
    uint64_t memory = device_read(vcpu->guest, at, insn->memory_size);
    device_write(vcpu->guest, at, insn->memory_size, register_read(vcpu, insn));
    register_write(vcpu, insn, insn->operand_size, memory);
}

static struct verdict emulate(struct vcpu *vcpu, const struct insn *insn, gpa_t at)
{
    switch ((enum insn_op)insn->op) {
    case INSN_LOAD:
    case INSN_LOAD_ZERO_EXTEND:
        register_write(vcpu, insn, insn->operand_size,
                       device_read(vcpu->guest, at, insn->memory_size));
        break;
    case INSN_LOAD_SIGN_EXTEND:
        register_write(
            vcpu, insn, insn->operand_size,
            sign_extend(device_read(vcpu->guest, at, insn->memory_size), insn->memory_size));
        break;
    case INSN_STORE:
        device_write(vcpu->guest, at, insn->memory_size, source(vcpu, insn));
        break;
    case INSN_XCHG:
        exchange(vcpu, insn, at);
        break;
    case INSN_ADD:
    case INSN_OR:
    case INSN_ADC:
    case INSN_SBB:
    case INSN_AND:
    case INSN_SUB:
    case INSN_XOR:
    case INSN_CMP:
    case INSN_TEST:
        alu(vcpu, insn, at);
        break;
    case INSN_STOS:
    case INSN_LODS:
    case INSN_MOVS:
    case INSN_OTHER:
        return verdict_fault(EXC_GP, 0);
    }
    return verdict_skip();
}

struct verdict exit_memory(struct vcpu *vcpu, struct vm_exit *exit)
{
    struct insn insn;
    struct verdict fault;
    if (exit->memory.fetch || exit->memory.event || exit->memory.table)
        return verdict_stop(STOP_FORBIDDEN);
    if (!gaccess_insn(vcpu, &insn, &fault))
        return fault;
    /* The exit's own length is not defined here: the epilogue gets the decoder's. */
    exit->length = insn.length;
    return emulate(vcpu, &insn, exit->memory.at);
}
