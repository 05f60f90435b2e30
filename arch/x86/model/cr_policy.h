/* SPDX-License-Identifier: MIT */
/*
 * CR0, CR4, EFER and XCR0 of a guest: which bits exit, and what a write does. SDM Vol. 3A "Control
 * Registers", SDM Vol. 2 "MOV to/from Control Registers", "XSETBV".
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_CR_POLICY_H
#define BULKHEAD_ARCH_X86_MODEL_CR_POLICY_H

#include "arch/x86/model/controls.h"
#include "arch/x86/model/cpuid_policy.h"

/* Fixed for a guest's life; from cr_policy_build(). */
struct cr_policy {
    uint64_t cr0_mask;  /* CR0_MASK of the VMCS: bits whose change exits */
    uint64_t cr0_one;   /* what the real CR0 has in addition (NE) */
    uint64_t cr4_mask;  /* CR4_MASK of the VMCS */
    uint64_t cr4_one;   /* what the real CR4 has in addition (VMXE, MCE) */
    uint64_t cr4_valid; /* bits that the guest may set; others are #GP */
    uint64_t efer_valid;
    uint64_t xcr0_valid;
};

/* What the virtualization extension insists on; all 0 but cr4_valid on AMD-V. */
struct cr_limits {
    uint64_t cr0_one; /* set in the real register at all times */
    uint64_t cr4_one;
    uint64_t cr4_valid; /* what may be set at all */
};

struct cr_limits cr_limits_vmx(const struct vmx_controls *controls);

void cr_policy_build(const struct cr_limits *limits, const struct cpuid_table *cpuid,
                     struct cr_policy *out);

/* The guest's registers as it sees them: real & ~mask | shadow & mask for CR0 and CR4. */
struct cr_state {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    bool cs_l; /* CS.L: the guest runs 64-bit code */
};

/* The verdict on a write. When ok is false: #GP(0), and the rest means nothing. */
struct cr_verdict {
    bool ok;
    bool load_pdptes; /* PAE paging is on and the write (re)loads the PDPTEs from CR3 */
    bool flush_tlb;   /* a native write would have flushed: do INVVPID */
    uint64_t real;    /* for GUEST_CR0 / GUEST_CR4 / GUEST_IA32_EFER */
    uint64_t shadow;  /* for CR0_READ_SHADOW / CR4_READ_SHADOW: what the guest reads */
    uint64_t efer;    /* new EFER: LMA follows CR0.PG; ENTRY_IA32E_MODE_GUEST follows LMA */
};

/* `value` is the whole new value as the guest wrote it (for LMSW and CLTS: put together first). */
struct cr_verdict cr0_write(const struct cr_policy *policy, const struct cr_state *old,
                            uint64_t value);
struct cr_verdict cr4_write(const struct cr_policy *policy, const struct cr_state *old,
                            uint64_t value);
/* WRMSR to IA32_EFER; the new value is in .efer (and .real). */
struct cr_verdict efer_write(const struct cr_policy *policy, const struct cr_state *old,
                             uint64_t value);

/* The new CR0 that LMSW with `source` makes: MP EM TS from it, PE can be set but not cleared. */
uint64_t cr0_after_lmsw(uint64_t cr0, uint16_t source);

/* May XSETBV write `value` to XCR`index`? `valid` is policy->xcr0_valid. */
bool xcr0_check(uint64_t valid, uint32_t index, uint64_t value);

#endif
