/* SPDX-License-Identifier: MIT */
/*
 * Which MSRs a guest may touch, and how: one sorted table, default deny (#GP). The bitmap and the
 * exit path both come from it. What the local APIC's registers may hold is in apic_policy.h.
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_MSR_POLICY_H
#define BULKHEAD_ARCH_X86_MODEL_MSR_POLICY_H

#include "arch/x86/model/cpuid_policy.h"
#include <stdbool.h>
#include <stdint.h>

enum msr_access {
    MSR_DENY,     /* #GP */
    MSR_NATIVE,   /* no exit; where the backend cannot do that, as MSR_EMULATE */
    MSR_CONSTANT, /* read: rule->constant */
    MSR_IGNORE,   /* write: nothing happens */
    MSR_EMULATE,  /* see rule->kind */
};

/* What an emulated MSR is. kernel/vm has one handler for each. */
enum msr_kind {
    MSR_KIND_NONE,
    MSR_KIND_APIC_BASE,     /* apic_policy.h, like all that follow with X2APIC: apic_base_write() */
    MSR_KIND_MISC_ENABLE,   /* read: msr_misc_enable() of the CPUID table */
    MSR_KIND_BIOS_SIGN_ID,  /* read: the host's microcode revision */
    MSR_KIND_ARCH_CAP,      /* read: msr_arch_capabilities() of the host's value */
    MSR_KIND_MTRR_DEF_TYPE, /* a plain shadow, first MSR_MTRR_DEF_TYPE_INITIAL; mtrr_def_check() */
    MSR_KIND_MCG_STATUS,    /* a plain shadow, first 0; only 0 may be written */
    MSR_KIND_DEBUGCTL,      /* the VMCS field; debugctl_check() */
    MSR_KIND_EFER,          /* efer_write() */
    MSR_KIND_XSS,           /* reads 0, only 0 may be written: nothing in it is offered */
    MSR_KIND_PAT,           /* as the guest's paging uses it; pat_check() */
    MSR_KIND_X2APIC,        /* the machine's own APIC; apic_value_check() */
    MSR_KIND_X2APIC_EOI,    /* the same; a guest's I/O APIC lines may have to know of it */
    MSR_KIND_X2APIC_ID,     /* read: vCPU number */
    MSR_KIND_X2APIC_LDR,    /* read: x2apic_ldr() of the vCPU number */
    MSR_KIND_X2APIC_LVT,    /* shadow and lvt_write() */
    MSR_KIND_X2APIC_ICR,    /* write: icr_decode(); read: the last value written */
    MSR_KIND_KVM_WALL_CLOCK,
    MSR_KIND_KVM_SYSTEM_TIME,
    MSR_KIND_COUNT,
};

/* Rules that hold only where the guest's CPUID (or the host's APIC) says so. */
enum msr_need {
    MSR_ALWAYS,
    MSR_NEED_SPEC_CTRL, /* any of SPEC_CTRL, STIBP, SSBD */
    MSR_NEED_PRED_CMD,  /* IBPB */
    MSR_NEED_FLUSH_CMD,
    MSR_NEED_ARCH_CAP,
    MSR_NEED_TSC_AUX,  /* RDTSCP or RDPID */
    MSR_NEED_DEADLINE, /* TSC deadline */
    MSR_NEED_XSS,      /* XSAVES */
    MSR_NEED_AMD,      /* the vendor is AMD or Hygon */
};

struct msr_rule {
    uint32_t msr; /* first of `count` consecutive ones */
    uint8_t count;
    uint8_t read;      /* enum msr_access */
    uint8_t write;     /* enum msr_access */
    uint8_t kind;      /* enum msr_kind, both directions */
    uint8_t need;      /* enum msr_need */
    uint32_t constant; /* no constant needs more bits */
};

/* The table: sorted by msr, ranges do not overlap. For tests and reports. */
extern const struct msr_rule msr_rules[];
extern const unsigned msr_rule_count;

/* The needs that are met: bit n stands for enum msr_need n. */
uint32_t msr_features(const struct cpuid_table *table);

/* The rule for `msr` (the guest's, any value), or NULL: deny. */
const struct msr_rule *msr_rule_find(uint32_t msr, uint32_t features);

/* Kinds that exit although their rules say native: bit n stands for enum msr_kind n. */
#define MSR_KINDS_EOI  (1u << MSR_KIND_X2APIC_EOI)
#define MSR_KINDS_APIC (1u << MSR_KIND_X2APIC | MSR_KINDS_EOI)    /* the host has an xAPIC */
#define MSR_KINDS_SVM  (1u << MSR_KIND_PAT | 1u << MSR_KIND_EFER) /* they are in the VMCB */

/* The 4 KiB MSR bitmap: bit clear where the access is native. SDM Vol. 3C "MSR-Bitmap Address". */
void msr_bitmap_build(uint8_t bitmap[4096], uint32_t features, uint32_t exiting);

/* The same as SVM's permission map. APM Vol. 2 "MSR Intercepts". */
#define MSR_MAP_SIZE 8192u
void msr_map_build(uint8_t map[MSR_MAP_SIZE], uint32_t features, uint32_t exiting);

/* ---- values ---- */

#define MSR_MTRR_DEF_TYPE_INITIAL 0x806u /* enabled, everything write-back */

/* What the guest sees of the host's IA32_ARCH_CAPABILITIES: statements that need no MSR we hide. */
uint64_t msr_arch_capabilities(uint64_t host);

/* IA32_MISC_ENABLE: fast strings as in the `host` value (kernels choose their copy loops by it); no
 * BTS, no PEBS; MONITOR where CPUID shows it. */
uint64_t msr_misc_enable(const struct cpuid_table *table, uint64_t host);

/* ---- write checks: false is #GP ---- */

bool mtrr_def_check(uint64_t value);
bool pat_check(uint64_t value);

bool debugctl_check(uint64_t value);

#endif
