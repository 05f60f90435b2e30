/* SPDX-License-Identifier: MIT */
/* Between vmx_check.c and vmx_check_guest.c only. */
#ifndef BULKHEAD_ARCH_X86_MODEL_VMX_CHECK_GUEST_H
#define BULKHEAD_ARCH_X86_MODEL_VMX_CHECK_GUEST_H

#include "arch/x86/model/vmx_check.h"

/* The checks of the guest-state area; the controls have passed theirs. */
bool vmx_check_guest(const struct vmcs_view *view, struct diag *diag);

/* Canonical for 48-bit linear addresses. */
bool vmx_check_canonical(uint64_t address);

/* All eight entries are memory types. */
bool vmx_check_pat(uint64_t pat);

#endif
