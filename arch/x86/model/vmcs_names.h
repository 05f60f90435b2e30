/* SPDX-License-Identifier: MIT */
/* The names of VMCS fields, exits and VM-instruction errors, for reports. */
#ifndef BULKHEAD_ARCH_X86_MODEL_VMCS_NAMES_H
#define BULKHEAD_ARCH_X86_MODEL_VMCS_NAMES_H

#include "arch/x86/regs/vmcs.h"
#include "arch/x86/regs/vmx.h"

/* Field number `index` (0 .. VMCS_FIELD_COUNT - 1) in the manual's order; the last beyond that. */
enum vmcs_field vmcs_field_at(unsigned index);

/* "GUEST_RIP"; "unknown field" for a number that is not in the list. */
const char *vmcs_field_name(enum vmcs_field field);

/* Basic exit reason: "CPUID"; "unknown exit" for a number that is not in the list. */
const char *vmx_exit_name(uint32_t reason);

/* VM-instruction error as a sentence; "unknown VMX error" for a number that is not in the list. */
const char *vmx_error_text(uint32_t error);

#endif
