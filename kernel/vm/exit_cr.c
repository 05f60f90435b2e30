/* SPDX-License-Identifier: MIT */
/* Control registers: the model decides (cr_policy.h), this file carries it out. */
#include "arch/cpu.h"
#include "arch/x86/model/cr_policy.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/cr.h"
#include "kernel/vm/gmem.h"

static uint64_t get(struct vcpu *vcpu, enum vcpu_reg reg)
{
    return rights.ops->get(&vcpu->virt, reg);
}

static void set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value)
{
    rights.ops->set(&vcpu->virt, reg, value);
}

struct cr_state vcpu_cr_state(struct vcpu *vcpu)
{
    const struct cr_policy *policy = &rights.cr;
    return (struct cr_state){
        .cr0 = (get(vcpu, VREG_CR0) & ~policy->cr0_mask) |
               (get(vcpu, VREG_CR0_SHADOW) & policy->cr0_mask),
        .cr3 = get(vcpu, VREG_CR3),
        .cr4 = (get(vcpu, VREG_CR4) & ~policy->cr4_mask) |
               (get(vcpu, VREG_CR4_SHADOW) & policy->cr4_mask),
        .efer = get(vcpu, VREG_EFER),
        .cs_l = (get(vcpu, VREG_CS_ATTR) & SEG_ATTR_LONG) != 0,
    };
}

#define PDPTE_COUNT    4
#define PDPTE_PRESENT  BIT(0)
#define PDPTE_RESERVED (BITS(8, 5) | BITS(2, 1)) /* and all from the address width on */

bool vcpu_load_pdptes(struct vcpu *vcpu)
{
    uint64_t entries[PDPTE_COUNT], reserved = PDPTE_RESERVED | BITS(63, rights.phys_bits);
    gpa_t table = gpa(get(vcpu, VREG_CR3) & CR3_ADDRESS_PAE);
    if (!gmem_read(vcpu->guest, table, entries, sizeof(entries)))
        return false;
    for (unsigned i = 0; i < PDPTE_COUNT; i++)
        if ((entries[i] & PDPTE_PRESENT) && (entries[i] & reserved))
            return false;
    for (unsigned i = 0; i < PDPTE_COUNT; i++)
        set(vcpu, VREG_PDPTE0 + i, entries[i]);
    return true;
}

static uint64_t cr_new_value(const struct vm_exit *exit, uint64_t cr0)
{
    switch (exit->cr.access) {
    case CR_MOV_TO:
        return exit->cr.value;
    case CR_CLTS:
        return cr0 & ~CR0_TS;
    case CR_LMSW:
        return cr0_after_lmsw(cr0, (uint16_t)exit->cr.value);
    case CR_MOV_FROM:
    case CR_SMSW:
        break;
    }
    return cr0;
}

/* What the guest sees in it. CR8 is the processor's own: it is the TPR of the guest's APIC. */
static bool cr_shown(struct vcpu *vcpu, const struct cr_state *state, unsigned number,
                     uint64_t *value)
{
    switch (number) {
    case 0:
        *value = state->cr0;
        return true;
    case 2:
        *value = get(vcpu, VREG_CR2);
        return true;
    case 3:
        *value = state->cr3;
        return true;
    case 4:
        *value = state->cr4;
        return true;
    case 8:
        *value = cpu_read_cr8();
        return true;
    default:
        return false;
    }
}

/* Reads exit only where the processor cannot show the guest its own value: CR0 with CD or NW. QEMU
 * 10 (9.1 and later) then exits for reads of all of them, as if of CR0. */
static struct verdict cr_read(struct vcpu *vcpu, const struct vm_exit *exit,
                              const struct cr_state *state)
{
    unsigned size = exit->cr.access == CR_SMSW ? exit->cr.size : 8;
    uint64_t old = vcpu_gpr(vcpu, exit->cr.gpr), kept = size == 2 ? ~UINT64_C(0xffff) : 0, value;
    if (!cr_shown(vcpu, state, exit->cr.number, &value))
        return verdict_stop(STOP_FORBIDDEN);
    value = size == 8 ? value : (uint32_t)value;
    vcpu_set_gpr(vcpu, exit->cr.gpr, (old & kept) | (value & ~kept));
    return verdict_skip();
}

struct verdict exit_cr(struct vcpu *vcpu, struct vm_exit *exit)
{
    struct cr_state old = vcpu_cr_state(vcpu);
    bool cr0 = exit->cr.number == 0;
    if (exit->cr.access == CR_MOV_FROM || exit->cr.access == CR_SMSW)
        return cr_read(vcpu, exit, &old);
    if (!cr0 && exit->cr.number != 4)
        return verdict_stop(STOP_FORBIDDEN);
    uint64_t value = cr_new_value(exit, old.cr0);
    struct cr_verdict write =
        cr0 ? cr0_write(&rights.cr, &old, value) : cr4_write(&rights.cr, &old, value);
    if (!write.ok || (write.load_pdptes && !vcpu_load_pdptes(vcpu)))
        return verdict_fault(EXC_GP, 0);
    set(vcpu, cr0 ? VREG_CR0 : VREG_CR4, write.real);
    set(vcpu, cr0 ? VREG_CR0_SHADOW : VREG_CR4_SHADOW, write.shadow);
    if (write.efer != old.efer)
        set(vcpu, VREG_EFER, write.efer);
    if (write.flush_tlb)
        rights.ops->flush(&vcpu->virt);
    return verdict_skip();
}

/*
 * XCR0 is the guest's own register: checked, then written for it. SDM Vol. 2 "XSETBV". Not every
 * processor looks at the privilege level before it exits (Bochs does not).
 */
struct verdict exit_xsetbv(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)exit;
    const uint64_t *gpr = vcpu->virt.gpr;
    uint64_t value = gpr[GPR_RDX] << 32 | (uint32_t)gpr[GPR_RAX];
    uint64_t cpl = get(vcpu, VREG_SS_ATTR) >> SEG_ATTR_DPL_SHIFT & 3;
    if (cpl != 0 || !xcr0_check(rights.cr.xcr0_valid, (uint32_t)gpr[GPR_RCX], value))
        return verdict_fault(EXC_GP, 0);
    cpu_xsetbv(0, value);
    return verdict_skip();
}
