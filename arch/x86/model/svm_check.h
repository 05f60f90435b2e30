/* SPDX-License-Identifier: MIT */
/* Why VMRUN refused a guest's state. APM Vol. 2 "Canonicalization and Consistency Checks". */
#ifndef BULKHEAD_ARCH_X86_MODEL_SVM_CHECK_H
#define BULKHEAD_ARCH_X86_MODEL_SVM_CHECK_H

#include "arch/x86/regs/svm.h"
#include "kernel/lib/diag.h"

/* True: no check that is known here fails. False: the first one that does, as a sentence. */
bool svm_entry_check(const struct vmcb *vmcb, struct diag *diag);

#endif
