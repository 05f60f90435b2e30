/* SPDX-License-Identifier: MIT */
#include "kernel/vm/gaccess.h"

#include "arch/x86/model/walk.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "kernel/vm/cr.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/gmem.h"

static uint64_t get(struct vcpu *vcpu, enum vcpu_reg reg)
{
    return rights.ops->get(&vcpu->virt, reg);
}

static bool read_table(void *context, gpa_t at, unsigned size, uint64_t *value)
{
    return gmem_load(context, at, size, value);
}

static bool mark_table(void *context, gpa_t at, unsigned size, uint64_t old, uint64_t value)
{
    return gmem_replace(context, at, size, old, value);
}

/* PKRU is left out: a guest that fetches or touches device memory with a key gains nothing. */
static enum walk_status translate(struct vcpu *vcpu, gva_t at, uint32_t access,
                                  struct walk_result *result)
{
    struct cr_state cr = vcpu_cr_state(vcpu);
    struct walk_cpu cpu = {
        .cr0 = cr.cr0,
        .cr3 = cr.cr3,
        .cr4 = cr.cr4,
        .efer = cr.efer,
        .rflags = get(vcpu, VREG_RFLAGS),
        .cpl = (uint32_t)(get(vcpu, VREG_SS_ATTR) >> SEG_ATTR_DPL_SHIFT) & 3,
        .phys_bits = rights.phys_bits,
    };
    struct walk_memory memory = {.read = read_table, .context = vcpu->guest, .mark = mark_table};
    return walk_translate(&cpu, &memory, at, access, result);
}

static struct verdict walk_fault(struct vcpu *vcpu, enum walk_status status, gva_t at,
                                 const struct walk_result *result)
{
    switch (status) {
    case WALK_PAGE_FAULT:
        rights.ops->set(&vcpu->virt, VREG_CR2, at.raw);
        return verdict_fault(EXC_PF, result->error_code);
    case WALK_NON_CANONICAL:
        return verdict_fault(EXC_GP, 0);
    case WALK_CHANGED:
        return verdict_resume();
    case WALK_NO_TABLE:
    case WALK_OK:
        break;
    }
    return verdict_stop(STOP_FORBIDDEN);
}

/* The part of an access that lies in the page of `at`. */
static uint32_t in_page(gva_t at, uint32_t size)
{
    uint32_t room = (uint32_t)(PAGE_4K - (at.raw & (PAGE_4K - 1)));
    return size < room ? size : room;
}

bool gaccess_translate(struct vcpu *vcpu, gva_t at, uint32_t access, gpa_t *to,
                       struct verdict *fault)
{
    struct walk_result result;
    enum walk_status status = translate(vcpu, at, access, &result);
    *to = result.gpa;
    if (status == WALK_OK)
        return true;
    *fault = walk_fault(vcpu, status, at, &result);
    return false;
}

enum insn_mode gaccess_mode(struct vcpu *vcpu)
{
    uint64_t attributes = get(vcpu, VREG_CS_ATTR);
    if ((get(vcpu, VREG_EFER) & EFER_LMA) && (attributes & SEG_ATTR_LONG))
        return INSN_64;
    return attributes & SEG_ATTR_BIG ? INSN_32 : INSN_16;
}

/* In 64-bit mode the base of CS counts as 0, whatever its descriptor said. */
gva_t gaccess_rip(struct vcpu *vcpu)
{
    uint64_t base = gaccess_mode(vcpu) == INSN_64 ? 0 : get(vcpu, VREG_CS_BASE);
    return gva(base + get(vcpu, VREG_RIP));
}

uint32_t gaccess_code(struct vcpu *vcpu, uint8_t *bytes, uint32_t size)
{
    gva_t at = gaccess_rip(vcpu);
    uint32_t got = 0;
    while (got < size) {
        struct walk_result result;
        uint32_t step = in_page(at, size - got);
        if (translate(vcpu, at, WALK_FETCH, &result) != WALK_OK ||
            !gmem_read(vcpu->guest, result.gpa, bytes + got, step))
            break;
        got += step;
        at.raw += step;
    }
    return got;
}

bool gaccess_insn(struct vcpu *vcpu, struct insn *insn, struct verdict *fault)
{
    uint8_t bytes[INSN_MAX_LENGTH];
    uint32_t got = gaccess_code(vcpu, bytes, sizeof(bytes));
    if (insn_decode(gaccess_mode(vcpu), bytes, got, insn))
        return true;
    *fault = verdict_stop(STOP_FORBIDDEN);
    return false;
}

uint64_t gaccess_base(struct vcpu *vcpu, enum insn_segment segment)
{
    static const enum vcpu_reg bases[] = {
        [INSN_ES] = VREG_ES_BASE, [INSN_CS] = VREG_CS_BASE, [INSN_SS] = VREG_SS_BASE,
        [INSN_DS] = VREG_DS_BASE, [INSN_FS] = VREG_FS_BASE, [INSN_GS] = VREG_GS_BASE,
    };
    bool flat = segment != INSN_FS && segment != INSN_GS && gaccess_mode(vcpu) == INSN_64;
    return flat ? 0 : get(vcpu, bases[segment]);
}
