/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/svm_check.h"

#include "arch/x86/regs/cr.h"

#define EFER_DEFINED                                                                               \
    (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | EFER_LMSLE | EFER_FFXSR | EFER_TCE)

static bool long_mode_check(const struct vmcb *v, struct diag *diag)
{
    if (!(v->efer & EFER_LME) || !(v->cr0 & CR0_PG))
        return true;
    if (!(v->cr4 & CR4_PAE))
        return diag_set(diag, "EFER.LME and CR0.PG are set, CR4.PAE is clear");
    if (!(v->cr0 & CR0_PE))
        return diag_set(diag, "EFER.LME and CR0.PG are set, CR0.PE is clear");
    if ((v->cs.attributes & VMCB_ATTR_LONG) && (v->cs.attributes & VMCB_ATTR_BIG))
        return diag_set(diag, "CS.L and CS.D are both set in long mode");
    return true;
}

static bool control_check(const struct vmcb *v, struct diag *diag)
{
    if (!(v->intercepts[1] & (INTERCEPT_VMRUN >> 32)))
        return diag_set(diag, "the VMRUN intercept is clear");
    if (v->asid == 0)
        return diag_set(diag, "the ASID is 0");
    if ((v->event_injection & EVENT_VALID) &&
        field_get(EVENT_TYPE, v->event_injection) == EVENT_TYPE_FAULT &&
        field_get(EVENT_VECTOR, v->event_injection) > 31)
        return diag_set(diag, "the injected exception has vector %u",
                        (unsigned)field_get(EVENT_VECTOR, v->event_injection));
    return true;
}

bool svm_entry_check(const struct vmcb *v, struct diag *diag)
{
    if (!(v->efer & EFER_SVME))
        return diag_set(diag, "EFER.SVME is clear");
    if (v->efer & ~EFER_DEFINED)
        return diag_set(diag, "reserved bits of EFER are set: %llx", (unsigned long long)v->efer);
    if ((v->cr0 & CR0_NW) && !(v->cr0 & CR0_CD))
        return diag_set(diag, "CR0.NW is set, CR0.CD is clear");
    if (v->cr0 >> 32)
        return diag_set(diag, "CR0 has more than 32 bits: %llx", (unsigned long long)v->cr0);
    if (v->dr6 >> 32)
        return diag_set(diag, "DR6 has more than 32 bits: %llx", (unsigned long long)v->dr6);
    if (v->dr7 >> 32)
        return diag_set(diag, "DR7 has more than 32 bits: %llx", (unsigned long long)v->dr7);
    return long_mode_check(v, diag) && control_check(v, diag);
}
