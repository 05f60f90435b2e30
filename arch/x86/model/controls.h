/* SPDX-License-Identifier: MIT */
/*
 * May this processor run guests, and with which control words? Pure: the capability MSRs come in,
 * a sentence or the words come out. SDM Vol. 3D "VMX Capability Reporting Facility".
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_CONTROLS_H
#define BULKHEAD_ARCH_X86_MODEL_CONTROLS_H

#include "kernel/lib/diag.h"
#include <stdbool.h>
#include <stdint.h>

/* What one processor says about itself. Registers that it does not have are 0. */
struct vmx_caps {
    bool cpuid_vmx;    /* CPUID.1:ECX.VMX */
    bool cpuid_x2apic; /* CPUID.1:ECX.x2APIC */
    uint64_t feature_control;
    uint64_t basic;
    uint64_t pin; /* this and the next, exit and entry: the TRUE register where there is one */
    uint64_t proc;
    uint64_t proc2;
    uint64_t proc3; /* 64 allowed-1 bits */
    uint64_t exit;
    uint64_t entry;
    uint64_t misc;
    uint64_t cr0_fixed0; /* bits that are 1 in CR0_FIXED0 must be 1 in CR0 */
    uint64_t cr0_fixed1; /* bits that are 0 in CR0_FIXED1 must be 0 in CR0 */
    uint64_t cr4_fixed0;
    uint64_t cr4_fixed1;
    uint64_t ept_vpid_cap;
    uint64_t vmfunc;
};

/* The words for the VMCS. What is not here, every field of the VMCS that a control does not use, is
 * 0. */
struct vmx_controls {
    uint32_t pin;
    uint32_t proc;
    uint32_t proc2;
    uint32_t exit;
    uint32_t entry;      /* without ENTRY_IA32E_MODE_GUEST: see vmx_entry_controls() */
    uint64_t eptp_bits;  /* to OR with the root's address: WB, walk length 4, no A/D */
    uint64_t cr0_fixed0; /* for guests: without PE and PG (unrestricted guest) */
    uint64_t cr0_fixed1;
    uint64_t cr4_fixed0; /* includes VMXE */
    uint64_t cr4_fixed1;
    uint32_t revision;     /* of the VMXON region and each VMCS */
    uint32_t invept_type;  /* INVEPT_SINGLE, else INVEPT_ALL */
    uint32_t invvpid_type; /* INVVPID_SINGLE, else INVVPID_ALL; 0: no VPID, nothing to flush */
    bool ept_2m;
    bool ept_1g;
    bool xsaves; /* XSAVES allowed: may be shown in CPUID; as the two below */
    bool rdtscp;
    bool invpcid;
    bool encls_bitmap; /* ENCLS_EXITING_BITMAP exists: write all ones */
    bool enclv_bitmap; /* ENCLV_EXITING_BITMAP exists: write all ones */
};

/*
 * Read the capabilities: `rdmsr` is asked only for registers that exist, given that CPUID
 * reported VMX (otherwise for none). On the processor itself, not trusted to be sane.
 */
void vmx_caps_read(struct vmx_caps *caps, bool cpuid_vmx, bool cpuid_x2apic,
                   uint64_t (*rdmsr)(void *context, uint32_t msr), void *context);

/*
 * Can Bulkhead run here? False with a sentence, and a hint where firmware settings help. An
 * unlocked IA32_FEATURE_CONTROL is fine: the caller writes vmx_feature_control() to it.
 */
bool vmx_support_check(const struct vmx_caps *caps, struct diag *diag);

/* The value for an unlocked IA32_FEATURE_CONTROL; equal to `value` when it is locked. */
uint64_t vmx_feature_control(uint64_t value);

/*
 * The control words for our kind of guest, for caps that passed vmx_support_check():
 *
 *   exits on     NMI, CPUID, GETSEC, INVD, XSETBV, VMX instructions, task switch, triple fault,
 *                INIT, SIPI (unconditional ones), RDPMC, WBINVD (if offered), ports and MSRs by
 *                their bitmaps, CR0/CR4 by their masks, ENCLS and ENCLV (if the processor has SGX)
 *   native       external interrupts, HLT, MWAIT, MONITOR, PAUSE, RDTSC(P), INVLPG, INVPCID, CR3,
 *                CR8, MOV DR, XSAVES, WAITPKG and PCONFIG are off: #UD in the guest
 *
 * Optional bits that the processor does not offer are left out; a required one is a sentence that
 * names it, as is a bit that must be 1 though we do not know it.
 */
bool vmx_controls_derive(const struct vmx_caps *caps, struct vmx_controls *out, struct diag *diag);

/* `entry` with ENTRY_IA32E_MODE_GUEST as the guest's EFER.LMA asks for. */
uint32_t vmx_entry_controls(uint32_t entry, uint64_t guest_efer);

#endif
