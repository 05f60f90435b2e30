/* SPDX-License-Identifier: MIT */
#include "kernel/vm/decode.h"

#include "arch/x86/model/insn_cr.h"
#include "arch/x86/model/walk.h"
#include "arch/x86/regs/exception.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/gaccess.h"
#include "kernel/vm/gmem.h"

#define OPCODE_BYTES 2

/* The common ones, little-endian, as they stand without prefixes. */
static const uint16_t opcodes[EXIT_KINDS] = {
    [EXIT_CPUID] = 0xa20f,
    [EXIT_MSR_READ] = 0x320f,
    [EXIT_MSR_WRITE] = 0x300f,
};

static struct code_page *slot_of(struct vcpu *vcpu, const struct vm_exit *exit)
{
    return &vcpu->code_pages[exit->at.raw / PAGE_4K % CODE_PAGES];
}

void decode_forget(struct vcpu *vcpu)
{
    for (uint32_t i = 0; i < CODE_PAGES; i++)
        vcpu->code_pages[i].page = gva(UINT64_MAX);
}

/*
 * Most exits come from few pages of code. What lies there tells whether it is the instruction that
 * exited: the page is the guest's own, even if it has moved it since.
 */
static bool decode_known(struct vcpu *vcpu, struct vm_exit *exit)
{
    const struct code_page *known = slot_of(vcpu, exit);
    uint64_t offset = exit->at.raw & (PAGE_4K - 1);
    if (opcodes[exit->kind] == 0 || offset > PAGE_4K - OPCODE_BYTES ||
        known->page.raw != exit->at.raw - offset || known->cr3 != exit->cr3)
        return false;
    if (gmem_load16(hpa(known->at.raw + offset)) != opcodes[exit->kind])
        return false;
    exit->length = OPCODE_BYTES;
    return true;
}

static void remember_page(struct vcpu *vcpu, const struct vm_exit *exit)
{
    struct verdict ignored;
    uint64_t room, offset = exit->at.raw & (PAGE_4K - 1);
    struct code_page known = {.page = gva(exit->at.raw - offset), .cr3 = exit->cr3};
    gpa_t at;
    if (gaccess_translate(vcpu, exit->at, WALK_FETCH, &at, &ignored) &&
        gmem_translate(vcpu->guest, gpa(at.raw - offset), &known.at, &room))
        *slot_of(vcpu, exit) = known;
}

static bool decode_cr(struct vcpu *vcpu, struct vm_exit *exit, struct verdict *fault)
{
    static const uint8_t accesses[] = {[INSN_CR_WRITE] = CR_MOV_TO,
                                       [INSN_CR_READ] = CR_MOV_FROM,
                                       [INSN_CR_CLTS] = CR_CLTS,
                                       [INSN_CR_LMSW] = CR_LMSW,
                                       [INSN_CR_SMSW] = CR_SMSW};
    uint8_t bytes[INSN_MAX_LENGTH];
    struct insn_cr cr;
    uint32_t got = gaccess_code(vcpu, bytes, sizeof(bytes));
    *fault = verdict_fault(EXC_GP, 0);
    if (!insn_cr_decode(gaccess_mode(vcpu), bytes, got, &cr))
        return false;
    if (cr.gpr == INSN_NO_REG && cr.op != INSN_CR_CLTS)
        return false; /* LMSW and SMSW with an operand in memory */
    exit->cr.access = (enum cr_access)accesses[cr.op];
    exit->cr.number = cr.number;
    exit->cr.gpr = cr.gpr;
    exit->cr.size = cr.size;
    exit->cr.value = cr.op == INSN_CR_CLTS ? 0 : vcpu_gpr(vcpu, cr.gpr);
    return true;
}

/* Apart, so that the instructions that are known do not pay for its registers. */
static __attribute__((noinline)) bool decode_new(struct vcpu *vcpu, struct vm_exit *exit,
                                                 struct verdict *fault)
{
    struct insn insn;
    if (!gaccess_insn(vcpu, &insn, fault))
        return false;
    exit->length = insn.length;
    remember_page(vcpu, exit);
    return exit->kind != EXIT_CR || decode_cr(vcpu, exit, fault);
}

bool decode_exit(struct vcpu *vcpu, struct vm_exit *exit, struct verdict *fault)
{
    return decode_known(vcpu, exit) || decode_new(vcpu, exit, fault);
}
