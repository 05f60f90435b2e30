/* SPDX-License-Identifier: MIT */
/*
 * Why did VM entry fail? Names the first failing check of SDM Vol. 3C "Checks on VMX Controls and
 * Host-State Area" and "Checking and Loading Guest State". For reports only, never on a hot path.
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_VMX_CHECK_H
#define BULKHEAD_ARCH_X86_MODEL_VMX_CHECK_H

#include "arch/x86/model/controls.h"
#include "arch/x86/regs/vmcs.h"

/* A VMCS to look at: by VMREAD, or a stored copy in tests. */
struct vmcs_view {
    /* Called only for fields that exist, given the controls in the VMCS and `caps`. */
    uint64_t (*get)(void *context, enum vmcs_field field);
    void *context;
    const struct vmx_caps *caps;
    uint32_t phys_bits; /* MAXPHYADDR */
};

/*
 * The first failing check: area and rule, "guest CS: type is not accessed code (selector ...)".
 * Returns false with the sentence, true when every check that we know passes (the processor's own
 * reason is then one that we do not know).
 */
bool vmx_entry_check(const struct vmcs_view *view, struct diag *diag);

#endif
